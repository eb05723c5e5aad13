package jobs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/reader"
)

// TestErrorsToMatch makes each error that the command has an exit code for, and matches it as
// a program does that uses the library.
func TestErrorsToMatch(t *testing.T) {
	refuse := func(consequence batch.Consequence, err batch.Error) modelFunc {
		return func(context.Context, *batch.Request) batch.Outcome {
			return batch.Outcome{Consequence: consequence, Status: batch.Blocked, Err: &err}
		}
	}
	good := modelFunc(func(_ context.Context, r *batch.Request) batch.Outcome { return answer(r.Model, "good") })
	for _, tt := range []struct {
		name  string
		model modelFunc
		job   func(t *testing.T, s *jobs.Spec)
		is    func(t *testing.T, s jobs.Spec, err error) bool
	}{
		{"a mistake in the job", good, func(_ *testing.T, s *jobs.Spec) { s.Model = "" }, func(_ *testing.T, _ jobs.Spec, err error) bool {
			mistake, ok := errors.AsType[*jobs.SpecError](err)
			return ok && mistake.Hint != "" && mistake.Err != nil
		}},
		{"an input that is not there", good, func(_ *testing.T, s *jobs.Spec) { s.Input[0] += ".old" }, func(_ *testing.T, s jobs.Spec, err error) bool {
			_, mistake := errors.AsType[*jobs.SpecError](err)
			place, ok := errors.AsType[*reader.Error](err)
			return mistake && ok && place.File == s.Input[0] && place.Line == 0
		}},
		{"a bad row with strict", good, func(_ *testing.T, s *jobs.Spec) { s.Strict = true }, func(_ *testing.T, s jobs.Spec, err error) bool {
			_, mistake := errors.AsType[*jobs.SpecError](err)
			place, ok := errors.AsType[*reader.Error](err)
			return mistake && ok && place.File == s.Input[0] && place.Line == 8
		}},
		{"an input that breaks", good, cutInput, func(_ *testing.T, s jobs.Spec, err error) bool {
			place, ok := errors.AsType[*reader.Error](err)
			return ok && errors.Is(err, batch.ErrSource) && place.File == s.Input[0]
		}},
		{"an output of somebody else's", good, func(t *testing.T, s *jobs.Spec) { occupy(t, s.Output) }, func(_ *testing.T, s jobs.Spec, err error) bool {
			_, mistake := errors.AsType[*jobs.SpecError](err)
			file, ok := errors.AsType[*jobs.OutputError](err)
			return mistake && ok && file.Path == s.Output && errors.Is(err, fs.ErrExist)
		}},
		{"an output that appears", nil, nil, func(_ *testing.T, s jobs.Spec, err error) bool {
			_, mistake := errors.AsType[*jobs.SpecError](err)
			file, ok := errors.AsType[*jobs.OutputError](err)
			return !mistake && ok && file.Path == s.Output && errors.Is(err, fs.ErrExist)
		}},
		{"a key that is refused", refuse(batch.Stop, batch.Error{Kind: batch.KindKey, HTTPStatus: 403, Message: "no"}), nil, func(_ *testing.T, _ jobs.Spec, err error) bool {
			_, stopped := errors.AsType[*batch.StopError](err)
			cause, ok := errors.AsType[*batch.Error](err)
			return stopped && ok && cause.Kind == batch.KindKey && cause.HTTPStatus == 403
		}},
		{"the quota of the day", good, func(_ *testing.T, s *jobs.Spec) { s.RPD, s.Concurrency = 1, 1 }, func(_ *testing.T, s jobs.Spec, err error) bool {
			day, ok := errors.AsType[*quota.DayError](err)
			return ok && day.Model == s.Model && day.RPD == 1 && day.Until.After(time.Now())
		}},
		{"the deadline", func(ctx context.Context, _ *batch.Request) batch.Outcome {
			<-ctx.Done()
			return batch.Outcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindTransport}}
		}, func(_ *testing.T, s *jobs.Spec) { s.Deadline = "1h" }, func(_ *testing.T, _ jobs.Spec, err error) bool {
			late, ok := errors.AsType[*jobs.DeadlineError](err)
			return ok && !late.At.After(time.Now())
		}},
		{"the cap on the cost", good, func(_ *testing.T, s *jobs.Spec) { s.MaxCost, s.MaxOutputTokens = "0.000001", 10 }, func(_ *testing.T, _ jobs.Spec, err error) bool {
			budget, ok := errors.AsType[*jobs.BudgetError](err)
			return ok && budget.Cap == 1_000_000 && budget.Next > budget.Cap
		}},
		{"too many failures", refuse(batch.Settled, batch.Error{Kind: batch.KindContent, Message: "blocked"}), func(_ *testing.T, s *jobs.Spec) { s.MaxFailures = "1" }, func(_ *testing.T, _ jobs.Spec, err error) bool {
			return errors.Is(err, batch.ErrMaxFailures)
		}},
		{"an interrupt", nil, nil, func(_ *testing.T, _ jobs.Spec, err error) bool {
			return errors.Is(err, batch.ErrInterrupted)
		}},
		{"a journal that is deleted", nil, nil, func(_ *testing.T, s jobs.Spec, err error) bool {
			lost, ok := errors.AsType[*jobs.LostError](err)
			return ok && errors.Is(err, batch.ErrSink) && lost.Dir == s.StateDir() && lost.Safe() && filepath.Dir(lost.Kept) == lost.Dir
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))) // when models have prices
				s := moodyJob(t)
				s.Expected, s.Dedupe = nil, false
				if tt.job != nil {
					tt.job(t, &s)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				model := tt.model
				if model == nil {
					model = func(_ context.Context, r *batch.Request) batch.Outcome {
						switch tt.name {
						case "an interrupt":
							cancel()
						case "an output that appears":
							occupy(t, s.Output)
						case "a journal that is deleted":
							if err := os.RemoveAll(s.StateDir()); err != nil {
								t.Error(err)
							}
						}
						return answer(r.Model, "good")
					}
				}
				j, err := jobs.Open(s, jobs.Options{Model: model, Env: func(string) string { return "" }})
				if err == nil {
					defer j.Close()
					var summary *jobs.Summary
					if summary, err = j.Run(ctx); summary == nil {
						t.Error("the run has no summary")
					}
				}
				if err == nil || !tt.is(t, s, err) {
					t.Errorf("it ends with %T: %v", err, err)
				}
			})
		})
	}
}

