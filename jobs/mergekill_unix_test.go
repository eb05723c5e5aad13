//go:build unix

package jobs

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// mergeEnv holds a merger, for the process that is killed.
const mergeEnv = "GENBATCH_TEST_MERGE"

// A merger is a merge in a process of its own, which kills itself before or after the nth operation
// with a label.
type merger struct {
	Spec  spec.Spec
	Label string
	Nth   int
	After bool
	Log   string // file that gets the labels of all operations; "": none
}

func (m *merger) options(fsys durable.FS) Options {
	return Options{Env: noEnv, seams: seams{fs: fsys, segmentBytes: 6000, blobBytes: 2000}}
}

func (m *merger) run(t *testing.T) error {
	var labels []string
	times, armed := map[string]int{}, false
	_, err := Merge(t.Context(), m.Spec, m.options(durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		c := child{Dir: filepath.Dir(m.Spec.Output)}
		l := c.label(op, path)
		labels = append(labels, l)
		times[l]++
		here := l == m.Label && times[l] == m.Nth
		if armed || here && !m.After {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		armed = here
		return true, nil
	}}), Merging{})
	if armed {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if m.Log != "" {
		err = errors.Join(err, os.WriteFile(m.Log, []byte(strings.Join(labels, "\n")), 0o600))
	}
	return err
}

// TestMergeChild is no test, but the process that TestMergeKilled kills.
func TestMergeChild(t *testing.T) {
	text := os.Getenv(mergeEnv)
	if text == "" {
		t.Skip("runs only as a process of TestMergeKilled: run that test")
	}
	var m merger
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	if err := m.run(t); err != nil {
		t.Fatal(err)
	}
}

// start runs the merge, and reports whether it was killed.
func (m *merger) start(t *testing.T) (killed bool) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMergeChild$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), mergeEnv+"="+string(text), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("the merge failed: %v\n%s", err, out)
	}
	return false
}

// resultsIn returns the results of a journal as texts without their seq, sorted.
func resultsIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	jl, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer jl.Close()
	for r, err := range jl.All() {
		if err != nil {
			t.Fatal(err)
		}
		r.Seq = 0
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

// A merge that is killed at any operation of the disk comes to the same end when it is run again:
// each result is there once, and so is each row of the output.
func TestMergeKilled(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = troubled
	f.spec.MaxAttempts = 1
	f.input(append(lines(60), "row is blocked at first", "row fails", "the same", "a long one", "the same")...)
	o := f.options()
	o.blobBytes, o.segmentBytes = 2000, 6000
	f.shards(o, 3)
	f.spec.Retry = spec.List{"blocked"}
	f.shards(o, 3)
	in := contentOf(t, f.spec.Input[0])

	// Each merge has a copy of all that the shards have left.
	fresh := func() *fixture {
		t.Helper()
		c := *f
		c.dir = t.TempDir()
		c.spec.Input, c.spec.Output = spec.List{filepath.Join(c.dir, "in.jsonl")}, filepath.Join(c.dir, "out.jsonl")
		if err := os.CopyFS(c.spec.StateDir(), os.DirFS(f.spec.StateDir())); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.spec.Input[0], []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		return &c
	}
	whole := fresh()
	m := merger{Spec: whole.spec, Log: filepath.Join(whole.dir, "log")}
	if m.start(t) {
		t.Fatal("the merge was killed, and should not be")
	}
	output, results := contentOf(t, whole.spec.Output), resultsIn(t, whole.spec.StateDir())
	if len(results) != 65+2 { // the row that was blocked is there twice, and so is the one that fails
		t.Fatalf("there are %d results", len(results))
	}

	last := map[string]int{}
	var labels []string
	for l := range strings.Lines(contentOf(t, m.Log)) {
		l = strings.TrimSpace(l)
		if last[l]++; last[l] == 1 {
			labels = append(labels, l)
		}
	}
	if len(labels) < 12 {
		t.Fatalf("the merge has so few operations that something is amiss: %q", labels)
	}
	for _, l := range labels {
		for _, nth := range slices.Compact([]int{1, last[l]}) {
			for _, after := range []bool{false, true} {
				c := fresh()
				m := merger{Spec: c.spec, Label: l, Nth: nth, After: after}
				if !m.start(t) {
					t.Fatalf("%s %d: it was not killed", l, nth)
				}
				merged, err := Merge(t.Context(), c.spec, m.options(durable.FS{}), Merging{})
				if err != nil {
					t.Fatalf("%s %d, after %t: %v", l, nth, after, err)
				}
				if got := resultsIn(t, c.spec.StateDir()); !slices.Equal(got, results) || merged.Results+merged.Known != int64(len(results)) {
					t.Errorf("%s %d, after %t: %d results (%d and %d), want %d", l, nth, after, len(got), merged.Results, merged.Known, len(results))
				}
				if got := contentOf(t, c.spec.Output); got != output {
					t.Errorf("%s %d, after %t: the output is another one:\n%s", l, nth, after, got)
				}
				c.verified(l)
			}
		}
	}
}
