package eval

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// Printed by scikit-learn 1.2.1 and NumPy for the same 200 rows, whose part is f:
//
//	for k in range(5):
//	    m = IsotonicRegression(out_of_bounds="clip").fit(x[f != k], y[f != k])
//	    after[f == k] = m.predict(x[f == k])
//	brier_score_loss(y, x), brier_score_loss(y, after)    # 0.2815, 0.243984375
//	m = IsotonicRegression(out_of_bounds="clip").fit(x, y)
//	list(zip(m.X_thresholds_, m.y_thresholds_))
//
// The calibration errors are sums of NumPy over ten bins of b = min(int(10 * p), 9): 0.2, 0.03.
func TestCalibratedAsScikitLearn(t *testing.T) {
	var c calibrator
	for i := range 200 {
		confidence := []float64{0.55, 0.65, 0.75, 0.85, 0.95}[i%5]
		c.add(confidence, uint8(i/5), float64(i*7919%100) < 60*confidence+10)
	}
	r := c.result()
	close := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
	if !close(*r.Brier, 0.2815) || !close(*r.Error, 0.2) {
		t.Errorf("before: Brier score %v, error %v", *r.Brier, *r.Error)
	}
	k := r.Calibrated
	if k == nil || k.Rows != 200 || !k.Few() || !close(k.Brier, 0.243984375) || !close(k.Error, 0.03) {
		t.Fatalf("calibrated: %+v", k)
	}
	want := []CurvePoint{{0.55, 0.45}, {0.65, 0.45}, {0.75, 0.55}, {0.85, 0.6}, {0.95, 0.7}}
	if len(k.Curve) != len(want) {
		t.Fatalf("the curve is %v, want %v", k.Curve, want)
	}
	for i, p := range k.Curve {
		if !close(p.Confidence, want[i].Confidence) || !close(p.Calibrated, want[i].Calibrated) {
			t.Errorf("the curve is %v, want %v", k.Curve, want)
		}
	}
	if got := k.Corrector()(0.7); !close(got, 0.5) {
		t.Errorf("0.7 becomes %v, want 0.5", got)
	}
	again := c.result()
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(again)
	if string(a) != string(b) {
		t.Errorf("the same rows come to %s and %s", a, b)
	}
}

// Too few rows make no curve, and neither do rows that are all the same one: there is nothing
// to judge it by.
func TestTooFewToCalibrate(t *testing.T) {
	var few, same calibrator
	for i := range 49 {
		few.add(0.5, uint8(i), true)
	}
	for range 1000 {
		same.add(0.5, 7, true)
	}
	for _, c := range []*calibrator{&few, &same} {
		if r := c.result(); r.Calibrated != nil || r.Brier == nil || *r.Brier != 0.25 {
			t.Errorf("%+v", r)
		}
	}
	if r := new(calibrator).result(); r.Brier != nil || r.Error != nil || r.Calibrated != nil {
		t.Errorf("no rows: %+v", r)
	}
	few.add(0.5, 49, true)
	if k := few.result().Calibrated; k == nil || k.Brier != 0 || !reflect.DeepEqual(k.Curve, []CurvePoint{{0.5, 1}}) {
		t.Errorf("of 50 rows: %+v", k)
	}
}

// Memory is bounded, whatever the confidence: a million rows are counted in a few thousand
// groups. What people and models write is kept as it is, and no order is changed.
func TestRounded(t *testing.T) {
	for _, c := range []float64{0, 0.5, 1, 0.85, 0.999, 0.001, 0.123, 0.877, 0.99999, 0.35, 0.95} {
		if got := rounded(c); got != c && math.Abs(got-c) > 1e-16 {
			t.Errorf("%v is rounded to %v", c, got)
		}
	}
	groups := map[float64]bool{}
	last := 0.0
	for i := range 1_000_000 {
		c := 1 / (1 + math.Exp(30-60*float64(i)/1_000_000)) // from e^-30 to nearly 1
		r := rounded(c)
		if d := min(c, 1-c); r < last || math.Abs(r-c) > d*0.0051+1e-9 {
			t.Fatalf("%v is rounded to %v, after %v", c, r, last)
		}
		groups[r], last = true, r
	}
	if len(groups) > 20_000 {
		t.Errorf("%d groups", len(groups))
	}
}

// A row whose confidence is not known is compared, and has no part in the calibration.
func TestConfidenceNotKnown(t *testing.T) {
	v := New(Config{Expected: "known", Labels: []string{"a", "b"}, Confidence: true, Parse: func(text string) ([]string, error) { return []string{text}, nil }})
	for _, c := range []float64{0.5, math.NaN()} {
		v.Add(&batch.Row{Columns: []batch.Column{{Name: "known"}}, Values: []any{"a"}}, Answer{OK: true, Labels: []string{"a"}, Confidence: c})
	}
	if e := v.Result(); e.Rows != 2 || len(e.Calibration.Bands) != 1 || e.Calibration.Bands[0].Rows != 1 {
		t.Errorf("%+v, %+v", e, e.Calibration)
	}
}

// The rows that are not to be reviewed are as good as those of them that are compared.
func TestReview(t *testing.T) {
	var r Review
	for range 3 {
		r.Add(true, new(false))
	}
	for i := range 10 {
		r.Add(false, new(i > 0))
	}
	r.Add(false, nil)
	want := wilson(9, 10)
	if r.Rows != 3 || r.Kept != 11 || r.Compared != 10 || r.Correct != 9 || *r.Accuracy != 0.9 || *r.Interval != *want {
		t.Errorf("%+v, accuracy %v in %v", r, *r.Accuracy, *r.Interval)
	}
}
