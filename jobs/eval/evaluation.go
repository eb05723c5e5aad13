// Package eval compares labels with known ones: shares, scores, confusion and
// calibration. It knows nothing of jobs and answers but what its Config says.
package eval

import (
	"cmp"
	"math"
	"slices"
)

// An Evaluation compares labels with known ones. Shares are from 0 to 1; nil where
// there is nothing to take a share of. They are those of scikit-learn's
// classification_report with zero_division=0, where a row without a label counts
// as wrong.
type Evaluation struct {
	Column string `json:"expected"` // the column with the known labels
	Multi  bool   `json:"multi,omitzero"`

	Rows     int64 `json:"rows"`     // that were compared
	Correct  int64 `json:"correct"`  // of them; with Multi: exactly all labels
	NoLabel  int64 `json:"no_label"` // of them: not ok, and so without a label
	Excluded `json:"not_compared"`

	Accuracy *float64 `json:"accuracy"` // Correct of Rows; with Multi the exact-match ratio
	// Interval is where the accuracy over all such rows lies with 95 % confidence, by
	// Wilson's score: it tells how much a sample says.
	Interval    *[2]float64 `json:"accuracy_interval_95"`
	HammingLoss *float64    `json:"hamming_loss,omitempty"` // with Multi: share of wrong decisions over all rows and labels

	Micro    Scores `json:"micro"`    // over all labels given
	Macro    Scores `json:"macro"`    // mean over the labels that are expected or given anywhere
	Weighted Scores `json:"weighted"` // the same, by how often each is expected

	Labels []LabelScores `json:"labels"` // in the job's order

	// Confusion counts rows by the label expected, and under that by the one given; an
	// empty name is no label. nil with Multi.
	Confusion map[string]map[string]int64 `json:"confusion,omitempty"`

	Calibration *Calibration `json:"calibration,omitempty"` // of a job that asks for confidence
}

// Excluded counts rows that say nothing about the labels' quality. Pending rows are
// none of them, nor compared.
type Excluded struct {
	Missing  int64            `json:"without_expected"`         // the expected label is empty
	Unknown  int64            `json:"unknown_expected"`         // it is none of the job's
	Values   map[string]int64 `json:"unknown_values,omitempty"` // of the latter, the first kinds
	Examples int64            `json:"examples"`                 // the text is one of the job's examples
}

// Scores are precision (how many of the labels given are right), recall (how many of
// those expected are given) and F1, their harmonic mean.
type Scores struct {
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
	F1        *float64 `json:"f1"`
}

// LabelScores are one label's scores, with the rows that they are made of.
type LabelScores struct {
	Label    string `json:"label"`
	Expected int64  `json:"expected"`
	Given    int64  `json:"given"`
	Correct  int64  `json:"correct"` // given where expected
	Scores
}

// A Calibration says whether the model is as often right as it says.
type Calibration struct {
	// Error is the expected calibration error: how far confidence and accuracy are
	// apart, as a mean over the bands by their rows.
	Error *float64         `json:"expected_calibration_error"`
	Bands []ConfidenceBand `json:"bands"` // those with rows, from low to high
}

// A ConfidenceBand is the rows whose confidence is at least From and below To; the
// last one holds 1 too.
type ConfidenceBand struct {
	From     float64 `json:"from"`
	To       float64 `json:"to"`
	Rows     int64   `json:"rows"`
	Correct  int64   `json:"correct"`
	Accuracy float64 `json:"accuracy"`
	Mean     float64 `json:"mean_confidence"`
}

// ratio is nil where there is nothing to divide by.
func ratio(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	return new(float64(part) / float64(whole))
}

// scoresOf makes scores of counts.
func scoresOf(correct, given, expected int64) Scores {
	return Scores{ratio(correct, given), ratio(correct, expected), ratio(2*correct, given+expected)}
}

// finish computes the shares from the counts.
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

// mean is over the labels that are expected or given; a score that is not defined
// counts as 0, as in scikit-learn.
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

// wilson is Wilson's score interval, which holds for small samples and shares near 0
// and 1 too. https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval
func wilson(correct, rows int64) *[2]float64 {
	if rows == 0 {
		return nil
	}
	const z = 1.959963984540054 // of the normal distribution, for 95 %
	n := float64(rows)
	p := float64(correct) / n
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return &[2]float64{max(0, middle-half), min(1, middle+half)}
}

// A Confused counts the rows with one label for which another one was given, or
// none (an empty name).
type Confused struct {
	Expected, Given string
	Rows            int64
}

// Confusions returns the pairs of labels that are taken for each other, the most
// frequent first.
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
