package spec

import (
	"errors"
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
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

	Place string // where it stands, for messages
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

// What is sent with each row is paid for with each row. Beyond these, examples are more
// likely a whole data set that was named by mistake.
const (
	MaxExamples     = 1000
	MaxExampleBytes = 1 << 20
)

// read puts the rows of the file into the list.
func (e *Examples) read() error {
	if e.File == "" {
		return nil
	}
	in, err := reader.Open(reader.Config{Paths: []string{e.File}})
	if err != nil {
		return Errorf("examples are a CSV, TSV, JSONL or Parquet file with the columns text and label", "examples: %w", err)
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
			return Errorf("", "examples: %w", err)
		}
		x := Example{Place: row.Place()}
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
		if len(list) > MaxExamples {
			return TooManyExamples(fmt.Sprintf("%s has more than %d examples", e.File, MaxExamples))
		}
	}
	if len(list) == 0 {
		return Errorf("leave examples out, or give it rows with text and label", "%s has no examples", e.File)
	}
	*e = Examples{List: list}
	return nil
}

// TooManyExamples returns the error for examples that are more than are sent, as what
// says.
func TooManyExamples(what string) error {
	return Errorf("a few for each label do; compare with known labels by --expected COLUMN", "%s, and all of them are sent with each row", what)
}

func lacksColumn(row *batch.Row, name string) error {
	var names []string
	for _, c := range row.Columns {
		names = append(names, c.Name)
	}
	return Errorf("name its columns under classify: with examples: {file: FILE, text: COLUMN, label: COLUMN}",
		"%s: the example has no column %q, it has %s", row.Place(), name, message.List(names))
}
