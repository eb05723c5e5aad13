package eval_test

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/eval"
)

// Four reviews with known labels, of which the model was right about three.
func ExampleEvaluator() {
	labels := []string{"positive", "negative"}
	v := eval.New(eval.Config{
		Expected: "truth", Labels: labels,
		Parse: func(text string) ([]string, error) {
			if !slices.Contains(labels, text) {
				return nil, fmt.Errorf("%q is no label", text)
			}
			return []string{text}, nil
		},
	})
	for _, r := range []struct{ truth, given string }{
		{"positive", "positive"}, {"negative", "positive"}, {"negative", "negative"}, {"positive", "positive"},
		{"", "negative"}, // nobody knows
	} {
		row := &batch.Row{Columns: []batch.Column{{Name: "truth"}}, Values: []any{r.truth}}
		v.Add(row, eval.Answer{OK: true, Labels: []string{r.given}})
	}
	e := v.Result()
	fmt.Printf("%d of %d right, accuracy %.2f\n", e.Correct, e.Rows, *e.Accuracy)
	fmt.Printf("with 95 %% confidence from %.2f to %.2f\n", e.Interval[0], e.Interval[1])
	for _, l := range e.Labels {
		fmt.Printf("%s: precision %.2f, recall %.2f\n", l.Label, *l.Precision, *l.Recall)
	}
	for _, c := range e.Confusions() {
		fmt.Printf("%d %s taken for %s\n", c.Rows, c.Expected, c.Given)
	}
	// Output:
	// 3 of 4 right, accuracy 0.75
	// with 95 % confidence from 0.30 to 0.95
	// positive: precision 0.67, recall 1.00
	// negative: precision 1.00, recall 0.50
	// 1 negative taken for positive
}
