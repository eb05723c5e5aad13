package eval

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// compare compares rows of a known value and the value given; a row without answer is "-", and
// null is empty.
func compare(t *testing.T, c Config, rows ...[2]string) (*Evaluation, string) {
	t.Helper()
	c.Expected = "known"
	v := New(c)
	right := ""
	for _, r := range rows {
		g := Answer{OK: true, Text: r[1]}
		if r[1] == "-" {
			g = Answer{}
		}
		switch correct := v.Add(jobtest.Row("known", r[0]), g); {
		case correct == nil:
			right += "?"
		case *correct:
			right += "+"
		default:
			right += "-"
		}
	}
	return v.Result(), right
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		tolerance, known, given, want string
	}{
		{"", "12.5", "12.50", "+"},
		{"", "1e3", "1000", "+"},
		{"", " 7 ", "7.0", "+"},
		{"", "9007199254740993", "9007199254740992", "-"}, // the same in 64-bit floating point
		{"", "0.1", "0.10000000000000001", "-"},
		{"0.01", "0.29", "0.30", "+"}, // 0.010000000000000009 in floating point
		{"0.01", "0.29", "0.3001", "-"},
		{"0.01", "-1", "-1.01", "+"},
		{"1%", "200", "202", "+"},
		{"1%", "200", "202.001", "-"},
		{"1%", "-200", "-198", "+"},
		{"1%", "0", "0", "+"},
		{"1%", "0", "0.001", "-"},
		{"", "5", "-", "-"},
		{"", "5", "", "-"},    // null
		{"", "null", "", "+"}, // known to be absent
		{"", "null", "0", "-"},
		{"", "null", "-", "-"},
		{"", "5", "five", "-"},
		{"", "", "5", "?"},
		{"", "1,234.5", "1234.5", "?"},
		{"", "NaN", "1", "?"},
		{"", "Inf", "1", "?"},
		{"", "1e-999999999", "0", "+"},
		{"", "1e999999999", "1", "?"},
	} {
		tolerance, err := ParseTolerance(test.tolerance)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := compare(t, Config{Kind: Number, Tolerance: tolerance}, [2]string{test.known, test.given}); got != test.want {
			t.Errorf("%s for %s with tolerance %q is %s, want %s", test.given, test.known, test.tolerance, got, test.want)
		}
	}
	for _, text := range []string{"-1", "%", "a bit", "1%%"} {
		if _, err := ParseTolerance(text); err == nil {
			t.Errorf("%q is a tolerance", text)
		}
	}
}

// The figures are those of scikit-learn's documentation of mean_absolute_error and
// median_absolute_error; see package stats. Rows without one of the numbers have no error, and
// count as wrong.
func TestNumberFigures(t *testing.T) {
	e, _ := compare(t, Config{Kind: Number}, [2]string{"3", "2.5"}, [2]string{"-0.5", "0.0"}, [2]string{"2", "2"}, [2]string{"7", "8"},
		[2]string{"1", "-"}, [2]string{"1", ""}, [2]string{"null", ""}, [2]string{"", "1"})
	if e.Rows != 7 || e.Correct != 2 || e.NoLabel != 1 || e.Missing != 1 || e.Numbers.Rows != 4 {
		t.Errorf("counts %+v, %+v", e, e.Numbers)
	}
	closeTo(t, "mean absolute error", e.Numbers.MeanAbsoluteError, 0.5)
	closeTo(t, "median absolute error", e.Numbers.MedianAbsoluteError, 0.5)
	closeTo(t, "mean error", e.Numbers.MeanError, 0.25) // -0.5 0.5 0 1
	if e, _ := compare(t, Config{Kind: Number}); e.Numbers.MeanAbsoluteError != nil || e.Accuracy != nil {
		t.Errorf("of no rows, %+v", e.Numbers)
	}
}

