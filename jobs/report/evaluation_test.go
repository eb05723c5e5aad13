package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs"
)

// Of many labels the text shows those that are expected most often, and pairs in place of
// a matrix.
func TestEvaluationOfManyLabels(t *testing.T) {
	e := anEvaluation()
	e.Labels, e.Confusion = nil, make(map[string]map[string]int64)
	for i := range int64(25) {
		label := fmt.Sprintf("label %d", i)
		e.Labels = append(e.Labels, jobs.LabelScores{Label: label, Expected: i})
		e.Confusion[label] = map[string]int64{"": i + 1}
	}
	e.Labels[24].Label = strings.Repeat("long ", 10)
	var b strings.Builder
	writeEvaluations(&b, []*jobs.Evaluation{e})
	text := squeeze(b.String())
	for _, want := range []string{
		"\nlong long long long long long… – – – 24 0\nlabel 23 – – – 23 0\n", "\nlabel 5 – – – 5 0\n… 5 more\n",
		"\nexpected, but given:\nlabel 24 → no label 25\n", "\nlabel 15 → no label 16\n… 15 more pairs\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\nlabel 4 ") || strings.Contains(text, "expected \\ given") {
		t.Errorf("the text has a label that is seldom expected, or a matrix:\n%s", text)
	}
}

// With several labels a row there is no label that is given in place of another.
func TestEvaluationOfSeveralLabels(t *testing.T) {
	e := anEvaluation()
	e.Multi, e.HammingLoss, e.Confusion = true, new(0.125), nil
	var b strings.Builder
	writeEvaluations(&b, []*jobs.Evaluation{e})
	text := squeeze(b.String())
	for _, want := range []string{"\nexact match 50.0% (2 of 4 rows; ", "\nHamming loss 0.1250\n", "1 row without an expected label ([] is one to which none\napplies), "} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "but given") {
		t.Errorf("the text says which labels are taken for each other:\n%s", text)
	}
}

func TestEvaluationOfNothing(t *testing.T) {
	var b strings.Builder
	writeEvaluations(&b, []*jobs.Evaluation{{Expected: "label"}})
	if got, want := squeeze(b.String()), "\nCompared with the column label:\naccuracy not known: no row could be compared\n"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}

// Of several columns a table comes first, in which one finds what to look at.
func TestEvaluationsOfSeveralColumns(t *testing.T) {
	rows := func(e jobs.Evaluation) *jobs.Evaluation {
		e.Expected, e.Rows, e.Correct, e.Accuracy, e.Interval = e.Column+"_true", 4, 3, new(0.75), &[2]float64{0.3, 0.95}
		return &e
	}
	label := anEvaluation()
	label.Column = "topic"
	var b strings.Builder
	writeEvaluations(&b, []*jobs.Evaluation{
		label,
		rows(jobs.Evaluation{Column: "total", Kind: "number", NoLabel: 1, Excluded: jobs.Excluded{Unknown: 1, Values: map[string]int64{"1,5": 1}}, Numbers: &jobs.NumberFigures{
			Tolerance: "0.01", Rows: 3, MeanAbsoluteError: new(12.345678), MedianAbsoluteError: new(0.5), MeanError: new(-2.)}}),
		rows(jobs.Evaluation{Column: "tags", Kind: "set", Excluded: jobs.Excluded{Missing: 2}, Micro: jobs.Scores{Precision: new(1.), Recall: new(0.5), F1: new(0.6667)}, Jaccard: new(0.625)}),
		rows(jobs.Evaluation{Column: "date", Kind: "date"}),
		{Column: "name", Expected: "name_true", Kind: "text", Excluded: jobs.Excluded{Missing: 1}},
	})
	text := b.String()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
	text = squeeze(text)
	for _, want := range []string{
		"\nCompared with known values:\n\nkind rows right 95% interval besides\n", "\ntopic label 4 50.0% 15.0% to 85.0% macro F1 0.500\n",
		"\ntotal number 4 75.0% 30.0% to 95.0% mean error ±12.35\n", "\ntags set 4 75.0% 30.0% to 95.0% micro F1 0.667\n",
		"\ndate date 4 75.0% 30.0% to 95.0% –\n", "\nname text 0 – – –\n",
		"\ntotal, compared with the column total_true:\nwithin 0.01 75.0% (3 of 4 rows; ", "\nerror mean ±12.35, median ±0.5, bias -2, of 3 rows with a number\n",
		"\nno number 1 row: not ok, and counted as wrong\n", "1 row whose expected value is no number (\"1,5\" 1)\n",
		"\nexact match 75.0% (3 of 4 rows; ", "\nitems precision 1.000, recall 0.500, F1 0.667; Jaccard 0.625 in the\nmean\n", "2 rows without an expected set ([] is one to which none applies)\n",
		"\nname, compared with the column name_true:\naccuracy not known: no row could be compared\nnot compared 1 row without an expected text\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
}
