package output

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// Pick applies --columns to the columns of an input and of a job's results. It returns
// the indexes of those that are written, in the order in which they are named, or a
// [*spec.Error] for a name that is none of them. Without --columns it returns all.
func Pick(s *spec.Spec, input, result []batch.Column) (in, out []int, err error) {
	if len(s.Columns) == 0 {
		for i := range input {
			in = append(in, i)
		}
		for i := range result {
			out = append(out, i)
		}
		return in, out, nil
	}
	for _, name := range s.Columns {
		byName := func(c batch.Column) bool { return c.Name == name }
		if i := slices.IndexFunc(input, byName); i >= 0 {
			in = append(in, i)
		} else if i := slices.IndexFunc(result, byName); i >= 0 {
			out = append(out, i)
		} else {
			var names []string
			for _, c := range append(slices.Clone(input), result...) {
				names = append(names, c.Name)
			}
			hint := "there are " + message.List(names)
			names = append(names, s.Prefix+response.Name)
			for _, e := range extras { // also those that the request does not ask for
				names = append(names, s.Prefix+e.Name)
			}
			if several := strings.Split(name, ","); len(several) > 1 { // which a column's name may hold
				hint = "repeat --columns for each column; write --columns " + strings.Join(trimmed(several), " --columns ") + "; " + hint
			} else if near := message.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %q? ", near) + hint
			}
			return nil, nil, spec.Errorf(hint, "columns names %q, which the output does not have", name)
		}
	}
	return in, out, nil
}

// trimmed takes the spaces from around texts.
func trimmed(texts []string) []string {
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts
}

// Check refuses columns that --columns does not find, and an output that its format cannot
// hold, as far as that is known before all rows are read. names are the input's columns.
func Check(s *spec.Spec, in *reader.Input, names []string, result []batch.Column) error {
	input := in.Columns()
	if !in.KnownColumns() {
		input = make([]batch.Column, len(names))
		for i, name := range names {
			input[i].Name = name
		}
	}
	from, to, err := Pick(s, input, result)
	if err != nil || len(from)+len(to) == 0 {
		return err
	}
	c := writer.Config{Path: s.Output, Format: s.OutputFormat, Input: len(from), Delimiter: s.OutputDelimiter, Null: spec.NullText(s)}
	for _, i := range from {
		c.Columns = append(c.Columns, input[i])
	}
	for _, i := range to {
		c.Columns = append(c.Columns, result[i])
	}
	if err := writer.Check(c); err != nil {
		return &spec.Error{Err: err}
	}
	return nil
}

// addNamed adds the columns that --columns names and no row has, so that they are
// written empty. An input without a header can lack them all: an empty file, or one whose
// rows cannot be read. Pick has checked the names before, by the input's first rows.
func addNamed(s *spec.Spec, input, result []batch.Column) []batch.Column {
	for _, name := range s.Columns {
		byName := func(c batch.Column) bool { return c.Name == name }
		if !slices.ContainsFunc(input, byName) && !slices.ContainsFunc(result, byName) {
			input = append(input, batch.Column{Name: name})
		}
	}
	return input
}
