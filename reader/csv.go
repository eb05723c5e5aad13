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

// openCSV reads the header.
func (f *file) openCSV() error {
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
	return f.checkQuotes(r)
}

// openRecords opens the file for reading its records. A TSV file has fields in quotes only
// if it says so itself, by names in quotes, or if the user says so.
func (f *file) openRecords() (*textfile.Records, error) {
	comma, quotes := byte(','), true
	if f.format == fileformat.TSV {
		comma = '\t'
		var err error
		if quotes, err = f.quotedHeader(); err != nil {
			return nil, err
		}
		quotes = quotes || f.quotes
	}
	return textfile.NewRecords(f.openText, comma, quotes, f.max)
}

func (f *file) rowsCSV(yield func(batch.Row) bool) error {
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
	for {
		row, err := f.nextCSV(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &Error{File: f.path, Line: r.LastLine(), Err: err}
		}
		if !yield(row) {
			return nil
		}
	}
}

// nextCSV reads the next record. A bad record is a row with its Err set. An error other
// than io.EOF means that the source broke. All rows share the slice of columns, so that a
// consumer sees at a glance that a row has the same columns as the row before.
func (f *file) nextCSV(r *textfile.Records) (batch.Row, error) {
	record, err := r.Next()
	var bad *textfile.BadRecord
	switch {
	case errors.Is(err, textfile.ErrTooLong):
		return f.badRow(r.Line(), 0, tooLong(f.max)), nil
	case errors.As(err, &bad):
		return f.badRow(r.Line(), bad.Column, bad), nil
	case err != nil:
		return batch.Row{}, err
	}
	if n := len(f.columns); f.spare && len(record) == n+1 && record[n] == "" {
		record = record[:n]
	}
	row := batch.Row{Line: r.Line(), Columns: f.columns, Values: make([]any, len(f.columns))}
	fail := func(i int, format string, args ...any) {
		line, column := r.Place(i)
		row.Err = &Error{File: f.path, Line: line, Column: column, Err: fmt.Errorf(format, args...)}
	}
	for i, value := range record[:min(len(record), len(f.columns))] {
		switch {
		case !utf8.ValidString(value):
			fail(i, "column %q is not UTF-8; convert the file, for example with iconv", f.columns[i].Name)
			continue // its value stays nil
		case strings.IndexByte(value, 0) >= 0:
			fail(i, "column %q has a NUL byte", f.columns[i].Name)
			continue
		}
		row.Values[i] = value
	}
	if len(record) != len(f.columns) {
		hint := "; a field with a comma or a line end needs quotes"
		if !r.Quotes() {
			hint = "; if fields with tabs or line ends are in quotes, read them with --quotes"
			if bytes.IndexByte(r.Text(), '"') < 0 {
				hint = ""
			}
		}
		row.Err = &Error{File: f.path, Line: row.Line, Err: fmt.Errorf("the row has %s and the header %d%s", fieldCount(len(record)), len(f.columns), hint)}
	}
	return row, nil
}

// badRow returns the row of a record that cannot be read.
func (f *file) badRow(line int64, column int, err error) batch.Row {
	return batch.Row{Line: line, Err: &Error{File: f.path, Line: line, Column: column, Err: err}}
}
