package jobs

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// openInput opens the input and checks the job against its columns.
func (j *Job) openInput() error {
	paths := slices.Clone(j.spec.Input)
	for i, p := range paths {
		if p == "-" {
			spool, err := j.spoolPath()
			if err != nil {
				return err
			}
			paths[i] = spool
		}
		if j.spec.Output == paths[i] {
			return spec.Errorf("write to another file", "%s is input and output", p)
		}
	}
	in, err := reader.Open(reader.Config{Paths: paths, Format: j.spec.InputFormat, MaxRowBytes: j.spec.MaxRowBytes})
	if err != nil {
		return &spec.Error{Err: err}
	}
	j.input = in
	if j.journal == nil {
		if err := j.checkPaths(); err != nil {
			return err
		}
		j.progress.upToDate = j.recall()
	}
	if err := j.learnColumns(); err != nil {
		return err
	}
	return j.checkColumns()
}

// openRows opens the input of a run; with --strict it reads all of it first.
func (j *Job) openRows() error {
	if err := j.openInput(); err != nil || !j.spec.Strict || j.progress.upToDate != nil {
		return err
	}
	return j.checkRows()
}

// peekRows is how many rows of an input without a header tell its columns.
const peekRows = 1000

// learnColumns finds the input's columns: from headers and schemas, or among the
// first rows.
func (j *Job) learnColumns() error {
	j.names = nil
	for _, c := range j.input.Columns() {
		j.names = append(j.names, c.Name)
	}
	if j.input.KnownColumns() {
		return nil
	}
	var u reader.Union
	n := 0
	for row, err := range j.input.Rows() {
		if err != nil {
			return &spec.Error{Err: err}
		}
		u.Add(&row)
		if n++; n == peekRows {
			break
		}
	}
	for _, c := range u.Columns() {
		if !slices.Contains(j.names, c.Name) {
			j.names = append(j.names, c.Name)
		}
	}
	return nil
}

// checkColumns refuses templates that name what is not there, and result columns
// that would cover the input's.
func (j *Job) checkColumns() error {
	if len(j.names) > 0 {
		if err := j.prompt.CheckColumns(j.names); err != nil {
			return err
		}
		if err := spec.CheckUses("media", j.media.Columns(), j.names); err != nil {
			return err
		}
	}
	if err := j.checkExpected(); err != nil {
		return err
	}
	for _, c := range j.resultColumns() {
		if slices.Contains(j.names, c.Name) {
			return spec.Errorf("give the result columns a prefix, such as --prefix ai_",
				"the input has a column %q, and so have the results", c.Name)
		}
	}
	if len(j.names) > 0 {
		input := make([]batch.Column, len(j.names))
		for i, name := range j.names {
			input[i].Name = name
		}
		if _, _, err := j.pick(input, j.resultColumns()); err != nil {
			return err
		}
	}
	if k := j.spec.Key; k != "" {
		if len(j.names) > 0 && !slices.Contains(j.names, k) {
			return spec.Errorf("the input has "+message.QuoteList(j.names), "key names the column %q, which the input does not have", k)
		}
		if j.progress.upToDate == nil {
			return j.checkKeys()
		}
	}
	return nil
}

// checkKeys reads the input once and refuses a key that names two rows.
func (j *Job) checkKeys() error {
	first := make(map[string]string)
	for row, err := range j.rows() {
		if err != nil {
			return &spec.Error{Err: err}
		}
		key := j.key(row)
		if key == "" {
			continue
		}
		if place, taken := first[key]; taken {
			return spec.Errorf("choose a column that names each row once", "%s: the %s %q stands at %s already", row.Place(), j.spec.Key, key, place)
		}
		first[key] = row.Place()
	}
	return nil
}

// key returns the row's name, or "" when it has none.
func (j *Job) key(row *batch.Row) string {
	column := j.spec.Key
	if column == "" && j.spec.Raw != nil {
		column = "key" // as Gemini Batch files have it
	}
	if column == "" {
		return ""
	}
	if v, ok := row.Value(column); ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}
