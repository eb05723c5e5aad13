package output

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A comparison compares a column of the job's kind with known values.
type comparison struct {
	config eval.Config
	// answer returns the value of the column from those of [reply.own], which are not nil.
	answer func(own []any) eval.Answer
}

// newComparisons returns what a job compares. Its errors are of the type [*spec.Error].
func newComparisons(s *spec.Spec, p *prompt.Prompt) ([]comparison, error) {
	wanted := spec.AllExpected(s)
	if len(wanted) == 0 {
		return nil, nil
	}
	var names []string
	if k := p.Classification(); k != nil {
		for _, q := range k.Questions {
			names = append(names, q.Column())
		}
	} else {
		for _, c := range p.Columns() {
			names = append(names, c.Name)
		}
	}
	if sole, ok := wanted[""]; ok {
		if err := checkSole(sole, names); err != nil {
			return nil, err
		}
		wanted[names[0]] = sole
		delete(wanted, "")
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if len(names) == 0 {
			return nil, noColumns()
		}
		if !slices.Contains(names, name) {
			hint := "the answers have " + message.List(names)
			if near := message.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, spec.Errorf(hint, "expected compares %q, which is no column of the answers", message.OneLine(name, 60))
		}
	}
	var list []comparison
	for i, name := range names {
		want, ok := wanted[name]
		if !ok {
			continue
		}
		c, err := newComparison(p, i, name, want)
		if err != nil {
			return nil, err
		}
		c.config.Expected, c.config.Column = want.Column, name
		list = append(list, c)
	}
	return list, nil
}

// checkSole refuses a column of known values that is given for none of the answers' columns
// where there are several, or none.
func checkSole(sole spec.ExpectedColumn, names []string) error {
	switch len(names) {
	case 1:
		return nil
	case 0:
		return noColumns()
	}
	return spec.Errorf(fmt.Sprintf("write --expected %s=%s, or expected: {%s: %s}", names[0], sole.Column, names[0], sole.Column),
		"expected does not say what is compared with %s; the answers have %s", sole.Column, message.List(names))
}

// noColumns says that answers have nothing to compare but their text.
func noColumns() error {
	return spec.Errorf("it goes with classify:, with extract: or with a schema", "expected names known values to compare with, and the answers of this job have no columns")
}

// newComparison returns the comparison of a column: of the question at a place, or of a
// property of the answers.
func newComparison(p *prompt.Prompt, at int, name string, want spec.ExpectedColumn) (c comparison, err error) {
	var kind eval.Kind
	var question *prompt.Question
	if k := p.Classification(); k != nil {
		kind, question = eval.Label, k.Questions[at]
		c.config.Confidence, c.config.IsExample = k.Confidence != "", k.IsExample
		c.answer = func(own []any) eval.Answer {
			labels, confidence := k.LabelsOf(own, at)
			return eval.Answer{OK: true, Labels: labels, Confidence: confidence}
		}
	} else {
		kind, question = kindOf(p.Schema().Property(name))
		if want.As != "" && want.As != string(eval.Label) && kind != "" {
			kind = eval.Kind(want.As)
		}
		c.answer = func(own []any) eval.Answer { return eval.Answer{OK: true, Text: batch.TextOfBytes(own[at])} }
		if kind == eval.Label {
			c.answer = func(own []any) eval.Answer {
				labels, err := question.ParseLabels(nonNull(own[at]))
				return eval.Answer{OK: err == nil, Labels: labels}
			}
		}
	}
	switch {
	case kind == "":
		return c, spec.Errorf("compare its parts: make them properties at the top level of the schema", "expected compares %s, which is an object or of several types", name)
	case want.As != "" && want.As != string(kind) && kind == eval.Label:
		return c, spec.Errorf("leave it out", "expected.%s is to be compared as %s, and is a question, whose answers are labels", name, want.As)
	case want.As == string(eval.Label) && kind != eval.Label:
		return c, spec.Errorf("give the property an enum in the schema, or leave it out", "expected.%s is to be compared as label, and the schema does not list its values", name)
	case want.Tolerance != "" && kind != eval.Number:
		return c, spec.Errorf("leave it out, or write as: number", "expected.%s has a tolerance, which is for numbers, and is compared as %s", name, kind)
	case want.Normalize && kind != eval.Text && kind != eval.Set:
		return c, spec.Errorf("leave it out, or write as: text", "expected.%s has normalize, which is for texts, and is compared as %s", name, kind)
	}
	if c.config.Tolerance, err = eval.ParseTolerance(want.Tolerance); err != nil {
		return c, err
	}
	c.config.Kind, c.config.Normalize = kind, want.Normalize
	if kind == eval.Label {
		c.config.Labels, c.config.Multi, c.config.Parse = question.Labels(), question.Multi, question.ParseLabels
	}
	return c, nil
}

