package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/critic"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// An answer without what was asked for is shown to the model once.
func TestClassifyAsksOnceMore(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}, Confidence: spec.Said}
	f.e.Reply = func(prompt string, n int) (int, string) {
		switch {
		case prompt == "good":
			return 200, jobtest.AnswerBody(`{"label":"a","confidence":0.5}`)
		case strings.HasPrefix(prompt, "That is not valid: the confidence 50 is not a number from 0 to 1."):
			return 200, jobtest.AnswerBody(`{"label":"b","confidence":0.25}`)
		}
		return 200, jobtest.AnswerBody(`{"label":"b","confidence":50}`)
	}
	f.input("good", "percent")
	f.inBubble(func(t *testing.T) {
		f.mustRun()
		jobtest.Equal(t, "rows", f.output("q", "label", "confidence", "status", "attempts"), "good a 0.5 ok 1", "percent b 0.25 ok 2")
	})
}

// Examples and labels of files are kept in the state folder: what looks at the job
// later needs no file, and a run asks again only when what they hold has changed.
func TestExamplesAreKept(t *testing.T) {
	f := newFixture(t)
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(f.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	examples := write("shots.csv", "text,label\nfine,good\nawful,BAD\nfine,good\n")
	labels := write("labels.txt", "good\tpraises\r\n\nbad\n@home\n")
	f.e.Reply = func(string, int) (int, string) { return 200, jobtest.AnswerBody("good") }
	f.spec.Prompt = ""
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "@" + labels}, {Name: "@@work"}}, Examples: spec.Examples{File: examples}}
	f.input("x", "y")
	f.mustRun()
	jobtest.Equal(t, "asked", f.e.Requests(), "x", "y")
	f.mustRun()
	jobtest.Equal(t, "asked again", f.e.Requests())

	if err := errors.Join(os.Remove(examples), os.Remove(labels)); err != nil {
		t.Fatal(err)
	}
	saved, err := LoadState(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	jobtest.SameJSON(t, rendered(t, saved, jobtest.Row("q", "x")), `{
		"contents": [{"role": "user", "parts": [{"text": "fine"}]}, {"role": "model", "parts": [{"text": "good"}]},
			{"role": "user", "parts": [{"text": "awful"}]}, {"role": "model", "parts": [{"text": "bad"}]}, {"role": "user", "parts": [{"text": "x"}]}],
		"systemInstruction": {"parts": [{"text": "Classify the text that the user gives into exactly one of these labels. Answer with the label alone, spelled as it stands here.\n\nLabels:\n- good: praises\n- bad\n- @home\n- @work"}]},
		"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["good", "bad", "@home", "@work"]}}}`)
	j, err := View(*saved, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	v, err := j.Verify()
	if err != nil || len(v.Faults) > 0 || v.Rows != 2 {
		t.Errorf("without the files, verify says %+v, %v", v, err)
	}

	write("shots.csv", "text,label\nfine,good\nawful,good\n")
	write("labels.txt", "good\tpraises\nbad\n@home\n")
	f.mustRun()
	jobtest.Equal(t, "asked after an example has changed", f.e.Requests(), "x", "y")
}

func TestWarnsOfManyExamples(t *testing.T) {
	for n, warned := range map[int]bool{critic.ManyExamples: false, critic.ManyExamples + 1: true} {
		f := newFixture(t)
		var log strings.Builder
		f.spec.Prompt, f.spec.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
		for i := range n {
			f.spec.Classify.Examples.List = append(f.spec.Classify.Examples.List, spec.Example{Text: fmt.Sprintf("text %d", i), Label: spec.List{"a"}})
		}
		f.input("x")
		j, err := View(f.spec, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := j.Plan(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "are sent with each row") != warned {
			t.Errorf("of %d examples the plan says %q", n, log.String())
		}
	}
}

// A label that is none is corrected once; where that fails too, the row says so.
func TestLabelsAreChecked(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt = ""
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "good"}, {Name: "bad"}}}
	f.e.Reply = func(prompt string, n int) (int, string) {
		corrected := strings.Contains(prompt, "is not valid")
		switch {
		case strings.Contains(prompt, "stubborn") || corrected && strings.Contains(prompt, "whatever"):
			return 200, jobtest.AnswerBody("whatever")
		case prompt == "hazy":
			return 200, jobtest.AnswerBody("goodish")
		}
		return 200, jobtest.AnswerBody("good")
	}
	f.input("clear", "hazy", "stubborn")
	f.inBubble(func(t *testing.T) {
		s := f.mustRun()
		jobtest.Equal(t, "rows", f.output("q", "label", "status", "attempts"), "clear good ok 1", "hazy good ok 2", "stubborn <nil> invalid 2")
		if s.Job.Labels[""]["good"] != 2 || len(s.Job.Labels[""]) != 1 {
			t.Errorf("labels %v", s.Job.Labels)
		}
		asked := f.e.Requests()
		if i := slices.IndexFunc(asked, func(p string) bool { return strings.Contains(p, `"goodish" is none of the labels good, bad`) }); i < 0 {
			t.Errorf("the model was not shown its error: %q", asked)
		}
	})
}

// Answers that are none of the labels are asked for once more, with the fault shown
// to the model, and whatever else goes wrong in between takes nothing away from that.
func TestLabelsUnderFaults(t *testing.T) {
	for _, stream := range []bool{false, true} {
		f := newFixture(t)
		labels := []string{"praise", "complaint", "question"}
		f.spec.Auth, f.spec.Prompt, f.spec.Stream = "bearer", "", stream
		f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: labels[0]}, {Name: labels[1]}, {Name: labels[2]}}}
		f.spec.MaxAttempts = 4
		rows := []struct{ fault, want string }{
			{"[[sim:slow=1ms]]", "ok 1"},
			{"[[sim:invalidx1]]", "ok 2"},
			{"[[sim:invalid]]", "invalid 2"},
			{"[[sim:answerx1=perhaps]]", "ok 2"},
			{"[[sim:answer=perhaps]]", "invalid 2"},
			{"[[sim:fencedx1]]", "ok 1"},
			{"[[sim:emptyx1]] [[sim:invalidx2]]", "ok 3"},
			{"[[sim:503x1]] [[sim:invalidx2]]", "ok 3"},
			{"[[sim:answerx3=perhaps]] [[sim:500x1]]", "invalid 3"},
			{"[[sim:block]]", "blocked 1"},
			{"[[sim:finish=SOMETHING_NEW]]", "invalid 1"},
		}
		var lines []string
		for _, r := range rows {
			lines = append(lines, "The parcel came late and wet. "+r.fault)
		}
		f.input(lines...)
		f.inBubble(func(t *testing.T) {
			f.handler = f.simulated(sim.Config{})
			f.mustRun()
		})
		for i, got := range f.output("status", "attempts", "label") {
			status, label := got[:strings.LastIndexByte(got, ' ')], got[strings.LastIndexByte(got, ' ')+1:]
			if status != rows[i].want || slices.Contains(labels, label) != strings.HasPrefix(status, "ok") {
				t.Errorf("stream %v: %s: %s, want %s", stream, rows[i].fault, got, rows[i].want)
			}
		}
	}
}
