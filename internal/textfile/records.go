package textfile

import (
	"bytes"
	"errors"
	"io"
)

// This file divides CSV and TSV into records. encoding/csv is not used, because it turns
// CRLF within quotes into LF, refuses a quote within a field, and reads on to the end of
// the file after a quote that is never closed.

// A BadRecord says why a line is no record, and at which of its bytes. The next record
// begins with the next line.
type BadRecord struct {
	Column int      // from 1, or 0 if it is not known
	Fields []string // those that stand whole before what is wrong; valid until the next call of Next
	msg    string
}

// Error says what is wrong with the record, without its place.
func (e *BadRecord) Error() string { return e.msg }

// A Dialect says what divides the records of a file into fields.
type Dialect struct {
	Comma  byte // separates the fields
	Quotes bool // fields may be in quotes
	Escape byte // makes text of the separator, quote, line end or escape after it, mostly in quotes; 0 if nothing does
}

// Records reads the records of a CSV or TSV file. It holds one record, or if a quote is
// not closed up to lines.max bytes of the lines after it.
type Records struct {
	open    func() (*File, error)
	text    *File
	lines   Lines
	dialect Dialect
	scan    scan

	// The window holds whole lines, of which the last one is the last that lines has
	// read. The record begins at start. What follows pos is to be read again.
	window     []byte
	start, pos int

	number int64 // of the record's first line, from 1
	begin  int64 // where that line begins, in bytes of the text
	last   int64 // of the last line that was read
	split  fields
}

