package stats

import (
	"math"
	"testing"
)

func closeTo(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Values of statsmodels 0.13.5's proportion_confint(k, n, method="wilson").
func TestWilson(t *testing.T) {
	for _, tt := range []struct {
		hits, n int64
		want    [2]float64
	}{
		{2, 4, [2]float64{0.15003898915214947, 0.8499610108478506}},
		{0, 10, [2]float64{0, 0.27753279986288926}},
		{41, 300, [2]float64{0.10236514609208623, 0.1801554129977505}},
		{999999, 1000000, [2]float64{0.9999943350881957, 0.9999998234754233}},
	} {
		got := Wilson(tt.hits, tt.n)
		closeTo(t, "the lower end", got[0], tt.want[0], 1e-9)
		closeTo(t, "the upper end", got[1], tt.want[1], 1e-9)
	}
}

// Published examples of method 10, as the tests of the R packages ratesci 1.0 (pairbinci with
// method MOVER_newc and moverbase wilson) and contingencytables 3.1 (the one of Cavo) quote
// them.
func TestDifferenceInterval(t *testing.T) {
	for _, tt := range []struct {
		name   string
		pairs  Pairing
		want   [2]float64
		within float64
	}{
		{"Newcombe 1998", Pairing{Both: 20, OnlyB: 12, OnlyA: 2, Neither: 16}, [2]float64{0.0562, 0.3292}, 5e-5},
		{"Bentur et al. in Fagerland et al. 2014", Pairing{Both: 1, OnlyB: 1, OnlyA: 7, Neither: 12}, [2]float64{-0.507, -0.026}, 5e-4},
		{"Cavo et al. in Fagerland et al. 2014", Pairing{Both: 59, OnlyB: 6, OnlyA: 16, Neither: 80}, [2]float64{-0.1186, -0.0046}, 5e-5},
		{"Tang et al. 2010", Pairing{Both: 8, OnlyB: 3, OnlyA: 1, Neither: 2}, [2]float64{-0.1574, 0.4136}, 5e-5},
		{"Chang et al. 2024", Pairing{Both: 7, OnlyB: 25, OnlyA: 2, Neither: 68}, [2]float64{0.133, 0.318}, 5e-4},
	} {
		got := tt.pairs.DifferenceInterval()
		closeTo(t, tt.name+": the lower end", got[0], tt.want[0], tt.within)
		closeTo(t, tt.name+": the upper end", got[1], tt.want[1], tt.within)
		turned := Pairing{tt.pairs.Both, tt.pairs.OnlyB, tt.pairs.OnlyA, tt.pairs.Neither}.DifferenceInterval()
		closeTo(t, tt.name+": the lower end with sides turned", turned[0], -got[1], 1e-12)
	}
	// Where one side is always right there is no correlation, and no number that is none.
	for _, p := range []Pairing{{Both: 5}, {Neither: 3}, {OnlyB: 4}, {OnlyA: 1}} {
		got := p.DifferenceInterval()
		if math.IsNaN(got[0]) || math.IsNaN(got[1]) || got[0] < -1 || got[1] > 1 || got[0] > got[1] {
			t.Errorf("the interval of %+v is %v", p, got)
		}
	}
}

// The two examples of Fagerland, Lydersen and Laake (2013) have the mid-p values 0.0391 and
// 0.0347; contingencytables 3.1 prints 0.034690 for the second. The others are by scipy
// 1.10.1: 2*binom.cdf(k, n, .5) - binom.pmf(k, n, .5), and for k = n/2
// 1 - binom.pmf(k, n, .5)/2, as the paper has it.
func TestMcNemar(t *testing.T) {
	for _, tt := range []struct {
		name         string
		onlyA, onlyB int64
		want, within float64
	}{
		{"Bentur et al.", 1, 7, 0.0391, 5e-5},
		{"Cavo et al.", 6, 16, 0.034690, 5e-7},
		{"Cavo et al. by scipy", 16, 6, 0.03468966484069824, 1e-12},
		{"Ezra et al.", 25, 2, 3.0323863029479947e-06, 1e-15},
		{"one side only", 0, 5, 0.03125, 1e-15},
		{"many", 48, 72, 0.028703199173736958, 1e-12},
		{"a million", 499000, 501000, 0.0455003178873706, 1e-8},
		{"equally many", 10, 10, 0.9119014739990235, 1e-12},
	} {
		closeTo(t, tt.name, Pairing{Both: 100, OnlyA: tt.onlyA, OnlyB: tt.onlyB}.McNemar(), tt.want, tt.within)
	}
	if got := (Pairing{Both: 7}).McNemar(); got != 1 {
		t.Errorf("of sides that never differ it is %v, want 1", got)
	}
}
