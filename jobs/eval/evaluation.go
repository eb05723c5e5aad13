package eval

import (
	"cmp"
	"math"
	"slices"
)

// An Evaluation says how labels compare with known ones. Ratios are from 0 to 1, and nil if
// there is nothing to divide by. They are those of scikit-learn's classification_report with
// zero_division=0. A row without a label counts as wrong.
type Evaluation struct {
	Column string `json:"expected"`       // the column with the known labels
	Multi  bool   `json:"multi,omitzero"` // whether a row may have any number of labels

	Rows     int64 `json:"rows"`     // rows that were compared
	Correct  int64 `json:"correct"`  // rows with the expected label; with Multi, with exactly the expected ones
	NoLabel  int64 `json:"no_label"` // compared rows that are not ok, and so have no label
	Excluded `json:"not_compared"`

	Accuracy *float64 `json:"accuracy"` // Correct / Rows; with Multi, the exact-match ratio
	// Interval is the 95 % confidence interval of the accuracy by Wilson's score. It tells
	// how much a sample of this size says about all rows.
	Interval *[2]float64 `json:"accuracy_interval_95"`
	// HammingLoss is the share of wrong decisions over all pairs of a row and a label. It is
	// nil without Multi.
	HammingLoss *float64 `json:"hamming_loss,omitempty"`

	Micro    Scores `json:"micro"`    // over all decisions, whatever the label
	Macro    Scores `json:"macro"`    // mean over the labels that are expected or given anywhere
	Weighted Scores `json:"weighted"` // the same mean, weighted by how often a label is expected

	Labels []LabelScores `json:"labels"` // in the order of [Config.Labels]

	// Confusion counts rows by the expected label, and below that by the given one. An empty
	// name stands for no label. It is nil with Multi.
	Confusion map[string]map[string]int64 `json:"confusion,omitempty"`

	Calibration *Calibration `json:"calibration,omitempty"` // nil if answers state no confidence
}

// Excluded counts the rows that say nothing about the labels' quality, and so are not
// compared. Pending rows are counted nowhere.
type Excluded struct {
	Missing  int64            `json:"without_expected"`         // rows without a known label
	Unknown  int64            `json:"unknown_expected"`         // rows whose known label is none of [Config.Labels]
	Values   map[string]int64 `json:"unknown_values,omitempty"` // the Unknown rows by what they hold; the first 20 values only
	Examples int64            `json:"examples"`                 // rows that the model was shown with their label
}

// Scores are the figures of a label, or means of them. Precision is the share of the given
// labels that are right, recall the share of the expected labels that were given, and F1
// their harmonic mean.
type Scores struct {
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
	F1        *float64 `json:"f1"`
}

// LabelScores are the scores of one label, with the numbers of rows behind them.
type LabelScores struct {
	Label    string `json:"label"`
	Expected int64  `json:"expected"` // rows with this known label
	Given    int64  `json:"given"`    // rows that were given this label
	Correct  int64  `json:"correct"`  // rows with both
	Scores
}

// A Calibration says whether the model is right as often as its confidence claims.
type Calibration struct {
	// Error is the expected calibration error: the distance between confidence and
	// accuracy, as a mean over the bands weighted by their rows. It is nil without rows.
	Error *float64         `json:"expected_calibration_error"`
	Bands []ConfidenceBand `json:"bands"` // the bands that have rows, from low to high
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

// ratio returns part / whole, or nil if there is nothing to divide by.
func ratio(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	return new(float64(part) / float64(whole))
}

// scoresOf returns the scores of these numbers of labels.
func scoresOf(correct, given, expected int64) Scores {
	return Scores{ratio(correct, given), ratio(correct, expected), ratio(2*correct, given+expected)}
}

// finish computes the ratios from the counts.
func (e *Evaluation) finish() {
	e.Accuracy = ratio(e.Correct, e.Rows)
	e.Interval = wilson(e.Correct, e.Rows)
	var all LabelScores
	for i := range e.Labels {
		l := &e.Labels[i]
		l.Scores = scoresOf(l.Correct, l.Given, l.Expected)
		all.Correct += l.Correct
		all.Given += l.Given
		all.Expected += l.Expected
	}
	e.Micro = scoresOf(all.Correct, all.Given, all.Expected)
	e.Macro = e.mean(func(*LabelScores) float64 { return 1 })
	e.Weighted = e.mean(func(l *LabelScores) float64 { return float64(l.Expected) })
	if e.Multi {
		e.HammingLoss = ratio(all.Given+all.Expected-2*all.Correct, e.Rows*int64(len(e.Labels)))
	}
}

// mean returns the weighted mean of the scores of all labels that are expected or given
// anywhere. A score that is not defined counts as 0, as in scikit-learn.
func (e *Evaluation) mean(weight func(*LabelScores) float64) Scores {
	var sum [3]float64
	var weights float64
	for i := range e.Labels {
		l := &e.Labels[i]
		if l.Expected == 0 && l.Given == 0 {
			continue
		}
		w := weight(l)
		weights += w
		for i, score := range []*float64{l.Precision, l.Recall, l.F1} {
			if score != nil {
				sum[i] += w * *score
			}
		}
	}
	if weights == 0 {
		return Scores{}
	}
	return Scores{new(sum[0] / weights), new(sum[1] / weights), new(sum[2] / weights)}
}

// wilson returns Wilson's score interval, or nil for no rows. It holds for small samples and
// for ratios near 0 and 1 too.
// https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval
func wilson(correct, rows int64) *[2]float64 {
	if rows == 0 {
		return nil
	}
	const z = 1.959963984540054 // the 97.5th percentile of the normal distribution
	n := float64(rows)
	p := float64(correct) / n
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return &[2]float64{max(0, middle-half), min(1, middle+half)}
}

// A Confused counts the rows with one known label that were given another one, or none: then
// Given is empty.
type Confused struct {
	Expected, Given string
	Rows            int64
}

// Confusions returns the pairs of an expected label and a wrong one that was given instead,
// the most frequent first. There are none with Multi.
func (e *Evaluation) Confusions() (pairs []Confused) {
	for expected, row := range e.Confusion {
		for given, n := range row {
			if given != expected {
				pairs = append(pairs, Confused{expected, given, n})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b Confused) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Expected, b.Expected), cmp.Compare(a.Given, b.Given))
	})
	return pairs
}
