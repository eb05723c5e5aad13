package work

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// Names returns the names of the input's columns. For an input without a header they
// come from its first rows, so that a later row may have others, and there are none if
// no row could be read.
func (l *List) Names() []string { return l.names }

// peekRows is how many rows are read for the columns of an input without a header.
const peekRows = 1000

// columnNames returns the names of an input's columns: those of its headers and schemas,
// and those of its first rows if that is not all.
func columnNames(in *reader.Input) (names []string, err error) {
	if in.KnownColumns() {
		for _, c := range in.Columns() {
			names = append(names, c.Name)
		}
		return names, nil
	}
	var u reader.Union
	n := 0
	for row, err := range in.Whole().Rows() { // all shards are to know the same columns
		if err != nil {
			return nil, &spec.Error{Err: err}
		}
		u.Add(&row)
		if n++; n == peekRows {
			break
		}
	}
	for _, c := range append(u.Columns(), in.Columns()...) {
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names, nil
}

// A columnClash finds rows that have a column named like a result column. Only inputs
// whose columns are known row by row need it. It is for one pass over the rows.
type columnClash struct {
	reserved []batch.Column
	clean    []batch.Column // the columns of the last row that was fine; the next row mostly shares them
}

// newClash returns what checks the rows of one pass.
func (l *List) newClash() columnClash {
	if l.Input.KnownColumns() {
		return columnClash{}
	}
	return columnClash{reserved: l.Reserved}
}

// check returns an error if the row has a result column.
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
