package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A faultyDisk is full at one of its operations, which is carried out or not.
type faultyDisk struct {
	fail  int // which operation, from 0; -1: none
	apply bool

	ops    int
	failed string // the operation that failed
	path   string
}

func (d *faultyDisk) fs() durable.FS {
	return durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		if d.ops++; d.ops-1 != d.fail {
			return op != durable.OpSync && op != durable.OpSyncDir, nil // not synced: the machine goes on
		}
		d.failed, d.path = fmt.Sprintf("%s %s", op, filepath.Base(path)), path
		return d.apply, &fs.PathError{Op: string(op), Path: path, Err: syscall.ENOSPC}
	}}
}

// crashFixture is a job over stdin whose few rows take several commits and
// segments.
func crashFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.spec.Input = spec.List{"-"}
	f.spec.Concurrency = 1
	f.e.Reply = func(prompt string, _ int) (int, string) {
		time.Sleep(11 * time.Millisecond) // longer than a commit waits for another answer
		return 200, jobtest.AnswerBody("re " + prompt)
	}
	return f
}

func (f *fixture) runOn(d *faultyDisk, stdin string) (*Summary, error) {
	f.t.Helper()
	o := f.options()
	o.Stdin, o.fs, o.segmentBytes = strings.NewReader(stdin), d.fs(), 1000
	j, err := Open(f.spec, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Run(f.t.Context())
}

// whole fails the test for a file that is there under its own name, and is not
// whole.
func whole(t *testing.T, what, path string, contents ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for _, c := range contents {
		if string(text) == c {
			return
		}
	}
	if len(contents) > 0 || !json.Valid(text) {
		t.Errorf("%s: %s is not whole: %q", what, filepath.Base(path), text)
	}
}

// Every write of a run fails once, and was carried out or not. The run ends with an
// error that names the path; nothing half-written has a final name; and the same
// command on a disk that works completes the job, asking again no row that had
// counted.
func TestEveryWriteMayFail(t *testing.T) {
	const one, two, three = `{"q":"one"}` + "\n", `{"q":"two"}` + "\n", `{"q":"three"}` + "\n"
	for _, before := range []string{"", one} { // what an earlier run was given
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("after %d rows applied %v", strings.Count(before, "\n"), apply), func(t *testing.T) {
				t.Parallel()
				writes := 0
				for more := true; more; writes++ {
					f, d := crashFixture(t), &faultyDisk{fail: writes, apply: apply}
					f.inBubble(func(t *testing.T) { f.breakAndMend(t, d, before, one+two+three) })
					more = d.failed != ""
				}
				if writes <= 25 {
					t.Errorf("a run has %d writes only", writes-1)
				}
			})
		}
	}
}

// breakAndMend gives a job the rows of before, then all three rows on a disk that fails,
// and the same once more on one that works.
func (f *fixture) breakAndMend(t *testing.T, d *faultyDisk, before, stdin string) {
	var old string
	if before != "" {
		if _, err := f.runOn(&faultyDisk{fail: -1}, before); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(f.spec.Output)
		if err != nil {
			t.Fatal(err)
		}
		old = string(text)
	}
	s, err := f.runOn(d, stdin)
	f.e.Requests()
	if d.failed == "" {
		if err != nil {
			t.Errorf("without a failure: %v", err)
		}
		return
	}
	what := fmt.Sprintf("operation %d, %s", d.fail, d.failed)
	var spec *spec.Error
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &spec) || !strings.Contains(err.Error(), d.path) {
		t.Errorf("%s: the run ends with %v, want a fault that names %s", what, err, d.path)
	}
	counted := 0
	if s != nil {
		counted = int(s.Run.Rows)
	}
	dir := f.spec.StateDir()
	for _, name := range []string{"job.json", "manifest.json", "next.json"} {
		whole(t, what, filepath.Join(dir, name))
	}
	whole(t, what, filepath.Join(dir, "stdin.jsonl"), before, stdin)
	if text, err := os.ReadFile(f.spec.Output); err == nil && string(text) != old {
		jobtest.Equal(t, what+": output", f.output("q", "response"), "one re one", "two re two", "three re three")
	}
	if found := jobtest.TempFiles(t, f.dir); found != nil {
		t.Errorf("%s: left behind are %q", what, found)
	}

	if _, err := f.runOn(&faultyDisk{fail: -1}, stdin); err != nil {
		t.Errorf("%s: run again: %v", what, err)
		return
	}
	jobtest.Equal(t, what+": output of the next run", f.output("q", "response", "status"), "one re one ok", "two re two ok", "three re three ok")
	left := 3 - strings.Count(before, "\n") - counted
	if left > 0 {
		left++ // the call that was cut may reach the endpoint only now
	}
	if again := f.e.Requests(); len(again) > left {
		t.Errorf("%s: %d rows counted, and then %q were asked", what, counted, again)
	}
	f.verified(what)
}