// kindOf returns how a property is compared, and the question that its labels answer, if it
// has labels. An empty kind is that of what cannot be compared.
func kindOf(p schema.Property) (eval.Kind, *prompt.Question) {
	labels := func(names []string, multi bool) (eval.Kind, *prompt.Question) {
		if p.Nullable && !multi {
			names = append(slices.Clone(names), eval.Null)
		}
		return eval.Label, prompt.NewQuestion(names, multi)
	}
	switch {
	case p.Type == "string" && distinct(p.Enum):
		return labels(p.Enum, false)
	case p.Type == "array" && distinct(p.Items):
		return labels(p.Items, true)
	case p.Type == "boolean":
		return labels([]string{"true", "false"}, false)
	case p.Type == "integer" || p.Type == "number":
		return eval.Number, nil
	case p.Type == "array":
		return eval.Set, nil
	case p.Type == "string" && (p.Format == "date" || p.Format == "date-time"):
		return eval.Date, nil
	case p.Type == "string":
		return eval.Text, nil
	}
	return "", nil
}

// distinct reports whether texts can be labels, which differ in more than case.
func distinct(texts []string) bool {
	for i, text := range texts {
		if strings.TrimSpace(text) == "" || slices.ContainsFunc(texts[:i], func(other string) bool { return spec.SameText(other, text) || strings.EqualFold(other, text) }) {
			return false
		}
	}
	return len(texts) > 0
}

// nonNull returns a value as a text, in which null is one, too.
func nonNull(v any) string {
	if v == nil {
		return eval.Null
	}
	return batch.TextOfBytes(v)
}

// correctColumns returns the result columns that say of each row whether a value is right.
func correctColumns(compared []comparison) (columns []column) {
	for i, c := range compared {
		name := "correct"
		if len(compared) > 1 {
			name = c.config.Column + "_correct"
		}
		columns = append(columns, column{Column: batch.Column{Name: name, Type: batch.Bool}, value: func(x *reply) any {
			if x.correct == nil || x.correct[i] == nil {
				return nil
			}
			return *x.correct[i]
		}})
	}
	return columns
}

// evaluators compare rows as they come. There are none if nothing is compared.
type evaluators struct {
	list []comparison
	each []*eval.Evaluator
}

func (d *Deriver) newEvaluators() evaluators {
	e := evaluators{list: d.Columns.compared}
	for _, c := range d.Columns.compared {
		e.each = append(e.each, eval.New(c.config))
	}
	return e
}

// add compares a row, and says in its reply what is right. Identical rows have the same fold.
func (e *evaluators) add(f *fetched) {
	if len(e.each) == 0 {
		return
	}
	x := &f.reply
	x.correct = make([]*bool, len(e.each))
	for i, v := range e.each {
		var a eval.Answer
		if x.own != nil {
			a = e.list[i].answer(x.own)
		}
		a.Pending = x.status == batch.Pending
		if f.Request != nil {
			a.Fold = f.Request.Fingerprint[0]
		}
		x.correct[i] = v.Add(f.Row, a)
	}
}

// result puts the evaluations into the totals.
func (e *evaluators) result(t *cost.Totals) {
	for _, v := range e.each {
		t.Evaluations = append(t.Evaluations, v.Result())
	}
}
