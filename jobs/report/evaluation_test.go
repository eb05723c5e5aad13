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
	writeEvaluation(&b, e)
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
	writeEvaluation(&b, e)
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
	writeEvaluation(&b, &jobs.Evaluation{Column: "label"})
	if got, want := squeeze(b.String()), "\nCompared with the column label:\naccuracy not known: no row could be compared\n"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}
