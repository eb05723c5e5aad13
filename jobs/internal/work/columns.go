package work

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// Names returns the input's columns, as far as they are known; none: they are not.
func (l *List) Names() []string { return l.names }

// peekRows is how many rows of an input without a header tell its columns.
const peekRows = 1000

// columnNames finds the input's columns: from headers and schemas, or among the first
// rows.
func columnNames(in *reader.Input) (names []string, err error) {
	for _, c := range in.Columns() {
		names = append(names, c.Name)
	}
	if in.KnownColumns() {
		return names, nil
	}
	var u reader.Union
	n := 0
	for row, err := range in.Rows() {
		if err != nil {
			return nil, &spec.Error{Err: err}
		}
		u.Add(&row)
		if n++; n == peekRows {
			break
		}
	}
	for _, c := range u.Columns() {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names, nil
}

// A columnClash finds rows that have a column named like a result column. Only inputs
// whose columns are not known beforehand need it. It is for one pass over the rows.
type columnClash struct {
	reserved []batch.Column
	clean    []batch.Column // the columns of a row that has none of them: mostly the next row's too
}

func (l *List) newClash() columnClash {
	if l.Input.KnownColumns() {
		return columnClash{}
	}
	return columnClash{reserved: l.Reserved}
}

func (c *columnClash) check(row *batch.Row) error {
	if len(row.Columns) == 0 || len(row.Columns) == len(c.clean) && &row.Columns[0] == &c.clean[0] {
		return nil
	}
	for _, r := range c.reserved {
		if _, taken := row.Value(r.Name); taken {
			return fmt.Errorf("the row has a column %q, and so have the results; give those a --prefix", r.Name)
		}
	}
	c.clean = row.Columns
	return nil
}
