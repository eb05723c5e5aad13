package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/jobs"
)

// bandsText says how often the model is right at each level of confidence.
func bandsText(c *jobs.Calibration) string {
	var parts []string
	for _, b := range slices.Backward(c.Bands) {
		if len(parts) == bandsShown {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("%.1f to %.1f: %s right of %s", b.From, b.To, SharePercent(&b.Accuracy), Count(b.Rows)))
	}
	return fmt.Sprintf("%s (calibration error %s)", strings.Join(parts, ", "), beforeAndAfter(*c.Error, c.Calibrated, func(k *jobs.Calibrated) float64 { return k.Error }, "%.2f"))
}

// brierText says how good the confidence is, as it is and corrected by known labels, and of how
// many rows the correction is made.
func brierText(c *jobs.Calibration) string {
	text := beforeAndAfter(*c.Brier, c.Calibrated, func(k *jobs.Calibrated) float64 { return k.Brier }, "%.3f")
	switch k := c.Calibrated; {
	case k == nil:
		text += "; too few rows to calibrate confidence"
	case k.Few():
		text += fmt.Sprintf(" (cross-validated; %s are few: below 1,000 the curve follows chance)", Many(k.Rows, "row"))
	default:
		text += fmt.Sprintf(" (cross-validated over %s)", Many(k.Rows, "row"))
	}
	return text
}

// beforeAndAfter writes a figure of the confidence as it is, and what it is once calibrated.
func beforeAndAfter(before float64, c *jobs.Calibrated, after func(*jobs.Calibrated) float64, format string) string {
	text := fmt.Sprintf(format, before)
	if c != nil {
		text += ", calibrated " + fmt.Sprintf(format, after(c))
	}
	return text
}

// writeReview writes which rows are to be looked at, and how good the others are.
func writeReview(w io.Writer, r *jobs.Review) {
	if r == nil {
		return
	}
	tw := newTable(w)
	fmt.Fprintln(tw)
	confidence := "confidence"
	if r.Calibrated {
		confidence = "calibrated confidence"
	}
	all := r.Rows + r.Kept
	fmt.Fprintf(tw, "To review\t%s of %s, with a %s below %v or without labels\n", Count(r.Rows), Many(all, "row"), confidence, r.Below)
	kept := "none"
	if r.Kept > 0 {
		share := float64(r.Kept) / float64(all)
		kept = fmt.Sprintf("%s (%s)", Many(r.Kept, "row"), SharePercent(&share))
	}
	if r.Compared > 0 {
		kept += fmt.Sprintf(", of which %s are right (%s of %s compared; 95%% interval %s)", SharePercent(r.Accuracy), Count(r.Correct), Count(r.Compared), Interval(r.Interval))
	}
	fmt.Fprintf(tw, "  at or above %v\t%s\n", r.Below, kept)
	tw.Flush()
}
