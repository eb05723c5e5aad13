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
	if s := f.mustRun(); len(s.Job.Evaluations) > 0 {
		t.Errorf("an evaluation that nobody asked for: %+v", s.Job.Evaluations[0])
	}
	f.e.Requests()

	check := func(what string, all []*eval.Evaluation) {
		t.Helper()
		if len(all) != 1 {
			t.Fatalf("%s: %d evaluations", what, len(all))
		}
		if e := all[0]; e.Rows != 3 || e.Correct != 2 || e.Missing != 2 || e.Examples != 1 || e.Accuracy == nil || *e.Accuracy != 2./3 || e.Confusion["bad"]["good"] != 1 {
			t.Errorf("%s: %+v", what, *e)
		}
	}
	f.spec.Expected = spec.Expected{"": {Column: "known"}}
	check("added", f.mustRun().Job.Evaluations)
	jobtest.Equal(t, "asked for it", f.e.Requests())
	jobtest.Equal(t, "the column", f.output("q", "label", "correct"), "good good true", "bad 1 bad true", "so so good false", "unlabelled good <nil>", "shown good true", "<nil> <nil> <nil>")
	s := f.mustRun()
	if !s.Unchanged {
		t.Error("the output is written again although nothing has changed")
	}
	check("run again", s.Job.Evaluations)

	status, err := ReadStatus(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	check("status", status.Evaluations)
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	totals, err := j.Export(filepath.Join(f.dir, "other.csv"), "", []batch.Status{batch.Skipped}, false)
	if err != nil {
		t.Fatal(err)
	}
	check("export of other rows", totals.Evaluations)
	v, err := j.Verify()
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("verify says %v, %v", v.Faults, err)
	}

	// What cannot be an evaluation is said before anything is sent.
	for _, test := range []struct {
		change func(*spec.Spec)
		want   string
	}{
		{func(s *spec.Spec) { s.Expected = spec.Expected{"": {Column: "knwon"}} }, `did you mean "known"?`},
		{func(s *spec.Spec) { s.Classify, s.Prompt = nil, "{{.q}}" }, "the answers of this job have no columns"},
	} {
		job := f.spec
		test.change(&job)
		if _, err := View(job, Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// Questions are answered in one call, which is corrected once where an answer to one of them is
// none; and known answers of each can be had later for nothing.
func TestQuestionsCostOneCall(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt = ""
	labels := func(names ...string) (list spec.Labels) {
		for _, name := range names {
			list = append(list, spec.Label{Name: name})
		}
		return list
	}
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Questions: spec.Questions{{Name: "mood", Labels: labels("good", "bad")}, {Name: "tags", Labels: labels("new", "old"), Multi: true}}}
	f.e.Reply = func(prompt string, _ int) (int, string) {
		switch {
		case prompt == "fine":
			return 200, jobtest.AnswerBody(`{"mood":"good","tags":["new","old"]}`)
		case strings.HasPrefix(prompt, "That is not valid: mood: the answer does not have this question."):
			return 200, jobtest.AnswerBody(`{"mood":"bad","tags":[]}`)
		}
		return 200, jobtest.AnswerBody(`{"tags":[]}`)
	}
	f.input(`{"q":"fine","m":"good","t":["old","new"]}`, `{"q":"odd","m":"good","t":[]}`)
	f.inBubble(func(t *testing.T) {
		f.mustRun()
		jobtest.Equal(t, "rows", f.output("q", "mood", "tags", "status", "attempts"), "fine good [new old] ok 1", "odd bad [] ok 2")
		f.e.Requests()

		f.spec.Classify.Questions[1].Expected = spec.ExpectedColumn{Column: "t"}
		f.spec.Expected = spec.Expected{"mood": {Column: "m"}}
		s, log, err := f.runLogged()
		if err != nil || strings.Contains(log, "was begun with another") {
			t.Errorf("%v, %s", err, log)
		}
		jobtest.Equal(t, "asked for known answers", f.e.Requests())
		jobtest.Equal(t, "correct", f.output("q", "mood_correct", "tags_correct"), "fine true true", "odd false true")
		if all := s.Job.Evaluations; len(all) != 2 || all[0].Column != "mood" || all[0].Correct != 1 || all[1].Correct != 2 || all[1].Micro.F1 == nil {
			t.Errorf("the evaluations are %+v", all)
		}
		if s.Job.Labels["tags"][""] != 1 || s.Job.Labels["mood"]["good"] != 1 {
			t.Errorf("the labels are %v", s.Job.Labels)
		}
	})
}

// The rows of a sample keep their answers, and their part in the evaluation, when
// the rest is asked.
func TestExpectedOfASample(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Expected, f.spec.Sample = "", spec.Expected{"": {Column: "known"}}, 4
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
	f.e.Reply = func(string, int) (int, string) { return 200, jobtest.AnswerBody("a") }
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`{"q":"text %d","known":"%c"}`, i, "ab"[i%2]))
	}
	f.input(lines...)
	if e := f.mustRun().Job.Evaluations[0]; e.Rows != 4 {
		t.Errorf("of a sample of 4, %d rows are compared", e.Rows)
	}
	f.spec.Sample = 0
	if e := f.mustRun().Job.Evaluations[0]; e.Rows != 10 || e.Correct != 5 || len(f.e.Requests()) != 10 {
		t.Errorf("of all rows, %d are compared and %d right", e.Rows, e.Correct)
	}
}

func TestWarnsOfMeaninglessEvaluation(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Expected = "", spec.Expected{"": {Column: "known"}}
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
