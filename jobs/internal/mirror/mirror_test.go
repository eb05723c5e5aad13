package mirror

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/record"
)

// A machine has a working folder of a state that is copied.
type machine struct {
	t       *testing.T
	dir     string
	address string
	lock    *durable.Lock
	copy    *Copy
	journal *journal.Journal
	said    said
	segment int64 // how long a segment may be; 0 = 4000 bytes
}

// said is what a Copy has warned of.
type said struct {
	mu   sync.Mutex
	text []string
}

func (s *said) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, text)
}

func (s *said) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.text)
}

func newMachine(t *testing.T, address string) *machine {
	return &machine{t: t, dir: filepath.Join(t.TempDir(), "run.genbatch"), address: address}
}

// open begins to work.
func (m *machine) open() error {
	m.t.Helper()
	// These tests cut no power, so that nothing need wait for the disk.
	disk := durable.FS{Trace: func(durable.Op, string, string) {}}
	if err := disk.MkdirAll(m.dir); err != nil {
		m.t.Fatal(err)
	}
	lock, err := disk.Lock(filepath.Join(m.dir, "lock"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.copy, err = Open(m.t.Context(), Config{Address: m.address, Dir: m.dir, FS: disk, Warn: m.said.add})
	if err != nil {
		m.copy = nil
		return errors.Join(err, lock.Unlock())
	}
	m.lock = lock
	if m.journal, err = journal.Open(journal.Config{Dir: m.dir, FS: disk, SegmentBytes: cmp.Or(m.segment, 4000), BlobBytes: 300}); err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.copy.Import(m.journal); err != nil {
		m.t.Fatal(err)
	}
	return nil
}

func (m *machine) mustOpen() {
	m.t.Helper()
	if err := m.open(); err != nil {
		m.t.Fatal(err)
	}
}

// answer writes the results of rows, with answers of so many bytes.
func (m *machine) answer(rows []int, size int) {
	m.t.Helper()
	for _, n := range rows {
		if err := m.journal.Write([]*batch.Result{{
			Fingerprint: batch.Fingerprint{byte(n), byte(n >> 8)}, Row: int64(n), Status: batch.OK, Model: "m",
			At: time.Now().Add(time.Duration(n)), Attempts: 1, Response: json.RawMessage(fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", size))),
		}}); err != nil {
			m.t.Fatal(err)
		}
	}
}

// rows returns the numbers of the rows that have a result, in their order.
func (m *machine) rows() (rows []int) { return rowsIn(m.t, m.dir) }

func rowsIn(t *testing.T, dir string) (rows []int) {
	t.Helper()
	j, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if len(j.Damage()) > 0 {
		t.Errorf("damage: %v", j.Damage())
	}
	for r, err := range j.All() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, int(r.Row))
	}
	slices.Sort(rows)
	return rows
}

// write writes a file of the folder.
func (m *machine) write(name, text string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) text(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// close ends the work as a process does that comes to its end.
func (m *machine) close() {
	m.t.Helper()
	if err := errors.Join(m.journal.Close(), m.copy.Close(), m.lock.Unlock()); err != nil {
		m.t.Error(err)
	}
}

// die ends the work as a process does that is killed: it copies nothing more and says nothing.
func (m *machine) die() {
	m.t.Helper()
	m.copy.end(errors.New("killed"))
	m.copy.done.Wait()
	m.copy.lapse.Stop()
	if err := errors.Join(m.journal.Close(), m.lock.Unlock()); err != nil {
		m.t.Error(err)
	}
}

func from(first, last int) (rows []int) {
	for n := first; n <= last; n++ {
		rows = append(rows, n)
	}
	return rows
}

// Another machine has the state as the first one has left it, and can carry on at once.
func TestAnotherMachineCarriesOn(t *testing.T) {
	bucket, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"runs/one"), newMachine(t, root+"runs/one/")
		a.mustOpen()
		a.write("job.json", "the job\n")
		a.write("batches/jobs.jsonl", "a batch job\n")
		a.write("stdout", "not copied")
		a.answer(from(1, 20), 100)
		a.answer(from(21, 22), 1000) // whose answers are blobs
		a.close()

		b.mustOpen()
		if got := b.rows(); !slices.Equal(got, from(1, 22)) {
			t.Errorf("the other machine has %v", got)
		}
		for name, want := range map[string]string{"job.json": "the job\n", "batches/jobs.jsonl": "a batch job\n"} {
			if got := b.text(name); got != want {
				t.Errorf("%s is %q", name, got)
			}
		}
		if _, err := os.Stat(filepath.Join(b.dir, "stdout")); err == nil {
			t.Error("stdout was copied")
		}
		b.answer(from(23, 30), 100)
		b.write("job.json", "the job of b\n")
		if err := os.Remove(filepath.Join(b.dir, "batches/jobs.jsonl")); err != nil {
			t.Fatal(err)
		}
		b.close()

		a.mustOpen()
		if got := a.rows(); !slices.Equal(got, from(1, 30)) {
			t.Errorf("the first machine has %v", got)
		}
		if got := a.text("job.json"); got != "the job of b\n" {
			t.Errorf("job.json is %q", got)
		}
		if _, err := os.Stat(filepath.Join(a.dir, "batches/jobs.jsonl")); err == nil {
			t.Error("a file that was removed is there again")
		}
		a.close()
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(a.dir), "*")); len(left) != 1 {
			t.Errorf("beside the folder there is %v", left)
		}
	})
	// No object is left that the copy is not made of.
	for _, key := range bucket.Keys() {
		if strings.Contains(key, "probe") {
			t.Errorf("%s is left", key)
		}
	}
}

