package jobs

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestWarnsOfAnotherModelAndOfNoPrice(t *testing.T) {
	f := newFixture(t)
	f.e.Reply = func(prompt string, n int) (int, string) {
		return 200, strings.Replace(jobtest.AnswerBody(prompt), "gemini-2.5-flash-lite", "gemini-3.5-flash-lite", 1)
	}
	f.input("a", "b", "c")
	warned := func() string {
		_, log, err := f.runLogged()
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	if log := warned(); strings.Count(log, "gemini-3.5-flash-lite answers") != 1 {
		t.Errorf("log %q, want one warning of another model", log)
	}
	f.spec.Model = "house-model"
	if log := warned(); !strings.Contains(log, "the price of house-model is not known") {
		t.Errorf("log %q, want a warning of an unknown price", log)
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
		j, err := Open(s, Options{Env: noEnv, Log: slog.New(slog.NewTextHandler(&log, nil))})
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
