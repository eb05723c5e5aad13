package stats

// Jaccard returns the Jaccard index of two sets of a and b items that share some: the share of
// the items in either set that are in both, from 0 to 1. Two empty sets are the same, so that
// theirs is 1, as by zero_division=1 in scikit-learn.
// https://en.wikipedia.org/wiki/Jaccard_index
func Jaccard(a, b, shared int) float64 {
	either := a + b - shared
	if either == 0 {
		return 1
	}
	return float64(shared) / float64(either)
}