// Two runs with --fresh may begin in one second.
func TestSetAsideTwice(t *testing.T) {
	f := crashFixture(t)
	f.inBubble(func(t *testing.T) {
		if _, err := f.runOn(&faultyDisk{fail: -1}, `{"q":"one"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		folder := state.Folder{Dir: f.spec.StateDir(), Output: f.spec.Output}
		if err := folder.SetAside(); err != nil {
			t.Fatal(err)
		}
		first := folder.Aside
		if err := folder.SetAside(); err != nil || first == folder.Aside || !durable.IsDir(first) || !durable.IsDir(folder.Aside) {
			t.Errorf("%s, then %s: %v", first, folder.Aside, err)
		}
	})
}

// --fresh can end at each of its writes: the answers are in one of the two folders,
// and the output that is there stays the job's own.
func TestEveryWriteOfFreshMayFail(t *testing.T) {
	for _, apply := range []bool{false, true} {
		writes := 0
		for more := true; more; writes++ {
			f, d := crashFixture(t), &faultyDisk{fail: writes, apply: apply}
			f.inBubble(func(t *testing.T) { f.breakFresh(t, d) })
			more = d.failed != ""
		}
		if writes <= 7 {
			t.Errorf("to set a job aside takes %d writes only", writes-1)
		}
	}
}

// breakFresh sets a finished job aside on a disk that fails, and runs it again.
func (f *fixture) breakFresh(t *testing.T, d *faultyDisk) {
	const stdin = `{"q":"one"}` + "\n"
	if _, err := f.runOn(&faultyDisk{fail: -1}, stdin); err != nil {
		t.Fatal(err)
	}
	err := (&state.Folder{Dir: f.spec.StateDir(), Output: f.spec.Output, FS: d.fs()}).SetAside()
	if d.failed == "" {
		if err != nil {
			t.Errorf("without a failure: %v", err)
		}
		return
	}
	what := fmt.Sprintf("operation %d, %s, applied %v", d.fail, d.failed, d.apply)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), d.path) {
		t.Errorf("%s: error is %v, want one that names %s", what, err, d.path)
	}
	journals, _ := filepath.Glob(filepath.Join(f.dir, "*.genbatch", "results-000001.jsonl"))
	if len(journals) != 1 {
		t.Errorf("%s: journals are %q, want one", what, journals)
	}
	f.e.Requests()
	if _, err := f.runOn(&faultyDisk{fail: -1}, stdin); err != nil {
		t.Errorf("%s: run again: %v", what, err)
		return
	}
	jobtest.Equal(t, what, f.output("q", "response"), "one re one")
	f.verified(what)
}

// A result counts, for progress as for the summary, only once it is synced, and for
// the first of a segment once its name is.
func TestSyncedBeforeItCounts(t *testing.T) {
	f := newFixture(t)
	f.input(lines(300)...)
	f.e.Reply = func(prompt string, _ int) (int, string) {
		time.Sleep(time.Millisecond)
		return 200, jobtest.AnswerBody(prompt)
	}
	f.inBubble(func(t *testing.T) {
		w := &syncWatch{t: t, dir: f.spec.StateDir()}
		o := f.options()
		o.fs, o.segmentBytes = durable.FS{Hook: w.hook}, 50_000
		j, err := Open(f.spec, o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		w.job.Store(j)
		done := make(chan struct{})
		go func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(100 * time.Microsecond):
					w.check("meanwhile")
				}
			}
		}()
		s, err := j.Run(t.Context())
		close(done)
		if err != nil || s.Run.Rows != 300 || s.Run.Status[batch.OK] != 300 || w.syncs < 3 {
			t.Errorf("%d rows after %d syncs: %v", s.Run.Rows, w.syncs, err)
		}
	})
}

// A syncWatch compares what counts with what is on the disk, at each operation.
type syncWatch struct {
	t       *testing.T
	dir     string
	job     atomic.Pointer[Job]
	synced  atomic.Int64 // results whose bytes, and whose segment's name, are on the disk
	unnamed bool         // a segment is new, and its folder not yet synced
	syncs   int
}

// lines counts the results in the files, synced or not.
func (w *syncWatch) lines() (n int64) {
	segments, _ := filepath.Glob(filepath.Join(w.dir, "results-*.jsonl"))
	for _, s := range segments {
		text, _ := os.ReadFile(s)
		n += int64(max(0, bytes.Count(text, []byte("\n"))-1)) // but for the header
	}
	return n
}

func (w *syncWatch) check(when string) {
	if j := w.job.Load(); j != nil {
		counted := j.Progress().Run.Rows // read first: synced only grows
		if safe := w.synced.Load(); counted > safe {
			w.t.Errorf("%s: %d results count, and %d are synced", when, counted, safe)
		}
	}
}

func (w *syncWatch) hook(op durable.Op, path string) (bool, error) {
	w.check(fmt.Sprint("before ", op, " ", filepath.Base(path)))
	segment := strings.HasPrefix(filepath.Base(path), "results-")
	switch {
	case op == durable.OpOpen && segment:
		w.unnamed = true
	case op == durable.OpSync && segment && !w.unnamed, op == durable.OpSyncDir && path == w.dir && w.unnamed:
		time.Sleep(2 * time.Millisecond) // all others have come as far as they can by then
		w.check("before a sync")
		w.syncs++
		w.unnamed = false
		// From here on the results may count: the hook cannot tell when the
		// operation has ended, and nobody else is told before.
		w.synced.Store(w.lines())
	}
	return true, nil
}

// A sync that fails lets nothing count, though the lines are in the file.
func TestFailedSyncCountsNothing(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c")
	o := f.options()
	fails := false
	o.fs.Hook = func(op durable.Op, path string) (bool, error) {
		if fails && op == durable.OpSync && strings.HasPrefix(filepath.Base(path), "results-") {
			return false, &fs.PathError{Op: "sync", Path: path, Err: syscall.EIO}
		}
		return true, nil
	}
	j, err := Open(f.spec, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	fails = true
	s, err := j.Run(t.Context())
	if p := j.Progress(); !errors.Is(err, syscall.EIO) || s.Run.Rows != 0 || p.Done() != 0 {
		t.Errorf("after a failed sync %d rows count: %v", s.Run.Rows, err)
	}
}

// A place where the journal cannot be written is found before anything is sent.
func TestJournalIsProvedBeforeTheFirstCall(t *testing.T) {
	for _, op := range []durable.Op{durable.OpOpen, durable.OpWrite, durable.OpSync} {
		f := newFixture(t)
		f.input("a", "b", "c")
		o := f.options()
		o.fs.Hook = func(o durable.Op, path string) (bool, error) {
			if o == op && strings.HasPrefix(filepath.Base(path), "results-") {
				return false, &fs.PathError{Op: string(o), Path: path, Err: syscall.EMFILE}
			}
			return true, nil
		}
		if _, err := Open(f.spec, o); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("%s of the journal fails, and Open returns %v", op, err)
		}
		f.e.Mu.Lock()
		if len(f.e.Asked) > 0 {
			t.Errorf("%s of the journal fails, and %q were asked", op, f.e.Asked)
		}
		f.e.Mu.Unlock()
	}
}

// A file that appears under the output's name during a run is not the job's: it stays,
// and so do the answers. With force it is replaced.
func TestOutputThatAppearsDuringTheRun(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.e.Reply = func(prompt string, _ int) (int, string) {
		if err := os.WriteFile(f.spec.Output, []byte("foreign"), 0o600); err != nil {
			t.Error(err)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	_, err := f.run()
	_, mistake := errors.AsType[*spec.Error](err)
	if err == nil || mistake || !strings.Contains(err.Error(), "was not written by this job") || !strings.Contains(err.Error(), "genbatch export") {
		t.Errorf("the run ends with %v, want that the output is left", err)
	}
	if text, err := os.ReadFile(f.spec.Output); string(text) != "foreign" {
		t.Errorf("the output is %q, %v", text, err)
	}
	f.spec.Force = true
	if s := f.mustRun(); s.Run.Attempts != 0 || len(f.output("response")) != 2 {
		t.Errorf("by force: %d attempts, output %q", s.Run.Attempts, f.output("response"))
	}
}

// A run whose state folder is deleted stops at once, and what was answered is kept.
func TestStateDeletedDuringTheRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not delete files that are open")
	}
	f := newFixture(t)
	f.input(lines(50)...)
	f.spec.Concurrency = 1
	f.e.Reply = func(prompt string, _ int) (int, string) {
		if f.e.Mu.Lock(); len(f.e.Asked) == 10 {
			_ = os.RemoveAll(f.spec.StateDir()) // it is not empty for long
		}
		f.e.Mu.Unlock()
		time.Sleep(20 * time.Millisecond) // so that one group of results is a few rows
		return 200, jobtest.AnswerBody(prompt)
	}
	s, err := f.run()
	if _, ok := errors.AsType[*LostError](err); !ok || s.Run.Attempts > 12 {
		t.Fatalf("%d attempts and %v, want a LostError after 10", s.Run.Attempts, err)
	}
	f.e.Answer()
	if s := f.mustRun(); s.Settled < 9 || len(f.output("response")) != 50 {
		t.Errorf("the next run finds %d rows settled", s.Settled)
	}
}

// A run that loses its lock or its journal stops at once, and its rows add up: what it kept
// is what the next run finds, and all others are left.
func TestRowsAddUpAfterALoss(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not delete files that are open")
	}
	const first = "results-000001.jsonl"
	for name, lose := range map[string]func(dir string) error{
		"lock deleted":      func(dir string) error { return os.Remove(filepath.Join(dir, "lock")) },
		"journal deleted":   func(dir string) error { return os.Remove(filepath.Join(dir, first)) },
		"journal truncated": func(dir string) error { return os.Truncate(filepath.Join(dir, first), 0) },
		"journal overwritten": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, first), []byte("no journal\n"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.input(lines(50)...)
			f.spec.Concurrency = 4
			var once sync.Once
			f.e.Reply = func(prompt string, _ int) (int, string) {
				time.Sleep(10 * time.Millisecond) // so that results are committed in several groups
				if f.e.Mu.Lock(); len(f.e.Asked) >= 20 {
					once.Do(func() {
						if err := lose(f.spec.StateDir()); err != nil {
							t.Error(err)
						}
					})
				}
				f.e.Mu.Unlock()
				return 200, jobtest.AnswerBody(prompt)
			}
			s, err := f.run()
			if !errors.Is(err, batch.ErrSink) {
				t.Fatalf("the run ends with %v", err)
			}
			kept := s.Run.Rows - s.Lost
			if left := s.Left(50); kept <= 0 || kept+left != 50 {
				t.Errorf("%d rows are answered, %d of them lost, and %d of 50 left", s.Run.Rows, s.Lost, left)
			}
			f.e.Answer()
			if s := f.mustRun(); s.Settled != kept || len(f.output("response")) != 50 {
				t.Errorf("the next run finds %d rows settled, want %d", s.Settled, kept)
			}
		})
	}
}

// A run that is killed while it replaces files leaves temporary ones, and they go
// with the next run; those of others stay.
func TestLeftoversAreRemoved(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	state := f.spec.StateDir()
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	others := []string{filepath.Join(f.dir, "out.jsonl.bak.tmp-1"), filepath.Join(f.dir, "other.jsonl.tmp-1")}
	for _, path := range append([]string{
		f.spec.Output + ".tmp-1", f.spec.Output + ".tmp-123456789",
		filepath.Join(state, "job.json.tmp-1"), filepath.Join(state, "manifest.json.tmp-1"), filepath.Join(state, "next.json.tmp-1"),
		filepath.Join(state, "stdin.csv.tmp-1"), filepath.Join(state, "torn-results-000001-7.bin.tmp-1"),
	}, others...) {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.mustRun()
	got := jobtest.TempFiles(t, f.dir)
	jobtest.Equal(t, "left behind", got, others[1], others[0])
}

// A crash can leave the spools of two formats: what was piped in last counts.
func TestNewerSpoolCounts(t *testing.T) {
	f := newFixture(t)
	f.spec.Input = spec.List{"-"}
	f.spec.Force = true // or another stdin is asked about
	run := func(stdin string) {
		t.Helper()
		if _, err := f.runOn(&faultyDisk{fail: -1}, stdin); err != nil {
			t.Fatal(err)
		}
	}
	run(`{"q":"old"}` + "\n")
	old := filepath.Join(f.spec.StateDir(), "stdin.jsonl")
	text, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	f.spec.InputFormat = "csv"
	run("q\nnew\n")
	if err := os.WriteFile(old, text, 0o600); err != nil { // as if its removal had not come about
		t.Fatal(err)
	}
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	f.spec.InputFormat = ""
	run("")
	jobtest.Equal(t, "output", f.output("q"), "new")
}
