package jobs

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestPruneOrphaned(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c")
	f.mustRun()
	f.input("a", "c", "d")
	f.mustRun()
	f.proven("before", 0)
	if r := f.prune(Pruning{Orphaned: true, DryRun: true}); r.Results != 1 || r.Kept != 3 {
		t.Errorf("dry run: %+v", r)
	}
	f.counts("a dry run removes nothing", "3 0 0 0 3 0 1")
	stamp := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(f.spec.Output, stamp, stamp); err != nil {
		t.Fatal(err)
	}
	r := f.prune(Pruning{Orphaned: true})
	if cost, _ := r.Removed.CostUSD(); r.Results != 1 || r.Orphaned != 1 || r.Again != 0 || cost.String() != "0.000014" {
		t.Errorf("pruned %+v, cost %s", r, cost)
	}
	f.counts("pruned", "3 0 0 0 3 0 0")
	f.proven("pruned", 0)
	f.e.Requests()
	if s := f.mustRun(); !s.Unchanged {
		t.Error("the output was written again although only orphans went")
	}
	jobtest.Equal(t, "asked after pruning", f.e.Requests())
	if info, err := os.Stat(f.spec.Output); err != nil || !info.ModTime().Equal(stamp) {
		t.Error("the output was touched")
	}
	// A crash before the manifest follows costs one derivation, and no call.
	m, err := state.ReadManifest(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	m.Pruned = 0
	if err := (&state.Folder{Dir: f.spec.StateDir()}).WriteManifest(m); err != nil {
		t.Fatal(err)
	}
	f.proven("after a crash", 1)
	if s := f.mustRun(); s.Unchanged || len(f.e.Requests()) > 0 {
		t.Errorf("after a crash: summary %+v", s)
	}
	f.proven("derived again", 0)
	if r := f.prune(Pruning{Orphaned: true}); r.Results != 0 {
		t.Errorf("nothing is left to prune, and %+v was", r)
	}
	f.input("a", "b", "c", "d")
	f.mustRun()
	jobtest.Equal(t, "asked when the row comes back", f.e.Requests(), "b")
	jobtest.Equal(t, "rows", f.output("q", "response"), "a a", "b b", "c c", "d d")
	f.proven("in the end", 0)
}

// A restricted job keeps the answers of rows outside of its limit.
func TestPruneSeesTheWholeInput(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c", "d")
	f.mustRun()
	f.spec.Limit = 1
	f.mustRun()
	if r := f.prune(Pruning{Orphaned: true}); r.Results != 0 {
		t.Errorf("pruned %+v", r)
	}
	f.spec.Limit, f.spec.Sample = 0, 1
	f.mustRun()
	if r := f.prune(Pruning{Orphaned: true}); r.Results != 0 {
		t.Errorf("pruned %+v", r)
	}
}

func TestPruneSuperseded(t *testing.T) {
	f := newFixture(t)
	f.spec.MaxAttempts = 1
	fail := true
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "b" && fail {
			return 200, strings.Replace(jobtest.AnswerBody(""), "STOP", "MALFORMED_RESPONSE", 1)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "b")
	f.inBubble(func(t *testing.T) {
		f.mustRun()
		fail = false
		f.mustRun()
		jobtest.Equal(t, "cost before", f.output("q", "cost_usd"), "a 1.4e-05", "b 2.8e-05")
		if r := f.prune(Pruning{Superseded: true}); r.Results != 1 || r.Superseded != 1 || r.Removed.Attempts != 1 || r.Removed.Rows != 0 {
			t.Errorf("pruned %+v", r)
		}
		f.proven("after", 1) // the output's cost is older than the journal
		f.e.Requests()
		f.mustRun()
		jobtest.Equal(t, "asked", f.e.Requests())
		jobtest.Equal(t, "cost after", f.output("q", "cost_usd"), "a 1.4e-05", "b 1.4e-05")
		f.proven("in the end", 0)
	})
}

// Answers of rows in the input go only when the user has said yes to paying again.
func TestPruneByAge(t *testing.T) {
	f := newFixture(t)
	f.inBubble(func(t *testing.T) {
		f.input("a", "b")
		f.mustRun()
		time.Sleep(24 * time.Hour)
		f.input("a", "b", "c")
		f.mustRun()
		p := Pruning{OlderThan: 24 * time.Hour}
		if r := f.prune(p); r.Results != 0 { // not older
			t.Errorf("pruned %+v", r)
		}
		p.OlderThan--
		_, err := Prune(f.spec, Options{}, p)
		var spec *spec.Error
		if !errors.As(err, &spec) || !strings.Contains(err.Error(), "2 rows of the input") || !strings.Contains(err.Error(), "--yes") {
			t.Errorf("error %v", err)
		}
		f.counts("refused", "3 0 0 0 3 0 0")
		p.DryRun = true
		if r := f.prune(p); r.Again != 2 || r.Results != 2 {
			t.Errorf("dry run %+v", r)
		}
		p.DryRun, p.Yes = false, true
		if r := f.prune(p); r.Again != 2 || r.Results != 2 || r.Kept != 1 || r.Removed.Status[batch.OK] != 2 {
			t.Errorf("pruned %+v", r)
		}
		f.counts("pruned", "3 2 0 0 1 0 0")
		f.proven("pruned", 1)
		f.e.Requests()
		f.mustRun()
		jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
		f.proven("in the end", 0)

		// Without the input, what is orphaned cannot be told; age can.
		if err := os.Remove(f.spec.Input[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true, Yes: true}); !errors.As(err, &spec) || !strings.Contains(err.Error(), "in.jsonl") {
			t.Errorf("error %v", err)
		}
		time.Sleep(2 * time.Nanosecond)
		if r := f.prune(Pruning{OlderThan: time.Nanosecond}); r.Results != 3 || r.Compared || r.Kept != 0 {
			t.Errorf("pruned %+v", r)
		}
	})
}

// A row that is broken for now does not lose its answer in silence.
func TestPruneAndBrokenRows(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.mustRun()
	f.input("a", "{broken")
	var spec *spec.Error
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true}); !errors.As(err, &spec) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("error %v", err)
	}
	f.input("a", "b")
	f.counts("refused", "2 0 0 0 2 0 0")
}

func TestPruneIsLocked(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true}); err == nil || !strings.Contains(err.Error(), "no run has left its state") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.spec.StateDir()); err == nil {
		t.Error("prune made a state folder")
	}
	f.mustRun()
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var locked *LockedError
	if _, err := Prune(f.spec, Options{}, Pruning{Orphaned: true}); !errors.As(err, &locked) {
		t.Errorf("error %v", err)
	}
	f.prune(Pruning{Orphaned: true, DryRun: true}) // only looks
}
