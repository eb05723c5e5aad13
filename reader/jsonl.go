package reader

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/plainjson"
	"github.com/genbatch/genbatch/internal/textfile"
)

// This file reads JSONL: lines of any length, each of which is one object.

// openJSONL checks that the file can be opened and that it seems to have one object per
// line. A file of another kind is refused once, and not line by line. dotJSON says that
// the extension is .json, which may also stand for a single JSON document.
func (f *file) openJSONL(dotJSON bool) error {
	look, err := f.look()
	if err != nil {
		return err
	}
	f.lookAtRows(look)
	if what := fileformat.NotLines(look.Head, dotJSON); what != "" {
		return errors.New(what)
	}
	return nil
}

// lookAtRows sees which names the first rows have, and notes that one gives a name twice.
func (f *file) lookAtRows(look textfile.Look) {
	const most = 100 // lines
	var d objectDecoder
	n := 0
	for line := range bytes.Lines(look.Head) {
		if n++; n > most || !look.Whole && !bytes.HasSuffix(line, []byte("\n")) {
			return
		}
		columns, _, _ := d.decode(bytes.TrimSpace(line)) // its error is met again by whoever reads the rows
		f.hive.see(columns)
		if d.twice != "" {
			f.note("line %d gives the name %q twice: the last value counts", n, d.twice)
			return
		}
	}
}

func (f *file) rowsJSONL(p portion, yield func(batch.Row, int64) bool) error {
	t, err := f.openText()
	if err != nil {
		return err
	}
	defer t.Close()
	lines := textfile.NewLines(t.Reader, f.max)
	sought := f.seekable() && p.from > 0
	if sought {
		if lines, err = t.LinesFrom(p.from, f.max); err != nil {
			return err
		}
	}
	d := objectDecoder{notText: f.notText("the line").Error()}
	for n := int64(0); ; {
		line, err := lines.Next()
		place, number, offset := n, lines.Number(), int64(0)
		if f.seekable() {
			place = lines.Begin()
		}
		if sought { // the lines before were not counted
			number, offset = 0, t.Offset(place)
		}
		at := func(column int, err error) *Error {
			return &Error{File: f.path, Line: number, Offset: offset, Column: column, Err: err}
		}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, textfile.ErrTooLong):
			if !yield(batch.Row{Line: number, Offset: offset, Err: at(0, tooLong(f.max))}, place) {
				return nil
			}
			n++
			continue
		case err != nil:
			return at(0, err)
		}
		line = bytes.TrimRight(line, " \t\r\n")
		object := bytes.TrimLeft(line, " \t")
		if len(object) == 0 {
			continue
		}
		row := batch.Row{Line: number, Offset: offset, Raw: bytes.Clone(object)}
		if row.Columns, row.Values, err = d.decode(row.Raw); err != nil {
			row.Raw = nil // the line is no object, or not one that can be copied
			column := 0
			var syntax *syntaxError
			if errors.As(err, &syntax) {
				column = len(line) - len(object) + syntax.offset + 1
			}
			row.Err = at(column, err)
		}
		if !yield(row, place) {
			return nil
		}
		n++
	}
}

// An objectDecoder turns JSON objects into columns and values.
type objectDecoder struct {
	last []batch.Column // of the object before; the next object shares them if it can
	seen map[string]int // index by name, for objects with many members

	notText string // what to say of bytes that are not UTF-8
	twice   string // the last name that an object had twice
}

// decode decodes the object b. Nested values share memory with b. With an error come the
// members that could be read: those before it, and if a value is a word that JSON does not
// have, such as NaN, also those after it. That value is null.
func (d *objectDecoder) decode(b []byte) ([]batch.Column, []any, error) {
	if !utf8.Valid(b) {
		return nil, nil, &syntaxError{textfile.FirstInvalid(b), d.notText}
	}
	s := objectScanner{b: b}
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	cols, shared := d.last, true
	values := make([]any, 0, len(d.last))
	clear(d.seen)
	var fault error // the first
	last := -1      // where the last value ends
	for first := true; ; first = false {
		m, ok, err := s.next(first)
		if err != nil {
			if fault == nil {
				fault = err
			}
			if m.val == 0 || !s.pass(&m) {
				// Of 01 or 1.2.3 a part was taken for a number.
				if n := len(values) - 1; n >= 0 && err.offset == last && cols[n].Type != batch.String {
					values[n] = nil
				}
				break
			}
			m.typ, m.valEnd, m.escaped = batch.String, m.val, false
		} else if !ok {
			break
		}
		last = m.valEnd
		var v any
		text := b[m.val:m.valEnd]
		switch m.typ {
		case batch.Bool:
			v = text[0] == 't'
		case batch.Int, batch.Float:
			v = json.Number(text)
		case batch.JSON:
			v = json.RawMessage(text[:len(text):len(text)])
		default: // a string, or null, which stays nil
			if m.escaped {
				v = plainjson.Unescape(text[1 : len(text)-1])
			} else if len(text) > 0 && text[0] == '"' {
				v = string(text[1 : len(text)-1])
			}
		}

		// Null has no type of its own. It takes that of the row before, so that both can
		// share their columns.
		n := len(values)
		if n < len(d.last) && !m.keyEscaped && d.last[n].Name == string(b[m.key+1:m.keyEnd-1]) {
			if v == nil {
				m.typ = d.last[n].Type
			}
			if shared && d.last[n].Type == m.typ {
				values = append(values, v)
				continue
			}
		}
		if shared {
			cols = append(make([]batch.Column, 0, max(n+8, len(d.last))), d.last[:n]...)
			shared = false
		}
		name := string(b[m.key+1 : m.keyEnd-1])
		if m.keyEscaped {
			name = plainjson.Unescape(b[m.key+1 : m.keyEnd-1])
		}
		if i := d.index(cols, name); i >= 0 {
			cols[i].Type, values[i], d.twice = m.typ, v, name // the last one wins
			continue
		}
		cols = append(cols, batch.Column{Name: name, Type: m.typ})
		values = append(values, v)
	}
	d.last = cols[:len(values):len(values)]
	return d.last, values, fault
}

// index returns the place of the column name in cols, or -1.
func (d *objectDecoder) index(cols []batch.Column, name string) int {
	const few = 16
	if len(cols) <= few {
		for i := range cols {
			if cols[i].Name == name {
				return i
			}
		}
		return -1
	}
	if d.seen == nil {
		d.seen = make(map[string]int)
	}
	for i := len(d.seen); i < len(cols); i++ {
		d.seen[cols[i].Name] = i
	}
	if i, ok := d.seen[name]; ok {
		return i
	}
	return -1
}