// NewRecords returns what reads the records of a file. A record of more than limit bytes is
// an error. open opens the file, and mostly does so once. The caller must Close the result.
func NewRecords(open func() (*File, error), d Dialect, limit int) (*Records, error) {
	r := &Records{open: open, dialect: d, lines: Lines{max: limit}}
	if d.Quotes || d.Escape != 0 {
		r.lines.long = r.scan.feed
	}
	if err := r.seek(0); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Line returns the number of the record's first line, from 1.
func (r *Records) Line() int64 { return r.number }

// Offset returns where the record begins, in bytes of the text.
func (r *Records) Offset() int64 { return r.begin }

// LastLine returns the number of the last line that was read.
func (r *Records) LastLine() int64 { return r.last }

// Dialect returns what divides the records into fields.
func (r *Records) Dialect() Dialect { return r.dialect }

// Text returns the record as it is in the file, without its line end. It is valid until
// the next call of Next.
func (r *Records) Text() []byte { return r.split.record }

// Quoted reports whether field i of the record is in quotes.
func (r *Records) Quoted(i int) bool {
	at := r.split.starts[i]
	return r.dialect.Quotes && at < len(r.split.record) && r.split.record[at] == '"'
}

// Written returns field i of the record as it is written, with quotes and escapes. It is
// valid until the next call of Next.
func (r *Records) Written(i int) []byte { return r.split.record[r.split.starts[i]:r.split.stops[i]] }

// seek opens the file anew and passes over the first bytes of its text.
func (r *Records) seek(offset int64) (err error) {
	r.Close()
	if r.text, err = r.open(); err != nil {
		return err
	}
	r.lines.r, r.lines.offset = r.text.Reader, offset
	r.window, r.start, r.pos = nil, 0, 0
	_, err = io.CopyN(io.Discard, r.text.Reader, offset)
	return noEOF(err)
}

// Close closes the file.
func (r *Records) Close() {
	if r.text != nil {
		r.text.Close() // it was only read
	}
}

// Next reads the next record; empty lines are none. The result is valid until the next
// call. An error of type *BadRecord, or ErrTooLong, concerns this record alone.
func (r *Records) Next() ([]string, error) {
	r.scan = scan{Dialect: r.dialect, bad: -1}
	var line []byte
	for isEmpty(line) {
		r.slide()
		r.begin = r.lines.offset - int64(len(r.window)-r.pos)
		var err error
		line, err = r.line()
		r.number = r.last
		if errors.Is(err, ErrTooLong) && r.scan.open() {
			return nil, r.skip(r.lines.offset)
		}
		if err != nil {
			return nil, err
		}
	}
	if d := r.dialect; d.Quotes && bytes.IndexByte(line, '"') >= 0 || d.Escape != 0 && bytes.IndexByte(line, d.Escape) >= 0 {
		r.scan.feed(line)
		if r.scan.open() || r.scan.bad >= 0 {
			var err error
			if line, err = r.join(line); err != nil {
				return nil, err
			}
		}
	}
	return r.split.of(line, r.dialect), nil
}

// isEmpty reports whether a line has nothing but its line end, if it has one.
func isEmpty(line []byte) bool {
	switch string(line) {
	case "", "\n", "\r\n", "\r":
		return true
	}
	return false
}

// join reads the lines after the first one until the quotes are closed, and returns all
// of them.
func (r *Records) join(line []byte) ([]byte, error) {
	if len(r.window) == 0 {
		r.window, r.pos = append(r.window, line...), len(line)
	}
	first := len(line)
	second := r.lines.offset - int64(len(r.window)-r.start-first)
	for r.scan.open() {
		if r.pos-r.start > r.lines.max+len("\r\n") {
			return nil, r.skip(second)
		}
		again := r.pos < len(r.window)
		line, err := r.line()
		switch {
		case err == io.EOF:
			return nil, r.back(first)
		case errors.Is(err, ErrTooLong):
			return nil, r.skip(second)
		case err != nil:
			return nil, err
		}
		if !again {
			r.window = append(r.window, line...)
			r.pos = len(r.window)
		}
		r.scan.feed(line)
	}
	record := r.window[r.start:r.pos]
	switch {
	case r.scan.bad >= 0:
		return nil, r.back(first)
	case len(bytes.TrimRight(record, "\r\n")) > r.lines.max:
		return nil, ErrTooLong
	}
	return record, nil
}

// back goes back to the line after the first one, of length first, of what turned out to
// be no record.
func (r *Records) back(first int) error {
	r.pos, r.last = r.start+first, r.number
	bad := r.scan.err(first)
	if at := r.scan.opened; r.dialect.Quotes && 0 < at && at < first { // a separator stands before it
		bad.Fields = r.split.of(r.window[r.start:r.start+at-1], r.dialect)
	}
	return bad
}

// skip reads to the end of a record that is over the limit, and keeps nothing of it. If
// it has no end, skip goes back to the line after the first one, at the offset second.
func (r *Records) skip(second int64) error {
	for r.scan.open() {
		r.start = r.pos
		r.slide()
		line, err := r.line()
		if err == io.EOF {
			break
		}
		if err == nil {
			r.scan.feed(line)
		} else if !errors.Is(err, ErrTooLong) {
			return err
		}
	}
	if !r.scan.open() && r.scan.bad < 0 {
		return ErrTooLong
	}
	r.last = r.number
	if err := r.seek(second); err != nil {
		return err
	}
	return r.scan.err(0)
}

// slide removes what was read from the window.
func (r *Records) slide() {
	const keep = 4 << 20 // a single long record must not hold its memory to the end
	r.start = r.pos
	switch {
	case r.pos == len(r.window) && cap(r.window) > keep:
		r.window, r.start, r.pos = nil, 0, 0
	case r.pos > len(r.window)/2: // so that no byte is moved more than once on average
		r.window = append(r.window[:0], r.window[r.pos:]...)
		r.start, r.pos = 0, 0
	}
}

// line returns the next line with its line end, from the window or from the file.
func (r *Records) line() (line []byte, err error) {
	if line = r.window[r.pos:]; len(line) > 0 {
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		r.pos += len(line)
	} else if line, err = r.lines.Next(); err != nil && !errors.Is(err, ErrTooLong) {
		return nil, err
	}
	r.last++
	return line, err
}

// Place returns the line and the column of field i of the record, both from 1.
func (r *Records) Place(i int) (line int64, column int) {
	before := r.split.record[:r.split.starts[i]]
	return r.number + int64(bytes.Count(before, []byte("\n"))), len(before) - bytes.LastIndexByte(before, '\n')
}

// A fields divides records into fields, in memory that it uses again.
type fields struct {
	record []byte
	starts []int  // the place of each field in the record
	stops  []int  // the end of each field in the record
	text   []byte // the fields without their quotes
	ends   []int  // of the fields in text
	values []string
}

// of returns the fields of a record. Its quotes are in order.
func (f *fields) of(record []byte, d Dialect) []string {
	record = bytes.TrimSuffix(record, []byte("\n"))
	record = bytes.TrimSuffix(record, []byte("\r"))
	f.record, f.starts, f.stops, f.text, f.ends, f.values = record, f.starts[:0], f.stops[:0], f.text[:0], f.ends[:0], f.values[:0]
	escapes := d.Escape != 0 && bytes.IndexByte(record, d.Escape) >= 0
	for at := 0; ; at++ {
		f.starts = append(f.starts, at)
		switch quoted := d.Quotes && at < len(record) && record[at] == '"'; {
		case escapes:
			at = f.escaped(at, d, quoted)
		case quoted:
			for at++; ; at++ {
				n := bytes.IndexByte(record[at:], '"')
				f.text = append(f.text, record[at:at+n]...)
				if at += n + 1; at == len(record) || record[at] != '"' {
					break
				}
				f.text = append(f.text, '"')
			}
		default:
			n := bytes.IndexByte(record[at:], d.Comma)
			if n < 0 {
				n = len(record) - at
			}
			f.text = append(f.text, record[at:at+n]...)
			at += n
		}
		f.stops = append(f.stops, at)
		f.ends = append(f.ends, len(f.text))
		if at >= len(record) {
			break
		}
	}
	all, from := string(f.text), 0
	for _, end := range f.ends {
		f.values = append(f.values, all[from:end])
		from = end
	}
	return f.values
}

// escaped appends the text of the field at a place of a record with escapes, and returns
// the place after the field.
func (f *fields) escaped(at int, d Dialect, quoted bool) int {
	if quoted {
		at++
	}
	for ; at < len(f.record); at++ {
		switch c := f.record[at]; {
		case c == d.Escape && at+1 < len(f.record) && d.escapes(quoted, f.record[at+1]):
			at++
			f.text = append(f.text, d.unescape(f.record[at])...)
		case quoted && c == '"':
			if at+1 == len(f.record) || f.record[at+1] != '"' {
				return at + 1
			}
			at++
			f.text = append(f.text, '"')
		case !quoted && c == d.Comma:
			return at
		default:
			f.text = append(f.text, c)
		}
	}
	return at
}

// escapes reports whether an escape in a field counts before a byte. Spark, DuckDB and
// PostgreSQL escape only what is in quotes, and write a backslash elsewhere as it is. A quote
// after it can only come from others, such as Python: these three put it in quotes.
func (d Dialect) escapes(quoted bool, next byte) bool {
	return quoted || !d.Quotes || next == '"'
}

// letters are what MySQL, PostgreSQL and Hive write for characters that would end a field or
// be invisible. They use no quotes.
var letters = map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", 'v': "\v", '0': "\x00", 'Z': "\x1a"}

// unescape returns what the escape and the byte after it stand for. Before a byte that needs
// none, the escape is text: Spark writes C:\new so.
func (d Dialect) unescape(c byte) string {
	switch c {
	case '"', '\n', '\r', d.Comma, d.Escape:
		return string(c)
	}
	if s, ok := letters[c]; ok && !d.Quotes && d.Escape == '\\' {
		return s
	}
	return string([]byte{d.Escape, c})
}

// A scan follows the quotes and escapes of a record, of which it sees the bytes in order.
type scan struct {
	Dialect
	state   quoteState
	escaped bool // the next byte is text
	joined  bool // the last byte seen is a line end that is text
	seen    int  // bytes
	opened  int  // the place of the last quote that opens a field, or escape before a line end
	bad     int  // the place of a closing quote that text follows; -1 if there is none
	slashed bool // a backslash stands before that quote
}

type quoteState uint8

const (
	fieldStart quoteState = iota
	inField
	inQuotes
	afterQuote // in a field with quotes: the closing one, or the first of two
)

// open reports whether the record goes on in the next line.
func (s *scan) open() bool { return (s.state == inQuotes || s.joined) && s.bad < 0 }

func (s *scan) feed(b []byte) {
	for i := 0; i < len(b) && s.bad < 0; i++ {
		c := b[i]
		s.joined = s.escaped && c == '\n'
		switch {
		case s.escaped:
			s.escaped = c == '\r' && i+1 < len(b) && b[i+1] == '\n' // both are one line end
			if s.state == fieldStart {
				s.state = inField
			}
		case s.Escape != 0 && c == s.Escape && (s.state == inQuotes || !s.Quotes):
			s.escaped = true
			if s.state != inQuotes {
				s.opened = s.seen + i
			}
		case s.state == inQuotes && s.Escape != 0:
			if c == '"' {
				s.state = afterQuote
			}
		case s.state == inQuotes:
			n := bytes.IndexByte(b[i:], '"')
			if n < 0 {
				i = len(b)
				break
			}
			i += n
			s.state = afterQuote
		case s.state == afterQuote && c == '"':
			s.state = inQuotes
		case c == s.Comma:
			s.state = fieldStart
		case s.state == afterQuote && c != '\n' && (c != '\r' || i+1 < len(b) && b[i+1] != '\n'):
			s.bad, s.slashed = s.seen+i-1, i > 1 && b[i-2] == '\\'
		case s.state == fieldStart && c == '"' && s.Quotes:
			s.state, s.opened = inQuotes, s.seen+i
		case s.state == fieldStart:
			s.state = inField
		}
	}
	s.seen += len(b)
}

// err says why there is no record. first is the length of its first line, or 0 if that is
// not known.
func (s *scan) err(first int) *BadRecord {
	if s.bad >= 0 && s.bad < first {
		return &BadRecord{Column: s.bad + 1, msg: "text follows a closing quote; a quote inside a field in quotes is written twice" + s.orEscaped()}
	}
	e := &BadRecord{msg: "a quote is opened here and not closed as it should" + s.perhapsEscaped() + "; the lines after this one are read as rows of their own"}
	if s.joined && s.state != inQuotes {
		e.msg = "the file ends in an escape here, at the end of a line"
	}
	if s.opened < first {
		e.Column = s.opened + 1
	}
	return e
}

// orEscaped and perhapsEscaped add to an error what an escape may have to do with it.
func (s *scan) orEscaped() string {
	switch {
	case s.Escape != 0:
		return ", or after " + string(s.Escape)
	case s.slashed:
		return `; where it is written \", read the file with --escape backslash`
	}
	return ""
}

func (s *scan) perhapsEscaped() string {
	if s.Escape == 0 {
		return ""
	}
	return " (perhaps " + string(s.Escape) + " stands before the closing one)"
}
