package findings

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// A table is rows to be looked at.
type table struct{ rows []Row }

// add adds n rows like r.
func (t *table) add(n int, r Row) *table {
	for range n {
		r.Number = int64(len(t.rows) + 1)
		r.Seq = r.Number
		if r.Status == "" {
			r.Status = batch.OK
		}
		t.rows = append(t.rows, r)
	}
	return t
}

// labels adds rows with these labels, so many of each.
func (t *table) labels(counts map[string]int) *table {
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range counts {
			if !yield(name) {
				return
			}
		}
	}) {
		t.add(counts[name], Row{Labels: [][]string{{name}}})
	}
	return t
}

func (t *table) look(c Config, known Known) []Finding {
	f := New(c)
	for i := range t.rows {
		f.Add(&t.rows[i])
	}
	return f.Result(known)
}

// holding returns a row that differs from those with another number.
func holding(n uint64) *batch.Row {
	return &batch.Row{Columns: []batch.Column{{Name: "n"}}, Values: []any{fmt.Sprint(n)}}
}

// only checks that there is one finding, with such a text and remedy.
func only(t *testing.T, what string, got []Finding, code, text, remedy string) *Finding {
	t.Helper()
	if len(got) != 1 || got[0].Code != code || !strings.Contains(got[0].Text, text) || !strings.Contains(got[0].Remedy, remedy) {
		t.Errorf("%s: %+v, and want %s: %s; %s", what, got, code, text, remedy)
		return new(Finding)
	}
	return &got[0]
}

func none(t *testing.T, what string, got []Finding) {
	t.Helper()
	if len(got) > 0 {
		t.Errorf("%s: %+v", what, got)
	}
}

var three = Config{Questions: []Question{{Labels: []string{"a", "b", "c"}}}}

func TestRefusals(t *testing.T) {
	rows := new(table).add(100, Row{}).add(15, Row{Status: batch.Blocked, Reason: "SAFETY", Key: "k"}).add(5, Row{Status: batch.Blocked, Reason: "SPII"})
	f := only(t, "blocked", rows.look(Config{}, nil), Blocked, "20 of 120 rows were blocked: SAFETY 15, SPII 5", "safetySettings")
	if f.Severity != High || f.Rows.Count != 20 || len(f.Rows.Examples) != 10 || f.Rows.Examples[0] != (Example{101, "k"}) {
		t.Errorf("%+v", f)
	}
	rows = new(table).add(95, Row{}).add(5, Row{Status: batch.Rejected, Problem: `HTTP 400: INVALID_ARGUMENT: the value "x" is none`})
	if f := only(t, "rejected", rows.look(Config{}, nil), Rejected, "5 of 100 rows are refused by the API: HTTP 400: INVALID_ARGUMENT 5", "error"); f.Severity != Medium {
		t.Errorf("%+v", f)
	}
	rows = new(table).add(95, Row{}).add(5, Row{Status: batch.Invalid, Problem: "the check sum does not hold", Failed: []string{"sum"}})
	only(t, "invalid", rows.look(Config{}, nil), Invalid, "the check sum 5", "--retry invalid")

	none(t, "one of a few", new(table).add(5, Row{}).add(1, Row{Status: batch.Blocked}).look(Config{}, nil))
	none(t, "one of many", new(table).add(99, Row{}).add(1, Row{Status: batch.Failed}).look(Config{}, nil))
	none(t, "pending ones", new(table).add(60, Row{}).add(60, Row{Status: batch.Pending}).look(Config{}, nil))
}

// Errors that quote what is the row's own do not make a cause each, nor take memory for each.
func TestCausesAreFew(t *testing.T) {
	var rows table
	for i := range 1000 {
		rows.add(1, Row{Status: batch.Failed, Problem: fmt.Sprintf("cause %d: of row %d", i, i)})
	}
	f := only(t, "1,000 causes", rows.look(Config{}, nil), Failed, "others 997", "again")
	if len(f.Text) > 300 {
		t.Errorf("%d bytes: %s", len(f.Text), f.Text)
	}
}

func TestCut(t *testing.T) {
	cut := Row{Status: batch.Truncated, Problem: "the answer was cut at the token limit", Tokens: 100, Thoughts: 10}
	only(t, "long answers", new(table).add(90, Row{}).add(10, cut).look(Config{}, nil), Cut, "10 of 100 rows were cut at a token limit", "raise max_output_tokens")
	cut.Thoughts = 90
	only(t, "long thoughts", new(table).add(90, Row{}).add(10, cut).look(Config{}, nil), Cut, "cut", "lower thinkingConfig")
}

