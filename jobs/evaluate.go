package jobs

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// An evaluator compares the labels of a derivation with the known ones. What it
// needs is in the row, the job and the answer, so that it can be had later, without
// asking again. A nil evaluator compares nothing.
type evaluator struct {
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

// newEvaluator returns an evaluator of a job with these labels, whose known ones are
// in column.
func newEvaluator(column string, names []string, multi, confident bool, labels func(string) ([]string, error), isExample func(*batch.Row) bool) *evaluator {
	v := &evaluator{labels: labels, isExample: isExample, confident: confident, index: make(map[string]int)}
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

// newEvaluator returns what compares the job's labels with known ones; nil where the
// job has none.
func (j *Job) newEvaluator() *evaluator {
	k := j.prompt.Classification()
	if k == nil || j.spec.Expected == "" {
		return nil
	}
	return newEvaluator(j.spec.Expected, k.Names(), k.Multi, k.Confidence, k.Known, k.IsExample)
}

// Known returns the labels that a text from the column of known ones names.
func (k *classifyKind) Known(text string) ([]string, error) {
	if k.Multi {
		return k.labels.list(text)
	}
	label, ok := k.labels.find(text)
	if !ok {
		return nil, fmt.Errorf("%q is none of the labels", oneLine(text, 60))
	}
	return []string{label}, nil
}

// IsExample reports whether the row's text is one of the examples, which the model
// has been shown with its label.
func (k *classifyKind) IsExample(row *batch.Row) bool {
	if len(k.shown) == 0 {
		return false
	}
	text, err := k.text.render(row)
	return err == nil && k.shown[text]
}

// A compared is what a row's answer says, for an evaluator.
type compared struct {
	pending    bool
	known      bool     // it has labels, possibly none
	labels     []string // in the job's order
	confidence float64  // of a job that asks for it
}

// add compares one row, and returns whether its labels are right; nil: that is not
// known.
func (v *evaluator) add(row *batch.Row, g compared) *bool {
	if v == nil || g.pending {
		return nil
	}
	expected, ok := v.expected(row)
	if !ok {
		return nil
	}
	correct := g.known && slices.Equal(expected, g.labels)
	if v.isExample(row) {
		v.e.Examples++
		return &correct
	}
	v.e.Rows++
	if correct {
		v.e.Correct++
	}
	if !g.known {
		v.e.NoLabel++
	}
	for _, l := range expected {
		s := &v.e.Labels[v.index[l]]
		s.Expected++
		if slices.Contains(g.labels, l) {
			s.Correct++
		}
	}
	for _, l := range g.labels {
		v.e.Labels[v.index[l]].Given++
	}
	if !v.e.Multi {
		row := v.e.Confusion[expected[0]]
		if row == nil {
			row = make(map[string]int64)
			v.e.Confusion[expected[0]] = row
		}
		label := "" // none
		if len(g.labels) > 0 {
			label = g.labels[0]
		}
		row[label]++
	}
	if v.confident && g.known {
		b := &v.bands[min(int(g.confidence*10), 9)]
		b.rows++
		b.sum += g.confidence
		if correct {
			b.correct++
		}
	}
	return &correct
}

// expected returns the row's known labels in the job's order. It counts the rows that
// have none.
func (v *evaluator) expected(row *batch.Row) (labels []string, ok bool) {
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
	text = oneLine(text, 60)
	if _, known := v.e.Values[text]; known || len(v.e.Values) < most {
		v.e.Values[text]++
	}
	return nil, false
}

// evaluation returns what the rows came to.
func (v *evaluator) evaluation() *Evaluation {
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

// Given returns the labels that the values of an answer hold, as Read returns them,
// and how sure the model says that it is; 0: it was not asked. Of nil values it
// returns no labels.
func (k *classifyKind) Given(values []any) (labels []string, confidence float64) {
	if len(values) == 0 {
		return nil, 0
	}
	switch v := values[0].(type) {
	case string:
		labels = []string{v}
	case json.RawMessage:
		_ = json.Unmarshal(v, &labels) // it was marshalled from them
	}
	if k.Confidence {
		confidence = values[1].(float64)
	}
	return labels, confidence
}

// checkExpected refuses a column of known labels that the input does not have.
func (j *Job) checkExpected() error {
	if j.spec.Expected == "" || len(j.names) == 0 || slices.Contains(j.names, j.spec.Expected) {
		return nil
	}
	hint := "the input has " + quoteList(j.names)
	if near := nearest(j.spec.Expected, j.names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return specErrorf(hint, "expected names the column %q, which the input does not have", j.spec.Expected)
}

// warnExpected says what makes an evaluation worth less than it seems.
func (j *Job) warnExpected() {
	if j.spec.Expected == "" {
		return
	}
	for _, option := range j.prompt.Showing(j.spec.Expected) {
		j.log.Warn(fmt.Sprintf("%s shows the model the column %s, which holds the labels that it is compared with: the evaluation means nothing", option, j.spec.Expected))
	}
}

// warnUnknown says that known labels are none of the job's.
func (j *Job) warnUnknown(e *Evaluation) {
	if e == nil || e.Unknown == 0 {
		return
	}
	var value string
	for text, n := range e.Values {
		if old := e.Values[value]; n > old || n == old && text < value {
			value = text
		}
	}
	j.log.Warn(fmt.Sprintf("the column %s holds in %s what is none of the job's labels, such as %q; these rows are not compared; %s",
		e.Column, plural(int(e.Unknown), "row"), value, j.prompt.Classification().Like(value)))
}
