package stats

import (
	"math"
	"testing"
)

// Near reports whether two values are the same to as many decimals.
func near(a, b float64, decimals int) bool {
	return math.Abs(a-b) <= 0.5000001*math.Pow10(-decimals)
}

func TestHomogeneityIsThatOfOthers(t *testing.T) {
	// The docstring of scipy.stats.chi2_contingency (1.15): chi2_contingency([[10, 10, 20],
	// [20, 20, 20]]) has statistic 2.7777777777777777, pvalue 0.24935220877729619, dof 2.
	h := TestHomogeneity([]int64{10, 10, 20}, []int64{20, 20, 20})
	if !near(h.Statistic, 2.7777777777777777, 13) || !near(h.P, 0.24935220877729619, 13) || h.Degrees != 2 {
		t.Errorf("scipy's example: %+v", h)
	}
	// The example of chisq.test in R's manual, from Agresti (2007): chisq.test(rbind(c(762, 327,
	// 468), c(484, 239, 477))) prints X-squared = 30.07, df = 2, p-value = 2.954e-07.
	h = TestHomogeneity([]int64{762, 327, 468}, []int64{484, 239, 477})
	if !near(h.Statistic, 30.07, 2) || !near(h.P*1e7, 2.954, 3) || h.Degrees != 2 {
		t.Errorf("R's example: %+v", h)
	}
}

// What the test does not hold for is taken together, and what cannot be compared is the same.
func TestHomogeneityOfFew(t *testing.T) {
	if h := TestHomogeneity([]int64{50, 50, 1, 0, 2}, []int64{50, 50, 0, 2, 1}); h.Degrees != 2 {
		t.Errorf("three rare categories: %+v", h)
	}
	for _, c := range [][2][]int64{{{}, {}}, {{0, 0}, {5, 5}}, {{7}, {9}}} {
		if h := TestHomogeneity(c[0], c[1]); h.P != 1 || h.Degrees != 0 {
			t.Errorf("%v: %+v", c, h)
		}
	}
}

// The upper critical values of NIST/SEMATECH, e-Handbook of Statistical Methods, 1.3.6.7.4.
func TestChiSquaredTail(t *testing.T) {
	for _, c := range []struct {
		critical float64
		degrees  int
		p        float64
	}{
		{2.706, 1, 0.10}, {3.841, 1, 0.05}, {10.828, 1, 0.001},
		{5.991, 2, 0.05}, {18.307, 10, 0.05}, {29.588, 10, 0.001}, {67.505, 50, 0.05}, {124.342, 100, 0.05}, {149.449, 100, 0.001},
	} {
		// A critical value is rounded to three decimals, and p changes by less than a
		// two-thousandth of itself within them.
		if p := chiSquaredTail(c.critical, c.degrees); math.Abs(p/c.p-1) > 5e-4 {
			t.Errorf("above %v with %d degrees: %v, and the table has %v", c.critical, c.degrees, p, c.p)
		}
	}
}

// Table II of Newcombe (1998), method 10.
func TestDifferenceOfShares(t *testing.T) {
	for _, c := range []struct {
		hitsA, nA, hitsB, nB int64
		low, high            float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339},
		{9, 10, 3, 10, 0.1705, 0.8090},
		{6, 7, 2, 7, 0.0582, 0.8062},
		{5, 56, 0, 29, -0.0381, 0.1926},
		{0, 10, 0, 20, -0.1611, 0.2775},
		{0, 10, 0, 10, -0.2775, 0.2775},
		{10, 10, 0, 20, 0.6791, 1.0000},
	} {
		got := DifferenceOfShares(c.hitsA, c.nA, c.hitsB, c.nB)
		if !near(got[0], c.low, 4) || !near(got[1], c.high, 4) {
			t.Errorf("%d/%d less %d/%d: %.4f, and the paper has %v to %v", c.hitsA, c.nA, c.hitsB, c.nB, got, c.low, c.high)
		}
	}
}