// What is new is copied every 30 seconds: who dies loses no more than that.
func TestCopiesEvery30Seconds(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.mustOpen()
		a.answer(from(1, 5), 100)
		time.Sleep(CopyEvery + time.Millisecond)
		synctest.Wait()
		a.answer(from(6, 9), 100)
		time.Sleep(CopyEvery - time.Second)
		a.die()
		time.Sleep(staleAfter)
		b.mustOpen()
		if got := b.rows(); !slices.Equal(got, from(1, 5)) {
			t.Errorf("the other machine has %v", got)
		}
		b.answer(from(8, 12), 100) // 8 and 9 are asked again
		b.close()

		// What the first machine has alone is not lost.
		a.mustOpen()
		want := slices.Sorted(slices.Values(slices.Concat(from(1, 12), from(8, 9))))
		if got := a.rows(); !slices.Equal(got, want) {
			t.Errorf("the first machine has %v, want %v", got, want)
		}
		a.close()
		b.mustOpen()
		if got := b.rows(); !slices.Equal(got, want) {
			t.Errorf("the other machine has %v, want %v", got, want)
		}
		b.close()
	})
}

// One machine works at a time. Another one is refused until the lease is given back or stale, to
// the second.
func TestLease(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.mustOpen()
		for range 10 {
			time.Sleep(time.Minute)
			err := b.open()
			refused, ok := errors.AsType[*record.LeaseError](err)
			if !ok || refused.Lost || refused.Holder.PID != os.Getpid() || refused.Seen > renewEvery {
				t.Fatalf("while the other one works: %v", err)
			}
			if _, ok := errors.AsType[*record.LockedError](err); !ok {
				t.Errorf("%v is no LockedError", err)
			}
		}
		time.Sleep(renewEvery - time.Second) // the last sign of life is 19 s old at most
		synctest.Wait()
		a.copy.mu.Lock()
		last := a.copy.renewed
		a.copy.mu.Unlock()
		a.die()
		time.Sleep(time.Until(last.Add(staleAfter)) - time.Nanosecond)
		if err := b.open(); err == nil {
			t.Fatal("the lease was taken before it was stale")
		}
		time.Sleep(time.Nanosecond)
		b.mustOpen()
		b.close()
		a.mustOpen() // at once
		a.die()
		a.mustOpen() // at once, too: the folder's lock says that the process before is dead
		a.close()
	})
}

// Who cannot renew the lease stops before another machine can take it.
func TestLeaseLapses(t *testing.T) {
	bucket, root := objecttest.New()
	away := false
	var mu sync.Mutex
	bucket.Fail = func(string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if away {
			return errors.New("the store is away")
		}
		return nil
	}
	set := func(to bool) {
		mu.Lock()
		defer mu.Unlock()
		away = to
	}
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.mustOpen()
		ctx, cancel := a.copy.Context(t.Context())
		defer cancel()
		begin := time.Now()

		time.Sleep(25 * time.Second) // it is renewed at 20 s
		set(true)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatalf("stopped after %v", time.Since(begin))
		}
		set(false)                   // for long enough
		time.Sleep(70 * time.Second) // it was renewed at 140 s
		set(true)
		a.answer(from(1, 3), 100)
		<-ctx.Done()
		lost, ok := errors.AsType[*record.LeaseError](context.Cause(ctx))
		if !ok || !lost.Lost || lost.Holder.PID != 0 {
			t.Errorf("the run ends with %v", context.Cause(ctx))
		}
		if d := time.Since(begin); d != 140*time.Second+lapseAfter {
			t.Errorf("the run ends after %v", d)
		}
		if a.copy.Err() == nil {
			t.Error("the lease seems to be there")
		}
		set(false)
		if err := a.copy.Sync(t.Context()); err == nil {
			t.Error("a lost lease copies")
		}
		a.die()
		time.Sleep(time.Until(begin.Add(140*time.Second+staleAfter)) - time.Nanosecond)
		if err := b.open(); err == nil {
			t.Fatal("taken before it was stale")
		}
		time.Sleep(time.Nanosecond)
		b.mustOpen()
		if got := b.rows(); len(got) != 0 {
			t.Errorf("the other machine has %v", got)
		}
		b.close()
		// And the first machine brings what it had.
		a.mustOpen()
		if got := a.rows(); !slices.Equal(got, from(1, 3)) {
			t.Errorf("the first machine has %v", got)
		}
		a.close()
		if said := a.said.all(); len(said) < 2 || !strings.Contains(said[0], "the store is away") || !strings.Contains(said[1], "again") {
			t.Errorf("it said %q", said)
		}
	})
}

