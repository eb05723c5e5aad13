package writer

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/textfile"
)

// A csvEncoder writes CSV or TSV by RFC 4180, with a header and with "\n" as line end. Every
// name of a header is in quotes if the fields are separated by tabs. That is how package reader
// knows a TSV file whose fields can be in quotes, and other programs remove them.
type csvEncoder struct {
	w       *bufio.Writer
	comma   byte
	columns []batch.Column
	lookup  *lookup
	safe    bool
	null    *string // what stands for null, if that is not an empty field
	record  []cell
	buf     []byte
	cleaned int64 // cells
}

// A cell is the text of a field.
type cell struct {
	text string
	null bool
}

func newCSV(w *bufio.Writer, c *Config, tabs bool) (*csvEncoder, error) {
	e := &csvEncoder{
		w:       w,
		comma:   ',',
		columns: c.Columns,
		lookup:  newLookup(c.Columns[:c.Input]),
		safe:    c.CSVSafe,
		null:    c.Null,
		record:  make([]cell, len(c.Columns)),
	}
	if tabs {
		e.comma = '\t'
	}
	comma, err := textfile.ParseDelimiter(c.Delimiter)
	if err != nil {
		return nil, err
	}
	if comma != 0 && !tabs {
		e.comma = comma
	}
	if e.null != nil && strings.ContainsAny(*e.null, "\"\r\n"+string(e.comma)) {
		return nil, fmt.Errorf("null cannot be written as %q, which would need quotes; choose a text without quotes, line ends and %s", *e.null, textfile.CharacterName(e.comma))
	}
	names := make([]string, len(e.columns))
	for i, col := range e.columns {
		if err := checkTextName(col.Name); err != nil {
			return nil, err
		}
		names[i] = e.guard(col.Name)
	}
	if c.BOM {
		w.WriteString("\ufeff") // the last write reports an error of the others
	}
	quote := e.comma == '\t' || e.oddHeader(names)
	for i, name := range names {
		if i > 0 {
			w.WriteByte(e.comma)
		}
		e.writeField(name, quote || name == "" && len(names) == 1 || e.needsQuotes(cell{text: name}))
	}
	return e, w.WriteByte('\n')
}

// checkTextName returns an error if no CSV or TSV file can have a column of this name.
func checkTextName(name string) error {
	if strings.IndexByte(name, 0) < 0 && utf8.ValidString(name) {
		return nil
	}
	return fmt.Errorf("the column name %q cannot be written as CSV or TSV; write .jsonl, or leave the column out with --columns", name)
}

// oddHeader reports whether a header would be taken for something else without quotes: a
// byte order mark, Excel's separator line, a file of another kind, other separators.
func (e *csvEncoder) oddHeader(names []string) bool {
	if fileformat.OtherKind([]byte(names[0]), fileformat.CSV) != "" {
		return true
	}
	for _, start := range []string{"\ufeff", "sep=", "<"} {
		if strings.HasPrefix(strings.ToLower(names[0]), start) {
			return true
		}
	}
	return (len(names) == 1 || e.comma != ',') && slices.ContainsFunc(names, func(name string) bool { return strings.ContainsAny(name, ",;|\t") })
}

func (e *csvEncoder) write(row *batch.Row, result []any) (err error) {
	at, _ := e.lookup.find(row)
	for i, from := range at {
		e.record[i] = cell{null: true}
		if from >= 0 {
			if e.record[i], err = e.cell(row.Columns[from].Type, row.Values[from]); err != nil {
				return err
			}
		}
	}
	for i, v := range result {
		if e.record[len(at)+i], err = e.cell(e.columns[len(at)+i].Type, v); err != nil {
			return err
		}
	}
	return e.writeRecord()
}

func (e *csvEncoder) close() error { return nil }

func (e *csvEncoder) writeRecord() error {
	if len(e.record) == 1 && e.record[0].text == "" && (e.null == nil || !e.record[0].null || *e.null == "") {
		// Readers skip an empty line, so that the row would be lost.
		_, err := e.w.WriteString("\"\"\n")
		return err
	}
	for i, c := range e.record {
		if i > 0 {
			e.w.WriteByte(e.comma) // the last write reports an error of the others
		}
		if c.null && e.null != nil {
			e.w.WriteString(*e.null)
			continue
		}
		e.writeField(c.text, e.needsQuotes(c))
	}
	return e.w.WriteByte('\n')
}

// needsQuotes reports whether a field has to be in quotes. Beside what RFC 4180 asks for, a
// space at the beginning needs them, which some readers would take away, and \. by itself,
// which ends the data for PostgreSQL.
func (e *csvEncoder) needsQuotes(c cell) bool {
	if e.null != nil && !c.null && c.text == *e.null {
		return true
	}
	if c.text == "" {
		return false
	}
	if c.text == `\.` || strings.IndexByte(c.text, e.comma) >= 0 || strings.ContainsAny(c.text, "\"\r\n") {
		return true
	}
	first, _ := utf8.DecodeRuneInString(c.text)
	return unicode.IsSpace(first)
}

// writeField writes a text, in quotes if they are asked for.
func (e *csvEncoder) writeField(text string, quotes bool) {
	if !quotes {
		e.w.WriteString(text)
		return
	}
	e.w.WriteByte('"')
	for i := strings.IndexByte(text, '"'); i >= 0; i = strings.IndexByte(text, '"') {
		e.w.WriteString(text[:i])
		e.w.WriteString(`""`)
		text = text[i+1:]
	}
	e.w.WriteString(text)
	e.w.WriteByte('"')
}

// cell returns the text of v, a value of a column of type t.
func (e *csvEncoder) cell(t batch.Type, v any) (cell, error) {
	if s, ok := v.(string); ok {
		return cell{text: e.guard(e.clean(s))}, nil
	}
	var err error
	e.buf, err = appendText(e.buf[:0], t, v)
	return cell{string(e.buf), v == nil}, err
}

// clean removes what a text file cannot hold: NUL characters, and bytes that are not
// UTF-8, which become U+FFFD as in JSON. Readers, ours among them, refuse rows with them.
func (e *csvEncoder) clean(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	e.cleaned++
	var b strings.Builder
	for _, r := range s { // ranges over each wrong byte as U+FFFD
		if r != 0 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// guard puts an apostrophe before a formula, if that is asked for.
func (e *csvEncoder) guard(s string) string {
	if e.safe && isFormula(s) {
		return "'" + s
	}
	return s
}

// isFormula reports whether a spreadsheet may take s for a formula.
// https://owasp.org/www-community/attacks/CSV_Injection
func isFormula(s string) bool {
	// Excel takes the wide forms of the signs for the signs in Japanese and Chinese.
	if r, _ := utf8.DecodeRuneInString(s); s == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", r) {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err != nil
}
