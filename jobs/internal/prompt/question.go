package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newQuestion returns a question of a classification.
func newQuestion(c *spec.Question) (*Question, error) {
	what, under := "classify", "classify:" // a question without a name is the classification
	if c.Name != "" {
		what, under = "the question "+c.Name+" of classify", c.Name+":"
	}
	if len(c.Labels) == 1 && c.Name == "" && strings.Contains(c.Labels[0].Name, ",") {
		items := strings.Split(c.Labels[0].Name, ",")
		for i, item := range items {
			items[i] = "--label " + strconv.Quote(strings.TrimSpace(item))
		}
		return nil, spec.Errorf("give each label by itself: "+strings.Join(items, " "), "classify has the one label %q, since a label may hold commas", c.Labels[0].Name)
	}
	if len(c.Labels) == 1 && textFile.MatchString(c.Labels[0].Name) {
		return nil, spec.Errorf("write @"+c.Labels[0].Name+" for the labels in the file, one a line", "%s has the one label %q", what, c.Labels[0].Name)
	}
	if len(c.Labels) < 2 {
		hint := "give at least two with --label A --label B, or labels: under classify:"
		if c.Name != "" {
			hint = "give at least two with labels: under " + under
		}
		return nil, spec.Errorf(hint, "%s has %d labels", what, len(c.Labels))
	}
	if strings.Contains(c.Ask, "{{") {
		return nil, spec.Errorf("put columns into text: under classify:", "ask of the question %s has a template, and is the same for every row", c.Name)
	}
	q := &Question{Name: c.Name, Multi: c.Multi, ask: strings.TrimSpace(c.Ask), minLabels: c.MinLabels, maxLabels: c.MaxLabels}
	var list strings.Builder
	for _, l := range c.Labels {
		name := l.Name
		if strings.HasPrefix(name, "@@") {
			name = name[1:]
		}
		if strings.TrimSpace(name) == "" {
			return nil, spec.Errorf("", "%s has an empty label", what)
		}
		for _, other := range q.labels {
			if strings.EqualFold(norm.NFC.String(other), norm.NFC.String(name)) {
				return nil, spec.Errorf("labels must differ in more than case and Unicode form", "%s has the labels %q and %q", what, other, name)
			}
		}
		q.labels = append(q.labels, name)
		list.WriteString("- " + name)
		if l.Description != "" {
			list.WriteString(": " + l.Description)
		}
		list.WriteString("\n")
	}
	q.list = list.String()
	return q, q.checkNumbers(under)
}

// checkNumbers refuses bounds that no number of labels keeps. under is the key of the job file
// below which the bounds stand.
func (q *Question) checkNumbers(under string) error {
	whose := ""
	if q.Name != "" {
		whose = "the question " + q.Name + ": "
	}
	switch {
	case q.minLabels < 0 || q.maxLabels < 0:
		return spec.Errorf("", "%smin_labels and max_labels cannot be negative", whose)
	case !q.Multi && (q.minLabels > 0 || q.maxLabels > 0) && q.Name == "":
		return spec.Errorf("add --multi, or multi: true under classify:", "min_labels and max_labels are for several labels, and this job gives each row one")
	case !q.Multi && (q.minLabels > 0 || q.maxLabels > 0):
		return spec.Errorf("add multi: true under "+under, "%smin_labels and max_labels are for several labels, and each row has one", whose)
	case q.maxLabels > 0 && q.minLabels > q.maxLabels:
		return spec.Errorf("", "%smin_labels is %d, and max_labels only %d", whose, q.minLabels, q.maxLabels)
	case q.minLabels > len(q.labels):
		return spec.Errorf("", "%smin_labels is %d, and there are %d labels", whose, q.minLabels, len(q.labels))
	}
	return nil
}

// Column is [spec.Question.Column].
func (q *Question) Column() string {
	return (&spec.Question{Name: q.Name, Multi: q.Multi}).Column()
}

