package eval

import (
	"cmp"
	"math"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
)

// An Evaluator compares the values of a column with known ones, row by row. It asks nothing
// but the row and the answer, so values can be compared long after the run. A nil Evaluator
// compares nothing. An Evaluator is not safe for concurrent use.
type Evaluator struct {
	config Config
	kind   comparer

	e           Evaluation
	calibration calibrator
}

// A comparer compares values of one kind.
type comparer interface {
	// add compares a known value with that of an answer, and adds them to its figures if
	// they count. An error means that the text is no value of the kind.
	add(known string, g *Answer, counts bool) (correct bool, err error)
	// finish computes the figures of the kind.
	finish(e *Evaluation)
}

// A Config says what is compared. Expected is required, and of labels also Labels and Parse.
type Config struct {
	Expected   string // the input's column with the known values
	Column     string // the name of what is compared with it
	Kind       Kind   // default: Label
	Confidence bool   // whether answers state a confidence

	Labels []string // all labels that there are
	Multi  bool     // whether a row may have any number of labels
	// Parse returns the labels that a cell of the column names, in the order of Labels. It
	// returns one label, unless Multi is set. An error means that the cell names anything
	// else than Labels. It is not called for an empty cell.
	Parse func(text string) ([]string, error)

	Tolerance Tolerance // of numbers
	Normalize bool      // whether texts, and the items of sets, are compared by [Normalized]

	// IsExample reports whether the model was shown this row's text with its value. Such a
	// row says nothing about the answers' quality. Nil means that none was shown.
	IsExample func(row *batch.Row) bool
}

// New returns an Evaluator before any row.
func New(c Config) *Evaluator {
	c.Kind = cmp.Or(c.Kind, Label)
	v := &Evaluator{config: c}
	v.e.Expected, v.e.Column, v.e.Kind = c.Expected, c.Column, c.Kind
	same := func(text string) string { return text }
	if c.Normalize {
		same = Normalized
	}
	switch c.Kind {
	case Number:
		v.kind = &numbers{tolerance: c.Tolerance}
	case Date:
		v.kind = dates{}
	case Set:
		v.kind = &sets{same: same}
	case Text:
		v.kind = texts{same}
	default:
		v.kind = newLabels(&c)
	}
	return v
}

// An Answer is what the model answered about a row.
type Answer struct {
	Pending    bool     // whether there is no answer yet
	OK         bool     // whether the answer has a value, which may be null; of labels, whether it has any, or with Multi may have none
	Labels     []string // of [Config.Labels], in their order
	Text       string   // the value of any other kind; empty if it is null
	Confidence float64  // how sure the model is, from 0 to 1, or NaN if that is not known; used if [Config.Confidence] is set

	// Fold is any number that is the same for the same question. Rows of the same Fold are
	// not used to judge what was made of one another; see [Calibrated].
	Fold uint8
}

// Null is the text of a cell that says of a number, a date or a text that it is known to be
// absent. The answer is right if it has none either.
const Null = "null"

// Add compares one row. It returns whether the row's value is right, or nil if that is not
// known: the row is pending, or its known value is missing or is none of the kind.
func (v *Evaluator) Add(row *batch.Row, g Answer) *bool {
	if v == nil || g.Pending {
		return nil
	}
	value, _ := row.Value(v.e.Expected)
	text := batch.TextOfBytes(value)
	if text == "" {
		v.e.Missing++
		return nil
	}
	shown := v.config.IsExample != nil && v.config.IsExample(row)
	correct, err := v.kind.add(text, &g, !shown)
	if err != nil {
		v.unknown(text)
		return nil
	}
	if shown {
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
	if v.config.Confidence && g.OK && !math.IsNaN(g.Confidence) {
		v.calibration.add(g.Confidence, g.Fold, correct)
	}
	return &correct
}

// unknown counts a row whose cell holds no value of the kind.
func (v *Evaluator) unknown(text string) {
	v.e.Unknown++
	const most = 20
	if v.e.Values == nil {
		v.e.Values = make(map[string]int64)
	}
	text = message.OneLine(text, 60)
	if _, known := v.e.Values[text]; known || len(v.e.Values) < most {
		v.e.Values[text]++
	}
}

// Result returns the evaluation of the rows so far, or nil for a nil Evaluator. It belongs to
// v, and is out of date once another row is added.
func (v *Evaluator) Result() *Evaluation {
	if v == nil {
		return nil
	}
	v.e.Accuracy = ratio(v.e.Correct, v.e.Rows)
	v.e.Interval = wilson(v.e.Correct, v.e.Rows)
	v.kind.finish(&v.e)
	if v.config.Confidence {
		v.e.Calibration = v.calibration.result()
	}
	return &v.e
}
