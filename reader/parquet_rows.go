package reader

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/genbatch/genbatch/batch"
)

// This file reads the rows of Parquet files, nested values included.

// rowsParquet yields the rows of the portion, and those before it in the first row group that has
// some. It does not read other row groups. A panic of the library is an error.
func (f *file) rowsParquet(part portion, yield func(batch.Row, int64) bool) error {
	p, err := openParquet(f.path)
	if err != nil {
		return err
	}
	defer p.Close()
	if !sameColumns(p.columns, f.columns) {
		return errors.New("the schema has changed since the file was opened")
	}
	p.columns = f.columns // the rows of every pass share them

	out := make([]batch.Row, 0, 32)
	var done int64 // rows of the groups before
	for i := range p.groups {
		rows := p.groups[i].NumRows
		if done+rows <= part.from || done >= part.to {
			done += rows
			continue
		}
		var g *groupReader
		err := guard(func() error {
			chunks, err := p.chunks(i, f.maxPage())
			if err == nil {
				g = newGroupReader(p, chunks, f.max)
			}
			return err
		})
		if err != nil {
			return &Error{File: f.path, Line: done + 1, Err: err}
		}
		var n int64 // rows of this group
		for eof := false; !eof; {
			out = out[:0]
			err := guard(func() (err error) {
				out, eof, err = g.read(out)
				return err
			})
			if err == nil && eof && n+int64(len(out)) != rows {
				err = fmt.Errorf("a row group has %d rows where the footer says %d", n+int64(len(out)), rows)
			}
			if err != nil {
				return &Error{File: f.path, Line: done + n + 1, Err: fmt.Errorf("the Parquet data is damaged at or after this row: %w", err)}
			}
			for i := range out {
				row := &out[i]
				n++
				row.Line = done + n
				if bad, ok := row.Err.(*Error); ok {
					bad.File, bad.Line = f.path, row.Line
				}
				if !yield(*row, row.Line-1) {
					return nil
				}
			}
		}
		done += n
	}
	return nil
}

// A groupReader reads the rows of one row group. It reads each column by itself and
// copies a row's texts once, into one piece of memory. The library's own reader of rows
// allocates a buffer for each page, and its Clone one for each text.
type groupReader struct {
	file   *parquetFile
	max    int           // the longest row, in bytes
	chunks []chunkReader // parallel to file.leaves

	row     parquet.Row // the current row; its texts stand in the pages
	long    bool        // the current row is longer than max; row does not hold all of it
	first   []int       // the place in row of each leaf's first value, and len(row)
	json    jsonWriter
	texts   [][]byte // of the current row
	js      []byte   // the nested values of the current row as JSON
	jsonEnd []int    // for each of file.fields where its value ends in js
}

// A valueReader reads values, and returns io.EOF after the last one. It is a [pages.Chunk].
type valueReader interface {
	Read([]parquet.Value) (int, error)
}

// A chunkReader reads the values of one leaf.
type chunkReader struct {
	repeated bool // a row can have several values
	values   valueReader
	buf      []parquet.Value // some values; those from at to end are not yet used
	at, end  int
}

// newGroupReader reads the rows that chunks, parallel to p.leaves, hold the values of. A
// row of more than max bytes is a bad one.
func newGroupReader[C valueReader](p *parquetFile, chunks []C, max int) *groupReader {
	const values = 128 // how many of each leaf are read at a time
	g := &groupReader{
		file:    p,
		max:     max,
		chunks:  make([]chunkReader, len(chunks)),
		first:   make([]int, len(chunks)+1),
		json:    jsonWriter{at: make([]int, len(chunks))},
		jsonEnd: make([]int, len(p.fields)),
	}
	room := make([]parquet.Value, values*len(chunks))
	for i, c := range chunks {
		g.chunks[i] = chunkReader{repeated: p.leaves[i].rep > 0, values: c, buf: room[i*values : (i+1)*values]}
	}
	return g
}

// read appends rows to out until out is full or has much text. eof says that the group
// ends with these rows.
func (g *groupReader) read(out []batch.Row) (_ []batch.Row, eof bool, err error) {
	const enough = 1 << 20 // bytes of text: long rows must not pile up
	for text := 0; len(out) < cap(out) && text < enough; {
		if eof, err = g.next(); eof || err != nil {
			return out, eof, err
		}
		out = out[:len(out)+1]
		n, err := g.build(&out[len(out)-1])
		if err != nil {
			return out, false, err
		}
		text += n
	}
	return out, false, nil
}

var errUneven = errors.New("a column has fewer rows than the others")

