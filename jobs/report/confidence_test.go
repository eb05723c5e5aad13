package report

import (
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs"
)

// What is to be reviewed, and how good the rest is, as far as that is known.
func TestWriteReview(t *testing.T) {
	for _, tt := range []struct {
		review *jobs.Review
		want   string
	}{
		{nil, ""},
		{&jobs.Review{Below: 0.8, Calibrated: true, Rows: 1600, Kept: 8400, Compared: 1000, Correct: 971, Accuracy: new(0.971), Interval: &[2]float64{0.9587, 0.9797}}, `
To review          1,600 of 10,000 rows, with a calibrated confidence below 0.8
                   or without labels
  at or above 0.8  8,400 rows (84.0%), of which 97.1% are right (971 of 1,000
                   compared; 95% interval 95.9% to 98.0%)
`},
		{&jobs.Review{Below: 0.5, Rows: 1, Kept: 1}, `
To review          1 of 2 rows, with a confidence below 0.5 or without labels
  at or above 0.5  1 row (50.0%)
`},
		{&jobs.Review{Below: 1, Rows: 3}, `
To review        3 of 3 rows, with a confidence below 1 or without labels
  at or above 1  none
`},
	} {
		var b strings.Builder
		writeReview(&b, tt.review)
		if b.String() != tt.want {
			t.Errorf("the review %+v is\n%s\nwant\n%s", tt.review, b.String(), tt.want)
		}
	}
}

// The figures before and after, with how far the latter can be believed. A manifest of an
// earlier version has no Brier score.
func TestBrierText(t *testing.T) {
	c := &jobs.Calibration{Error: new(0.21), Brier: new(0.3061), Calibrated: &jobs.Calibrated{Rows: 211, Brier: 0.1174, Error: 0.07}}
	if got, want := brierText(c), "0.306, calibrated 0.117 (cross-validated; 211 rows are few: below 1,000 the curve follows chance)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.Calibrated = nil
	if got, want := brierText(c), "0.306; too few rows to calibrate confidence"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	e := anEvaluation()
	e.Calibration.Brier, e.Calibration.Calibrated = nil, nil
	var b strings.Builder
	writeEvaluation(&b, e)
	if strings.Contains(b.String(), "Brier") || !strings.Contains(b.String(), "(calibration error 0.25)") {
		t.Errorf("without a Brier score:\n%s", &b)
	}
}
