package jobs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
)

// A run that does not wait sees a job only for a moment. What must last for a while, before a
// job is given up, lasts over several such runs.
func TestDetachedRunsLetGo(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.input(lines(12)...)
		if err := w.detach(); err != nil {
			t.Fatal(err)
		}
		w.sim = another(t, w.bill, sim.Config{CountAnswers: true, Batches: sim.Batches{Pending: time.Minute, Running: time.Minute}})
		o := w.options()
		o.Detach = true
		for n := 0; ; n++ {
			_, err := w.runWith(o)
			if err == nil {
				break
			}
			if _, away := errors.AsType[*DetachedError](err); !away || n == 8 {
				t.Fatalf("run %d ends with %v", n, err)
			}
			time.Sleep(4 * time.Minute)
		}
		w.warned("the endpoint does not know the batch job", "its 12 rows are asked again, and may have been billed")
		w.bills("at the new endpoint", "1 12 0 0")
	})
}

// Jobs that fail as a whole end such runs as well: each of them would make another one.
func TestDetachedRunsStopAtFailures(t *testing.T) {
	inBatchWorld(t, "failed", func(t *testing.T, w *batchWorld) {
		w.input(lines(30)...)
		var err error
		for n := 0; n < 6 && err == nil; n++ {
			err = w.detach()
			time.Sleep(time.Hour)
		}
		if _, ok := errors.AsType[*batch.StopError](err); !ok || !strings.Contains(err.Error(), "3 batch jobs in a row failed as a whole") {
			t.Errorf("the runs end with %v", err)
		}
		if n := w.sim.Stats().Batches.Created; n != 3 {
			t.Errorf("%d jobs", n)
		}
	})
}

// A record that is gone, or is an older copy, leaves a job at the endpoint whose rows nobody
// knows. They are not sent again before it has ended.
func TestUnknownJobIsNotSentTwice(t *testing.T) {
	for _, kept := range []string{"", "the first line"} {
		inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
			w.input(lines(12)...)
			if kept != "" { // a job that is over
				w.mustRun()
				w.input(lines(24)...)
			}
			record := filepath.Join(w.spec.StateDir(), "batches", "jobs.jsonl")
			before, _ := os.ReadFile(record)
			if err := w.detach(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(record); err != nil {
				t.Fatal(err)
			}
			if kept != "" {
				if err := os.WriteFile(record, before, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			creates := w.count("create")
			_, err := w.run()
			if _, ok := errors.AsType[*SpecError](err); !ok || !strings.Contains(err.Error(), "carries the mark of this job and is not in its record") {
				t.Fatalf("the run ends with %v", err)
			}
			if w.count("create") != creates {
				t.Error("a job was created")
			}
			if _, err := Cancel(t.Context(), w.spec, w.options()); err != nil {
				t.Fatal(err)
			}
			w.warned("which is not in the record of this job, is cancelled")
			w.mustRun()
			if s := w.sim.Stats().Batches; s.Repeats > 0 {
				t.Errorf("%d rows were billed twice", s.Repeats)
			}
		})
	}
}

// Each attempt counts once, also if the row is asked in two jobs of one run.
func TestBatchAttemptsAddUp(t *testing.T) {
	inBatchWorld(t, "missing@10", func(t *testing.T, w *batchWorld) {
		w.input(lines(12)...)
		s := w.mustRun()
		if s.Run.Attempts != 13 || s.Run.Retries != 1 || s.Job.Attempts != 13 {
			t.Errorf("%d attempts in the run, %d of them retries, and %d in the job; want 13, 1 and 13", s.Run.Attempts, s.Run.Retries, s.Job.Attempts)
		}
	})
}
