package reader

import (
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
				row := out[i]
				out[i] = batch.Row{} // this slice must not keep it
				n++
				row.Line = done + n
				var bad *Error
				if row.Err != nil && errors.As(row.Err, &bad) {
					bad.File, bad.Line = f.path, row.Line
				}
				if !yield(row) {
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

	row   parquet.Row // the row at hand; its texts stand in the pages
	first []int       // for each leaf its first value in row, and the end
	done  []parquet.Page
	spans [][]parquet.Value
	json  jsonWriter
}

// A chunkReader reads the values of one leaf.
type chunkReader struct {
	repeated bool // a row can have several values
	pages    parquet.Pages
	page     parquet.Page
	values   parquet.ValueReader // of page; nil when there is none
	buf      []parquet.Value     // what was read of it and not yet used
	room     []parquet.Value
}

func newGroupReader(p *parquetFile, group parquet.RowGroup) (*groupReader, error) {
	const values = 128 // a leaf, at a time
	chunks := group.ColumnChunks()
	if len(chunks) != len(p.leaves) {
		return nil, fmt.Errorf("a row group has %d columns where the schema has %d", len(chunks), len(p.leaves))
	}
	g := &groupReader{
		file:   p,
		chunks: make([]chunkReader, len(chunks)),
		first:  make([]int, len(chunks)+1),
		spans:  make([][]parquet.Value, len(chunks)),
	}
	room := make([]parquet.Value, values*len(chunks))
	for i, c := range chunks {
		g.chunks[i] = chunkReader{repeated: p.leaves[i].rep > 0, pages: c.Pages(), room: room[i*values : (i+1)*values]}
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
		row, n := g.build()
		out = append(out, row)
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
		if len(c.buf) == 0 {
			switch err := g.fill(c); {
			case err == io.EOF && leaf == 0:
				return true, g.checkEnd()
			case err == io.EOF:
				return false, errUneven
			case err != nil:
				return false, err
			}
		}
		g.first[leaf] = len(row)
		row = append(row, c.buf[0])
		c.buf = c.buf[1:]
		if !c.repeated {
			continue
		}
		for {
			n := 0
			for n < len(c.buf) && c.buf[n].RepetitionLevel() > 0 {
				n++
			}
			row = append(row, c.buf[:n]...)
			if c.buf = c.buf[n:]; len(c.buf) > 0 {
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
		if len(c.buf) > 0 {
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

// fill reads further values of c, whose buf is empty; io.EOF says that there are none.
func (g *groupReader) fill(c *chunkReader) error {
	for {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.room)
		if n > 0 {
			c.buf = c.room[:n]
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

// build makes a batch.Row of the row at hand, and says how much text it has.
func (g *groupReader) build() (batch.Row, int) {
	p := g.file
	native, size := cloneRow(g.row)
	row := batch.Row{Columns: p.columns, Values: make([]any, len(p.columns)), Native: native}
	for i, fd := range p.fields {
		if !fd.scalar() {
			for leaf := fd.first; leaf < fd.first+fd.leaves; leaf++ {
				g.spans[leaf] = native[g.first[leaf]:g.first[leaf+1]]
			}
			if text := g.json.text(fd, g.spans[fd.first:fd.first+fd.leaves]); string(text) != "null" {
				row.Values[i] = json.RawMessage(text)
				size += len(text)
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
	return row, size
}

// cloneRow copies a row with its texts, all of which get one piece of memory, and
// says how large that is.
func cloneRow(r parquet.Row) (parquet.Row, int) {
	size := 0
	for i := range r {
		if isText(r[i].Kind()) {
			size += len(r[i].ByteArray())
		}
	}
	clone := make(parquet.Row, len(r))
	text := make([]byte, 0, size)
	for i := range r {
		v, to := &r[i], &clone[i]
		kind := v.Kind()
		if !isText(kind) {
			*to = *v
			continue
		}
		from := len(text)
		text = append(text, v.ByteArray()...)
		if own := text[from:len(text):len(text)]; kind == parquet.ByteArray {
			*to = parquet.ByteArrayValue(own)
		} else {
			*to = parquet.FixedLenByteArrayValue(own)
		}
		to.SetRepetitionLevel(v.RepetitionLevel())
		to.SetDefinitionLevel(v.DefinitionLevel())
		to.SetColumnIndex(v.Column())
	}
	return clone, size
}

// isText reports whether values of kind k point to bytes of a page.
func isText(k parquet.Kind) bool { return k == parquet.ByteArray || k == parquet.FixedLenByteArray }

// textOf returns the bytes of a row's value as a string that shares them: nobody
// may change a row, and to copy each text again costs a tenth of all reading.
func textOf(v parquet.Value) string {
	b := v.ByteArray()
	return unsafe.String(unsafe.SliceData(b), len(b))
}
