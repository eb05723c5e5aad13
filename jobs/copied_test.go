package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A fleet is several machines that work with the state of one job, one after the other.
type fleet struct {
	*fixture
	bucket  *objecttest.Bucket
	address string
	down    atomic.Bool // the store is away
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{fixture: newFixture(t)}
	var root string
	f.bucket, root = objecttest.New()
	f.bucket.Fail = func(string, string) error {
		if f.down.Load() {
			return errors.New("the store is away")
		}
		return nil
	}
	f.address = root + "runs/one"
	f.spec.Concurrency = 2
	return f
}

// on returns the job on a machine, which has a disk of its own for output and state.
func (f *fleet) on(machine string) (spec.Spec, Options) {
	f.t.Helper()
	home := filepath.Join(f.dir, machine)
	if err := os.MkdirAll(home, 0o700); err != nil {
		f.t.Fatal(err)
	}
	s, o := f.spec, f.options()
	s.State, s.Output = f.address, filepath.Join(home, "out.jsonl")
	o.Env = func(name string) string {
		if name == "XDG_STATE_HOME" {
			return filepath.Join(home, "state")
		}
		return ""
	}
	return s, o
}

// runOn runs the job on a machine.
func (f *fleet) runOn(machine string) (*Summary, error) {
	f.t.Helper()
	s, o := f.on(machine)
	j, err := Open(s, o)
	if err != nil {
		return nil, err
	}
	sum, err := j.Run(f.t.Context())
	return sum, errors.Join(err, j.Close())
}

func (f *fleet) mustRunOn(machine string) *Summary {
	f.t.Helper()
	s, err := f.runOn(machine)
	if err != nil {
		f.t.Fatalf("%s: %v", machine, err)
	}
	return s
}

// outputOf returns the prompts and statuses in the output of a machine.
func (f *fleet) outputOf(machine string) []string {
	f.t.Helper()
	s, _ := f.on(machine)
	of := *f.fixture
	of.spec = s
	return of.output("q", "status")
}

func numbered(n int) (lines, want []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("row %d", i))
		want = append(want, fmt.Sprintf("row %d ok", i))
	}
	return lines, want
}

