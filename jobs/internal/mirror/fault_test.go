package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/objects"
)

// A line is the way of one machine to the store. Others have their own to the same one.
type line struct {
	*objecttest.Bucket
	address string

	// hook, if not nil, is asked before each call, and says whether the call is made and what its
	// error is. It may wait.
	hook func(n int, method, key string) (apply bool, err error)

	mu    sync.Mutex
	calls int
}

var errCut = errors.New("the line is cut")

// newLine returns another way to a store.
func newLine(b *objecttest.Bucket, hook func(n int, method, key string) (bool, error)) *line {
	l := &line{Bucket: b, hook: hook}
	scheme := "line" + random()
	objects.Register(scheme, func(context.Context, string) (objects.Bucket, error) { return l, nil })
	l.address = scheme + "://bucket/run"
	return l
}

func (l *line) ask(method, key string) (bool, error) {
	l.mu.Lock()
	l.calls++
	n := l.calls
	l.mu.Unlock()
	if l.hook == nil {
		return true, nil
	}
	return l.hook(n, method, key)
}

// made returns how many calls were made.
func (l *line) made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

func (l *line) Stat(ctx context.Context, key string) (objects.Info, error) {
	if _, err := l.ask("Stat", key); err != nil {
		return objects.Info{}, err
	}
	return l.Bucket.Stat(ctx, key)
}

func (l *line) ReadAt(ctx context.Context, key, version string, p []byte, off int64) (int, error) {
	if _, err := l.ask("ReadAt", key); err != nil {
		return 0, err
	}
	return l.Bucket.ReadAt(ctx, key, version, p, off)
}

func (l *line) List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error] {
	if _, err := l.ask("List", prefix); err != nil {
		return func(yield func(objects.Info, error) bool) { yield(objects.Info{}, err) }
	}
	return l.Bucket.List(ctx, prefix)
}

func (l *line) Write(ctx context.Context, key string, r io.Reader, o objects.WriteOptions) (info objects.Info, err error) {
	apply, err := l.ask("Write", key)
	if apply {
		var failed error
		if info, failed = l.Bucket.Write(ctx, key, r, o); failed != nil {
			return info, failed
		}
	}
	return info, err
}

func (l *line) Remove(ctx context.Context, key string) error {
	apply, err := l.ask("Remove", key)
	if apply {
		if failed := l.Bucket.Remove(ctx, key); failed != nil {
			return failed
		}
	}
	return err
}

// scene is what a machine does until it is cut off. It returns how many rows were copied for sure.
func scene(m *machine) (copied int) {
	sync := func(rows int) {
		m.write("batches/jobs.jsonl", fmt.Sprintf("applied %d\n", rows)) // which depends on the journal
		if m.copy.Sync(m.t.Context()) == nil {
			copied = rows
		}
	}
	if m.open() != nil {
		return 0
	}
	m.write("job.json", "the job\n")
	m.answer(from(1, 5), 100)
	sync(5)
	m.answer(from(6, 7), 400) // blobs
	m.answer(from(8, 25), 150)
	m.write("stdin.csv", "a\n1\n")
	sync(25)
	m.answer(from(26, 28), 100)
	sync(28)
	return copied
}

// Wherever the line of a machine is cut, another one finds what was there at one time, carries on,
// and in the end nothing is lost that any of them was told.
func TestCutAtEachCall(t *testing.T) {
	store, _ := objecttest.New()
	whole := newLine(store, nil)
	synctest.Test(t, func(t *testing.T) {
		a := newMachine(t, whole.address)
		if scene(a) != 28 {
			t.Fatal("the scene does not come to its end")
		}
		a.die()
	})
	calls := whole.made()
	if calls < 25 {
		t.Fatalf("the scene makes %d calls", calls)
	}
	for cut := 1; cut <= calls; cut++ {
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d,%v", cut, applied), func(t *testing.T) { cutAt(t, cut, applied) })
		}
	}
}

