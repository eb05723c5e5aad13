package spec

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// Questions are the questions that a classification asks about each row, in their order. In
// YAML they are a map of names to questions, or a list of questions that have the key name.
type Questions []Question

// A Question asks for one of its labels, or for several. Its name is that of the result column
// with the answer; see [Question.CheckName].
type Question struct {
	Name   string `json:"name,omitempty"` // required; empty only in a question that [Classify.All] makes
	Ask    string `json:"ask,omitempty"`  // what the question is; without it the model goes by the name and the labels
	Labels Labels `json:"labels"`         // required

	Multi     bool `json:"multi,omitempty"`      // whether a row may have any number of the labels, or none
	MinLabels int  `json:"min_labels,omitempty"` // with Multi, the fewest labels of a row
	MaxLabels int  `json:"max_labels,omitempty"` // with Multi, the most labels of a row; 0 means all

	Expected ExpectedColumn `json:"expected,omitzero"` // the known labels; what [Spec.Expected] has for the question comes first
}

// Column returns the name of the result column with the answer, without the job's prefix. It
// is also the member of the answer that has it.
func (q *Question) Column() string {
	switch {
	case q.Name != "":
		return q.Name
	case q.Multi:
		return "labels"
	}
	return "label"
}

// All returns the questions of the classification. Where it has none, that is one without a
// name, which has the labels and bounds of the classification itself.
func (c *Classify) All() Questions {
	if len(c.Questions) > 0 {
		return c.Questions
	}
	return Questions{{Labels: c.Labels, Multi: c.Multi, MinLabels: c.MinLabels, MaxLabels: c.MaxLabels}}
}

// CheckQuestions returns an [*Error] for questions without a usable name, for two of the same
// name, and for what a classification with questions says of labels outside of them.
func (c *Classify) CheckQuestions() error {
	if len(c.Questions) == 0 {
		return nil
	}
	for _, other := range [...]struct {
		key   string
		given bool
	}{
		{"labels", len(c.Labels) > 0}, {"multi", c.Multi}, {"min_labels", c.MinLabels != 0}, {"max_labels", c.MaxLabels != 0}, {"descriptions", len(c.Descriptions) > 0},
	} {
		if other.given {
			return Errorf("put it under one of the questions, or leave questions out", "classify has questions, and %s beside them", other.key)
		}
	}
	for i, q := range c.Questions {
		if err := q.CheckName(); err != nil {
			return err
		}
		for _, before := range c.Questions[:i] {
			if strings.EqualFold(before.Name, q.Name) {
				return Errorf("names must differ in more than case", "classify has the questions %q and %q", before.Name, q.Name)
			}
		}
	}
	return nil
}

// QuestionName is a pattern for what may be the name of a question. Models and all formats of
// outputs take such a name as it is, and so do templates and SQL.
const QuestionName = `[A-Za-z_][A-Za-z0-9_]{0,63}`

var questionName = regexp.MustCompile("^" + QuestionName + "$")

// CheckName returns an [*Error] unless the name can be that of a column and of a property of
// the answer: 1 to 64 letters from A to Z, digits and underscores, of which the first is no digit.
func (q *Question) CheckName() error {
	if questionName.MatchString(q.Name) {
		return nil
	}
	return Errorf("a name has up to 64 letters from A to Z, digits and underscores, and does not begin with a digit, such as topic or is_urgent",
		"classify has a question with the name %q, which is to be the name of a column", q.Name)
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *Questions) UnmarshalYAML(unmarshal func(any) error) error {
	var order yaml.MapSlice
	if unmarshal(&order) != nil {
		var list []Question
		err := unmarshal(&list)
		*l = list
		return err
	}
	var named map[string]Question
	if err := unmarshal(&named); err != nil {
		return err
	}
	for _, item := range order {
		name, _ := item.Key.(string) // keys were made texts
		q := named[name]
		if q.Name != "" && q.Name != name {
			return fmt.Errorf("the question %q has another name below, %q", name, q.Name)
		}
		q.Name = name
		*l = append(*l, q)
	}
	return nil
}
