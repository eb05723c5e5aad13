package stats

import (
	"math"
	"testing"
)

// The bound is 3.5 times what R's mad returns above the median, on the scale of logarithms. The
// manual of mad has the example mad(c(1:9)), which prints 2.9652; the median of 1 to 9 is 5. The
// constants of the two, 1.4826 and 1/0.6745, are the same to four digits.
func TestOutliersAreThoseOfOthers(t *testing.T) {
	var s Spread
	for i := 1; i <= 9; i++ {
		s.Add(math.Exp(float64(i)), 1)
	}
	o := s.Outliers(0)
	if want := 5 + 3.5*2.9652; math.Abs(math.Log(o.Above)-want) > 2*width+0.01 || math.Abs(math.Log(o.Median)-5) > width {
		t.Errorf("the bound is e^%.3f, and 3.5 of R's deviations above the median are e^%.3f", math.Log(o.Above), want)
	}
	if o.Count != 0 {
		t.Errorf("%d of nine even values are outliers", o.Count)
	}
}

// The eight uranium measurements of NIST/SEMATECH, e-Handbook of Statistical Methods, 1.3.5.17,
// of which 245.57 is the outlier.
func TestOutlierOfTheHandbook(t *testing.T) {
	var s Spread
	for _, v := range []float64{199.31, 199.53, 200.19, 200.82, 201.92, 201.95, 202.18, 245.57} {
		s.Add(v, v)
	}
	if o := s.Outliers(0.01); o.Count != 1 || o.Amount != 245.57 || o.Above > 245.57 || o.Above < 202.18 {
		t.Errorf("%+v", o)
	}
}

// Of values that are mostly equal only those count that are far from them.
func TestOutliersOfEqualValues(t *testing.T) {
	var s Spread
	for range 90 {
		s.Add(10, 10)
	}
	for range 9 {
		s.Add(12, 12)
	}
	s.Add(1000, 1000)
	if o := s.Outliers(0.1); o.Count != 1 || o.Amount != 1000 || o.Total != 2008 {
		t.Errorf("%+v", o)
	}
	if o := new(Spread).Outliers(0.1); o != (Outliers{}) {
		t.Errorf("of no values: %+v", o)
	}
}