// Lines that were copied and that a power cut has taken from the disk come back from the copy.
func TestPowerCutTakesCopiedLines(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a := newMachine(t, root+"run")
		a.mustOpen()
		a.answer(from(1, 4), 100)
		if err := a.copy.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.die()
		path := filepath.Join(a.dir, "results-000001.jsonl")
		text := a.text("results-000001.jsonl")
		cut := strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n') + 1
		if err := os.Truncate(path, int64(cut)); err != nil {
			t.Fatal(err)
		}
		a.mustOpen()
		a.answer(from(5, 6), 100)
		if got := a.rows(); !slices.Equal(got, from(1, 6)) {
			t.Errorf("the journal has %v", got)
		}
		a.close()
	})
}

// A machine that comes back has what another one has changed beside the journal, also if that has
// not grown.
func TestOtherFilesAreBrought(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, root+"run"), newMachine(t, root+"run")
		a.mustOpen()
		a.answer(from(1, 4), 100)
		a.write("batches/jobs.jsonl", "created\n")
		a.close()
		b.mustOpen()
		b.write("batches/jobs.jsonl", "created\napplied\n")
		b.close()
		a.mustOpen()
		if got := a.text("batches/jobs.jsonl"); got != "created\napplied\n" {
			t.Errorf("the record is %q", got)
		}
		a.close()
	})
}

// A machine that slept finds by the time of day that its lease is lost, though no timer has told it.
func TestSleepLosesTheLease(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a := newMachine(t, root+"run")
		a.mustOpen()
		ctx, cancel := a.copy.Context(t.Context())
		defer cancel()
		if err := a.copy.Guard(nothing{}).Write(nil); err != nil {
			t.Fatal(err)
		}
		a.copy.mu.Lock()
		a.copy.renewed = a.copy.renewed.Add(-lapseAfter - time.Second) // as it looks after a sleep
		a.copy.mu.Unlock()
		err := a.copy.Guard(nothing{}).Write(nil)
		if _, kept := errors.AsType[*batch.KeptError](err); !kept {
			t.Errorf("a result is written with %v", err)
		}
		synctest.Wait()
		if _, lost := errors.AsType[*record.LeaseError](context.Cause(ctx)); !lost {
			t.Errorf("the run goes on: %v", context.Cause(ctx))
		}
		a.die()
	})
}

// nothing is a Sink.
type nothing struct{}

func (nothing) Write([]*batch.Result) error { return nil }

// Of two machines that begin at the same moment one works, and the other one is refused.
func TestTwoBeginAtOnce(t *testing.T) {
	store, _ := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a := newMachine(t, newLine(store, nil).address)
		begun := false
		lb := newLine(store, func(_ int, method, key string) (bool, error) {
			if method == "Write" && strings.Contains(key, leaseFolder) && !begun { // it has seen that nobody works
				begun = true
				a.mustOpen()
			}
			return true, nil
		})
		b := newMachine(t, lb.address)
		refused, ok := errors.AsType[*record.LeaseError](b.open())
		if !ok || refused.Lost || refused.Seen > time.Second || !begun {
			t.Errorf("the other machine: %v", refused)
		}
		a.answer(from(1, 3), 100)
		a.close()
		b.mustOpen()
		if got := b.rows(); !slices.Equal(got, from(1, 3)) {
			t.Errorf("the other machine has %v", got)
		}
		b.close()
	})
}

// Who finds at the next sign of life that another process has begun stops at once, whatever the
// clocks say.
func TestTakenLeaseIsNoticed(t *testing.T) {
	_, root := objecttest.New()
	synctest.Test(t, func(t *testing.T) {
		a := newMachine(t, root+"run")
		a.mustOpen()
		ctx, cancel := a.copy.Context(t.Context())
		defer cancel()
		next, err := a.copy.current()
		if err != nil {
			t.Fatal(err)
		}
		next.Epoch, next.Number, next.Run, next.Folder, next.Holder.Host = next.Epoch+1, 1, "another", "another", "far"
		if _, err := a.copy.place.write(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		select {
		case <-ctx.Done():
		case <-time.After(time.Hour):
		}
		lost, ok := errors.AsType[*record.LeaseError](context.Cause(ctx))
		if !ok || !lost.Lost || lost.Holder.Host != "far" || time.Since(begin) != renewEvery {
			t.Errorf("the run ends with %v after %v", context.Cause(ctx), time.Since(begin))
		}
		a.die()
	})
}
