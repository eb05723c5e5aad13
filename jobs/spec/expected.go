package spec

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"github.com/genbatch/genbatch/internal/message"
)

// Expected says which columns of the result are compared with known values, by the columns'
// names without the prefix. An empty name stands for the only column that can be compared. In
// YAML and JSON a text is the input's column for that one.
type Expected map[string]ExpectedColumn

// An ExpectedColumn says where the known values of a column stand, and how they are compared. In
// YAML the column alone will do. The zero value compares nothing.
type ExpectedColumn struct {
	Column    string `json:"column,omitempty"`    // the input's column with the known values; required
	As        string `json:"as,omitempty"`        // one of Kinds; default: by the question or the schema
	Tolerance string `json:"tolerance,omitempty"` // of a number: 0.01, or 1% of the known one; default: none
	Normalize bool   `json:"normalize,omitempty"` // whether texts that differ in case, white space and Unicode form alone are the same
}

// Kinds are the ways in which values can be compared.
var Kinds = []string{"label", "number", "date", "set", "text"}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (e *Expected) UnmarshalYAML(unmarshal func(any) error) error {
	var column string
	if unmarshal(&column) == nil {
		e.setColumn(column)
		return nil
	}
	var named map[string]ExpectedColumn
	if err := unmarshal(&named); err != nil {
		return err
	}
	*e = named
	return nil
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (c *ExpectedColumn) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&c.Column) == nil {
		return nil
	}
	type plain ExpectedColumn // without this method
	return unmarshal((*plain)(c))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Expected) UnmarshalJSON(text []byte) error {
	var column string
	if json.Unmarshal(text, &column) == nil {
		e.setColumn(column)
		return nil
	}
	return json.Unmarshal(text, (*map[string]ExpectedColumn)(e))
}

// MarshalJSON implements [json.Marshaler].
func (e Expected) MarshalJSON() ([]byte, error) {
	if sole, ok := e[""]; ok && len(e) == 1 && sole == (ExpectedColumn{Column: sole.Column}) {
		return json.Marshal(sole.Column)
	}
	return json.Marshal(map[string]ExpectedColumn(e))
}

// setColumn sets the input's column for the only column that can be compared.
func (e *Expected) setColumn(column string) {
	if *e = nil; column != "" {
		*e = Expected{"": {Column: column}}
	}
}

// AllExpected returns what a job compares: what it expects, and what its questions expect
// where it says nothing of them itself.
func AllExpected(s *Spec) Expected {
	all := maps.Clone(s.Expected)
	if s.Classify == nil {
		return all
	}
	for _, q := range s.Classify.Questions {
		if _, given := all[q.Name]; given || q.Expected == (ExpectedColumn{}) {
			continue
		}
		if all == nil {
			all = make(Expected)
		}
		all[q.Name] = q.Expected
	}
	return all
}

// tolerance matches how much a number may differ.
var tolerance = regexp.MustCompile("^(?:" + Tolerance + ")$")

// Tolerance is a pattern for how much a number may differ from the known one: by itself, or
// in percent.
const Tolerance = `[0-9]{1,18}(?:\.[0-9]{1,18})?(?:e-?[0-9]{1,2})?%?`

// check finds mistakes in how columns are compared.
func (e Expected) check() error {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		c, of := e[name], "expected"
		if name != "" {
			of += "." + message.OneLine(name, 60)
		}
		switch {
		case c.Column == "":
			return Errorf("write the input's column: expected: {total: total_true}, or {total: {column: total_true, as: number}}", "%s names no column", of)
		case c.As != "" && !slices.Contains(Kinds, c.As):
			return Errorf("use "+message.List(Kinds), "%s is to be compared as %q", of, message.OneLine(c.As, 60))
		case c.Tolerance != "" && !tolerance.MatchString(c.Tolerance):
			return Errorf("write how far off is right: 0.01, or 1% of the known number", "%s has the tolerance %q", of, message.OneLine(c.Tolerance, 60))
		case c.Tolerance != "" && c.As != "" && c.As != "number":
			return Errorf("leave it out, or write as: number", "%s has a tolerance, which is for numbers, and is compared as %s", of, c.As)
		case c.Normalize && c.As != "" && c.As != "text" && c.As != "set":
			return Errorf("leave it out, or write as: text", "%s has normalize, which is for texts, and is compared as %s", of, c.As)
		}
	}
	return nil
}

// withoutExpected returns the classification as it is asked. It may be nil.
func (c *Classify) withoutExpected() *Classify {
	asked := clonePointer(c)
	if asked == nil {
		return nil
	}
	asked.Questions = slices.Clone(asked.Questions)
	for i := range asked.Questions {
		asked.Questions[i].Expected = ExpectedColumn{}
	}
	return asked
}
