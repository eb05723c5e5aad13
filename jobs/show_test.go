package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

// shown returns the numbers of the rows that a selection shows of a job.
func shown(t *testing.T, s jobs.Spec, selection jobs.Selection) (numbers []int64, found *jobs.Shown) {
	t.Helper()
	found, err := jobs.Show(t.Context(), s, jobs.Options{}, selection)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found.Rows {
		numbers = append(numbers, d.Input.Number)
	}
	return numbers, found
}

// A selection shows the rows to which all of it applies, in input order.
func TestShow(t *testing.T) {
	s := moodyJob(t)
	s.Key = "id"
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		s       jobs.Selection
		want    string
		matched int64
	}{
		{"all", jobs.Selection{}, "[1 2 3 4 5 6 7 8 9]", 9},
		{"limit", jobs.Selection{Limit: 2}, "[1 2]", 9},
		{"numbers", jobs.Selection{Rows: []jobs.RowRange{{First: 7, Last: 7}, {First: 2, Last: 3}}}, "[2 3 7]", 3},
		{"keys", jobs.Selection{Keys: []string{"9", "1"}}, "[1 9]", 2},
		{"a number and a key", jobs.Selection{Keys: []string{"9", "1"}, Rows: []jobs.RowRange{{First: 1, Last: 4}, {First: 9, Last: 9}}, Where: []string{"label=good", "known=bad"}}, "[9]", 1},
		{"statuses", jobs.Selection{Status: []batch.Status{batch.Blocked, batch.Skipped, batch.Failed}}, "[3 5 7 8]", 4},
		{"a label", jobs.Selection{Labels: []string{"good"}}, "[1 6 9]", 3},
		{"either label", jobs.Selection{Labels: []string{"good", "bad"}}, "[1 2 6 9]", 4},
		{"a label of a column", jobs.Selection{Labels: []string{"label=bad"}}, "[2]", 1},
		{"a label that is wrong", jobs.Selection{Labels: []string{"good"}, Where: []string{"correct=false"}}, "[6 9]", 2},
		{"no label", jobs.Selection{Where: []string{"label="}, Status: []batch.Status{batch.Invalid}}, "[4]", 1},
		{"an own column", jobs.Selection{Where: []string{"known=good", "known="}}, "[1 2 7 8]", 4},
		{"nothing", jobs.Selection{Rows: []jobs.RowRange{{First: 1, Last: 1}}, Status: []batch.Status{batch.Failed}}, "[]", 0},
	} {
		numbers, found := shown(t, s, tt.s)
		if fmt.Sprint(numbers) != tt.want || found.Matched != tt.matched {
			t.Errorf("%s: rows %v of %d are shown, want %s of %d", tt.name, numbers, found.Matched, tt.want, tt.matched)
		}
	}
	for _, tt := range []struct {
		s    jobs.Selection
		want string
	}{
		{jobs.Selection{Rows: []jobs.RowRange{{First: 10, Last: 10}}}, "the job has no row 10: it has 9 rows"},
		{jobs.Selection{Keys: []string{"1", "10"}}, `no row has the id "10"`},
		{jobs.Selection{Labels: []string{"goood"}}, `the job has no label "goood"; did you mean "good"?`},
		{jobs.Selection{Where: []string{"know=good"}}, `there is no column "know"; did you mean "known"?`},
		{jobs.Selection{Where: []string{"known"}}, `the condition "known" names no value`},
	} {
		_, err := jobs.Show(t.Context(), s, jobs.Options{}, tt.s)
		if _, refused := errors.AsType[*jobs.SpecError](err); !refused || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.s, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jobs.Show(ctx, s, jobs.Options{}, jobs.Selection{}); !errors.Is(err, batch.ErrInterrupted) {
		t.Errorf("after the end of its context Show returns %v", err)
	}
}

// Of several questions, a label is looked for in the one that has it.
func TestShowQuestions(t *testing.T) {
	s := moodyJob(t)
	s.Expected, s.Dedupe = jobs.Expected{}, false
	yesNo := jobs.Labels{{Name: "yes"}, {Name: "no"}}
	s.Classify = &jobs.Classify{Text: "{{.text}}", Questions: jobs.Questions{
		{Name: "topic", Labels: jobs.Labels{{Name: "fit"}, {Name: "post"}}}, {Name: "urgent", Labels: yesNo}, {Name: "tags", Labels: yesNo, Multi: true},
	}}
	model := func(_ context.Context, r *batch.Request) batch.Outcome {
		if strings.Contains(string(r.Body), "late") {
			return answer(r.Model, `{"topic":"post","urgent":"yes","tags":["no","yes"]}`)
		}
		return answer(r.Model, `{"topic":"fit","urgent":"no","tags":["no"]}`)
	}
	if err := ask(t, s, jobs.Options{Model: modelFunc(model)}); err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]string{"post": "[2]", "urgent=yes": "[2]", "tags=yes": "[2]", "tags=no": "[1 2 3 4 6 7 9]"} {
		if got, _ := shown(t, s, jobs.Selection{Labels: []string{label}}); fmt.Sprint(got) != want {
			t.Errorf("%s shows %v, want %s", label, got, want)
		}
	}
	for label, want := range map[string]string{
		"yes": `several questions have the label "yes": urgent, tags; name the question, as in --label urgent=yes`,
		"fot": `the job has no label "fot"; did you mean "fit"?`, "topic=fitt": `the question topic has no label "fitt"; did you mean "fit"?`,
	} {
		if _, err := jobs.Show(t.Context(), s, jobs.Options{}, jobs.Selection{Labels: []string{label}}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", label, err, want)
		}
	}
}

