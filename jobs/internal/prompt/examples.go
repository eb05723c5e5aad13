package prompt

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// ParseLabels returns the labels in a text that a person wrote, such as the value of a
// column of known labels. Numbers may be written as tables write them: pandas makes 1.0 of 1
// in a column with gaps. A text that names anything else is an error.
func (k *Classification) ParseLabels(text string) ([]string, error) {
	if k.Multi {
		var items []json.RawMessage
		if json.Unmarshal([]byte(text), &items) != nil {
			return k.labels.list(k.labels.numbered(text))
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = k.labels.numbered(unquoted(string(item)))
		}
		return k.labels.all(texts)
	}
	label, ok := k.labels.find(k.labels.numbered(text))
	if !ok {
		return nil, fmt.Errorf("%q is none of the labels", message.OneLine(text, 60))
	}
	return []string{label}, nil
}

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
		labels, err := k.exampleLabels(x.Label, place)
		if err != nil {
			return nil, err
		}
		answer, err := k.exampleAnswer(labels)
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

// exampleLabels returns the labels that are given for the example at a place, spelled as
// the job has them.
func (k *Classification) exampleLabels(given []string, place string) ([]string, error) {
	if k.Multi {
		var labels []string
		var err error
		if len(given) == 1 {
			labels, err = k.labels.list(given[0])
		} else {
			labels, err = k.labels.all(given)
		}
		if err != nil {
			return nil, spec.Errorf("an empty list is written []", "%s: of the example's labels, %w", place, err)
		}
		if n := len(labels); n < k.minLabels || k.maxLabels > 0 && n > k.maxLabels {
			return nil, spec.Errorf("", "%s: the example has %s, which min_labels and max_labels do not allow", place, message.Plural(n, "label"))
		}
		return labels, nil
	}
	if len(given) != 1 {
		return nil, spec.Errorf("say multi: true where a text can have several", "%s: the example has %s, and is to have one", place, message.Plural(len(given), "label"))
	}
	label, ok := k.labels.find(given[0])
	if !ok {
		return nil, spec.Errorf(k.labels.hint(given[0]), "%s: the example's label %q is none of the job's", place, message.OneLine(given[0], 60))
	}
	return []string{label}, nil
}

// exampleAnswer returns what the model is shown as its answer to an example. It has no
// confidence and no rationale, since made-up ones would teach the model wrong ones.
func (k *Classification) exampleAnswer(labels []string) (string, error) {
	var answer any = labels
	switch {
	case k.Multi && k.asksObject():
		answer = map[string]any{"labels": labels}
	case k.Multi:
	case k.asksObject():
		answer = map[string]any{"label": labels[0]}
	default:
		return labels[0], nil
	}
	text, err := apijson.Marshal(answer)
	return string(text), err
}

// Labels returns the job's labels, as it spells them and in its order. The slice is not to
// be changed.
func (k *Classification) Labels() []string { return k.labels }

// Hint returns a hint for a text that is none of the labels: the label that is most likely
// meant, or all of them.
func (k *Classification) Hint(text string) string { return k.labels.hint(text) }

// ExampleSize returns how many examples the model is shown with each row, and how many
// bytes of text they are.
func (k *Classification) ExampleSize() (examples, bytes int) {
	for text := range k.shown {
		bytes += len(text)
	}
	return len(k.shown), bytes
}
