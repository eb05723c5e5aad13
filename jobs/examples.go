package jobs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
)

// Examples are texts with the labels that are right for them. The model is shown
// them before each row's text, as turns of a conversation: they are then in just
// the form that the row's own text and answer have, and stand in the part of the
// request that is the same for every row, which the API caches. In YAML: a list of
// examples, a file of them (CSV, TSV, JSONL or Parquet), or a group of keys that
// names its columns as well. The zero value has none.
type Examples struct {
	File  string    `json:"file,omitempty"`  // read by Open and View, which leave its rows in List
	Text  string    `json:"text,omitempty"`  // its column with the texts; default: text
	Label string    `json:"label,omitempty"` // its column with the labels; default: label, or with Multi labels
	List  []Example `json:"list,omitempty"`
}

// An Example is a text with its label or labels.
type Example struct {
	Text  string `json:"text"`
	Label List   `json:"label"` // a single one may hold several, as JSON or separated, in a job with Multi

	place string // where it stands, for messages
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (e *Examples) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&e.File) == nil {
		return nil
	}
	var list []Example
	err := unmarshal(&list)
	if err == nil {
		e.List = list
		return nil
	}
	type plain Examples // without this method
	var p plain
	if unmarshal(&p) != nil || p.File == "" {
		return errors.New("examples are a file, a list of text and label, or the keys file, text and label")
	}
	*e = Examples(p)
	return nil
}

const (
	// What is sent with each row is paid for with each row. Beyond these, examples
	// are more likely a whole data set that was named by mistake.
	maxExamples     = 1000
	maxExampleBytes = 1 << 20
	// Beyond these a run says what they come to.
	manyExamples     = 50
	manyExampleBytes = 32 << 10
)

// read puts the rows of the file into the list.
func (e *Examples) read() error {
	if e.File == "" {
		return nil
	}
	in, err := reader.Open(reader.Config{Paths: []string{e.File}})
	if err != nil {
		return specErrorf("examples are a CSV, TSV, JSONL or Parquet file with the columns text and label", "examples: %w", err)
	}
	textColumn, labelColumns := "text", []string{"label", "labels"}
	if e.Text != "" {
		textColumn = e.Text
	}
	if e.Label != "" {
		labelColumns = []string{e.Label}
	}
	var list []Example
	for row, err := range in.Rows() {
		if err == nil {
			err = row.Err
		}
		if err != nil {
			return specErrorf("", "examples: %w", err)
		}
		x := Example{place: row.Place()}
		v, ok := row.Value(textColumn)
		if !ok {
			return lacksColumn(&row, textColumn)
		}
		x.Text = batch.Text(v)
		found := false
		for _, name := range labelColumns {
			if v, ok := row.Value(name); ok && !found {
				x.Label, found = List{batch.Text(v)}, true
			}
		}
		if !found {
			return lacksColumn(&row, labelColumns[0])
		}
		list = append(list, x)
		if len(list) > maxExamples {
			return tooManyExamples(fmt.Sprintf("%s has more than %d examples", e.File, maxExamples))
		}
	}
	if len(list) == 0 {
		return specErrorf("leave examples out, or give it rows with text and label", "%s has no examples", e.File)
	}
	*e = Examples{List: list}
	return nil
}

func tooManyExamples(what string) error {
	return specErrorf("a few for each label do; compare with known labels by --expected COLUMN", "%s, and all of them are sent with each row", what)
}

func lacksColumn(row *batch.Row, name string) error {
	var names []string
	for _, c := range row.Columns {
		names = append(names, c.Name)
	}
	return specErrorf("name its columns under classify: with examples: {file: FILE, text: COLUMN, label: COLUMN}",
		"%s: the example has no column %q, it has %s", row.Place(), name, quoteList(names))
}

// turns checks the examples and returns them as contents: what a user says, and
// what the model is to answer.
func (k *classifyKind) turns() (contents []any, err error) {
	k.shown = make(map[string]bool, len(k.Examples.List))
	answers := make(map[string]string)
	places := make(map[string]string)
	size := 0
	for i, x := range k.Examples.List {
		if x.place == "" {
			x.place = fmt.Sprintf("examples: %d", i+1)
		}
		if strings.TrimSpace(x.Text) == "" {
			return nil, specErrorf("", "%s: the example has no text", x.place)
		}
		labels, err := k.exampleLabels(&x)
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
			return nil, specErrorf("keep one of them", "%s: the example has another label than the same text at %s", x.place, places[x.Text])
		}
		k.shown[x.Text], answers[x.Text], places[x.Text] = true, answer, x.place
		contents = append(contents, textContent("user", x.Text), textContent("model", answer))
		size += len(x.Text) + len(answer)
	}
	switch {
	case len(k.shown) > maxExamples:
		return nil, tooManyExamples(fmt.Sprintf("there are %d examples", len(k.shown)))
	case size > maxExampleBytes:
		return nil, tooManyExamples(fmt.Sprintf("the examples are %d KiB of text", size>>10))
	}
	return contents, nil
}

// exampleLabels returns the labels of an example, spelled as the job has them.
func (k *classifyKind) exampleLabels(x *Example) ([]string, error) {
	if k.Multi {
		var labels []string
		var err error
		if len(x.Label) == 1 {
			labels, err = k.labels.list(x.Label[0])
		} else {
			labels, err = k.labels.all(x.Label)
		}
		if err != nil {
			return nil, specErrorf("an empty list is written []", "%s: of the example's labels, %w", x.place, err)
		}
		if n := len(labels); n < k.MinLabels || k.MaxLabels > 0 && n > k.MaxLabels {
			return nil, specErrorf("", "%s: the example has %s, which min_labels and max_labels do not allow", x.place, plural(n, "label"))
		}
		return labels, nil
	}
	if len(x.Label) != 1 {
		return nil, specErrorf("say multi: true where a text can have several", "%s: the example has %s, and is to have one", x.place, plural(len(x.Label), "label"))
	}
	label, ok := k.labels.find(x.Label[0])
	if !ok {
		return nil, specErrorf(k.labels.like(x.Label[0]), "%s: the example's label %q is none of the job's", x.place, oneLine(x.Label[0], 60))
	}
	return []string{label}, nil
}

// exampleAnswer is what the model is to have answered. A confidence or a rationale
// that nobody had would teach it wrong ones: they are left out.
func (k *classifyKind) exampleAnswer(labels []string) (string, error) {
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
	text, err := marshal(answer)
	return string(text), err
}

// Names returns the labels, as the job spells them and in its order. It is not to be
// changed.
func (k *classifyKind) Names() []string { return k.labels }

// Like is a hint for a text that is none of the labels.
func (k *classifyKind) Like(text string) string { return k.labels.like(text) }

// Shown returns how many examples the model is shown with each row, and how many bytes
// of text they are.
func (k *classifyKind) Shown() (examples, bytes int) {
	for text := range k.shown {
		bytes += len(text)
	}
	return len(k.shown), bytes
}

// warnExamples says what many examples come to, before they are paid for.
func (j *Job) warnExamples() {
	k := j.prompt.Classification()
	if k == nil {
		return
	}
	if n, size := k.Shown(); n > manyExamples || size > manyExampleBytes {
		j.log.Warn(fmt.Sprintf("%d examples, about %d tokens, are sent with each row, and paid for each time", n, size/4))
	}
}