// cutAt cuts the line of a machine at a call, which the store has carried out or not.
func cutAt(t *testing.T, cut int, applied bool) {
	store, _ := objecttest.New()
	off := make(chan struct{}) // closed when the line is mended
	mended := func() bool {
		select {
		case <-off:
			return true
		default:
			return false
		}
	}
	la := newLine(store, func(n int, _, _ string) (bool, error) {
		if n < cut || mended() {
			return true, nil
		}
		return n == cut && applied, errCut
	})
	lb := newLine(store, nil)
	synctest.Test(t, func(t *testing.T) {
		a, b := newMachine(t, la.address), newMachine(t, lb.address)
		copied := scene(a)
		begun := a.copy != nil
		if begun {
			a.die()
		}
		close(off)
		time.Sleep(staleAfter)

		b.mustOpen()
		got := b.rows()
		if n := len(got); n < copied || n > 28 || !slices.Equal(got, from(1, n)) {
			t.Errorf("%d rows were copied, and the other machine has %v", copied, got)
		}
		if text, err := os.ReadFile(filepath.Join(b.dir, "batches/jobs.jsonl")); err == nil {
			var applied int
			if _, err := fmt.Sscanf(string(text), "applied %d\n", &applied); err != nil || applied > len(got) {
				t.Errorf("the record says %q, and the journal has %d rows", text, len(got))
			}
		}
		for name, want := range map[string]string{"job.json": "the job\n", "stdin.csv": "a\n1\n"} {
			if text, err := os.ReadFile(filepath.Join(b.dir, name)); err == nil && string(text) != want {
				t.Errorf("%s is %q", name, text)
			}
		}
		b.answer(from(len(got)+1, 30), 100) // which asks again what was not copied
		b.close()

		a.mustOpen()
		distinct := slices.Compact(a.rows())
		if !slices.Equal(distinct, from(1, 30)) {
			t.Errorf("the first machine has %v", distinct)
		}
		known := 28
		if !begun {
			known = 0
		}
		if all := len(a.rows()); all != 30+known-len(got) && known > 0 {
			t.Errorf("of 30 rows and %d that were answered twice the journal has %d results", known-len(got), all)
		}
		a.close()
		b.mustOpen()
		if text := b.rows(); !slices.Equal(text, a.rows()) {
			t.Errorf("the machines differ: %v", text)
		}
		b.close()
	})
	checkNoRest(t, store)
}

// checkNoRest fails if there are objects of which the copy is not made.
func checkNoRest(t *testing.T, store *objecttest.Bucket) {
	t.Helper()
	p, err := findPlace(t.Context(), newLine(store, nil).address)
	if err != nil {
		t.Fatal(err)
	}
	last, err := p.newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there, err := p.listPieces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, s := range last.Segments {
		chosen, err := p.choose(there[s.Name], s, 0)
		if err != nil {
			t.Error(err)
		}
		for _, o := range chosen {
			named[p.prefix+o.name()] = true
		}
	}
	for _, f := range last.Files {
		named[p.prefix+f.Object] = true
	}
	for _, key := range store.Keys() {
		if !named[key] && !strings.Contains(key, leaseFolder) && !strings.Contains(key, blobsFolder) {
			t.Errorf("%s is left", key)
		}
	}
}

// A single fault of the store is made good by the next round.
func TestOneFault(t *testing.T) {
	for fault := 1; fault <= 29; fault++ {
		for _, applied := range []bool{false, true} {
			store, _ := objecttest.New()
			la := newLine(store, func(n int, _, _ string) (bool, error) {
				if n == fault {
					return applied, errCut
				}
				return true, nil
			})
			synctest.Test(t, func(t *testing.T) {
				a, b := newMachine(t, la.address), newMachine(t, newLine(store, nil).address)
				if scene(a); a.copy == nil {
					return // it has not begun
				}
				time.Sleep(CopyEvery + time.Millisecond)
				synctest.Wait()
				a.die()
				time.Sleep(staleAfter)
				b.mustOpen()
				if got := b.rows(); !slices.Equal(got, from(1, 28)) {
					t.Errorf("fault at call %d, applied %v: the other machine has %v", fault, applied, got)
				}
				b.close()
			})
		}
	}
}

