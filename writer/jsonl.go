package writer

import (
	"bufio"
	"bytes"
	"errors"

	"github.com/genbatch/genbatch/batch"
)

// A jsonlEncoder writes one object per line: first the row's own members, then the
// results.
type jsonlEncoder struct {
	w       *bufio.Writer
	input   []batch.Column
	results []batch.Column
	names   [][]byte // the keys of input and results, quoted and with their colon
	all     bool
	lookup  *lookup
	line    []byte

	isResult map[string]bool
	last     []batch.Column // the columns for which clash was computed
	clash    bool           // a result has the name of one of them
}

func newJSONL(w *bufio.Writer, c *Config) *jsonlEncoder {
	e := &jsonlEncoder{w: w, input: c.Columns[:c.Input], results: c.results(), all: c.AllInput}
	e.lookup = newLookup(e.input)
	e.isResult = make(map[string]bool)
	for _, col := range e.results {
		e.isResult[col.Name] = true
	}
	for _, col := range c.Columns {
		e.names = append(e.names, append(appendQuoted(nil, col.Name), ':'))
	}
	return e
}

func (e *jsonlEncoder) write(row *batch.Row, result []any) error {
	const keep = 4 << 20 // a single long line must not hold its memory to the end
	if cap(e.line) > keep {
		e.line = nil
	}
	e.line = append(e.line[:0], '{')
	var err error
	switch {
	case row == nil:
	case !e.all:
		err = e.appendPicked(row)
	case row.Raw != nil && !e.clashes(row):
		if err := e.appendRaw(row.Raw); err != nil {
			return err
		}
		err = e.appendOwn(row, len(row.Columns)-row.Beside)
	default:
		err = e.appendOwn(row, 0)
	}
	if err != nil {
		return err
	}
	for i, v := range result {
		e.comma()
		e.line = append(e.line, e.names[len(e.input)+i]...)
		if e.line, err = appendJSON(e.line, e.results[i].Type, v); err != nil {
			return err
		}
	}
	e.line = append(e.line, '}', '\n')
	_, err = e.w.Write(e.line)
	return err
}

func (e *jsonlEncoder) close() error { return nil }

// comma appends a comma, unless the next member is the first.
func (e *jsonlEncoder) comma() {
	if len(e.line) > 1 {
		e.line = append(e.line, ',')
	}
}

// appendRaw appends the members of the object raw without changing a byte.
func (e *jsonlEncoder) appendRaw(raw []byte) error {
	if len(raw) < 2 || raw[0] != '{' || raw[len(raw)-1] != '}' {
		return errors.New("the row's raw text is no object")
	}
	// Only an empty object has nothing but space between its braces.
	if inside := raw[1 : len(raw)-1]; len(bytes.TrimSpace(inside)) > 0 {
		e.line = append(e.line, inside...)
	}
	return nil
}

// appendOwn appends the columns of the row from a place on, except one that has the name of a
// result. If a name came twice, each program that reads the line would choose for itself.
func (e *jsonlEncoder) appendOwn(row *batch.Row, from int) (err error) {
	for i := from; i < min(len(row.Values), len(row.Columns)); i++ {
		c, v := &row.Columns[i], row.Values[i]
		if e.isResult[c.Name] {
			continue
		}
		e.comma()
		e.line = append(appendQuoted(e.line, c.Name), ':')
		if e.line, err = appendJSON(e.line, c.Type, v); err != nil {
			return err
		}
	}
	return nil
}

// appendPicked appends the input columns that the row has.
func (e *jsonlEncoder) appendPicked(row *batch.Row) (err error) {
	at, _ := e.lookup.find(row)
	for i, from := range at {
		if from < 0 {
			continue
		}
		e.comma()
		e.line = append(e.line, e.names[i]...)
		if e.line, err = appendJSON(e.line, row.Columns[from].Type, row.Values[from]); err != nil {
			return err
		}
	}
	return nil
}

// clashes reports whether a result has the name of one of the row's columns.
func (e *jsonlEncoder) clashes(row *batch.Row) bool {
	if len(row.Columns) == 0 || len(row.Columns) == len(e.last) && &row.Columns[0] == &e.last[0] {
		return e.clash && len(row.Columns) > 0
	}
	e.last, e.clash = row.Columns, false
	for _, c := range row.Columns {
		e.clash = e.clash || e.isResult[c.Name]
	}
	return e.clash
}