// confidenceColumn is likewise for the confidence.
func (q *Question) confidenceColumn() string { return strings.TrimPrefix(q.Name+"_confidence", "_") }

// Labels returns the question's labels, as the job spells them and in its order. The slice is
// not to be changed.
func (q *Question) Labels() []string { return q.labels }

// NewQuestion returns a question of any origin, whose labels differ in more than case.
func NewQuestion(labels []string, multi bool) *Question {
	return &Question{labels: labels, Multi: multi}
}

// HintOf returns a hint for a text that is none of some labels: the one that is most likely
// meant, or all of them.
func HintOf(labels []string, text string) string { return labelSet(labels).hint(text) }

// numberText tells the model how many labels are wanted.
func (q *Question) numberText() string {
	most := q.maxLabels
	switch {
	case q.minLabels > 0 && q.minLabels == most:
		return fmt.Sprintf("Give exactly %d.", most)
	case q.minLabels > 0 && most > 0:
		return fmt.Sprintf("Give from %d to %d of them.", q.minLabels, most)
	case q.minLabels > 0:
		return fmt.Sprintf("Give at least %d.", q.minLabels)
	case most > 0:
		return fmt.Sprintf("Give at most %d, and an empty list when none applies.", most)
	}
	return "The list is empty when none applies."
}

// schema returns the schema of the answer to the question, in the API's form.
func (q *Question) schema() map[string]any {
	label := map[string]any{"type": "STRING", "enum": q.labels}
	if !q.Multi {
		return label
	}
	list := map[string]any{"type": "ARRAY", "items": label}
	if q.minLabels > 0 {
		list["minItems"] = q.minLabels
	}
	if q.maxLabels > 0 {
		list["maxItems"] = q.maxLabels
	}
	return list
}

// of returns an error about the answer that names the question, if it has a name.
func (q *Question) of(err error) error {
	if q.Name == "" || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", q.Name, err)
}

// read returns the labels that an answer, or a member of it, gives: as many as are wanted, in
// the order of the job's.
func (q *Question) read(given json.RawMessage) ([]string, error) {
	if given == nil {
		return nil, q.of(errors.New("the answer does not have this question"))
	}
	if !q.Multi {
		var one []string
		if json.Unmarshal(given, &one) == nil && len(one) == 1 {
			given = []byte(one[0])
		}
		label, ok := q.labels.find(unquoted(string(given)))
		if !ok {
			return nil, q.of(fmt.Errorf("the answer %q is none of the labels %s", message.OneLine(string(given), 200), message.List(q.labels)))
		}
		return []string{label}, nil
	}
	labels, err := q.labels.list(string(given))
	if err != nil {
		return nil, q.of(fmt.Errorf("of the answer %q, %w", message.OneLine(string(given), 200), err))
	}
	switch n := len(labels); {
	case n < q.minLabels:
		return nil, q.of(fmt.Errorf("the answer has %s, and at least %d are wanted", message.Plural(n, "label"), q.minLabels))
	case q.maxLabels > 0 && n > q.maxLabels:
		return nil, q.of(fmt.Errorf("the answer has %s, and at most %d are wanted", message.Plural(n, "label"), q.maxLabels))
	}
	return labels, nil
}

// ParseLabels returns the labels in a text that a person wrote, such as the value of a
// column of known labels. Numbers may be written as tables write them: pandas makes 1.0 of 1
// in a column with gaps. A text that names anything else is an error.
func (q *Question) ParseLabels(text string) ([]string, error) {
	if q.Multi {
		var items []json.RawMessage
		if json.Unmarshal([]byte(text), &items) != nil {
			return q.labels.list(q.labels.numbered(text))
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = q.labels.numbered(unquoted(string(item)))
		}
		return q.labels.all(texts)
	}
	label, ok := q.labels.find(q.labels.numbered(text))
	if !ok {
		return nil, fmt.Errorf("%q is none of the labels", message.OneLine(text, 60))
	}
	return []string{label}, nil
}
