package spec

import (
	"errors"
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/reader"
)

// Examples are texts with their right labels, which the model is shown before each row's
// text. In YAML they are a list of examples, the path of a file of them (CSV, TSV, JSONL or
// Parquet), or a group of keys that names the file's columns as well. The zero value is no
// examples.
//
// They are sent as turns of a conversation, since these have just the form of the row's own
// text and answer. They stand in the part of the request that is the same for every row,
// which the API caches.
type Examples struct {
	File  string    `json:"file,omitempty"`  // [Spec.ReadFiles] replaces it by List
	Text  string    `json:"text,omitempty"`  // the file's column with the texts; default: text
	Label string    `json:"label,omitempty"` // the file's column with the labels; default: label, or else labels; with questions, their names
	List  []Example `json:"list,omitempty"`

	notes []string // see Notes
}

// An Example is a text with its label or labels. Where a row may have several labels, a single
// text may hold them, as a JSON list or with separators.
type Example struct {
	Text   string          `json:"text"`
	Label  List            `json:"label,omitempty"`
	Labels map[string]List `json:"labels,omitempty"` // instead of Label in a job with questions, by their names

	place string // where the example stands; empty if in the job file. It is not stored.
}

// Place says where the example stands, for messages. n is its place in the job's list,
// from 0.
func (e *Example) Place(n int) string {
	if e.place != "" {
		return e.place
	}
	return fmt.Sprintf("examples: %d", n+1)
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

// maxExamples and maxExampleBytes bound the examples of a job, which are sent, and paid for,
// with each row. More of them are rather a whole data set that was named by mistake.
const (
	maxExamples     = 1000
	maxExampleBytes = 1 << 20 // of their texts and answers together
)

// CheckExamples returns an [*Error] if these are too many examples to be sent with each row:
// their count, and the bytes of their texts and answers together.
func CheckExamples(count, size int) error {
	switch {
	case count > maxExamples:
		return tooManyExamples(fmt.Sprintf("there are %d examples", count))
	case size > maxExampleBytes:
		return tooManyExamples(fmt.Sprintf("the examples are %d KiB of text", size>>10))
	}
	return nil
}

// tooManyExamples returns the error for too many examples. What says how many there are.
func tooManyExamples(what string) error {
	return Errorf("a few for each label do; compare with known labels by --expected COLUMN", "%s, and all of them are sent with each row", what)
}

// read puts the rows of the file into the list.
func (e *Examples) read(questions Questions) error {
	if e.File == "" {
		return nil
	}
	if e.Label != "" && len(questions) > 0 {
		return Errorf("leave it out: the column of a question has its name", "examples name the column %q of the labels, and there are questions", e.Label)
	}
	in, err := reader.Open(reader.Config{Paths: []string{inHome(e.File)}})
	if err != nil {
		return Errorf("examples are a CSV, TSV, JSONL or Parquet file with the columns text and label", "examples: %w", err)
	}
	textColumn := "text"
	if e.Text != "" {
		textColumn = e.Text
	}
	var list []Example
	for row, err := range in.Rows() {
		if err == nil {
			err = row.Err
		}
		if err != nil {
			return Errorf("", "examples: %w", err)
		}
		x := Example{place: row.Place()}
		v, ok := row.Value(textColumn)
		if !ok {
			return lacksColumn(&row, textColumn)
		}
		x.Text = batch.TextOfBytes(v)
		if err := e.readLabels(&x, &row, questions); err != nil {
			return err
		}
		list = append(list, x)
		if len(list) > maxExamples {
			return tooManyExamples(fmt.Sprintf("%s has more than %d examples", e.File, maxExamples))
		}
	}
	if len(list) == 0 {
		return Errorf("leave examples out, or give it rows with text and label", "%s has no examples", e.File)
	}
	*e = Examples{List: list, notes: in.Notes()}
	return nil
}

// readLabels takes the labels of an example from its row.
func (e *Examples) readLabels(x *Example, row *batch.Row, questions Questions) error {
	for _, q := range questions {
		v, ok := row.Value(q.Name)
		if !ok {
			return lacksColumn(row, q.Name)
		}
		if x.Labels == nil {
			x.Labels = make(map[string]List, len(questions))
		}
		x.Labels[q.Name] = List{batch.TextOfBytes(v)}
	}
	if len(questions) > 0 {
		return nil
	}
	columns := []string{"label", "labels"}
	if e.Label != "" {
		columns = []string{e.Label}
	}
	for _, name := range columns {
		if v, ok := row.Value(name); ok {
			x.Label = List{batch.TextOfBytes(v)}
			return nil
		}
	}
	return lacksColumn(row, columns[0])
}

// Notes returns what the user should know about how the file of the examples was read. There are
// none for a Spec that was stored since.
func (e *Examples) Notes() []string { return e.notes }

// lacksColumn returns the error for a row of examples without a column.
func lacksColumn(row *batch.Row, name string) error {
	var names []string
	for _, c := range row.Columns {
		names = append(names, c.Name)
	}
	return Errorf("name its columns under classify: with examples: {file: FILE, text: COLUMN, label: COLUMN}; the labels of a question stand in a column of its name",
		"%s: the example has no column %q, it has %s", row.Place(), name, message.List(names))
}
