package reader

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
)

// This file reads CSV and TSV. encoding/csv parses the records; a lineSource under it
// counts their bytes, so that one record that is too long or broken costs no other.

// openCSV reads the header.
func (f *file) openCSV() error {
	t, err := f.openText()
	if err != nil {
		return err
	}
	defer t.Close()
	_, f.columns, err = f.readHeader(t)
	return err
}

// A csvFile is an open CSV file whose header has been read.
type csvFile struct {
	records *csv.Reader
	source  *lineSource
	skipped int64 // lines that source has skipped and records has not counted
}

// readHeader reads the column names and checks them.
func (f *file) readHeader(t *text) (*csvFile, []batch.Column, error) {
	c := &csvFile{source: &lineSource{r: t.Reader, max: f.max}}
	c.records = csv.NewReader(bufio.NewReaderSize(c.source, 64<<10))
	c.records.FieldsPerRecord = -1 // nextCSV counts them, and its message says more
	c.records.ReuseRecord = true   // nextCSV copies the fields to the row's own slice
	if f.format == fileformat.TSV {
		c.records.Comma = '\t'
	}
	names, err := c.records.Read()
	switch {
	case err == io.EOF:
		return nil, nil, errors.New("is empty: the first line must name the columns")
	case errors.Is(err, errLineTooLong), err == nil && c.source.overLimit():
		return nil, nil, &Error{File: f.path, Line: 1, Err: tooLong(f.max)}
	case err != nil:
		return nil, nil, &Error{File: f.path, Line: 1, Err: plainParseError(err)}
	}
	columns := make([]batch.Column, len(names))
	first := make(map[string]int, len(names))
	for i, name := range names {
		line, column := c.records.FieldPos(i)
		fail := func(format string, args ...any) error {
			return &Error{File: f.path, Line: int64(line), Column: column, Err: fmt.Errorf(format, args...)}
		}
		if other, ok := first[name]; ok && name != "" {
			return nil, nil, fail("columns %d and %d of the header are both named %q; rename one", other+1, i+1, name)
		}
		switch {
		case name == "":
			return nil, nil, fail("column %d of the header has no name; give it one", i+1)
		case !utf8.ValidString(name):
			return nil, nil, fail("the name of column %d is not UTF-8; convert the file, for example with iconv", i+1)
		case strings.ContainsRune(name, '\r'):
			return nil, nil, fail("the lines end in a bare carriage return; convert them, for example with: tr '\\r' '\\n'")
		case strings.ContainsRune(name, 0):
			return nil, nil, fail("the name of column %d has a NUL byte; is this UTF-16 without a byte order mark?", i+1)
		}
		if sep := separatorIn(name); sep != "" && len(names) == 1 && f.format == fileformat.CSV {
			return nil, nil, fail("the header is one column, %q: the fields seem to be separated by %s, not by commas; %s", name, sep,
				"convert the file (a tab-separated one is read with --input-format tsv), or name the column otherwise")
		}
		first[name] = i
		columns[i] = batch.Column{Name: name, Type: batch.String}
	}
	return c, columns, nil
}

// separatorIn names the character in a header by which other programs separate fields,
// or returns "". A file with such a header would be read silently as one column.
func separatorIn(header string) string {
	for _, s := range []struct{ char, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "vertical bars"}} {
		if strings.Contains(header, s.char) {
			return s.name
		}
	}
	return ""
}

func (f *file) rowsCSV(yield func(batch.Row) bool) error {
	t, err := f.openText()
	if err != nil {
		return err
	}
	defer t.Close()
	c, columns, err := f.readHeader(t)
	if err != nil {
		return err
	}
	// All rows of a file share the slice of columns that Open made. So a consumer sees
	// at a glance that a row has the same columns as the row before.
	if len(columns) != len(f.columns) {
		return errors.New("the header has changed since the file was opened")
	}
	for i := range columns {
		if columns[i].Name != f.columns[i].Name {
			return errors.New("the header has changed since the file was opened")
		}
	}
	for {
		row, err := f.nextCSV(c)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !yield(row) {
			return nil
		}
	}
}

// nextCSV reads the next record. A bad record is a row with its Err set. An error other
// than io.EOF means that the source broke.
func (f *file) nextCSV(c *csvFile) (batch.Row, error) {
	c.source.begin()
	before := c.source.lines
	record, err := c.records.Read()
	if err != nil {
		return f.badCSV(c, before, err)
	}

	line, _ := c.records.FieldPos(0)
	if c.source.overLimit() {
		return f.badRow(int64(line)+c.skipped, 0, tooLong(f.max)), nil
	}
	row := batch.Row{Line: int64(line) + c.skipped, Columns: f.columns, Values: make([]any, len(f.columns))}
	fail := func(i int, format string, args ...any) {
		l, column := c.records.FieldPos(i)
		row.Err = &Error{File: f.path, Line: int64(l) + c.skipped, Column: column, Err: fmt.Errorf(format, args...)}
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
		row.Err = &Error{File: f.path, Line: row.Line, Err: fmt.Errorf(
			"the row has %d fields and the header %d; a field with a comma or a line end needs quotes", len(record), len(f.columns))}
		if f.format == fileformat.TSV {
			row.Err.(*Error).Err = fmt.Errorf("the row has %d fields and the header %d", len(record), len(f.columns))
		}
	}
	return row, nil
}

