package work

import (
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// This file serves the job's own checks, which look at rows.

// Sources returns what finds the rows with some identities again, of which only the requests
// were kept. Each has the columns alone that checks look at. It reads the input anew. It is
// nil if no check looks at the row, or if there is no list.
func Sources(l *List) func(map[batch.ID]bool) (map[batch.ID]*batch.Row, error) {
	if l == nil || !l.Prompt.Judge.Own().UsesRow() {
		return nil
	}
	return func(ids map[batch.ID]bool) (map[batch.ID]*batch.Row, error) {
		rows := make(map[batch.ID]*batch.Row, len(ids))
		for it, err := range l.Items() {
			if err != nil {
				return nil, fmt.Errorf("%w: %w", batch.ErrSource, err)
			}
			if it.Request != nil && ids[it.Request.ID()] {
				rows[it.Request.ID()] = l.Prompt.Judge.Own().Trim(it.Row)
			}
		}
		return rows, nil
	}
}

// Typed returns the columns of a list with the types that all their values have: those of the
// cells of a single CSV or TSV file, and of a single file that is a row, as far as none is null.
// The others have the type JSON, which may be anything.
func Typed(l *List) []batch.Column {
	isOne := l.Input.KnownColumns() && len(l.Input.Paths()) == 1
	of := l.Input.Columns()
	var columns []batch.Column
	for _, name := range l.names {
		c := batch.Column{Name: name, Type: batch.JSON}
		if i := slices.IndexFunc(of, func(c batch.Column) bool { return c.Name == name }); isOne && i >= 0 && of[i].Native == nil && !l.Input.MayBeNull(name) {
			c.Type = of[i].Type
		}
		columns = append(columns, c)
	}
	return columns
}
