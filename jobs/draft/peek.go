package draft

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// Peek returns the columns of a job's input, and the first rows of it: at most n. Of JSONL the
// columns are those of these rows. It looks at the first file of the input alone, and is quick
// however large that is. What is no plain file, such as a pipe, is not read, since it can be
// read only once, and objects are not, since a store may be slow to answer. The rest of the Spec need not be complete.
func Peek(s spec.Spec, n int) (columns []batch.Column, rows []batch.Row, err error) {
	in, err := openFirst(&s)
	if err != nil {
		return nil, nil, err
	}
	var union reader.Union
	for row, err := range in.Rows() {
		if err != nil || len(rows) >= n {
			break
		}
		if row.Err == nil {
			union.Add(&row)
			rows = append(rows, row)
		}
	}
	if in.KnownColumns() {
		return in.Columns(), rows, nil
	}
	return union.Columns(), rows, nil
}

// openFirst opens the first file of an input that can be opened. A pipe cannot, and an object is
// not.
func openFirst(s *spec.Spec) (*reader.Input, error) {
	err := spec.Errorf("name one with --input", "no file is given as input")
	for _, path := range s.Input {
		if store.IsAddress(path) {
			continue
		}
		c := spec.ReaderConfig(s, []string{path})
		c.First = true
		in, cause := reader.Open(c)
		if cause == nil {
			return in, nil
		}
		err = &spec.Error{Err: cause}
	}
	return nil, err
}

// Reference returns how a template writes a column.
func Reference(column string) string { return template.Reference(column) }

// ResultColumns returns the columns that the output of a job has beside those of its input.
// The rest of the Spec need not be complete: what its kind would add is left out if that
// cannot be told.
func ResultColumns(s spec.Spec) []batch.Column {
	p, err := prompt.New(&s, prompt.Wording)
	if err != nil {
		p = nil
	}
	columns, err := output.NewColumns(&s, p)
	if err != nil {
		return nil
	}
	return columns.Names()
}