// A machine that was paused in the middle of a call, whichever, and wakes up when another one works,
// damages nothing, and stops.
func TestPausedMachineWakesUp(t *testing.T) {
	const first, last = 4, 37 // the first is after the lease was taken, and the last one at the end
	ends := 0
	for pause := first; pause <= last; pause++ {
		store, _ := objecttest.New()
		synctest.Test(t, func(t *testing.T) {
			wake := make(chan struct{})
			la := newLine(store, func(n int, _, _ string) (bool, error) {
				if n >= pause {
					<-wake // then the call is made
				}
				return true, nil
			})
			a, b, c := newMachine(t, la.address), newMachine(t, newLine(store, nil).address), newMachine(t, newLine(store, nil).address)
			done := make(chan struct{})
			go func() {
				defer close(done)
				scene(a)
				_ = a.copy.Close() // it must not copy any more once another machine works
			}()
			time.Sleep(staleAfter + time.Minute)
			b.mustOpen()
			begin := len(b.rows())
			b.answer(from(begin+1, 30), 200)
			b.write("job.json", "the job of b\n")
			if err := b.copy.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			close(wake)
			<-done
			time.Sleep(2 * CopyEvery)
			synctest.Wait()
			if a.copy == nil {
				t.Fatalf("pause at call %d: the first machine had not begun", pause)
			}
			if la.made() < pause {
				ends++ // it was over before
			} else if _, lost := errors.AsType[*record.LeaseError](a.copy.Err()); !lost {
				t.Errorf("pause at call %d: the first machine goes on: %v", pause, a.copy.Err())
			}
			if err := errors.Join(a.journal.Close(), a.lock.Unlock()); err != nil {
				t.Error(err)
			}
			b.answer(from(31, 35), 100)
			b.close()
			c.mustOpen()
			if got := c.rows(); !slices.Equal(got, from(1, 35)) || c.text("job.json") != "the job of b\n" {
				t.Errorf("pause at call %d: a third machine has %v and %q", pause, got, c.text("job.json"))
			}
			c.close()
		})
		checkNoRest(t, store)
	}
	if ends != 1 {
		t.Errorf("%d of the pauses came after the end", ends)
	}
}

// A machine that is killed while it brings the copy, at whichever call, has all of it the next time,
// and what it had alone before.
func TestCutWhileRestoring(t *testing.T) {
	for cut, ended := 1, false; !ended; cut++ {
		store, _ := objecttest.New()
		var calls atomic.Int64 // until the line is cut; not above 0 for never
		lb := newLine(store, func(int, string, string) (bool, error) {
			if calls.Load() == 1 {
				return false, errCut
			}
			calls.Add(-1)
			return true, nil
		})
		synctest.Test(t, func(t *testing.T) {
			a, b := newMachine(t, newLine(store, nil).address), newMachine(t, lb.address)
			b.mustOpen()
			b.answer(from(1, 5), 100)
			if err := b.copy.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.answer(from(31, 32), 100) // which are not copied
			b.die()
			time.Sleep(staleAfter)
			a.mustOpen()
			a.answer(from(6, 20), 100)
			a.answer(from(21, 22), 400) // blobs
			a.write("job.json", "the job of a\n")
			a.close()

			calls.Store(int64(cut))
			if err := b.open(); err == nil {
				ended = calls.Load() > 1
				b.die()
			}
			calls.Store(0)
			time.Sleep(staleAfter)
			b.mustOpen()
			if got := b.rows(); !slices.Equal(got, slices.Concat(from(1, 22), from(31, 32))) || b.text("job.json") != "the job of a\n" {
				t.Errorf("cut at call %d: %v, %q", cut, got, b.text("job.json"))
			}
			b.close()
		})
		checkNoRest(t, store)
	}
}
