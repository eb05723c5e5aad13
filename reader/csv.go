package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/textfile"
)

// This file makes rows of the records of CSV and TSV files. header.go reads their headers.

// fieldCount says how many fields a record has.
func fieldCount(n int) string {
	if n == 1 {
		return "1 field"
	}
	return fmt.Sprintf("%d fields", n)
}

// openCSV finds out how the file is to be read, and reads the header.
func (f *file) openCSV() error {
	look, err := f.look()
	if err != nil {
		return err
	}
	wish := f.text.wish
	wish.TSV = f.format == fileformat.TSV
	if f.dialect, err = textfile.Find(look.Head, look.Whole, wish); err != nil {
		return &Error{File: f.path, Line: 1, Column: 1, Err: err}
	}
	f.notes = slices.Concat(f.notes, f.dialect.Notes)
	r, err := f.openRecords()
	if err != nil {
		return err
	}
	defer r.Close()
	f.header, err = f.readHeader(r)
	if err != nil {
		return err
	}
	f.columns = f.nameColumns(r)
	if !f.dialect.Quotes && !wish.NoQuotes && quotedField.Match(look.Head) {
		f.note("TSV is read without quotes, so that the quotes around fields count as text; if they are to be removed, use --quotes")
	}
	return nil
}

// openRecords opens the file for reading its records, of which the header is the first.
func (f *file) openRecords() (*textfile.Records, error) {
	r, err := textfile.NewRecords(f.openText, f.dialect.Dialect, f.max)
	if err == nil && f.dialect.SepLine {
		_, err = r.Next() // its error would have been met when the line was recognized
	}
	return r, err
}

// rowsCSV reads from the beginning, whatever is wanted: only from there can it be told whether a
// line end is text.
func (f *file) rowsCSV(p portion, yield func(batch.Row, int64) bool) error {
	r, err := f.openRecords()
	if err != nil {
		return err
	}
	defer r.Close()
	header, err := f.readHeader(r)
	if err != nil {
		return err
	}
	if !slices.Equal(header, f.header) {
		return errors.New("the header has changed since the file was opened")
	}
	for n := int64(0); ; n++ {
		row, err := f.nextCSV(r, p)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &Error{File: f.path, Line: r.LastLine(), Err: err}
		}
		place := n
		if f.seekable() {
			place = r.Offset()
		}
		if !yield(row, place) {
			return nil
		}
	}
}

// nextCSV reads the next record that may be one of the portion's. A bad record is a row with its Err set. An error other
// than io.EOF means that the source broke. All rows share the slice of columns, so that a
// consumer sees at a glance that a row has the same columns as the row before.
func (f *file) nextCSV(r *textfile.Records, p portion) (batch.Row, error) {
	record, err := r.Next()
	for f.seekable() && r.Offset() < p.from && isRecord(err) {
		record, err = r.Next()
	}
	var bad *textfile.BadRecord
	switch {
	case errors.Is(err, textfile.ErrTooLong):
		return batch.Row{Line: r.Line(), Err: &Error{File: f.path, Line: r.Line(), Err: tooLong(f.max)}}, nil
	case errors.As(err, &bad):
		record = bad.Fields // so that the row can be recognized
	case err != nil:
		return batch.Row{}, err
	}
	if n := len(f.columns); f.spare && len(record) == n+1 && record[n] == "" {
		record = record[:n]
	}
	row := batch.Row{Line: r.Line(), Columns: f.columns, Values: make([]any, len(f.columns))}
	fail := func(i int, err error) {
		line, column := r.Place(i)
		row.Err = &Error{File: f.path, Line: line, Column: column, Err: err}
	}
	for i, value := range record[:min(len(record), len(f.columns))] {
		switch {
		case !utf8.ValidString(value):
			fail(i, f.notText(fmt.Sprintf("column %q", f.columns[i].Name)))
			continue // its value stays nil
		case strings.IndexByte(value, 0) >= 0:
			fail(i, fmt.Errorf("column %q has a NUL byte", f.columns[i].Name))
			continue
		case len(f.text.null) > 0 && !r.Quoted(i) && slices.Contains(f.text.null, string(r.Written(i))):
			continue
		}
		row.Values[i] = value
	}
	switch {
	case bad != nil:
		row.Err = &Error{File: f.path, Line: row.Line, Column: bad.Column, Err: bad}
	case len(record) != len(f.columns):
		hint := f.hintAtFields(r)
		row.Err = &Error{File: f.path, Line: row.Line, Err: fmt.Errorf("the row has %s and the header %d%s", fieldCount(len(record)), len(f.columns), hint)}
	}
	return row, nil
}

// isRecord reports whether an error of reading a record is none, or concerns that record alone.
func isRecord(err error) bool {
	_, bad := errors.AsType[*textfile.BadRecord](err)
	return err == nil || bad || errors.Is(err, textfile.ErrTooLong)
}

// hintAtFields says what may be amiss with a record that has too few or too many fields.
func (f *file) hintAtFields(r *textfile.Records) string {
	has := func(c byte) bool { return bytes.IndexByte(r.Text(), c) >= 0 }
	switch d := f.dialect; {
	case d.Escape != 0 && !d.Quotes && has(d.Escape):
		return fmt.Sprintf("; the escape %c joins what it stands before", d.Escape)
	case d.Quotes:
		return fmt.Sprintf("; a field with a %s or a line end needs quotes", textfile.CharacterName(d.Comma))
	case f.text.wish.NoQuotes || !has('"'):
		return ""
	}
	return "; if fields with tabs or line ends are in quotes, read them with --quotes"
}
