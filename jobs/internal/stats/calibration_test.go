package stats

import (
	"math"
	"testing"
)

// Printed by scikit-learn 1.2.1, with x and y of one element for each row:
//
//	m = IsotonicRegression(out_of_bounds="clip").fit(x, y)
//	list(zip(m.X_thresholds_.tolist(), m.y_thresholds_.tolist())), m.predict(at).tolist()
//	brier_score_loss(y, x), brier_score_loss(y, m.predict(x))
func TestIsotonicAndBrierOfScikitLearn(t *testing.T) {
	for _, tt := range []struct {
		groups        []Forecasts
		curve         Curve
		at, heights   []float64
		before, after float64 // Brier scores
	}{
		{
			groups: []Forecasts{{0.2, 1, 0}, {0.4, 2, 1}, {0.6, 1, 0}, {0.8, 2, 1}, {0.9, 1, 1}},
			curve:  Curve{{0.2, 0}, {0.4, 0.3333333333333333}, {0.6, 0.3333333333333333}, {0.8, 0.5}, {0.9, 1}},
			at:     []float64{0, 0.2, 0.3, 0.4, 0.5, 0.7, 0.85, 0.95},
			heights: []float64{0, 0, 0.1666666666666666, 0.3333333333333333, 0.3333333333333333, 0.41666666666666663,
				0.7499999999999998, 1},
			before: 0.23, after: 0.16666666666666669,
		},
		{
			groups: []Forecasts{{0.1, 4, 2}, {0.3, 8, 2}, {0.5, 10, 4}, {0.7, 20, 18}, {0.9, 50, 40}, {1, 100, 95}},
			curve: Curve{{0.1, 0.3333333333333333}, {0.3, 0.3333333333333333}, {0.5, 0.4}, {0.7, 0.8285714285714286},
				{0.9, 0.8285714285714286}, {1, 0.95}},
			at:      []float64{0.05, 0.2, 0.6, 0.8, 0.97, 1},
			heights: []float64{0.3333333333333333, 0.3333333333333333, 0.6142857142857143, 0.8285714285714286, 0.9135714285714285, 0.95},
			before:  0.11333333333333334, after: 0.1029141865079365,
		},
		{ // in any order, and all of it level
			groups: []Forecasts{{0.9, 2, 0}, {0.5, 2, 2}, {0.7, 0, 0}, {0.9, 1, 0}},
			curve:  Curve{{0.5, 0.4}, {0.9, 0.4}},
			at:     []float64{0.1, 0.7, 1}, heights: []float64{0.4, 0.4, 0.4},
			before: 0.5860000000000001, after: 0.24000000000000005,
		},
	} {
		curve := Isotonic(tt.groups)
		if len(curve) != len(tt.curve) {
			t.Errorf("of %v: %v, want %v", tt.groups, curve, tt.curve)
			continue
		}
		for i, p := range tt.curve {
			if curve[i].X != p.X || !nearly(curve[i].Y, p.Y) {
				t.Errorf("of %v: %v, want %v", tt.groups, curve, tt.curve)
			}
		}
		for i, x := range tt.at {
			if got := curve.At(x); !nearly(got, tt.heights[i]) {
				t.Errorf("of %v, at %v: %v, want %v", tt.groups, x, got, tt.heights[i])
			}
		}
		if got := Brier(tt.groups); !nearly(got, tt.before) {
			t.Errorf("of %v: Brier score %v, want %v", tt.groups, got, tt.before)
		}
		calibrated := make([]Forecasts, len(tt.groups))
		for i, g := range tt.groups {
			calibrated[i] = Forecasts{curve.At(g.P), g.Rows, g.Correct}
		}
		if got := Brier(calibrated); !nearly(got, tt.after) {
			t.Errorf("of %v: Brier score %v when calibrated, want %v", tt.groups, got, tt.after)
		}
	}
}

// From the documentation of scikit-learn's brier_score_loss.
func TestBrierOfDocumentation(t *testing.T) {
	groups := []Forecasts{{0.1, 1, 0}, {0.9, 1, 1}, {0.8, 1, 1}, {0.3, 1, 0}}
	if got := Brier(groups); !nearly(got, 0.0375) {
		t.Errorf("Brier score %v, want 0.0375", got)
	}
}

// From the documentation of binary_calibration_error in torchmetrics, with norm='l1'; and
// what follows from that of scikit-learn's calibration_curve, with n_bins=3: of 3, 2 and 4
// rows, whose mean is 0.2, 0.525 and 0.85, a share of 0, 0.5 and 1 came true.
func TestCalibrationErrorOfDocumentation(t *testing.T) {
	groups := []Forecasts{{0.25, 2, 0}, {0.55, 1, 1}, {0.75, 2, 2}}
	if got := CalibrationError(groups, 2); math.Abs(got-0.29) > 5e-5 {
		t.Errorf("expected calibration error %v, want 0.2900", got)
	}
	groups = []Forecasts{{0.1, 1, 0}, {0.2, 1, 0}, {0.3, 1, 0}, {0.4, 1, 0}, {0.65, 1, 1}, {0.7, 1, 1}, {0.8, 1, 1}, {0.9, 1, 1}, {1, 1, 1}}
	if got, want := CalibrationError(groups, 3), (3*0.2+2*0.025+4*0.15)/9; !nearly(got, want) {
		t.Errorf("expected calibration error %v, want %v", got, want)
	}
}

func TestNothingToCalibrate(t *testing.T) {
	if c := Isotonic([]Forecasts{{P: 0.5}}); c != nil || !math.IsNaN(c.At(0.5)) {
		t.Errorf("of no rows: %v", c)
	}
	if b, e := Brier(nil), CalibrationError(nil, 10); !math.IsNaN(b) || !math.IsNaN(e) {
		t.Errorf("of no rows: Brier score %v and error %v, want neither", b, e)
	}
}

func nearly(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
