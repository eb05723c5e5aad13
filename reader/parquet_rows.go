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

	"github.com/genbatch/genbatch/batch"
)

func (f *file) rowsParquet(yield func(batch.Row) bool) error {
	p, err := openParquet(f.path)
	if err != nil {
		return err
	}
	defer p.Close()
	if !sameColumns(p.columns, f.columns) {
		return errors.New("the schema has changed since the file was opened")
	}
	p.columns = f.columns // shared by the rows of every pass

	out := make([]batch.Row, 0, 32)
	var done int64 // rows of the groups before
	for _, group := range p.groups {
		var g *groupReader
		if err := guard(func() (err error) { g, err = newGroupReader(p, group); return err }); err != nil {
			return &Error{File: f.path, Line: done + 1, Err: err}
		}
		var n int64 // rows of this group
		for eof := false; !eof; {
			out = out[:0]
			err := guard(func() (err error) {
				out, eof, err = g.read(out)
				return err
			})
			if err == nil && eof && n+int64(len(out)) != group.NumRows() {
				err = fmt.Errorf("a row group has %d rows where the footer says %d", n+int64(len(out)), group.NumRows())
			}
			if err != nil {
				guard(g.close)
				return &Error{File: f.path, Line: done + n + 1, Err: fmt.Errorf("the Parquet data is damaged at or after this row: %w", err)}
			}
			for i := range out {
				row := &out[i]
				n++
				row.Line = done + n
				if bad, ok := row.Err.(*Error); ok {
					bad.File, bad.Line = f.path, row.Line
				}
				if !yield(*row) {
					guard(g.close)
					return nil
				}
			}
		}
		done += n
		if err := guard(g.close); err != nil {
			return err
		}
	}
	return nil
}

// A groupReader reads the rows of one row group. It reads each column by itself
// and copies a row's texts once, into one piece of memory: the library's own
// reader of rows takes a new buffer for each page and its Clone one for each text.
type groupReader struct {
	file   *parquetFile
	chunks []chunkReader // parallel to file.leaves

	row     parquet.Row    // the row at hand; its texts stand in the pages
	first   []int          // for each leaf its first value in row, and the end
	done    []parquet.Page // which the row at hand can have texts in
	json    jsonWriter
	texts   [][]byte // of the row at hand
	js      []byte   // its nested values as JSON
	jsonEnd []int    // for each of file.fields where it ends in js
}

// A chunkReader reads the values of one leaf.
type chunkReader struct {
	repeated bool // a row can have several values
	pages    parquet.Pages
	page     parquet.Page
	values   parquet.ValueReader // of page; nil when there is none
	buf      []parquet.Value     // some of its values: those from at to end are not yet used
	at, end  int
}

func newGroupReader(p *parquetFile, group parquet.RowGroup) (*groupReader, error) {
	const values = 128 // a leaf, at a time
	chunks := group.ColumnChunks()
	if len(chunks) != len(p.leaves) {
		return nil, fmt.Errorf("a row group has %d columns where the schema has %d", len(chunks), len(p.leaves))
	}
	g := &groupReader{
		file:    p,
		chunks:  make([]chunkReader, len(chunks)),
		first:   make([]int, len(chunks)+1),
		json:    jsonWriter{at: make([]int, len(chunks))},
		jsonEnd: make([]int, len(p.fields)),
	}
	room := make([]parquet.Value, values*len(chunks))
	for i, c := range chunks {
		g.chunks[i] = chunkReader{repeated: p.leaves[i].rep > 0, pages: c.Pages(), buf: room[i*values : (i+1)*values]}
	}
	return g, nil
}

// close gives back what the group holds.
func (g *groupReader) close() error {
	g.release()
	var errs []error
	for i := range g.chunks {
		c := &g.chunks[i]
		if c.page != nil {
			parquet.Release(c.page)
			c.page = nil
		}
		errs = append(errs, c.pages.Close())
	}
	return errors.Join(errs...)
}

// release gives back the pages that the row before had its texts in.
func (g *groupReader) release() {
	for i, page := range g.done {
		parquet.Release(page)
		g.done[i] = nil
	}
	g.done = g.done[:0]
}