// A job that one machine has begun is carried on by another one, and neither asks what the other
// one has been told.
func TestCopiedStateIsCarriedOn(t *testing.T) {
	f := newFleet(t)
	lines, want := numbered(60)
	f.input(lines...)
	s, o := f.on("a")
	ctx, cancel := context.WithCancel(t.Context())
	f.e.Reply = func(prompt string, n int) (int, string) {
		if f.e.Mu.Lock(); len(f.e.Asked) >= 20 {
			cancel()
		}
		f.e.Mu.Unlock()
		return 200, jobtest.AnswerBody(prompt)
	}
	j, err := Open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	if j.Copied() != f.address || filepath.Dir(j.Spec().State) != filepath.Join(f.dir, "a/state/genbatch/copied") {
		t.Errorf("%s is copied to %s", j.Spec().State, j.Copied())
	}
	// Meanwhile no other machine may work.
	_, err = f.runOn("b")
	refused, ok := errors.AsType[*LeaseError](err)
	if locked, isLocked := errors.AsType[*LockedError](err); !ok || !isLocked || refused.Lost || locked.Owner.PID != os.Getpid() || !strings.Contains(err.Error(), f.address) {
		t.Fatalf("a second machine: %v", err)
	}
	if _, err := j.Run(ctx); !errors.Is(err, batch.ErrInterrupted) {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	answered := len(f.e.Requests())

	s, o = f.on("c") // which only looks
	t.Setenv("XDG_STATE_HOME", o.Env("XDG_STATE_HOME"))
	if looked, err := ReadStatus(f.address); err != nil || looked.LastSeq != int64(answered) || looked.Running != nil || looked.Input == nil || looked.Input.Left != int64(60-answered) {
		t.Errorf("status: %+v, %v", looked, err)
	}

	if sum := f.mustRunOn("b"); sum.Run.Rows != int64(60-answered) || sum.Settled != int64(answered) {
		t.Errorf("machine b asked %d rows, and found %d settled, of which a had %d", sum.Run.Rows, sum.Settled, answered)
	}
	if sum := f.mustRunOn("a"); sum.Run.Rows != 0 {
		t.Errorf("back on a %d rows were asked", sum.Run.Rows)
	}
	if calls := len(f.e.Requests()); calls != 60-answered {
		t.Errorf("for the other %d rows there were %d calls", 60-answered, calls)
	}
	for _, machine := range []string{"a", "b"} {
		jobtest.Equal(t, machine, f.outputOf(machine), want...)
	}
	saved, err := LoadState(f.address)
	if err != nil {
		t.Fatal(err)
	}
	if looked, err := StatusOf(*saved); err != nil || looked.LastSeq != 60 {
		t.Errorf("status at the end: %+v, %v", looked, err)
	}
	v, err := View(s, o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	exported := filepath.Join(f.dir, "exported.jsonl")
	if _, err := v.Export(exported, "", nil, false); err != nil {
		t.Errorf("export: %v", err)
	}
}

// What cannot be copied at the end of a run is told, and is copied by the next one.
func TestCopiedStateStoreIsAwayAtTheEnd(t *testing.T) {
	f := newFleet(t)
	lines, want := numbered(10)
	f.input(lines...)
	f.inBubble(func(t *testing.T) {
		s, o := f.on("a")
		j, err := Open(s, o)
		if err != nil {
			t.Fatal(err)
		}
		f.down.Store(true)
		begin := time.Now()
		sum, err := j.Run(t.Context())
		missing, ok := errors.AsType[*NotCopiedError](err)
		if !ok || missing.Dir != j.Spec().State || sum == nil || sum.Job == nil || sum.Job.Status[batch.OK] != 10 {
			t.Fatalf("the run ends with %v, %+v", err, sum)
		}
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("it waited for %v", d)
		}
		if err := j.Close(); err == nil {
			t.Error("closing says that all is copied")
		}
		f.down.Store(false)
		// The machine has all, and so its next run only copies.
		if sum, err := f.runOn("a"); err != nil || sum.Run.Rows != 0 {
			t.Errorf("the next run: %+v, %v", sum, err)
		}
		if sum, err := f.runOn("b"); err != nil || sum.Run.Rows != 0 || len(f.e.Requests()) != 10 {
			t.Errorf("the other machine: %+v, %v", sum, err)
		}
		jobtest.Equal(t, "b", f.outputOf("b"), want...)
	})
}

// A run whose store stays away ends before another machine can begin, and what it was told is
// brought to the rest later: no answer is lost.
func TestCopiedStateLeaseIsLost(t *testing.T) {
	f := newFleet(t)
	lines, want := numbered(40)
	f.input(lines...)
	f.inBubble(func(t *testing.T) {
		f.spec.RPM = 10 // a call every six seconds
		s, o := f.on("a")
		var said strings.Builder
		o.Log = slog.New(slog.NewTextHandler(&said, nil))
		j, err := Open(s, o)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(62*time.Second, func() { f.down.Store(true) })
		begin := time.Now()
		sum, err := j.Run(t.Context())
		lost, ok := errors.AsType[*LeaseError](err)
		if !ok || !lost.Lost || errors.Is(err, batch.ErrInterrupted) || sum == nil {
			t.Fatalf("the run ends with %v", err)
		}
		if d := time.Since(begin); d < 120*time.Second || d > 140*time.Second { // the last sign of life was given at 60 s
			t.Errorf("it ended after %v", d)
		}
		_ = j.Close() // cannot copy
		of := sum.Run.Rows
		if of < 15 || of > 25 || !strings.Contains(said.String(), "is not copied") {
			t.Errorf("%d rows were answered; it said %s", of, said.String())
		}
		f.down.Store(false)
		time.Sleep(time.Minute)
		f.spec.RPM = 0
		second, err := f.runOn("b")
		if err != nil {
			t.Fatal(err)
		}
		// It asks again what was not copied: 60 s of answers.
		if n := second.Run.Rows; n <= 40-of || n > 40-of+15 {
			t.Errorf("the other machine asked %d rows; the first one had %d", n, of)
		}
		jobtest.Equal(t, "b", f.outputOf("b"), want...)

		s, o = f.on("a")
		said.Reset()
		o.Log = slog.New(slog.NewTextHandler(&said, nil))
		back, err := Open(s, o)
		if err != nil {
			t.Fatal(err)
		}
		sum, err = back.Run(t.Context())
		if err = errors.Join(err, back.Close()); err != nil || sum.Run.Rows != 0 {
			t.Fatalf("back on a: %+v, %v", sum, err)
		}
		twice := of + second.Run.Rows - 40
		if text := fmt.Sprintf("this one had %d answers that the copy did not have", twice); !strings.Contains(said.String(), text) {
			t.Errorf("it said %s, not that %s", said.String(), text)
		}
		if calls := int64(len(f.e.Requests())); sum.Job.Rows != 40 || calls != sum.Job.Attempts {
			t.Errorf("of %d calls the journal has %d", calls, sum.Job.Attempts)
		}
		jobtest.Equal(t, "a", f.outputOf("a"), want...)
	})
}

// What does not go with a state in an object store is refused with a way out.
func TestCopiedStateRefuses(t *testing.T) {
	f := newFleet(t)
	f.input("x")
	f.mustRunOn("a")
	s, o := f.on("a")
	fresh := o
	fresh.Fresh = true
	_, err := Open(s, fresh)
	jobtest.IsSpecError(t, "--fresh", err, "--fresh does not go with a state in an object store")
	s.State = f.address[:strings.Index(f.address, "runs")]
	if _, err := Open(s, o); err == nil || !strings.Contains(err.Error(), "is a whole bucket") {
		t.Errorf("a bucket: %v", err)
	}
	s.State = "ftp://host/folder"
	_, err = Open(s, o)
	jobtest.IsSpecError(t, "ftp", err, "the state ftp://host/folder is in no object store that is known")
	s.State = f.address
	o.Env = noEnv
	_, err = Open(s, o)
	jobtest.IsSpecError(t, "no home", err, "there is no folder to work in")
	if _, err := LoadState(f.address + "-other"); err == nil || !strings.Contains(err.Error(), f.address+"-other") {
		t.Errorf("a state that is not there: %v", err)
	}
}

// The working folder is one of a copy, also for who names it by its path.
func TestCopiedStateByItsFolder(t *testing.T) {
	f := newFleet(t)
	f.input("x", "y")
	f.mustRunOn("a")
	f.input("x", "y", "z")
	s, o := f.on("a")
	j, err := Open(s, o)
	if err != nil {
		t.Fatal(err)
	}
	s.State = j.Spec().State
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(s, o); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(t.Context()); err != nil || j.Copied() != f.address {
		t.Errorf("copied to %q: %v", j.Copied(), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if sum := f.mustRunOn("b"); sum.Run.Rows != 0 {
		t.Errorf("the other machine asks %d rows", sum.Run.Rows)
	}
}

// Pruning is copied, too: what was removed does not come back.
func TestCopiedStateIsPruned(t *testing.T) {
	f := newFleet(t)
	f.input("x", "y", "z")
	f.mustRunOn("a")
	f.input("x", "y")
	s, o := f.on("b")
	if r, err := Prune(s, o, Pruning{Orphaned: true, Yes: true}); err != nil || r.Results != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if sum := f.mustRunOn("a"); sum.Run.Rows != 0 || sum.Job.Rows != 2 {
		t.Errorf("the other machine asks %d rows and has %d", sum.Run.Rows, sum.Job.Rows)
	}
	keys := f.bucket.Keys()
	if slices.ContainsFunc(keys, func(k string) bool { return strings.Contains(k, "results-000001") }) {
		t.Errorf("what was pruned is still there: %q", keys)
	}
}

// Each shard has a copy of its own, and merge joins them wherever it is run.
func TestCopiedStateOfShards(t *testing.T) {
	f := newFleet(t)
	lines, want := numbered(30)
	f.input(lines...)
	for i, machine := range []string{"a", "b", "a"} {
		s, o := f.on(machine)
		s.Shard = fmt.Sprintf("%d/3", i+1)
		j, err := Open(s, o)
		if err != nil {
			t.Fatal(err)
		}
		if at := f.address + fmt.Sprintf("/shards/%d-of-3", i+1); j.Copied() != at {
			t.Errorf("the shard is copied to %s", j.Copied())
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if calls := len(f.e.Requests()); calls != 30 {
		t.Errorf("the shards made %d calls", calls)
	}
	for _, machine := range []string{"c", "a"} {
		s, o := f.on(machine)
		merged, err := Merge(t.Context(), s, o, Merging{})
		if err != nil || merged.Job.Status[batch.OK] != 30 {
			t.Fatalf("merge on %s: %+v, %v", machine, merged, err)
		}
		jobtest.Equal(t, machine, f.outputOf(machine), want...)
	}
	if sum := f.mustRunOn("d"); sum.Run.Rows != 0 {
		t.Errorf("after the merge a run asks %d rows", sum.Run.Rows)
	}
}

// A batch job is not created before the copy knows of it. So a machine that carries on finds it at
// the endpoint, and none of its rows is paid for twice, though the first machine has copied nothing
// since.
func TestCopiedStateOfBatches(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		bucket, root := objecttest.New()
		var down atomic.Bool
		bucket.Fail = func(string, string) error {
			if down.Load() {
				return errors.New("the store is away")
			}
			return nil
		}
		// The store goes away when the first batch job has been created, and before that is copied.
		created := func(b Batch) {
			if b.Name != "" {
				down.Store(true)
			}
		}
		w.input(lines(12)...)
		w.spec.State = root + "run"
		on := func(machine string) Options {
			o := w.options()
			o.Env = func(name string) string {
				if name == "XDG_STATE_HOME" {
					return filepath.Join(w.dir, machine)
				}
				return ""
			}
			return o
		}
		o := on("a")
		o.ShowBatch = created
		j, err := Open(w.spec, o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Run(t.Context())
		if _, lost := errors.AsType[*LeaseError](err); !lost {
			t.Fatalf("the first machine ends with %v", err)
		}
		_ = j.Close()
		down.Store(false)
		time.Sleep(2 * time.Minute)
		w.spec.Output = filepath.Join(w.dir, "b.jsonl")
		if sum, err := w.runWith(on("b")); err != nil || sum.Job.Status[batch.OK] != 12 {
			t.Fatalf("the other machine: %+v, %v", sum, err)
		}
		w.bills("over both machines", "1 12 0 0")
	})
}