// badRow returns the row of a record that cannot be read.
func (f *file) badRow(line int64, column int, err error) batch.Row {
	return batch.Row{Line: line, Err: &Error{File: f.path, Line: line, Column: column, Err: err}}
}

// badCSV returns nextCSV's results for a record in which encoding/csv failed with err.
// before is the number of lines in front of the record.
func (f *file) badCSV(c *csvFile, before int64, err error) (batch.Row, error) {
	var parse *csv.ParseError
	switch {
	case err == io.EOF:
		return batch.Row{}, io.EOF
	case errors.Is(err, errLineTooLong):
		row := f.badRow(before+1, 0, tooLong(f.max))
		if c.source.inQuotes() {
			row.Err.(*Error).Err = fmt.Errorf("%w; perhaps a quote in this row is never closed", tooLong(f.max))
		}
		seen := c.source.lines
		if !c.source.partial {
			seen++ // the csv.Reader asked for one more line, and counted it in vain
		}
		if err := c.source.skipRecord(); err != nil {
			return row, &Error{File: f.path, Line: c.source.lines, Err: err}
		}
		c.skipped += c.source.lines - seen
		return row, nil
	case errors.As(err, &parse):
		// The csv.Reader must go on at the next line, even if the limit has kept the
		// end of this line from it.
		if err := c.source.skipLine(); err != nil {
			return batch.Row{}, &Error{File: f.path, Line: c.source.lines, Err: err}
		}
		cause := plainParseError(err)
		if parse.Line > parse.StartLine {
			cause = fmt.Errorf("%w; the row goes on to line %d, perhaps because a quote is not closed",
				cause, int64(parse.Line)+c.skipped)
		}
		return f.badRow(int64(parse.StartLine)+c.skipped, columnOf(parse), cause), nil
	default:
		return batch.Row{}, &Error{File: f.path, Line: c.source.lines, Err: err}
	}
}

// plainParseError removes the place from a csv.ParseError, because [Error] has it.
func plainParseError(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	switch p.Err {
	case csv.ErrBareQuote:
		return errors.New(`a quote stands in a field without quotes; write the field as "a ""quoted"" word"`)
	case csv.ErrQuote:
		return errors.New("a quote is not closed, or text follows it; a quote inside a field in quotes is written twice")
	}
	return p.Err
}

// columnOf returns the column of the error if it lies in the row's first line, which is
// the line that the message names. Otherwise it returns 0.
func columnOf(p *csv.ParseError) int {
	if p.Line == p.StartLine {
		return p.Column
	}
	return 0
}

// A lineSource gives a csv.Reader at most one line per Read. So the csv.Reader never
// holds text of the next record: the bytes of a record can be counted exactly, and a
// record over the limit can be skipped exactly.
type lineSource struct {
	r       *bufio.Reader
	max     int
	lines   int64 // lines handed out or skipped so far
	partial bool  // the end of the last line has not been handed out

	used   int   // bytes of this record so far
	quotes int   // quotes in this record so far
	err    error // sticky
}

// begin starts the counts of a record anew.
func (s *lineSource) begin() { s.used, s.quotes = 0, 0 }

// overLimit reports whether the record is too long. Its line end does not count.
func (s *lineSource) overLimit() bool { return s.used > s.max+len("\r\n") }

// inQuotes reports whether the record has been read up to a place inside quotes. Outside
// the count of quotes is even, since a quote within a field is written twice.
func (s *lineSource) inQuotes() bool { return s.quotes%2 == 1 }

func (s *lineSource) Read(p []byte) (int, error) {
	if s.used > s.max {
		return 0, errLineTooLong
	}
	chunk, err := s.chunk(len(p))
	return copy(p, chunk), err
}

// chunk returns up to n bytes of the current line, valid until the next call.
func (s *lineSource) chunk(n int) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	if _, err := s.r.Peek(1); err != nil {
		s.err = err
		return nil, err
	}
	chunk, _ := s.r.Peek(min(s.r.Buffered(), n))
	if !s.partial {
		s.lines++
	}
	s.partial = true
	if i := bytes.IndexByte(chunk, '\n'); i >= 0 {
		chunk = chunk[:i+1]
		s.partial = false
	}
	s.used += len(chunk)
	s.quotes += bytes.Count(chunk, []byte{'"'})
	s.r.Discard(len(chunk))
	return chunk, nil
}

// skipRecord reads to the end of the record in constant memory.
func (s *lineSource) skipRecord() error {
	return s.skip(func() bool { return s.partial || s.inQuotes() })
}

// skipLine reads to the end of the line.
func (s *lineSource) skipLine() error {
	return s.skip(func() bool { return s.partial })
}

func (s *lineSource) skip(more func() bool) error {
	for more() {
		if _, err := s.chunk(textBuffer); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
