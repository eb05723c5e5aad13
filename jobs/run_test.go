package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestUnchangedOutputIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.mustRun()
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(f.spec.Output, long, long); err != nil {
		t.Fatal(err)
	}
	s := f.mustRun()
	info, err := os.Stat(f.spec.Output)
	if err != nil || !info.ModTime().Equal(long) || !s.Unchanged || s.Job.Rows != 2 {
		t.Errorf("mtime %v (%v), summary %+v", info.ModTime(), err, s)
	}
	if err := os.Remove(f.spec.Output); err != nil {
		t.Fatal(err)
	}
	if f.mustRun(); len(f.output("q")) != 2 {
		t.Error("a removed output is not written again")
	}
	f.spec.Prefix = "ai_"
	f.mustRun()
	jobtest.Equal(t, "after a change of columns", f.output("ai_response"), "a", "b")
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b")
}

// Rows that cannot be read, rendered or answered are in the output all the same,
// each with its status.
func TestEveryRowHasItsStatus(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		switch prompt {
		case "blocked":
			return 200, `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}}`
		case "rejected":
			return 400, `{"error":{"code":400,"message":"Unable to process input image","status":"INVALID_ARGUMENT"}}`
		case "cut":
			return 200, strings.Replace(jobtest.AnswerBody("half an ans"), "STOP", "MAX_TOKENS", 1)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("fine", "blocked", "{not json", "rejected", `{"other":1}`, "cut", "last")
	s := f.mustRun()
	jobtest.Equal(t, "rows", f.output("q", "status"), "fine ok", "blocked blocked", "<nil> skipped", "rejected rejected", "<nil> skipped", "cut truncated", "last ok")
	if s.Job.Rows != 7 || s.Job.Status[batch.Skipped] != 2 || s.Bad != 2 || s.Job.Status[batch.OK] != 2 {
		t.Errorf("summary %+v", s.Job)
	}
	errs := f.output("error")
	for i, want := range map[int]string{1: "SAFETY", 2: "in.jsonl:3", 3: "input image", 4: `in.jsonl:5: the row has no column "q"`} {
		if !strings.Contains(errs[i], want) {
			t.Errorf("row %d has the error %q, want %q", i+1, errs[i], want)
		}
	}
	jobtest.Equal(t, "tokens", f.output("prompt_tokens", "output_tokens")[:2], "100 10", "7 0")

	// Settled rows are not asked again, unless the user says so.
	f.e.Requests()
	f.mustRun()
	jobtest.Equal(t, "asked again", f.e.Requests())
	f.spec.Retry = spec.List{"blocked"}
	f.mustRun()
	jobtest.Equal(t, "asked with --retry blocked", f.e.Requests(), "blocked")
}

// A failed row is asked again by the next run, and what all its attempts cost is
// in its row: 100 and 10 tokens of gemini-2.5-flash-lite are 14 µ$.
func TestFailedRowsAreAskedAgain(t *testing.T) {
	f := newFixture(t)
	f.spec.MaxAttempts = 2
	fail := true
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "b" && fail {
			// An answer that is billed, and that no one can use.
			return 200, strings.Replace(jobtest.AnswerBody(""), "STOP", "MALFORMED_RESPONSE", 1)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "b")
	f.inBubble(func(t *testing.T) {
		s := f.mustRun()
		jobtest.Equal(t, "first run", f.output("q", "status", "attempts"), "a ok 1", "b failed 2")
		if cost, _ := s.Job.CostUSD(); cost.String() != "0.000042" {
			t.Errorf("cost %s, want 3 calls of 0.000014", cost)
		}
		fail = false
		f.e.Requests()
		f.mustRun()
		jobtest.Equal(t, "asked", f.e.Requests(), "b")
		jobtest.Equal(t, "second run", f.output("q", "status", "response", "cost_usd"), "a ok a 1.4e-05", "b ok b 4.2e-05")
	})
}

func TestInterruptAndResume(t *testing.T) {
	f := newFixture(t)
	f.spec.Concurrency = 4
	ctx, cancel := context.WithCancel(t.Context())
	f.e.Reply = func(prompt string, n int) (int, string) {
		f.e.Mu.Lock()
		many := len(f.e.Asked) >= 20
		f.e.Mu.Unlock()
		if many {
			cancel()
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	var lines, want []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("row %d", i))
		want = append(want, fmt.Sprintf("row %d ok", i))
	}
	f.input(lines...)
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := j.Run(ctx)
	if !errors.Is(err, batch.ErrInterrupted) || s == nil || s.Job != nil {
		t.Fatalf("error %v, summary %+v", err, s)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.spec.Output); err == nil {
		t.Error("the output of an unfinished run is there")
	}
	answered := len(f.e.Requests())
	if int64(answered) != s.Run.Rows || answered >= 100 {
		t.Errorf("%d answers, of which %d were kept", answered, s.Run.Rows)
	}

	// What there is can be looked at.
	v, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	partial := filepath.Join(f.dir, "partial.jsonl")
	totals, err := v.Export(partial, "", nil, false)
	if err != nil || totals.Rows != 100 || totals.Status[batch.Pending] != int64(100-answered) {
		t.Errorf("export: %v, %+v", err, totals)
	}
	plan, err := v.Plan()
	if err != nil || plan.New != int64(100-answered) || plan.Settled != int64(answered) {
		t.Errorf("plan: %v, %+v", err, plan)
	}
	v.Close()

	f.e.Reply = nil
	f.mustRun()
	if again := f.e.Requests(); len(again) != 100-answered {
		t.Errorf("the second run asked %d rows, want %d", len(again), 100-answered)
	}
	jobtest.Equal(t, "rows", f.output("response", "status"), want...)
	v, err = View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if found, err := v.Verify(); err != nil || len(found.Faults) > 0 {
		t.Errorf("verify: %v, %v", err, found)
	}
	if err := os.WriteFile(f.spec.Output, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := v.Verify(); err != nil || len(found.Faults) != 1 {
		t.Errorf("verify of an altered output: %v, %v", err, found)
	}
}

// Rows that appear while a run goes on have no answer yet, and the output is
// written only whole.
func TestInputChangesUnderTheRun(t *testing.T) {
	f := newFixture(t)
	f.spec.Concurrency = 1
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "b" {
			f.input("a", "b", "c")
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "b")
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), "1 row without an answer; run again") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.spec.Output); err == nil {
		t.Error("an output with a pending row was written")
	}
	f.e.Requests()
	f.e.Reply = nil
	f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "c")
	jobtest.Equal(t, "rows", f.output("response"), "a", "b", "c")
}

