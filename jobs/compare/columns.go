package compare

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file finds out which columns of two sides are compared, and by which rows are paired.

// fieldsOf returns the fields that are compared.
func fieldsOf(c *Config, a, b *look) ([]string, error) {
	sides, looks := []*Side{c.A, c.B}, []*look{a, b}
	for i, s := range sides {
		for _, name := range c.Fields {
			if results := looks[i].results; len(results) > 0 && !slices.Contains(results, name) {
				return nil, spec.Errorf(hintOf(name, results), "--field names %q, which %s does not have", name, s.Name)
			}
		}
	}
	if len(c.Fields) > 0 {
		return appendNew(nil, c.Fields...), nil
	}
	var answers [2][]string
	for i, l := range looks {
		answers[i] = l.answers
		// What a file does not show, the other side may tell.
		if other := looks[1-i].answers; l.answers == nil && other != nil {
			answers[i] = slices.DeleteFunc(slices.Clone(other), func(name string) bool { return !slices.Contains(l.results, name) })
		}
		if len(answers[i]) == 0 {
			return nil, spec.Errorf("name the columns to compare with --field", "which columns of %s hold answers is not known", sides[i].Name)
		}
	}
	both := slices.DeleteFunc(slices.Clone(answers[0]), func(name string) bool { return !slices.Contains(answers[1], name) })
	if len(both) == 0 {
		return nil, spec.Errorf("compare runs that ask for the same, or name a column that both have with --field", "%s and %s have no column of answers in common: %s, and %s",
			c.A.Name, c.B.Name, message.List(answers[0]), message.List(answers[1]))
	}
	return both, nil
}

// setExpected finds out where it stands what is right. What one side knows goes for the other
// too: they have the same rows.
func (p *pairer) setExpected(a, b *look) error {
	p.expected, p.named = [2]map[string]string{{}, {}}, make(map[string]bool)
	sides := []*Side{p.config.A, p.config.B}
	for i := range sides {
		for _, s := range []*Side{sides[1-i], sides[i]} { // its own counts
			for field, column := range s.Expected {
				if column != "" {
					p.expected[i][p.fieldNamed(field)] = column
				}
			}
		}
	}
	for field, column := range p.config.Expected {
		field = p.fieldNamed(field)
		if !slices.Contains(p.fields, field) {
			return spec.Errorf("write --expected FIELD=COLUMN, with one of "+message.List(p.fields), "it is not clear of which field the column %q has the right answers", column)
		}
		for i, l := range []*look{a, b} {
			if len(l.inputs) > 0 && !slices.Contains(l.inputs, column) {
				return spec.Errorf(hintOf(column, l.inputs), "--expected names the column %q, which %s does not have", column, sides[i].Name)
			}
			p.expected[i][field] = column
		}
		p.named[field] = true
	}
	for i, l := range []*look{a, b} {
		p.verdicts[i] = make([]string, len(p.fields))
		for k, field := range p.fields {
			p.verdicts[i][k] = sides[i].verdictColumn(field, l, len(p.config.Fields) == 0 && len(p.fields) == 1)
		}
	}
	for k, field := range p.fields {
		known := func(side int) bool { return p.verdicts[side][k] != "" || p.expected[side][field] != "" }
		p.judged = append(p.judged, known(0) && known(1))
	}
	return nil
}

// verdictColumn returns the column in which a run says whether the answers of a field are
// right, with the prefix, or an empty name if it does not. Where it has compared one field
// alone, that is correct, whatever the field is. only says that no other field is known.
func (s *Side) verdictColumn(field string, l *look, only bool) string {
	if own := field + "_correct"; slices.Contains(l.results, own) {
		return s.Prefix + own
	}
	if !slices.Contains(l.results, "correct") {
		return ""
	}
	sole := len(l.answers) == 1 || l.answers == nil && only || field == "label" || field == "labels"
	for name, column := range s.Expected {
		if column != "" && name != "" {
			sole = name == field
		}
	}
	if !sole {
		return ""
	}
	return s.Prefix + "correct"
}

// fieldNamed returns the field of a name; that of the empty name is the only one, or the label.
func (p *pairer) fieldNamed(name string) string {
	if name == "" {
		for _, field := range p.fields {
			if len(p.fields) == 1 || field == "label" || field == "labels" {
				return field
			}
		}
	}
	return name
}

// hintOf says which names there are, and which of them may have been meant.
func hintOf(name string, names []string) string {
	hint := "it has " + message.List(names)
	if near := message.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return hint
}

// checkKey refuses a key that a side does not have, and sides that nothing pairs.
func (p *pairer) checkKey(a, b *look) error {
	if p.key == "" {
		if len(p.columns) == 0 && len(a.inputs) > 0 && len(b.inputs) > 0 {
			return spec.Errorf("compare runs over the same table, or pair the rows with --key COLUMN",
				"%s and %s have no input column in common: %s, and %s", p.config.A.Name, p.config.B.Name, message.List(a.inputs), message.List(b.inputs))
		}
		return nil
	}
	for i, l := range []*look{a, b} {
		if len(l.inputs) > 0 && !slices.Contains(l.inputs, p.key) {
			return spec.Errorf(hintOf(p.key, l.inputs), "the key %q is no input column of %s", p.key, []*Side{p.config.A, p.config.B}[i].Name)
		}
	}
	return nil
}