// A sample has the rows with the lowest fingerprints of those that are selected, be it found
// by what stands in the journal's index or by the answers.
func TestShowSample(t *testing.T) {
	s := moodyJob(t)
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	_, all := shown(t, s, jobs.Selection{})
	rows := slices.DeleteFunc(slices.Clone(all.Rows), func(d *jobs.Detail) bool { return d.Request == nil })
	slices.SortFunc(rows, func(a, b *jobs.Detail) int { return a.Request.ID().Compare(b.Request.ID()) })
	for n := 1; n <= 9; n++ {
		var want []int64
		for _, d := range rows[:min(n, len(rows))] {
			want = append(want, d.Input.Number)
		}
		if n > len(rows) {
			want = append(want, []int64{5, 8}[:n-len(rows)]...) // those without a request come last
		}
		slices.Sort(want)
		for _, selection := range []jobs.Selection{{Sample: n}, {Sample: n, Status: batch.Statuses}} {
			if got, _ := shown(t, s, selection); !slices.Equal(got, want) {
				t.Errorf("a sample of %d is %v, want %v (by value: %t)", n, got, want, len(selection.Status) > 0)
			}
		}
	}
}

// A detail says of a row what Rows says, whichever way it was found, and what its parts cost
// adds up.
func TestShowAgreesWithRows(t *testing.T) {
	s := moodyJob(t)
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	s.Retry = []string{"invalid"}
	if err := ask(t, s, jobs.Options{}); err != nil { // the failed row and the invalid one have two results now
		t.Fatal(err)
	}
	rows := look(t, s)
	for _, selection := range []jobs.Selection{{}, {Status: batch.Statuses}} {
		_, found := shown(t, s, selection)
		for i, d := range found.Rows {
			r := rows[i]
			same := d.Status == r.Status && d.Text == r.Text && d.Error == r.Error && d.Cost == r.Cost && d.Priced == r.Priced && d.Copied == r.Copied
			if !same || fmt.Sprint(d.Values[:len(r.Values)]) != fmt.Sprint(r.Values) {
				t.Errorf("row %d is shown as %+v, and Rows has %+v", i+1, d.Row, r)
			}
			if d.Copied || d.Result == nil {
				continue
			}
			cost := d.Parts.Total()
			for _, a := range d.Spent {
				cost -= a.Cost
			}
			for _, e := range d.Earlier {
				for _, a := range e.Costs {
					cost -= a.Cost
				}
			}
			if cost != 0 || d.Parts.Total() != d.Cost {
				t.Errorf("row %d costs %s; its parts add up to %s, and its attempts to %s", i+1, d.Cost, d.Parts.Total(), d.Parts.Total()-cost)
			}
			if want := map[int64]int{4: 1, 7: 1}[d.Input.Number]; len(d.Earlier) != want {
				t.Errorf("row %d has %d earlier results, want %d", i+1, len(d.Earlier), want)
			}
		}
	}
}

// While a run goes on, its job is shown as it is so far.
func TestShowOfARunningJob(t *testing.T) {
	s := moodyJob(t)
	j, err := jobs.Open(s, jobs.Options{Model: modelFunc(moody)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	_, found := shown(t, s, jobs.Selection{Rows: []jobs.RowRange{{First: 1, Last: 1}}})
	if d := found.Rows[0]; found.Running == nil || found.Running.PID != os.Getpid() || d.Status != batch.Pending || d.Request == nil {
		t.Errorf("row 1 is %s, with the request %v, of a job that %+v runs", d.Status, d.Request, found.Running)
	}
}

// Without its input a job is shown from the journal alone.
func TestShowWithoutInput(t *testing.T) {
	s := moodyJob(t)
	if err := ask(t, s, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	_, before := shown(t, s, jobs.Selection{})
	if err := os.Remove(s.Input[0]); err != nil {
		t.Fatal(err)
	}
	numbers, found := shown(t, s, jobs.Selection{})
	if want := "[1 2 3 4 7 9]"; fmt.Sprint(numbers) != want || found.InputError == nil { // not those that are copied or skipped
		t.Fatalf("the rows %v are shown, with %v, want %s", numbers, found.InputError, want)
	}
	for _, d := range found.Rows {
		was := before.Rows[d.Input.Number-1]
		if d.Status != was.Status || d.Text != was.Text || d.Cost != was.Cost || d.Request.Fingerprint != was.Request.Fingerprint || d.Request.Body != nil {
			t.Errorf("row %d is shown as %+v, and was %+v", d.Input.Number, d.Row, was.Row)
		}
	}
	_, err := jobs.Show(t.Context(), s, jobs.Options{}, jobs.Selection{Rows: []jobs.RowRange{{First: 5, Last: 5}}})
	if err == nil || !strings.Contains(err.Error(), "the journal has no row 5") || !strings.Contains(err.Error(), filepath.Base(s.Input[0])) {
		t.Errorf("a row that the journal does not have is refused with %v", err)
	}
}
