package stats

import (
	"math/rand/v2"
	"testing"
)

// cellsOfThree are 200 pairs of three labels: the expected one, that of A, that of B, and how
// many pairs are so.
func cellsOfThree() (cells []Cell) {
	for _, c := range [][4]int{
		{0, 0, 0, 60}, {0, 1, 0, 15}, {0, 0, 1, 5}, {0, 1, 1, 8}, {1, 1, 1, 50}, {1, 0, 1, 6}, {1, 1, 0, 4}, {1, 2, 1, 7},
		{2, 2, 2, 20}, {2, 0, 2, 6}, {2, 2, 0, 3}, {2, 0, 0, 9}, {2, 1, 1, 7},
	} {
		cells = append(cells, Cell{[]int{c[0]}, []int{c[1]}, []int{c[2]}, int64(c[3])})
	}
	return cells
}

// scikit-learn 1.2.1: f1_score(expected, a, average="macro"), and likewise for b.
func TestMacroF1(t *testing.T) {
	a, b := MacroF1(cellsOfThree(), 3)
	closeTo(t, "the macro F1 of A", a, 0.6918971860648043, 1e-12)
	closeTo(t, "the macro F1 of B", b, 0.8034610643376086, 1e-12)
	// A label that is nowhere does not count, nor does a row without a label as one.
	cells := append(cellsOfThree(), Cell{Expected: []int{0}, A: []int{0}, Pairs: 1})
	if _, b5 := MacroF1(cells, 5); b5 >= b {
		t.Errorf("with a pair to which B gives no label its macro F1 is %v, and was %v", b5, b)
	}
	if a, b := MacroF1(nil, 3); a != 0 || b != 0 {
		t.Errorf("of no pairs they are %v and %v", a, b)
	}
}

// scipy 1.10.1 over the 200 rows, with scikit-learn's f1_score:
//
//	bootstrap((expected, a, b), difference, paired=True, vectorized=False,
//	          n_resamples=9999, method="percentile", random_state=1)
//
// printed ConfidenceInterval(low=0.0440, high=0.1810) and standard_error 0.0347. A bound of
// 9999 resamples has an error of some 0.0009 (the standard error of a quantile: the square
// root of p(1-p)/n over the density), which is that of this one as well.
func TestMacroF1Interval(t *testing.T) {
	got := MacroF1Interval(cellsOfThree(), 3, 9999)
	closeTo(t, "the lower end", got[0], 0.04403051754674329, 0.004)
	closeTo(t, "the upper end", got[1], 0.18092977155247972, 0.004)
	if again := MacroF1Interval(cellsOfThree(), 3, 9999); again != got {
		t.Errorf("the same cells give %v and %v", got, again)
	}
}

// With so many times the pairs, an interval is narrower by the root of that.
func TestMacroF1IntervalOfAMillion(t *testing.T) {
	cells := cellsOfThree()
	for i := range cells {
		cells[i].Pairs *= 5000
	}
	got := MacroF1Interval(cells, 3, 2000)
	a, b := MacroF1(cells, 3)
	width := (0.18092977155247972 - 0.04403051754674329) / 70.71
	closeTo(t, "the width", got[1]-got[0], width, width/10)
	closeTo(t, "the middle", (got[0]+got[1])/2, b-a, width/10)
}

// numpy 1.24.2: quantile([1, 2, 4, 8, 16], [0, .025, .5, .95, 1]).
func TestQuantile(t *testing.T) {
	sorted := []float64{1, 2, 4, 8, 16}
	for i, share := range []float64{0, 0.025, 0.5, 0.95, 1} {
		closeTo(t, "the quantile", Quantile(sorted, share), []float64{1, 1.1, 4, 14.4, 16}[i], 1e-12)
	}
	if got := Quantile([]int64{7}, 0.3); got != 7 {
		t.Errorf("of one number it is %v", got)
	}
}

// The shares of draws up to some numbers are those of scipy 1.10.1's binom.cdf(k, n, p), to
// within five standard errors.
func TestBinomial(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const draws = 200_000
	for _, tt := range []struct {
		n      int64
		p      float64
		up     []int64
		shares []float64
	}{
		{40, 0.05, []int64{0, 1, 2, 4}, []float64{0.12851215656510334, 0.39906406512321496, 0.6767357607486473, 0.9519717397457848}},
		{1000, 0.3, []int64{280, 295, 300, 310, 330}, []float64{0.08857952260595231, 0.37967227013463406, 0.5155935198141064, 0.7663050434203793, 0.9816875785761784}},
		{100_000, 0.7, []int64{69800, 70000, 70100}, []float64{0.08436886662769741, 0.5011929487293263, 0.7559320813027922}},
	} {
		counts := make([]int64, len(tt.up))
		for range draws {
			k := Binomial(random, tt.n, tt.p)
			for i, up := range tt.up {
				if k <= up {
					counts[i]++
				}
			}
		}
		for i, share := range tt.shares {
			closeTo(t, "the share of draws", float64(counts[i])/draws, share, 5*0.5/447) // sqrt(draws) is 447
		}
	}
	if Binomial(random, 0, 0.5) != 0 || Binomial(random, 5, 0) != 0 || Binomial(random, 5, 1.0000001) != 5 {
		t.Error("draws that need no chance are wrong")
	}
}