func occupy(t *testing.T, path string) {
	if err := os.WriteFile(path, []byte("somebody else's\n"), 0o600); err != nil {
		t.Error(err)
	}
}

// cutInput makes the input a gzip file without its end.
func cutInput(t *testing.T, s *jobs.Spec) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 { // so that the first rows can be read
		fmt.Fprintf(w, "{\"text\":\"%x\"}\n", random.Uint64())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.Input[0] += ".jsonl.gz"
	if err := os.WriteFile(s.Input[0], b.Bytes()[:b.Len()/2], 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLockedError opens, exports to its own output, prunes and cancels a job that is open
// already.
func TestLockedError(t *testing.T) {
	s := moodyJob(t)
	running, err := jobs.Open(s, jobs.Options{Model: modelFunc(moody)})
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	if _, err := running.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"open":   func() error { _, err := jobs.Open(s, jobs.Options{Model: modelFunc(moody)}); return err },
		"fresh":  func() error { _, err := jobs.Open(s, jobs.Options{Model: modelFunc(moody), Fresh: true}); return err },
		"prune":  func() error { _, err := jobs.Prune(s, jobs.Options{}, jobs.Pruning{Superseded: true}); return err },
		"export": func() error { return export(s) },
		"cancel": func() error { _, err := jobs.Cancel(t.Context(), s, jobs.Options{Model: modelFunc(moody)}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := try()
			locked, ok := errors.AsType[*jobs.LockedError](err)
			if !ok || locked.Owner.PID != os.Getpid() || filepath.Dir(locked.Path) != s.StateDir() {
				t.Fatalf("the error is %T: %v", err, err)
			}
			if status, err := jobs.StatusOf(s); err != nil || *status.Running != locked.Owner {
				t.Errorf("the status names %+v, %v; the error names %+v", status.Running, err, locked.Owner)
			}
		})
	}
}

// TestNoState asks after jobs that no run has begun.
func TestNoState(t *testing.T) {
	s := moodyJob(t)
	for name, err := range map[string]error{
		"load":   func() error { _, err := jobs.LoadState(s.StateDir()); return err }(),
		"file":   func() error { _, _, err := jobs.LoadFile(s); return err }(),
		"status": func() error { _, err := jobs.ReadStatus(s.StateDir()); return err }(),
		"prune":  func() error { _, err := jobs.Prune(s, jobs.Options{}, jobs.Pruning{Superseded: true}); return err }(),
	} {
		if mistake, ok := errors.AsType[*jobs.SpecError](err); !ok || mistake.Hint == "" || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %T %v", name, err, err)
		}
	}
}

// export writes a job's own output again.
func export(s jobs.Spec) error {
	j, err := jobs.View(s, jobs.Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	_, err = j.Export(s.Output, "", nil, false)
	return err
}