func TestOneLabel(t *testing.T) {
	rows := new(table).labels(map[string]int{"a": 80, "b": 12, "c": 8})
	f := only(t, "80 of 100", rows.look(three, nil), OneLabel, "80% of the answers are a: 80 of 100 rows", "describe the labels")
	if f.Rows.Count != 80 || f.Rows.Examples[0].Row != 1 {
		t.Errorf("%+v", f)
	}
	expected := func(share float64) Known { return func(_, label string) (float64, bool) { return share, label == "a" } }
	none(t, "as known", rows.look(three, expected(0.75)))
	only(t, "more than known", rows.look(three, expected(0.40)), OneLabel, "80%", "")
	none(t, "a few rows", new(table).labels(map[string]int{"a": 12, "b": 1, "c": 1}).look(three, nil))
	none(t, "by chance above 60%", new(table).labels(map[string]int{"a": 65, "b": 20, "c": 15}).look(three, nil))
	two := Config{Questions: []Question{{Name: "spam", Labels: []string{"no", "yes"}}}}
	none(t, "most mails are no spam", new(table).labels(map[string]int{"no": 85, "yes": 15}).look(two, nil))
	f = only(t, "none is spam", new(table).labels(map[string]int{"no": 199, "yes": 1}).look(two, nil), OneLabel, "100% of the answers to spam are no", "")
	if f.Question != "spam" {
		t.Errorf("%+v", f)
	}
}

func TestUnused(t *testing.T) {
	four := Config{Questions: []Question{{Labels: []string{"a", "b", "c", "d"}}}}
	rows := new(table).labels(map[string]int{"a": 40, "b": 40})
	f := only(t, "80 rows", rows.look(four, nil), Unused, "2 labels are never used in 80 rows: c, d", "leave out")
	if f.Severity != Low || f.Rows.Count != 0 {
		t.Errorf("%+v", f)
	}
	none(t, "too few rows", new(table).labels(map[string]int{"a": 40, "b": 39}).look(four, nil))
	none(t, "not among the known ones either", rows.look(four, func(_, label string) (float64, bool) {
		return map[string]float64{"a": 0.5, "b": 0.5}[label], true
	}))
}

func TestDrift(t *testing.T) {
	before := &Before{LastSeq: 100, Labels: map[string]map[string]int64{"": {"a": 400, "b": 400, "c": 200}}, Rows: 1000}
	c := three
	c.Before = before
	old := func() *table { return new(table).labels(map[string]int{"a": 40, "b": 40, "c": 20}) } // results 1 to 100
	moved := old().labels(map[string]int{"a": 120, "b": 50, "c": 30})
	f := only(t, "more of the new ones", moved.look(c, nil), Drift, "a from 40% to 60% of the rows (+20 points; 95% interval +12 to +27), 200 new", "model_version")
	if f.Rows.Count != 120 || f.Rows.Examples[0].Row != 101 {
		t.Errorf("%+v", f)
	}
	for what, rows := range map[string]*table{
		"the same shares":  old().labels(map[string]int{"a": 80, "b": 80, "c": 40}),
		"too few new ones": old().labels(map[string]int{"a": 30}),
		"nothing new":      old(),
	} {
		none(t, what, rows.look(c, nil))
	}
	// Significant, and too small to matter.
	large := c
	large.Before = &Before{Labels: map[string]map[string]int64{"": {"a": 400_000, "b": 400_000, "c": 200_000}}, Rows: 1_000_000}
	none(t, "a change of two points", new(table).labels(map[string]int{"a": 4200, "b": 3900, "c": 1900}).look(large, nil))
	none(t, "no run before", moved.look(three, nil))
}

// Random answers with the same shares drift about as often as the threshold says: hardly ever.
func TestDriftOfNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) map[string]int {
		counts := make(map[string]int)
		for range n {
			counts[[]string{"a", "a", "b", "b", "c"}[random.IntN(5)]]++
		}
		return counts
	}
	alarms := 0
	for range 1000 {
		labels := make(map[string]int64)
		for name, n := range draw(200) {
			labels[name] = int64(n)
		}
		c := three
		c.Before = &Before{Labels: map[string]map[string]int64{"": labels}, Rows: 200}
		for _, f := range new(table).labels(draw(200)).look(c, nil) {
			if f.Code == Drift {
				alarms++
			}
		}
	}
	if alarms > 5 {
		t.Errorf("%d of 1,000 pairs of runs without drift have drifted", alarms)
	}
}

func TestDriftOfSeveralLabels(t *testing.T) {
	c := Config{Questions: []Question{{Name: "tags", Labels: []string{"x", "y"}, Multi: true}},
		Before: &Before{Labels: map[string]map[string]int64{"tags": {"x": 50, "y": 90, "": 10}}, Rows: 100}}
	same := new(table).add(50, Row{Labels: [][]string{{"x", "y"}}}).add(40, Row{Labels: [][]string{{"y"}}}).add(10, Row{Labels: [][]string{nil}})
	none(t, "the same tags", slices.DeleteFunc(same.look(c, nil), func(f Finding) bool { return f.Code != Drift }))
	moved := new(table).add(95, Row{Labels: [][]string{{"x", "y"}}}).add(5, Row{Labels: [][]string{{"y"}}})
	got := slices.DeleteFunc(moved.look(c, nil), func(f Finding) bool { return f.Code != Drift })
	only(t, "more tags", got, Drift, "the answers to tags have moved since the last run: x from 50% to 95%", "")
}