// A run that ends early knows what is left also where it did not come to the settled
// rows at the end.
func TestLeftOfARunThatEndedEarly(t *testing.T) {
	f := newBudgetFixture(t)
	prompts := lines(300)
	f.input(prompts[200:]...)
	f.mustRun() // the last hundred
	f.input(prompts...)
	f.spec.MaxCost = "0.2"
	s, err := f.run()
	if _, ok := errors.AsType[*BudgetError](err); !ok {
		t.Fatalf("the run ends with %v, want a *BudgetError", err)
	}
	if left := s.Left(300); left != 200-s.Run.Rows {
		t.Errorf("%d rows are left after %d of 200, want %d", left, s.Run.Rows, 200-s.Run.Rows)
	}
}

// A Job whose pilot asked some rows counts them as settled when it runs: what is done and
// what is left are of the rows that it has.
func TestJobRunsAfterItsPilot(t *testing.T) {
	f := modelFixture(t, 10)
	j, err := Open(f.spec, Options{Env: noEnv, Model: echo{}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	pilot, plan, err := j.Pilot(t.Context(), 3)
	if err != nil || pilot.Run.Rows != 3 || pilot.Settled != 0 || plan.Settled != 3 || plan.Ask() != 7 {
		t.Fatalf("the pilot is %+v, the plan %+v: %v", pilot, plan, err)
	}
	s, err := j.Run(t.Context())
	if err != nil || s.Settled != 3 || s.Run.Rows != 7 || s.Left(10) != 0 || s.Job.Rows != 10 {
		t.Errorf("after a pilot of 3 of 10 rows the run is %+v, with %d left: %v", s, s.Left(10), err)
	}
	if p := j.Progress(); p.Done() != 10 || p.Read != 10 {
		t.Errorf("%d of 10 rows are done and %d read", p.Done(), p.Read)
	}
}

// A Job runs as often as one likes: each run begins to count anew.
func TestJobRunsTwice(t *testing.T) {
	f := modelFixture(t, 10)
	j, err := Open(f.spec, Options{Env: noEnv, Model: echo{}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for n, want := range []struct{ asked, settled int64 }{{10, 0}, {0, 10}, {0, 10}} {
		s, err := j.Run(t.Context())
		if err != nil || s.Run.Rows != want.asked || s.Run.Attempts != want.asked || s.Settled != want.settled || s.Left(10) != 0 || s.Unchanged != (n > 0) {
			t.Errorf("run %d: %+v, with %d left, want %+v: %v", n+1, s, s.Left(10), want, err)
		}
		if p := j.Progress(); p.Done() != 10 || p.Read != 10 || p.Attempts != want.asked {
			t.Errorf("run %d: %d rows are done, %d read, %d attempts made", n+1, p.Done(), p.Read, p.Attempts)
		}
	}
}

// CountRows can run beside a pilot and a run, and counts all rows. The race detector
// looks on.
func TestRowsAreCountedMeanwhile(t *testing.T) {
	f := modelFixture(t, 100)
	counted := make(chan error, 200)
	var j *Job
	count := func() {
		n, err := j.CountRows(t.Context())
		if err == nil && n != 100 {
			err = fmt.Errorf("%d rows are counted, want 100", n)
		}
		counted <- err
	}
	var err error
	if j, err = Open(f.spec, Options{Env: noEnv, Model: echo{begun: func() { go count() }}}); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, _, err := j.Pilot(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := <-counted; err != nil {
			t.Error(err)
		}
	}
}

// A job that was opened to be looked at has no lock, and asks nothing: another process may
// run it.
func TestViewedJobCannotAsk(t *testing.T) {
	f := modelFixture(t, 3)
	j, err := View(f.spec, Options{Env: noEnv, Model: echo{}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if s, err := j.Run(t.Context()); s != nil || err == nil || !strings.Contains(err.Error(), "open it with Open") {
		t.Errorf("Run: %+v, %v", s, err)
	}
	if _, _, err := j.Pilot(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "open it with Open") {
		t.Errorf("Pilot: %v", err)
	}
}
