package jobs

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// At an address of this machine only the answers tell a simulator from a proxy: they
// end the run before one of the other kind is kept.
func TestAnswersDoNotMix(t *testing.T) {
	real := func(prompt string, _ int) (int, string) { return 200, jobtest.AnswerBody(prompt) }
	madeUp := func(prompt string, _ int) (int, string) {
		return 200, strings.Replace(jobtest.AnswerBody(prompt), "gemini-2.5-flash-lite", "gemini-2.5-flash-lite-simulated", 1)
	}
	for name, kinds := range map[string][2]func(string, int) (int, string){
		"simulator": {madeUp, real}, "real answers": {real, madeUp},
	} {
		f := newFixture(t)
		f.input("a", "b")
		f.spec.Limit, f.e.Reply = 1, kinds[0]
		f.mustRun()
		before := f.plan().Price
		f.spec.Limit, f.e.Reply = 0, kinds[1]
		_, err := f.run()
		if _, ok := errors.AsType[*batch.StopError](err); !ok || !strings.Contains(err.Error(), name) {
			t.Errorf("the run ends with %v, want a StopError that speaks of the %s", err, name)
		}
		// A real answer that is not kept was billed all the same; a made-up one was not.
		if after := f.plan().Price; (after > before) != (name == "simulator") {
			t.Errorf("%s: the job cost %s, and %s after an answer of the other kind", name, before, after)
		}
		if rows := f.plan(); rows.Settled != 1 || rows.Ask() != 1 {
			t.Errorf("%s: %d rows are settled and %d to be asked, want 1 and 1", name, rows.Settled, rows.Ask())
		}
	}
}

// A run says so before it asks rows anew because the job asks another thing.
func TestWarnsOfAnotherQuestion(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b")
	f.spec.Request = map[string]any{"generationConfig": map[string]any{"temperature": 0.5}}
	f.mustRun()
	open := func(change func(*spec.Spec)) string {
		var log strings.Builder
		s := f.spec
		change(&s)
		j, err := Open(s, Options{Env: func(string) string { return "" }, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		return log.String()
	}
	if log := open(func(s *spec.Spec) { s.Concurrency, s.Columns, s.RPM = 3, spec.List{"q", "response"}, 1000 }); log != "" {
		t.Errorf("what is not sent gives the warning %s", log)
	}
	if log := open(func(s *spec.Spec) { s.Prompt = "again: {{.q}}" }); !strings.Contains(log, "paid for, anew") {
		t.Errorf("another prompt gives the warning %q", log)
	}
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
	if _, ok := errors.AsType[*budget.BudgetError](err); !ok {
		t.Fatalf("the run ends with %v, want a *BudgetError", err)
	}
	if left := s.Left(300); left != 200-s.Run.Rows {
		t.Errorf("%d rows are left after %d of 200, want %d", left, s.Run.Rows, 200-s.Run.Rows)
	}
}
