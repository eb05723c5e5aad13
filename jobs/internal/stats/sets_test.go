package stats

import (
	"math"
	"testing"
)

// By scikit-learn: its documentation of jaccard_score with average="samples", for y_true
// [[0 1 1] [1 1 0]] and y_pred [[1 1 1] [1 0 0]]; and its own tests in test_classification.py,
// test_multilabel_jaccard_similarity_score for the labels (0,) (1,) (2, 3) and (1,) (1,) (2, 0),
// and test_jaccard_score_zero_division_set_value with zero_division=1 for [[1 0 1] [0 0 0]] and
// [[0 0 0] [0 0 0]].
func TestJaccardIsThatOfScikitLearn(t *testing.T) {
	for _, test := range []struct {
		rows [][3]int // items of the first set, of the second, and in both
		want float64
	}{
		{[][3]int{{2, 3, 2}, {2, 1, 1}}, 0.5833},
		{[][3]int{{1, 1, 0}, {1, 1, 1}, {2, 2, 1}}, (1 + 1./3) / 3},
		{[][3]int{{2, 0, 0}, {0, 0, 0}}, 0.5},
	} {
		var each []float64
		for _, r := range test.rows {
			each = append(each, Jaccard(r[0], r[1], r[2]))
		}
		if got := Mean(each); math.Abs(got-test.want) > 5e-5 {
			t.Errorf("%v: the mean is %v, want %v", test.rows, got, test.want)
		}
	}
}