func TestOutliers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	usual := func() *table {
		var rows table
		for range 300 {
			rows.add(1, Row{Cost: price.USD(1000 + random.IntN(1000)), Priced: true, Tokens: int64(50 + random.IntN(50))})
		}
		return &rows
	}
	none(t, "lengths as they are", usual().look(Config{}, nil))
	none(t, "one that costs little in all", usual().add(1, Row{Cost: 15_000, Priced: true}).look(Config{}, nil))
	f := only(t, "three that cost", usual().add(2, Row{Cost: 60_000, Priced: true}).add(1, Row{Cost: 90_000, Priced: true}).look(Config{}, nil), CostlyRows, "3 of 303 rows make 32% of the cost", "truncate")
	if f.Severity != Medium || f.Rows.Count != 3 || len(f.Rows.Examples) != 3 || f.Rows.Examples[0].Row != 303 {
		t.Errorf("%+v", f)
	}
	// Where no cost is known, the length stands for it.
	var unpriced table
	for range 300 {
		unpriced.add(1, Row{Tokens: int64(50 + random.IntN(50))})
	}
	only(t, "without prices", unpriced.add(2, Row{Tokens: 8000}).look(Config{}, nil), LongRows, "2 of 302 rows make", "max_output_tokens")
	// Texts of all lengths are skewed, and none of them is an outlier.
	var skewed table
	for range 1000 {
		skewed.add(1, Row{Cost: price.USD(1000 * (1 + random.ExpFloat64())), Priced: true})
	}
	none(t, "skewed costs", skewed.look(Config{}, nil))
}

func TestSameRequests(t *testing.T) {
	row := func(ask byte, occurrence int, content uint64) Row {
		return Row{ID: batch.ID{Fingerprint: batch.Fingerprint{ask, 1}, Occurrence: occurrence}, Input: holding(content)}
	}
	rows := new(table)
	for i := range 100 {
		rows.add(1, row(7, i, uint64(i)))
	}
	f := only(t, "all ask the same", rows.look(Config{}, nil), SameAsked, "99 of 100 rows ask just what a row before asks", "--dedupe")
	if f.Severity != High || f.Rows.Examples[0].Row != 2 {
		t.Errorf("%+v", f)
	}
	none(t, "with --dedupe", rows.look(Config{Dedupe: true}, nil))
	alike := new(table)
	for i := range 100 {
		alike.add(1, row(7, i, 1))
	}
	none(t, "rows that are alike ask alike", alike.look(Config{}, nil))
	few := new(table)
	for i := range 95 {
		few.add(1, row(byte(i), 0, uint64(i)))
	}
	none(t, "a few of many", few.add(5, row(3, 1, 99)).look(Config{}, nil))

	// Of more requests than are kept, the share is estimated.
	many := new(table)
	for i := range 20_000 {
		id := batch.ID{Fingerprint: batch.FingerprintOfCanonical("m", fmt.Append(nil, i/2)), Occurrence: i % 2}
		many.add(1, Row{ID: id, Input: holding(uint64(i))})
	}
	only(t, "pairs", many.look(Config{}, nil), SameAsked, "10,000 of 20,000 rows", "")
}

func TestFlagged(t *testing.T) {
	rows := new(table).add(3, Row{}).add(1, Row{Failed: []string{"large"}})
	f := only(t, "flagged", rows.look(Config{}, nil), Flagged, "1 of 4 rows fails the check large, which only flags", "failed_checks")
	if f.Severity != Low || f.Rows.Examples[0].Row != 4 {
		t.Errorf("%+v", f)
	}
}

// The most important finding comes first.
func TestOrder(t *testing.T) {
	rows := new(table).add(80, Row{Labels: [][]string{{"a"}}}).add(20, Row{Status: batch.Blocked}).add(1, Row{Labels: [][]string{{"a"}}, Failed: []string{"x"}})
	var codes []string
	for _, f := range rows.look(three, nil) {
		codes = append(codes, f.Code)
	}
	if want := []string{Blocked, OneLabel, Flagged, Unused}; !slices.Equal(codes, want) {
		t.Errorf("%q, and want %q", codes, want)
	}
	var nobody *Fold
	if nobody.Add(&Row{}); nobody.Result(nil) != nil {
		t.Error("a nil Fold has findings")
	}
}
