package eval

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
)

// An Evaluator compares the labels of answers with known ones, row by row. What it
// needs is in the row, the job and the answer, so that it can be had later without
// asking again. A nil Evaluator compares nothing. It is not safe for concurrent use.
type Evaluator struct {
	config Config

	e     Evaluation
	index map[string]int // label to its place in e.Labels
	bands [10]band
}

// A band adds up the rows of a tenth of the confidence.
type band struct {
	rows, correct int64
	sum           float64 // of the confidence
}

// A Config says what is compared with what.
type Config struct {
	Column     string   // the input's column with the known labels
	Labels     []string // all that there are, in the job's order
	Multi      bool     // a row may have any number of them
	Confidence bool     // answers say how sure the model is

	// Known returns the labels that a text of the column names, in the job's order. An
	// error means that it names something else.
	Known func(text string) ([]string, error)
	// IsExample reports whether the model has been shown a row's text with its label.
	// Such a row says nothing about the labels' quality. Nil means that none was shown.
	IsExample func(row *batch.Row) bool
}

// New returns an Evaluator that has seen no row.
func New(c Config) *Evaluator {
	v := &Evaluator{config: c, index: make(map[string]int)}
	v.e.Column, v.e.Multi = c.Column, c.Multi
	for i, l := range c.Labels {
		v.index[l] = i
		v.e.Labels = append(v.e.Labels, LabelScores{Label: l})
	}
	if !c.Multi {
		v.e.Confusion = make(map[string]map[string]int64)
	}
	return v
}

// An Answer is what a row was answered.
type Answer struct {
	Pending    bool     // there is no answer yet
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
	if v.config.IsExample != nil && v.config.IsExample(row) {
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
	if v.config.Confidence && g.Known {
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
	labels, err := v.config.Known(text)
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
	if v.config.Confidence {
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
