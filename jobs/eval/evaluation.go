package eval

import (
	"cmp"
	"slices"

	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// A Kind is a way in which values are compared.
type Kind string

// The kinds of values. All but labels are compared as texts say them.
const (
	Label  Kind = "label"  // one of some labels, or several of them
	Number Kind = "number" // right within a tolerance
	Date   Kind = "date"   // right if it is the same day, or the same instant where both say a time
	Set    Kind = "set"    // a list whose order does not count, and each of whose items counts once
	Text   Kind = "text"
)

// An Evaluation says how the values of a column compare with known ones. Ratios are from 0 to
// 1, and nil if there is nothing to divide by. A row without an answer counts as wrong.
type Evaluation struct {
	Expected string `json:"expected"`       // the input's column with the known values
	Column   string `json:"column"`         // the column that is compared with it
	Kind     Kind   `json:"kind"`           // which of the figures below there are
	Multi    bool   `json:"multi,omitzero"` // of labels: whether a row may have any number of them

	Rows     int64 `json:"rows"`     // rows that were compared
	Correct  int64 `json:"correct"`  // rows with the expected value; with Multi and of sets, with exactly the expected ones
	NoLabel  int64 `json:"no_label"` // compared rows that are not ok, and so have no label or other value
	Excluded `json:"not_compared"`

	Accuracy *float64 `json:"accuracy"` // Correct / Rows; with Multi and of sets, the exact-match ratio
	// Interval is the 95 % confidence interval of the accuracy by Wilson's score. It tells
	// how much a sample of this size says about all rows.
	Interval *[2]float64 `json:"accuracy_interval_95"`

	// Micro has the scores over all decisions, whatever the label, or the item of a set. It
	// is empty for other kinds.
	Micro        Scores `json:"micro,omitzero"`
	LabelFigures        // empty for other kinds

	// Jaccard is the mean over the rows of how many items the expected set and the given one
	// share, of those in either: scikit-learn's jaccard_score with average="samples" and
	// zero_division=1. It is nil for other kinds.
	Jaccard *float64 `json:"jaccard,omitempty"`

	Numbers *NumberFigures `json:"numbers,omitempty"` // nil for other kinds

	Calibration *Calibration `json:"calibration,omitempty"` // nil if answers state no confidence
}

// LabelFigures are those of labels. The scores are those of scikit-learn's
// classification_report with zero_division=0.
type LabelFigures struct {
	// HammingLoss is the share of wrong decisions over all pairs of a row and a label. It is
	// nil without Multi.
	HammingLoss *float64 `json:"hamming_loss,omitempty"`

	Macro    Scores `json:"macro,omitzero"`    // mean over the labels that are expected or given anywhere
	Weighted Scores `json:"weighted,omitzero"` // the same mean, weighted by how often a label is expected

	Labels []LabelScores `json:"labels,omitempty"` // in the order of [Config.Labels]

	// Confusion counts rows by the expected label, and below that by the given one. An empty
	// name stands for no label. It is nil with Multi.
	Confusion map[string]map[string]int64 `json:"confusion,omitempty"`
}

// NumberFigures say how far numbers are off. An error is the given number less the expected
// one. The ratios are nil if there are no rows.
type NumberFigures struct {
	Tolerance string `json:"tolerance,omitempty"` // how much a right number may be off; empty for none
	Rows      int64  `json:"rows"`                // compared rows that have both numbers

	MeanAbsoluteError   *float64 `json:"mean_absolute_error"`
	MedianAbsoluteError *float64 `json:"median_absolute_error"`
	MeanError           *float64 `json:"mean_error"` // above 0 if numbers are given too high
}

// Excluded counts the rows that say nothing about the answers' quality, and so are not
// compared. Pending rows are counted nowhere.
type Excluded struct {
	Missing  int64            `json:"without_expected"`         // rows without a known value
	Unknown  int64            `json:"unknown_expected"`         // rows whose known value is none of the kind, or none of [Config.Labels]
	Values   map[string]int64 `json:"unknown_values,omitempty"` // the Unknown rows by what they hold; the first 20 values only
	Examples int64            `json:"examples"`                 // rows that the model was shown with their value
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

// finish computes the ratios of labels from the counts.
func (e *Evaluation) finish() {
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

// wilson is [stats.Wilson], or nil for no rows.
func wilson(correct, rows int64) *[2]float64 {
	if rows == 0 {
		return nil
	}
	return new(stats.Wilson(correct, rows))
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
