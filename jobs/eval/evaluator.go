package eval

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
)

// An Evaluator compares the labels of a derivation with the known ones. What it
// needs is in the row, the job and the answer, so that it can be had later, without
// asking again. A nil Evaluator compares nothing.
type Evaluator struct {
	labels    func(text string) ([]string, error) // that a known text names, in the job's order
	isExample func(row *batch.Row) bool           // whether the model has been shown the row's text
	confident bool                                // whether answers say how sure they are

	e     Evaluation
	index map[string]int // label to its place in e.Labels
	bands [10]band
}

// A band adds up the rows of a tenth of the confidence.
type band struct {
	rows, correct int64
	sum           float64 // of the confidence
}

// New returns an Evaluator of a job with these labels, whose known ones are
// in column.
func New(column string, names []string, multi, confident bool, labels func(string) ([]string, error), isExample func(*batch.Row) bool) *Evaluator {
	v := &Evaluator{labels: labels, isExample: isExample, confident: confident, index: make(map[string]int)}
	v.e.Column, v.e.Multi = column, multi
	for i, l := range names {
		v.index[l] = i
		v.e.Labels = append(v.e.Labels, LabelScores{Label: l})
	}
	if !multi {
		v.e.Confusion = make(map[string]map[string]int64)
	}
	return v
}

// An Answer is what a row's answer says, for an Evaluator.
type Answer struct {
	Pending    bool
	Known      bool     // it has labels, possibly none
	Labels     []string // in the job's order
	Confidence float64  // of a job that asks for it
}

// Add compares one row, and returns whether its labels are right; nil: that is not
// known.
func (v *Evaluator) Add(row *batch.Row, g Answer) *bool {
	if v == nil || g.Pending {
		return nil
	}
	expected, ok := v.expected(row)
	if !ok {
		return nil
	}
	correct := g.Known && slices.Equal(expected, g.Labels)
	if v.isExample(row) {
		v.e.Examples++
		return &correct
	}
	v.e.Rows++
	if correct {
		v.e.Correct++
	}
	if !g.Known {
		v.e.NoLabel++
	}
	for _, l := range expected {
		s := &v.e.Labels[v.index[l]]
		s.Expected++
		if slices.Contains(g.Labels, l) {
			s.Correct++
		}
	}
	for _, l := range g.Labels {
		v.e.Labels[v.index[l]].Given++
	}
	if !v.e.Multi {
		row := v.e.Confusion[expected[0]]
		if row == nil {
			row = make(map[string]int64)
			v.e.Confusion[expected[0]] = row
		}
		label := "" // none
		if len(g.Labels) > 0 {
			label = g.Labels[0]
		}
		row[label]++
	}
	if v.confident && g.Known {
		b := &v.bands[min(int(g.Confidence*10), 9)]
		b.rows++
		b.sum += g.Confidence
		if correct {
			b.correct++
		}
	}
	return &correct
}

// expected returns the row's known labels in the job's order. It counts the rows that
// have none.
func (v *Evaluator) expected(row *batch.Row) (labels []string, ok bool) {
	value, _ := row.Value(v.e.Column)
	text := batch.Text(value)
	if text == "" {
		v.e.Missing++
		return nil, false
	}
	labels, err := v.labels(text)
	if err == nil {
		return labels, true
	}
	v.e.Unknown++
	const most = 20
	if v.e.Values == nil {
		v.e.Values = make(map[string]int64)
	}
	text = message.OneLine(text, 60)
	if _, known := v.e.Values[text]; known || len(v.e.Values) < most {
		v.e.Values[text]++
	}
	return nil, false
}

// evaluation returns what the rows came to.
func (v *Evaluator) Result() *Evaluation {
	if v == nil {
		return nil
	}
	v.e.finish()
	if v.confident {
		c := &Calibration{}
		var rows int64
		var apart float64
		for i, b := range v.bands {
			if b.rows == 0 {
				continue
			}
			n := float64(b.rows)
			c.Bands = append(c.Bands, ConfidenceBand{
				From: float64(i) / 10, To: float64(i+1) / 10, Rows: b.rows, Correct: b.correct,
				Accuracy: float64(b.correct) / n, Mean: b.sum / n,
			})
			rows += b.rows
			apart += max(float64(b.correct)-b.sum, b.sum-float64(b.correct))
		}
		if rows > 0 {
			c.Error = new(apart / float64(rows))
		}
		v.e.Calibration = c
	}
	return &v.e
}
