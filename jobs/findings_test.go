package jobs

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/findings"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// codes are those of the findings of an output.
func codes(t *Totals) (list []string) {
	for _, f := range t.Findings {
		list = append(list, f.Code)
	}
	return list
}

// newDailyFixture is a classification whose rows name their label, which the endpoint gives.
func newDailyFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.spec.Prompt = ""
	f.spec.Classify = &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "bug"}, {Name: "idea"}, {Name: "praise"}}}
	f.e.Reply = func(prompt string, n int) (int, string) {
		_, label, _ := strings.Cut(prompt, " is ")
		return 200, jobtest.AnswerBody(label)
	}
	return f
}

// day returns the rows of a day: so many bugs, and the rest in halves.
func day(name string, rows, bugs int) (list []string) {
	for i := range rows {
		label := "bug"
		if i >= bugs {
			label = []string{"idea", "praise"}[i%2]
		}
		list = append(list, fmt.Sprintf("%s %d is %s", name, i, label))
	}
	return list
}

// A daily run compares its new answers with the output of the last one, whether the input is
// replaced or grows. What was found is found again when the output is derived again.
func TestDriftBetweenRuns(t *testing.T) {
	for _, grows := range []bool{false, true} {
		f := newDailyFixture(t)
		var rows []string
		run := func(more []string) *Totals {
			t.Helper()
			if !grows {
				rows = nil
			}
			rows = append(rows, more...)
			f.input(rows...)
			return f.mustRun().Job
		}
		f.inBubble(func(t *testing.T) {
			if got := codes(run(day("mo", 90, 30))); len(got) > 0 {
				t.Errorf("grows %t: the first day has %q", grows, got)
			}
			if got := codes(run(day("tu", 90, 32))); len(got) > 0 {
				t.Errorf("grows %t: a day as any other has %q", grows, got)
			}
			moved := run(day("we", 90, 70))
			i := slices.IndexFunc(moved.Findings, func(f Finding) bool { return f.Code == findings.Drift })
			if i < 0 || !strings.Contains(moved.Findings[i].Text, "bug from 3") || !strings.Contains(moved.Findings[i].Text, "to 78% of the rows") {
				t.Fatalf("grows %t: the third day has %+v", grows, moved.Findings)
			}
			if e := moved.Findings[i].Rows.Examples[0].Row; grows != (e > 180) {
				t.Errorf("grows %t: the first example is row %d", grows, e)
			}
			want := codes(moved)
			if got := codes(f.mustRun().Job); !slices.Equal(got, want) { // up to date
				t.Errorf("grows %t: up to date: %q, and want %q", grows, got, want)
			}
			status, err := ReadStatus(f.spec.StateDir())
			if err != nil || !slices.Equal(codes(&status.Totals), want) {
				t.Errorf("grows %t: the status has %q, and want %q: %v", grows, codes(&status.Totals), want, err)
			}
			if got := codes(f.exported()); !slices.Equal(got, want) {
				t.Errorf("grows %t: exported: %q, and want %q", grows, got, want)
			}
			f.spec.Prefix = "ai_" // the output is written anew, and nothing is asked
			if got := codes(f.mustRun().Job); !slices.Equal(got, want) {
				t.Errorf("grows %t: written again: %q, and want %q", grows, got, want)
			}
			f.proven("of the third day", 0)

			// Another question has other answers, which is no drift.
			f.spec.Classify.Labels[0].Description = "something is broken"
			f.input(day("th", 90, 10)...)
			if got := codes(f.mustRun().Job); slices.Contains(got, findings.Drift) {
				t.Errorf("grows %t: another question: %q", grows, got)
			}
		})
	}
}

// exported derives the output again, elsewhere.
func (f *fixture) exported() *Totals {
	f.t.Helper()
	j, err := View(f.spec, Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	totals, err := j.Export(filepath.Join(f.dir, "again.csv"), "csv", nil, true)
	if err != nil {
		f.t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := j.ExportTo(&b, "jsonl", nil); err != nil {
		f.t.Fatal(err)
	}
	return totals
}

// A template that leaves out what rows differ in is found, and known labels say what is usual.
func TestFindingsOfRows(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Key = "{{.kind}}", "id"
	var rows []string
	for i := range 30 {
		rows = append(rows, fmt.Sprintf(`{"id":"r%d","kind":"k%d","text":"text %d"}`, i, i%3, i))
	}
	f.input(rows...)
	f.inBubble(func(t *testing.T) {
		s := f.mustRun()
		if len(s.Job.Findings) != 1 || s.Job.Findings[0].Code != findings.SameAsked || s.Job.Findings[0].Rows.Count != 27 || s.Job.Findings[0].Rows.Examples[0].Key != "r3" {
			t.Errorf("%+v", s.Job.Findings)
		}
		f.spec.Dedupe = true
		if got := codes(f.mustRun().Job); len(got) > 0 {
			t.Errorf("with --dedupe: %q", got)
		}
	})

	f = newDailyFixture(t)
	f.spec.Expected = Expected{"": {Column: "known"}}
	rows = nil
	for i, q := range day("mo", 60, 55) {
		_, label, _ := strings.Cut(q, " is ")
		if i == 0 {
			label = "praise"
		}
		rows = append(rows, fmt.Sprintf(`{"q":%q,"known":%q}`, q, label))
	}
	f.input(rows...)
	f.inBubble(func(t *testing.T) {
		if got := codes(f.mustRun().Job); len(got) > 0 {
			t.Errorf("with known labels that are mostly one: %q", got)
		}
		f.spec.Expected = nil
		if got := codes(f.mustRun().Job); !slices.Equal(got, []string{findings.OneLabel}) {
			t.Errorf("without: %q", got)
		}
	})
}