// next moves to the next row: it takes the row's values from all leaves. Of a row that is
// longer than allowed it keeps only the beginning.
func (g *groupReader) next() (eof bool, err error) {
	row, size := g.row[:0], 0
	g.long = false
	for leaf := range g.chunks {
		c := &g.chunks[leaf]
		if c.at == c.end {
			switch err := c.fill(); {
			case err == io.EOF && leaf == 0:
				return true, g.checkEnd()
			case err == io.EOF:
				return false, errUneven
			case err != nil:
				return false, err
			}
		}
		if c.buf[c.at].RepetitionLevel() != 0 {
			return false, errors.New("a row begins in the middle of a list")
		}
		g.first[leaf] = len(row)
		row = append(row, c.buf[c.at])
		size += textSize(c.buf[c.at : c.at+1])
		c.at++
		if !c.repeated {
			continue
		}
		const most = 1 << 28 // no row that is meant has so many items
		for n := 0; ; {
			from := c.at
			for c.at < c.end && c.buf[c.at].RepetitionLevel() > 0 {
				c.at++
			}
			// An item without text counts as what it takes here.
			items := c.buf[from:c.at]
			size += textSize(items) + len(items)*int(unsafe.Sizeof(parquet.Value{}))
			if n += len(items); n > most {
				return false, fmt.Errorf("a row has more than %d items", most)
			}
			if g.long = g.long || size > g.max; !g.long {
				row = append(row, items...)
			}
			if c.at < c.end {
				break
			}
			if err := c.fill(); err == io.EOF {
				break
			} else if err != nil {
				return false, err
			}
		}
	}
	g.first[len(g.chunks)] = len(row)
	g.row, g.long = row, g.long || size > g.max
	return false, nil
}

// textSize returns how many bytes the texts among values have.
func textSize(values []parquet.Value) (n int) {
	for i := range values {
		if isText(values[i].Kind()) {
			n += len(values[i].ByteArray())
		}
	}
	return n
}

// checkEnd returns an error if a leaf has values left after the first leaf has ended.
func (g *groupReader) checkEnd() error {
	for leaf := range g.chunks[1:] {
		c := &g.chunks[leaf+1]
		if c.at < c.end {
			return errUneven
		}
		if err := c.fill(); err == nil {
			return errUneven
		} else if err != io.EOF {
			return err
		}
	}
	return nil
}

// fill reads more values, once all earlier ones are used. It returns io.EOF if there are
// none.
func (c *chunkReader) fill() (err error) {
	c.at = 0
	c.end, err = c.values.Read(c.buf)
	if err != nil {
		c.end = 0
	}
	return err
}

// build converts the current row to row, and returns the size of its text.
func (g *groupReader) build(row *batch.Row) (size int, err error) {
	p := g.file
	if g.long {
		*row = batch.Row{Columns: p.columns, Values: make([]any, len(p.columns)), Err: &Error{Err: tooLong(g.max)}}
		return 0, nil
	}
	g.texts = g.texts[:0]
	for i := range g.row {
		if isText(g.row[i].Kind()) {
			g.texts = append(g.texts, g.row[i].ByteArray())
		}
	}
	js, notUTF8 := g.js[:0], "" // the first column that is not
	if p.nested {
		copy(g.json.at, g.first)
		g.json.notUTF8 = false
		g.json.row, g.json.end = g.row, g.first[1:]
		for i, fd := range p.fields {
			if from := len(js); !fd.scalar() {
				if js, err = g.json.append(js, fd); err != nil {
					return 0, fmt.Errorf("column %q: %w", fd.name, err)
				}
				if g.json.notUTF8 && notUTF8 == "" {
					notUTF8 = fd.name
				}
				if string(js[from:]) == "null" {
					js = js[:from]
				}
			}
			g.jsonEnd[i] = len(js)
		}
	}
	const keep = 1 << 20 // a single long row must not hold its memory to the end
	if g.js = js; cap(js) > keep {
		g.js = nil
	}

	text := bytes.Join(append(g.texts, js), nil) // unlike make, it does not clear the memory first
	native, at := ownRow(g.row, text)
	begin := at // where the JSON begins
	*row = batch.Row{Columns: p.columns, Values: make([]any, len(p.columns)), Native: native}
	if notUTF8 != "" {
		row.Err = &Error{Err: fmt.Errorf("column %q is not UTF-8", notUTF8)}
	}
	for i, fd := range p.fields {
		if !fd.scalar() {
			if end := begin + g.jsonEnd[i]; end > at {
				row.Values[i] = json.RawMessage(text[at:end:end])
				at = end
			}
			continue
		}
		v := native[g.first[fd.first]]
		if v.IsNull() {
			continue
		}
		value := fd.leaf.value(v)
		if s, ok := value.(string); ok && !utf8.ValidString(s) {
			row.Err = &Error{Err: fmt.Errorf("column %q is not UTF-8", p.columns[i].Name)}
			continue
		}
		row.Values[i] = value
	}
	return len(text), nil
}

