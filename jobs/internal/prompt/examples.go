package prompt

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// IsExample reports whether the row's text is one of the examples, which the model
// has been shown with its label.
func (k *Classification) IsExample(row *batch.Row) bool {
	if len(k.shown) == 0 {
		return false
	}
	text, err := k.text.Render(row)
	return err == nil && k.shown[text]
}

// turns checks the examples, notes their texts, and returns them as contents: what a user
// says, and what the model is to answer.
func (k *Classification) turns(examples []spec.Example) (contents []any, err error) {
	k.shown = make(map[string]bool, len(examples))
	answers := make(map[string]string)
	places := make(map[string]string)
	size := 0
	for i, x := range examples {
		place := x.Place(i)
		if strings.TrimSpace(x.Text) == "" {
			return nil, spec.Errorf("", "%s: the example has no text", place)
		}
		answer, err := k.exampleAnswer(&x, place)
		if err != nil {
			return nil, err
		}
		if k.shown[x.Text] {
			if answers[x.Text] == answer {
				continue
			}
			return nil, spec.Errorf("keep one of them", "%s: the example has another label than the same text at %s", place, places[x.Text])
		}
		k.shown[x.Text], answers[x.Text], places[x.Text] = true, answer, place
		contents = append(contents, apijson.TextContent("user", x.Text), apijson.TextContent("model", answer))
		size += len(x.Text) + len(answer)
	}
	return contents, spec.CheckExamples(len(k.shown), size)
}

// exampleAnswer returns what the model is shown as its answer to the example at a place. It
// has no confidence and no rationale, since made-up ones would teach the model wrong ones.
func (k *Classification) exampleAnswer(x *spec.Example, place string) (string, error) {
	if err := k.checkExample(x, place); err != nil {
		return "", err
	}
	var object []byte // in the order in which the model is to answer
	for _, q := range k.Questions {
		given := x.Label
		if k.isNamed() {
			given = x.Labels[q.Name]
		}
		labels, err := q.exampleLabels(given, place)
		if err != nil {
			return "", err
		}
		if !q.Multi && !k.asksObject() {
			return labels[0], nil
		}
		var value any = labels
		if !q.Multi {
			value = labels[0]
		}
		text, err := apijson.Marshal(value)
		if err != nil || !k.asksObject() {
			return string(text), err
		}
		object = append(apijson.AppendString(append(object, ','), q.Column()), ':')
		object = append(object, text...)
	}
	return "{" + string(object[1:]) + "}", nil
}

// checkExample refuses an example that gives labels in the way of another kind of job, or
// for a question that there is not.
func (k *Classification) checkExample(x *spec.Example, place string) error {
	if !k.isNamed() {
		if len(x.Labels) > 0 {
			return spec.Errorf("write label: LABEL, or name the questions under classify:", "%s: the example has labels by question, and the job no questions", place)
		}
		return nil
	}
	var names []string
	for _, q := range k.Questions {
		names = append(names, q.Name)
		if _, ok := x.Labels[q.Name]; !ok {
			return spec.Errorf("write labels: {"+q.Name+": LABEL, ...} with each of the questions", "%s: the example has no label for the question %s", place, q.Name)
		}
	}
	for name := range x.Labels {
		if !slices.Contains(names, name) {
			return spec.Errorf("the questions are "+message.List(names), "%s: the example has a label for %q, which is no question", place, message.OneLine(name, 60))
		}
	}
	if len(x.Label) > 0 {
		return spec.Errorf("keep labels, by question", "%s: the example has label beside labels", place)
	}
	return nil
}

// exampleLabels returns the labels that are given for the example at a place, spelled as
// the job has them.
func (q *Question) exampleLabels(given []string, place string) ([]string, error) {
	of := ""
	if q.Name != "" {
		of = q.Name + ": "
	}
	if q.Multi {
		var labels []string
		var err error
		if len(given) == 1 {
			labels, err = q.labels.list(given[0])
		} else {
			labels, err = q.labels.all(given)
		}
		if err != nil {
			return nil, spec.Errorf("an empty list is written []", "%s: %sof the example's labels, %w", place, of, err)
		}
		if n := len(labels); n < q.minLabels || q.maxLabels > 0 && n > q.maxLabels {
			return nil, spec.Errorf("", "%s: %sthe example has %s, which min_labels and max_labels do not allow", place, of, message.Plural(n, "label"))
		}
		return labels, nil
	}
	if len(given) != 1 {
		return nil, spec.Errorf("say multi: true where a text can have several", "%s: %sthe example has %s, and is to have one", place, of, message.Plural(len(given), "label"))
	}
	label, ok := q.labels.find(given[0])
	if !ok {
		return nil, spec.Errorf(q.labels.hint(given[0]), "%s: %sthe example's label %q is none of the job's", place, of, message.OneLine(given[0], 60))
	}
	return []string{label}, nil
}

// ExampleSize returns how many examples the model is shown with each row, and how many
// bytes of text they are.
func (k *Classification) ExampleSize() (examples, bytes int) {
	for text := range k.shown {
		bytes += len(text)
	}
	return len(k.shown), bytes
}
