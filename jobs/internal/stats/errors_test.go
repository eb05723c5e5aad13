package stats

import "testing"

// The examples of scikit-learn's documentation of mean_absolute_error and
// median_absolute_error, column by column where they have two. The errors are -0.5 0.5 0 1 and
// so on, and the median of four is between two of them.
func TestErrorsAreThoseOfScikitLearn(t *testing.T) {
	for _, test := range []struct {
		truth, given []float64
		mean, median float64
	}{
		{[]float64{3, -0.5, 2, 7}, []float64{2.5, 0.0, 2, 8}, 0.5, 0.5},
		{[]float64{0.5, -1, 7}, []float64{0, -1, 8}, 0.5, 0.5}, // multioutput="raw_values": [0.5, 1. ], of both
		{[]float64{1, 1, -6}, []float64{2, 2, -5}, 1, 1},
	} {
		var errors []float64
		for i, truth := range test.truth {
			errors = append(errors, test.given[i]-truth)
		}
		if mean, median := MeanAbsoluteError(errors), MedianAbsoluteError(errors); mean != test.mean || median != test.median {
			t.Errorf("%v for %v: mean %v and median %v, want %v and %v", test.given, test.truth, mean, median, test.mean, test.median)
		}
	}
}