// read appends rows to out, until it is full or has much text; eof says that the
// group ends with them.
func (g *groupReader) read(out []batch.Row) (_ []batch.Row, eof bool, err error) {
	const enough = 1 << 20 // few long rows are held at a time
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

// next takes the values of the next row from all leaves.
func (g *groupReader) next() (eof bool, err error) {
	g.release()
	row := g.row[:0]
	for leaf := range g.chunks {
		c := &g.chunks[leaf]
		if c.at == c.end {
			switch err := g.fill(c); {
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
		c.at++
		if !c.repeated {
			continue
		}
		for {
			from := c.at
			for c.at < c.end && c.buf[c.at].RepetitionLevel() > 0 {
				c.at++
			}
			row = append(row, c.buf[from:c.at]...)
			if c.at < c.end {
				break
			}
			if err := g.fill(c); err == io.EOF {
				break
			} else if err != nil {
				return false, err
			}
		}
	}
	g.first[len(g.chunks)] = len(row)
	g.row = row
	return false, nil
}

// checkEnd reports whether all leaves end with the first.
func (g *groupReader) checkEnd() error {
	for leaf := range g.chunks[1:] {
		c := &g.chunks[leaf+1]
		if c.at < c.end {
			return errUneven
		}
		if err := g.fill(c); err == nil {
			return errUneven
		} else if err != io.EOF {
			return err
		}
	}
	return nil
}

// fill reads further values of c, whose last ones are used; io.EOF says that there are none.
func (g *groupReader) fill(c *chunkReader) error {
	for {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.buf)
		if n > 0 {
			c.at, c.end = 0, n
			return nil
		}
		if err == nil {
			return io.ErrNoProgress
		}
		if err != io.EOF {
			return err
		}
		g.done = append(g.done, c.page) // the row at hand may have texts in it
		c.page, c.values = nil, nil
	}
}

// build makes row of the row at hand, and says how much text it has.
func (g *groupReader) build(row *batch.Row) (size int, err error) {
	p := g.file
	g.texts = g.texts[:0]
	for i := range g.row {
		if isText(g.row[i].Kind()) {
			g.texts = append(g.texts, g.row[i].ByteArray())
		}
	}
	js := g.js[:0]
	if p.nested {
		copy(g.json.at, g.first)
		g.json.row, g.json.end = g.row, g.first[1:]
		for i, fd := range p.fields {
			if from := len(js); !fd.scalar() {
				if js, err = g.json.append(js, fd); err != nil {
					return 0, fmt.Errorf("column %q: %w", fd.name, err)
				}
				if string(js[from:]) == "null" {
					js = js[:from]
				}
			}
			g.jsonEnd[i] = len(js)
		}
	}
	const keep = 1 << 20 // one long row must not hold its memory to the end
	if g.js = js; cap(js) > keep {
		g.js = nil
	}

	text := bytes.Join(append(g.texts, js), nil) // does not clear it first, as make does
	native, at := ownRow(g.row, text)
	begin := at // of the JSON
	*row = batch.Row{Columns: p.columns, Values: make([]any, len(p.columns)), Native: native}
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

// ownRow copies a row, whose texts stand one after the other in text, so that they
// are those of the copy, and says where they end.
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

// isText reports whether values of kind k point to bytes of a page.
func isText(k parquet.Kind) bool { return k == parquet.ByteArray || k == parquet.FixedLenByteArray }

// textOf returns the bytes of a row's value as a string that shares them: nobody
// may change a row, and to copy each text again costs a fifth of reading flat rows.
func textOf(v parquet.Value) string {
	b := v.ByteArray()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// A jsonWriter writes the nested values of a row as JSON. It walks over the values
// of each leaf once: what repeats at a field's own level is the field's next item,
// and what is null, or a list without items, has one value in each of its leaves.
type jsonWriter struct {
	row    parquet.Row
	at     []int // for each leaf the value of row that comes next
	end    []int // for each leaf the end of its values
	uneven bool  // some leaf had fewer values than the others
}

// append appends the value of f, a field at the top: an array, an object, a value
// or null.
func (w *jsonWriter) append(dst []byte, f *field) ([]byte, error) {
	dst = w.appendField(dst, f)
	for leaf := f.first; leaf < f.first+f.leaves; leaf++ {
		if w.uneven || w.at[leaf] != w.end[leaf] {
			return dst, errUneven
		}
	}
	return dst, nil
}

// peek returns the value of f's first leaf that comes next.
func (w *jsonWriter) peek(f *field) parquet.Value {
	if i := w.at[f.first]; i < w.end[f.first] {
		return w.row[i]
	}
	w.uneven = true
	return parquet.Value{}
}

// skip goes over the one value that each leaf of f has where f is null or empty.
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

// appendPresent appends one value of the field that is not null.
func (w *jsonWriter) appendPresent(dst []byte, f *field) []byte {
	switch f.kind {
	case leafField:
		v := w.peek(f)
		w.at[f.first]++
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

// appendItems appends an array of the items of the repeated field f. An item is
// written as element: f itself, the field that it wraps, or the map that it is of.
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

// objectMap reports whether a map is written as an object, and not as pairs.
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
