package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The known labels are no part of what is sent: they can be had later for nothing,
// and stay with an output for which nothing has changed.
func TestExpectedCostsNothing(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt = ""
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "good"}, {Name: "bad"}}, Examples: spec.Examples{List: []spec.Example{{Text: "shown", Label: spec.List{"good"}}}}}
	f.e.Reply = func(prompt string, _ int) (int, string) {
		if strings.HasPrefix(prompt, "bad") {
			return 200, jobtest.AnswerBody("bad")
		}
		return 200, jobtest.AnswerBody("good")
	}
	f.input(`{"q":"good","known":"good"}`, `{"q":"bad 1","known":"Bad"}`, `{"q":"so so","known":"bad"}`, `{"q":"unlabelled","known":null}`, `{"q":"shown","known":"good"}`, `{"q"`)
	if s := f.mustRun(); s.Job.Evaluation != nil {
		t.Errorf("an evaluation that nobody asked for: %+v", s.Job.Evaluation)
	}
	f.e.Requests()

	check := func(what string, e *eval.Evaluation) {
		t.Helper()
		if e == nil || e.Rows != 3 || e.Correct != 2 || e.Missing != 2 || e.Examples != 1 || e.Accuracy == nil || *e.Accuracy != 2./3 || e.Confusion["bad"]["good"] != 1 {
			t.Errorf("%s: %+v", what, e)
		}
	}
	f.spec.Expected = "known"
	check("added", f.mustRun().Job.Evaluation)
	jobtest.Equal(t, "asked for it", f.e.Requests())
	jobtest.Equal(t, "the column", f.output("q", "label", "correct"), "good good true", "bad 1 bad true", "so so good false", "unlabelled good <nil>", "shown good true", "<nil> <nil> <nil>")
	s := f.mustRun()
	if !s.Unchanged {
		t.Error("the output is written again although nothing has changed")
	}
	check("run again", s.Job.Evaluation)

	status, err := ReadStatus(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	check("status", status.Evaluation)
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	totals, err := j.Export(filepath.Join(f.dir, "other.csv"), "", []batch.Status{batch.Skipped}, false)
	if err != nil {
		t.Fatal(err)
	}
	check("export of other rows", totals.Evaluation)
	v, err := j.Verify()
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("verify says %v, %v", v.Faults, err)
	}

	// What cannot be an evaluation is said before anything is sent.
	for _, test := range []struct {
		change func(*spec.Spec)
		want   string
	}{
		{func(s *spec.Spec) { s.Expected = "knwon" }, `did you mean "known"?`},
		{func(s *spec.Spec) { s.Classify, s.Prompt = nil, "{{.q}}" }, "no classification"},
	} {
		spec := f.spec
		test.change(&spec)
		if _, err := View(spec, Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// The rows of a sample keep their answers, and their part in the evaluation, when
// the rest is asked.
func TestExpectedOfASample(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Expected, f.spec.Sample = "", "known", 4
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
	f.e.Reply = func(string, int) (int, string) { return 200, jobtest.AnswerBody("a") }
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`{"q":"text %d","known":"%c"}`, i, "ab"[i%2]))
	}
	f.input(lines...)
	if e := f.mustRun().Job.Evaluation; e.Rows != 4 {
		t.Errorf("of a sample of 4, %d rows are compared", e.Rows)
	}
	f.spec.Sample = 0
	if e := f.mustRun().Job.Evaluation; e.Rows != 10 || e.Correct != 5 || len(f.e.Requests()) != 10 {
		t.Errorf("of all rows, %d are compared and %d right", e.Rows, e.Correct)
	}
}

func TestWarnsOfMeaninglessEvaluation(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Expected = "", "known"
	f.spec.Classify = &spec.Classify{Text: "{{.q}} {{.known}}", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
	f.e.Reply = func(string, int) (int, string) { return 200, jobtest.AnswerBody("a") }
	f.input(`{"q":"x","known":"A"}`, `{"q":"y","known":"bb"}`)
	_, log, err := f.runLogged()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the evaluation means nothing", `such as \"bb\"`, `did you mean \"b\"?`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
	if _, err := os.Stat(f.spec.Output); err != nil {
		t.Error(err)
	}
}