func TestDates(t *testing.T) {
	for _, test := range []struct{ known, given, want string }{
		{"2026-01-31", "2026-01-31", "+"},
		{"2026-01-31", "20260131", "+"},
		{"2026-01-31", "31.01.2026", "+"},
		{"3.4.2026", "2026-04-03", "+"}, // with full stops the day comes first
		{"31/1/2026", "2026-01-31", "+"},
		{"1/31/2026", "2026-01-31", "+"},
		{"5/5/2026", "2026-05-05", "+"},
		{"03/04/2026", "2026-04-03", "?"},
		{"13/13/2026", "2026-01-01", "?"},
		{"31.02.2026", "2026-03-03", "?"},
		{"2026-02-30", "2026-03-02", "?"},
		{"31 January 2026", "2026-01-31", "+"},
		{"Jan 31, 2026", "2026-01-31", "+"},
		{"January  31,\n2026", "2026/1/31", "+"},
		{"31-Jan-2026", "2026-01-31", "+"},
		{"Sat, 31 Jan 2026", "2026-01-31", "+"},
		{"2026-01-31", "2026-01-30", "-"},
		{"2026-01-31", "03/04/2026", "-"},
		{"2026-01-31", "soon", "-"},
		{"2026-01-31", "", "-"},
		{"2026-01-31", "-", "-"},
		{"null", "", "+"},
		{"null", "2026-01-31", "-"},
		{"soon", "2026-01-31", "?"},
		{"2026-01-31", "2026-01-31T23:59:00Z", "+"}, // one of them says no time
		{"2026-01-31T10:00:00Z", "2026-01-31T11:00:00+01:00", "+"},
		{"2026-01-31T10:00:00Z", "2026-01-31T10:00:00+01:00", "-"},
		{"2026-01-31T10:00:00", "2026-01-31 10:00", "+"},
		{"2026-01-31T10:00:00", "2026-01-31T10:00:00+01:00", "+"}, // one of them says no zone
		{"2026-01-31T10:00:00", "2026-01-31 10:00:01", "-"},
		{"2026-01-31 10:00 UTC", "2026-01-31T10:00:00.000Z", "+"},
		{"Sat, 31 Jan 2026 10:00:00 GMT", "2026-01-31T10:00:00Z", "+"},
		{"2026-01-31 10:00 XYZ", "2026-01-31T10:00:00Z", "?"}, // nobody knows that zone
		{"2026-01-31 3:30 PM", "2026-01-31T15:30", "+"},
	} {
		if _, got := compare(t, Config{Kind: Date}, [2]string{test.known, test.given}); got != test.want {
			t.Errorf("%s for %s is %s, want %s", test.given, test.known, got, test.want)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, test := range []struct {
		known, given, exact, normalized string
	}{
		{"Straße 5", "Straße 5", "+", "+"},
		{"Straße 5", "STRASSE  5\n", "-", "+"},
		{"\uff21\uff22\uff23", "abc", "-", "+"}, // full width
		{"caf\u00e9", "cafe\u0301", "-", "+"},
		{"ﬁne", "FINE", "-", "+"},
		{"1.5", "15", "-", "-"},
		{"a, b", "a b", "-", "-"},
		{"a", "", "-", "-"},
		{"a", "-", "-", "-"},
		{"null", "", "+", "+"},
		{"", "a", "?", "?"},
	} {
		if _, got := compare(t, Config{Kind: Text}, [2]string{test.known, test.given}); got != test.exact {
			t.Errorf("%q for %q is %s, want %s", test.given, test.known, got, test.exact)
		}
		if _, got := compare(t, Config{Kind: Text, Normalize: true}, [2]string{test.known, test.given}); got != test.normalized {
			t.Errorf("%q for %q, normalised, is %s, want %s", test.given, test.known, got, test.normalized)
		}
	}
}

func TestSets(t *testing.T) {
	for _, test := range []struct{ known, given, want string }{
		{`["a","b"]`, `["b","a","a"]`, "+"},
		{"a; b, c", `["b, c","a"]`, "+"},
		{"a|b", `["a","b"]`, "+"},
		{"a,b,", `["a","b"]`, "+"},
		{"a\nb, c", `["a","b, c"]`, "+"},
		{"a", `["a"]`, "+"},
		{"a", `["A"]`, "-"},
		{`[]`, `[]`, "+"},
		{`null`, `[]`, "+"},
		{`[]`, ``, "+"},
		{`[]`, `-`, "-"},
		{`[1,"2"]`, `["1",2]`, "+"},
		{`[{"a":1,"b":2}]`, `[{"b":2,"a":1}]`, "+"},
		{`["a"]`, `[]`, "-"},
		{``, `["a"]`, "?"},
	} {
		if _, got := compare(t, Config{Kind: Set}, [2]string{test.known, test.given}); got != test.want {
			t.Errorf("%s for %s is %s, want %s", test.given, test.known, got, test.want)
		}
	}
	if _, got := compare(t, Config{Kind: Set, Normalize: true}, [2]string{"A ; b  c", `["a","B C"]`}); got != "+" {
		t.Errorf("normalised items are %s", got)
	}
}

// By the tests of scikit-learn (sklearn/metrics/tests/test_classification.py):
// test_precision_recall_f1_score_multilabel_1, where micro averages are all 0.5;
// test_multilabel_jaccard_similarity_score, where the same labels have (1 + 1/3) / 3; and test_precision_recall_f1_score_with_an_empty_prediction, where they
// are 2/3, 0.5 and 4/7.
func TestSetFiguresAreThoseOfScikitLearn(t *testing.T) {
	e, _ := compare(t, Config{Kind: Set}, [2]string{"0", "[1]"}, [2]string{"1", "[1]"}, [2]string{"2;3", "[2,0]"})
	scoresAre(t, "first", e.Micro, 0.5, 0.5, 0.5)
	closeTo(t, "Jaccard", e.Jaccard, (1+1./3)/3)
	closeTo(t, "exact match", e.Accuracy, 1./3)
	e, _ = compare(t, Config{Kind: Set}, [2]string{"1", "[]"}, [2]string{"0", "[3]"}, [2]string{"1;2", "[1,2]"})
	scoresAre(t, "second", e.Micro, 2./3, 0.5, 4./7)
	// A row without an answer lacks all items, and its set is not even like an empty one.
	e, _ = compare(t, Config{Kind: Set}, [2]string{"a", "-"}, [2]string{"[]", "-"}, [2]string{"b", `["b"]`})
	scoresAre(t, "unanswered", e.Micro, 1, 0.5, 2./3)
	closeTo(t, "Jaccard", e.Jaccard, 1./3)
	if e, _ := compare(t, Config{Kind: Set}); e.Jaccard != nil {
		t.Errorf("of no rows, Jaccard is %v", *e.Jaccard)
	}
}

// The figures of other kinds are left out, and none is not a number.
func TestFiguresOfKinds(t *testing.T) {
	for kind, want := range map[Kind]string{
		Text:   `{"expected":"known","column":"","kind":"text","rows":1,"correct":1,"no_label":0,"not_compared":{"without_expected":0,"unknown_expected":0,"examples":0},"accuracy":1,"accuracy_interval_95":null}`,
		Number: `{"expected":"known","column":"","kind":"number","rows":1,"correct":1,"no_label":0,"not_compared":{"without_expected":0,"unknown_expected":0,"examples":0},"accuracy":1,"accuracy_interval_95":null,"numbers":{"rows":1,"mean_absolute_error":0,"median_absolute_error":0,"mean_error":0}}`,
		Set: `{"expected":"known","column":"","kind":"set","rows":1,"correct":1,"no_label":0,"not_compared":{"without_expected":0,"unknown_expected":0,"examples":0},"accuracy":1,"accuracy_interval_95":null,
			"micro":{"precision":1,"recall":1,"f1":1},"jaccard":1}`,
	} {
		e, _ := compare(t, Config{Kind: kind}, [2]string{"1", "1"})
		if e.Interval == nil {
			t.Errorf("%s: there is no interval", kind)
		}
		e.Interval = nil
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		jobtest.SameJSON(t, string(text), want)
	}
}

func ExampleNormalized() {
	fmt.Println(Normalized("  Grüße,  WELT! "))
	// Output: grüsse, welt!
}
