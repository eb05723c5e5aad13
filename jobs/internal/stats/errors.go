package stats

import (
	"math"
	"slices"
)

// Mean returns the arithmetic mean of values. Of errors, the given number less the true one,
// it is the bias. There must be at least one value.
func Mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// MeanAbsoluteError returns the mean of the errors without their signs. There must be at least
// one error.
// https://scikit-learn.org/stable/modules/model_evaluation.html#mean-absolute-error
func MeanAbsoluteError(errors []float64) float64 { return Mean(absolute(errors)) }

// MedianAbsoluteError returns the median of the errors without their signs, on which a few
// that are far off have no bearing. There must be at least one error.
// https://scikit-learn.org/stable/modules/model_evaluation.html#median-absolute-error
func MedianAbsoluteError(errors []float64) float64 {
	sorted := absolute(errors)
	slices.Sort(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func absolute(values []float64) []float64 {
	abs := make([]float64, len(values))
	for i, v := range values {
		abs[i] = math.Abs(v)
	}
	return abs
}
