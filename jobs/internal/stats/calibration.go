package stats

import (
	"cmp"
	"math"
	"slices"
)

// Forecasts are rows of which the same probability was said, and how many of them it came
// true for.
type Forecasts struct {
	P             float64 // what was said, from 0 to 1
	Rows, Correct int64   // Correct is at most Rows
}

// Sort sorts groups by what was said. Groups of the same stay apart, in the order of their
// counts. So the sums over them do not depend on the order in which they were found.
func Sort(groups []Forecasts) {
	slices.SortFunc(groups, func(a, b Forecasts) int {
		return cmp.Or(cmp.Compare(a.P, b.P), cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Correct, b.Correct))
	})
}

// Brier returns the mean of the squared distance between what was said and what came true,
// which is 1 or 0. It is NaN without rows.
//
// Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review
// 78 (1950). For two outcomes this is half of Brier's own figure, as it is in scikit-learn's
// brier_score_loss.
func Brier(groups []Forecasts) float64 {
	var sum float64
	var rows int64
	for _, g := range groups {
		right, wrong := float64(g.Correct), float64(g.Rows-g.Correct)
		sum += right*(1-g.P)*(1-g.P) + wrong*g.P*g.P
		rows += g.Rows
	}
	return sum / float64(rows)
}

// CalibrationError returns the expected calibration error: the distance between the mean of
// what was said and the share that came true, as a mean over bins of equal width, weighted by
// their rows. A probability between two bins belongs to the higher one, and 1 to the last. The
// error is NaN without rows.
//
// Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, ICML 2017, equation
// 3. There a probability between two bins belongs to the lower one.
func CalibrationError(groups []Forecasts, bins int) float64 {
	distance, rows := make([]float64, bins), int64(0)
	for _, g := range groups {
		b := min(int(g.P*float64(bins)), bins-1)
		distance[b] += float64(g.Correct) - float64(g.Rows)*g.P
		rows += g.Rows
	}
	var sum float64
	for _, d := range distance {
		sum += math.Abs(d)
	}
	return sum / float64(rows)
}

// A Curve never falls. It is given by points, in the order of X, and runs straight between
// them. Left of the first point and right of the last it is level.
type Curve []Point

// A Point is a point of a [Curve].
type Point struct{ X, Y float64 }

// At returns the height of the curve at x. It is NaN for a curve without points.
func (c Curve) At(x float64) float64 {
	if len(c) == 0 {
		return math.NaN()
	}
	i, found := slices.BinarySearchFunc(c, x, func(p Point, x float64) int { return cmp.Compare(p.X, x) })
	switch {
	case found:
		return c[i].Y
	case i == 0:
		return c[0].Y
	case i == len(c):
		return c[i-1].Y
	}
	a, b := c[i-1], c[i]
	return a.Y + (b.Y-a.Y)*(x-a.X)/(b.X-a.X)
}

// Isotonic returns the curve that tells how often what was said came true. Of all curves that
// never fall it has the least squared distance to the outcomes. There are no points without
// rows.
//
// Ayer, Brunk, Ewing, Reid, Silverman, An Empirical Distribution Function for Sampling with
// Incomplete Information, Annals of Mathematical Statistics 26 (1955), which pools adjacent
// violators. Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass
// Probability Estimates, KDD 2002, calibrate with it. The curve is that of scikit-learn's
// IsotonicRegression(out_of_bounds="clip"): groups of the same P are pooled first, and of a
// level stretch the first and the last point are kept.
func Isotonic(groups []Forecasts) Curve {
	groups = slices.DeleteFunc(slices.Clone(groups), func(g Forecasts) bool { return g.Rows == 0 })
	Sort(groups)

	// A block is a level stretch.
	type block struct {
		from, to      float64
		rows, correct int64
	}
	var blocks []block
	for _, g := range groups {
		b := block{g.P, g.P, g.Rows, g.Correct}
		for n := len(blocks); n > 0; n = len(blocks) {
			last := blocks[n-1]
			// Counts are compared crosswise, which is exact.
			if last.to != b.from && last.correct*b.rows < b.correct*last.rows {
				break
			}
			b = block{last.from, b.to, last.rows + b.rows, last.correct + b.correct}
			blocks = blocks[:n-1]
		}
		blocks = append(blocks, b)
	}
	var c Curve
	for _, b := range blocks {
		share := float64(b.correct) / float64(b.rows)
		c = append(c, Point{b.from, share})
		if b.to > b.from {
			c = append(c, Point{b.to, share})
		}
	}
	return c
}
