package eval

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
)

// An Evaluator compares the labels of answers with known ones, row by row. It asks nothing
// but the row and the answer, so labels can be compared long after the run. A nil Evaluator
// compares nothing. An Evaluator is not safe for concurrent use.
type Evaluator struct {
	config Config

	e     Evaluation
	index map[string]int // a label's place in e.Labels
	bands [10]band       // by tenths of the confidence
}

// A band adds up the rows of a range of confidence.
type band struct {
	rows, correct int64
	sum           float64 // of the confidence
}

// A Config says what is compared. All fields but those that say otherwise are required.
type Config struct {
	Column     string   // the input's column with the known labels
	Labels     []string // all labels that there are
	Multi      bool     // whether a row may have any number of labels
	Confidence bool     // whether answers state a confidence

	// Parse returns the labels that a cell of the column names, in the order of Labels. It
	// returns one label, unless Multi is set. An error means that the cell names anything
	// else than Labels. It is not called for an empty cell.
	Parse func(text string) ([]string, error)

	// IsExample reports whether the model was shown this row's text with its label. Such a
	// row says nothing about the labels' quality. Nil means that none was shown.
	IsExample func(row *batch.Row) bool
}

// New returns an Evaluator before any row.
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

// An Answer is what the model answered about a row.
type Answer struct {
	Pending    bool     // whether there is no answer yet
	OK         bool     // whether the answer has labels; with Multi, these may be none
	Labels     []string // of [Config.Labels], in their order
	Confidence float64  // how sure the model says it is, from 0 to 1; used if [Config.Confidence] is set
}

// Add compares one row. It returns whether the row's labels are right, or nil if that is not
// known: the row is pending, or its known label is missing or is none of the labels.
func (v *Evaluator) Add(row *batch.Row, g Answer) *bool {
	if v == nil || g.Pending {
		return nil
	}
	expected, ok := v.expected(row)
	if !ok {
		return nil
	}
	correct := g.OK && slices.Equal(expected, g.Labels)
	if v.config.IsExample != nil && v.config.IsExample(row) {
		v.e.Examples++
		return &correct
	}
	v.e.Rows++
	if correct {
		v.e.Correct++
	}
	if !g.OK {
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
		given := v.e.Confusion[expected[0]]
		if given == nil {
			given = make(map[string]int64)
			v.e.Confusion[expected[0]] = given
		}
		label := "" // none
		if len(g.Labels) > 0 {
			label = g.Labels[0]
		}
		given[label]++
	}
	if v.config.Confidence && g.OK {
		b := &v.bands[min(int(g.Confidence*10), 9)]
		b.rows++
		b.sum += g.Confidence
		if correct {
			b.correct++
		}
	}
	return &correct
}

// expected returns the row's known labels. Rows without any are counted; then ok is false.
func (v *Evaluator) expected(row *batch.Row) (labels []string, ok bool) {
	value, _ := row.Value(v.e.Column)
	text := batch.TextOfBytes(value)
	if text == "" {
		v.e.Missing++
		return nil, false
	}
	labels, err := v.config.Parse(text)
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

// Result returns the evaluation of the rows so far, or nil for a nil Evaluator. It belongs to
// v, and is out of date once another row is added.
func (v *Evaluator) Result() *Evaluation {
	if v == nil {
		return nil
	}
	v.e.finish()
	if v.config.Confidence {
		v.e.Calibration = v.calibration()
	}
	return &v.e
}

// calibration compares the confidence of each band with its accuracy.
func (v *Evaluator) calibration() *Calibration {
	c := &Calibration{}
	var rows int64
	var distance float64 // weighted by rows
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
		distance += max(float64(b.correct)-b.sum, b.sum-float64(b.correct))
	}
	if rows > 0 {
		c.Error = new(distance / float64(rows))
	}
	return c
}
