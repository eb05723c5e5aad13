package eval

import (
	"math"

	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// A Calibration says whether the model is right as often as its confidence claims. It is about
// the compared rows whose confidence is known.
type Calibration struct {
	// Error is the expected calibration error: the distance between confidence and accuracy,
	// as a mean over the bands weighted by their rows (Guo et al., 2017). It is nil without
	// rows.
	Error *float64 `json:"expected_calibration_error"`
	// Brier is the Brier score: the mean of the squared distance between confidence and
	// outcome, which is 1 for a row that is right, and else 0 (Brier, 1950). 0 is best, and who
	// always says 0.5 has 0.25. It is nil without rows.
	Brier *float64         `json:"brier_score"`
	Bands []ConfidenceBand `json:"bands"` // the bands that have rows, from low to high

	// Calibrated is the confidence as the known labels correct it. It is nil if there are too
	// few.
	Calibrated *Calibrated `json:"calibrated,omitempty"`
}

// A ConfidenceBand holds the rows whose confidence is at least From and below To. The last
// band includes 1.
type ConfidenceBand struct {
	From     float64 `json:"from"`
	To       float64 `json:"to"`
	Rows     int64   `json:"rows"`
	Correct  int64   `json:"correct"`
	Accuracy float64 `json:"accuracy"`        // Correct / Rows
	Mean     float64 `json:"mean_confidence"` // of these rows
}

// Calibrated is the confidence that isotonic regression makes of what the model says: how
// often rows of such a confidence were right.
//
// Brier and Error say how good it is on rows that it has not seen. For that the rows are
// divided into five parts, and each part is corrected by a curve of the other four
// (cross-validation). The Curve itself is that of all rows.
type Calibrated struct {
	Rows  int64        `json:"rows"` // of which the curve was made
	Error float64      `json:"expected_calibration_error"`
	Brier float64      `json:"brier_score"`
	Curve []CurvePoint `json:"curve"` // never falls; straight between points, level beyond the ends
}

// A CurvePoint is a confidence, and what is made of it.
type CurvePoint struct {
	Confidence float64 `json:"confidence"`
	Calibrated float64 `json:"calibrated"`
}

const (
	folds           = 5  // parts that the rows are divided into
	confidenceBands = 10 // of equal width
	// fewestCalibrated is how many rows a curve is made of at the least: ten for each part.
	fewestCalibrated = 10 * folds
	// manyCalibrated is how many rows isotonic regression needs to be as good as methods that
	// assume a form. With fewer it follows the chance in them.
	// Niculescu-Mizil and Caruana, Predicting Good Probabilities with Supervised Learning, ICML 2005
	manyCalibrated = 1000
)

// Few reports whether the curve was made of so few rows that chance shows in it.
func (c *Calibrated) Few() bool { return c.Rows < manyCalibrated }

// Corrector returns what makes the corrected confidence of one that the model states, by the
// curve as it is now.
func (c *Calibrated) Corrector() func(confidence float64) float64 {
	curve := make(stats.Curve, len(c.Curve))
	for i, p := range c.Curve {
		curve[i] = stats.Point{X: p.Confidence, Y: p.Calibrated}
	}
	return curve.At
}

// A calibrator compares confidence with outcomes. Its memory is bounded: for the curve it
// counts rows by their rounded confidence.
type calibrator struct {
	bands   [confidenceBands]band
	squares float64 // of the distances between confidence and outcome
	counts  map[float64]*[folds]band
}

// A band adds up the rows of a range of confidence.
type band struct {
	rows, correct int64
	sum           float64 // of the confidence
}

func (b *band) add(confidence float64, correct bool) {
	b.rows++
	b.sum += confidence
	if correct {
		b.correct++
	}
}

// add counts a row. Rows of the same fold are in the same part.
func (c *calibrator) add(confidence float64, fold uint8, correct bool) {
	c.bands[min(int(confidence*confidenceBands), confidenceBands-1)].add(confidence, correct)
	outcome := 0.0
	if correct {
		outcome = 1
	}
	c.squares += (confidence - outcome) * (confidence - outcome)
	if c.counts == nil {
		c.counts = make(map[float64]*[folds]band)
	}
	at := rounded(confidence)
	if c.counts[at] == nil {
		c.counts[at] = new([folds]band)
	}
	c.counts[at][fold%folds].add(confidence, correct)
}

// rounded rounds a confidence so that its distance from 0 or 1, whichever is nearer, keeps
// three digits. The probabilities of tokens crowd near 1, where 0.999 and 0.9999 differ as much
// as 0.9 and 0.99 do.
func rounded(confidence float64) float64 {
	const least = 1e-9
	distance := min(confidence, 1-confidence)
	if distance < least {
		return math.Round(confidence)
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(distance)))
	distance = math.Round(distance*scale) / scale
	if confidence > 0.5 {
		return 1 - distance
	}
	return distance
}

// result compares the confidence with what came true.
func (c *calibrator) result() *Calibration {
	r := &Calibration{}
	var rows int64
	var distance float64 // weighted by rows
	for i, b := range c.bands {
		if b.rows == 0 {
			continue
		}
		n := float64(b.rows)
		r.Bands = append(r.Bands, ConfidenceBand{
			From: float64(i) / confidenceBands, To: float64(i+1) / confidenceBands, Rows: b.rows, Correct: b.correct,
			Accuracy: float64(b.correct) / n, Mean: b.sum / n,
		})
		rows += b.rows
		distance += max(float64(b.correct)-b.sum, b.sum-float64(b.correct))
	}
	if rows > 0 {
		r.Error, r.Brier = new(distance/float64(rows)), new(c.squares/float64(rows))
	}
	if rows >= fewestCalibrated {
		r.Calibrated = c.calibrated()
	}
	return r
}

// calibrated makes the curve, and says how good it is on rows that it has not seen. It returns
// nil if there are no such rows: all are identical, and so in one part.
func (c *calibrator) calibrated() *Calibrated {
	curve, all := c.fit(-1)
	var corrected []stats.Forecasts // of all parts
	for part := range folds {
		others, _ := c.fit(part)
		if others == nil {
			return nil
		}
		for at, cells := range c.counts {
			if b := cells[part]; b.rows > 0 {
				corrected = append(corrected, stats.Forecasts{P: others.At(at), Rows: b.rows, Correct: b.correct})
			}
		}
	}
	stats.Sort(corrected) // maps have no order, and sums of floats depend on it
	r := &Calibrated{Rows: all, Brier: stats.Brier(corrected), Error: stats.CalibrationError(corrected, confidenceBands)}
	for _, p := range curve {
		r.Curve = append(r.Curve, CurvePoint{p.X, p.Y})
	}
	return r
}

// fit makes a curve of all rows but those of one part, and counts them.
func (c *calibrator) fit(without int) (curve stats.Curve, rows int64) {
	groups := make([]stats.Forecasts, 0, len(c.counts))
	for at, cells := range c.counts {
		g := stats.Forecasts{P: at}
		for part, b := range cells {
			if part != without {
				g.Rows += b.rows
				g.Correct += b.correct
			}
		}
		groups = append(groups, g)
		rows += g.Rows
	}
	return stats.Isotonic(groups), rows
}
