package jobs

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
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

// A job that was tried with the simulator is not answered.
func TestSimulatedAnswersAreNotMixed(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	real := f.spec.Endpoint
	f.spec.Endpoint, f.spec.Auth = "sim", ""
	if s := f.mustRun(); !s.Simulated {
		t.Errorf("summary %+v does not say that it was simulated", s)
	}
	var spec *spec.Error
	f.spec.Endpoint, f.spec.Auth = "https://api.example.com", "none"
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "--fresh") {
		t.Errorf("error %v", err)
	}
	f.spec.Output = filepath.Join(f.dir, "real.jsonl")
	f.spec.Endpoint = real
	f.mustRun()
	f.spec.Endpoint, f.spec.Auth = "sim", ""
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "real answers") {
		t.Errorf("error %v", err)
	}
}