// ownRow returns a copy of r whose texts are parts of text, where they stand one after
// the other. It also returns where the last one ends.
func ownRow(r parquet.Row, text []byte) (parquet.Row, int) {
	own := make(parquet.Row, len(r))
	from := 0
	for i := range r {
		v, to := &r[i], &own[i]
		kind := v.Kind()
		if !isText(kind) {
			*to = *v
			continue
		}
		end := from + len(v.ByteArray())
		if kind == parquet.ByteArray {
			*to = parquet.ByteArrayValue(text[from:end:end])
		} else {
			*to = parquet.FixedLenByteArrayValue(text[from:end:end])
		}
		to.SetRepetitionLevel(v.RepetitionLevel())
		to.SetDefinitionLevel(v.DefinitionLevel())
		to.SetColumnIndex(v.Column())
		from = end
	}
	return own, from
}

// isText reports whether values of kind k refer to bytes of a page.
func isText(k parquet.Kind) bool { return k == parquet.ByteArray || k == parquet.FixedLenByteArray }

// textOf returns the bytes of a row's value as a string that shares their memory. Nobody
// may change a row, and copying each text once more costs a fifth of reading flat rows.
func textOf(v parquet.Value) string {
	b := v.ByteArray()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// A jsonWriter writes the nested values of a row as JSON. It walks over the values of
// each leaf once. A value that repeats at a field's own level begins the field's next
// item; null and an empty list have one value in each of their leaves.
type jsonWriter struct {
	row    parquet.Row
	at     []int // for each leaf the place in row of its next value
	end    []int // for each leaf the place after its last value
	uneven bool  // some leaf had fewer values than the others

	notUTF8 bool // some text of the row is not UTF-8
}

// append appends the value of f, a field at the top of the schema.
func (w *jsonWriter) append(dst []byte, f *field) ([]byte, error) {
	dst = w.appendField(dst, f)
	for leaf := f.first; leaf < f.first+f.leaves; leaf++ {
		if w.uneven || w.at[leaf] != w.end[leaf] {
			return dst, errUneven
		}
	}
	return dst, nil
}

// peek returns the next value of f's first leaf.
func (w *jsonWriter) peek(f *field) parquet.Value {
	if i := w.at[f.first]; i < w.end[f.first] {
		return w.row[i]
	}
	w.uneven = true
	return parquet.Value{}
}

// skip passes over the one value that each leaf of f has if f is null or empty.
func (w *jsonWriter) skip(f *field) {
	for leaf := f.first; leaf < f.first+f.leaves; leaf++ {
		w.at[leaf]++
	}
}

func (w *jsonWriter) appendField(dst []byte, f *field) []byte {
	if f.repeated {
		return w.appendItems(dst, f, f)
	}
	if f.optional && w.peek(f).DefinitionLevel() < f.def {
		w.skip(f)
		return append(dst, "null"...)
	}
	return w.appendPresent(dst, f)
}

// appendPresent appends one value of f, which is not null.
func (w *jsonWriter) appendPresent(dst []byte, f *field) []byte {
	switch f.kind {
	case leafField:
		v := w.peek(f)
		w.at[f.first]++
		if f.leaf.typ == batch.String && f.page.Type == format.ByteArray && !utf8.Valid(v.ByteArray()) {
			w.notUTF8 = true
		}
		return f.leaf.append(dst, v)
	case listField:
		return w.appendItems(dst, f.fields[0], f.element)
	case mapField:
		from := len(dst)
		dst = w.appendItems(dst, f.fields[0], f)
		if f.objectMap() {
			dst[from], dst[len(dst)-1] = '{', '}'
		}
		return dst
	}
	dst = append(dst, '{')
	for i, child := range f.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, child.quoted...), ':')
		dst = w.appendField(dst, child)
	}
	return append(dst, '}')
}

// appendItems appends an array of the items of the repeated field f. element tells how
// an item is written: as f itself, as the field that f wraps, or as an entry of a map.
func (w *jsonWriter) appendItems(dst []byte, f, element *field) []byte {
	if w.peek(f).DefinitionLevel() < f.def {
		w.skip(f)
		return append(dst, '[', ']')
	}
	dst = append(dst, '[')
	for {
		switch {
		case element == f:
			dst = w.appendPresent(dst, f)
		case element.kind == mapField && element.fields[0] == f:
			dst = w.appendEntry(dst, element)
		default:
			dst = w.appendField(dst, element)
		}
		i := w.at[f.first]
		if i >= w.end[f.first] || w.row[i].RepetitionLevel() != f.rep {
			return append(dst, ']')
		}
		dst = append(dst, ',')
	}
}

// objectMap reports whether the map f is written as an object, rather than as an array of
// pairs.
func (f *field) objectMap() bool { return f.fields[0].fields[0].leaf.typ == batch.String }

// appendEntry appends one entry of the map f.
func (w *jsonWriter) appendEntry(dst []byte, f *field) []byte {
	item, object := f.fields[0], f.objectMap()
	if !object {
		dst = append(dst, '[')
	}
	dst = w.appendPresent(dst, item.fields[0])
	if object {
		dst = append(dst, ':')
	} else {
		dst = append(dst, ',')
	}
	if len(item.fields) == 2 {
		dst = w.appendField(dst, item.fields[1])
	} else {
		dst = append(dst, "null"...)
	}
	if !object {
		dst = append(dst, ']')
	}
	return dst
}
