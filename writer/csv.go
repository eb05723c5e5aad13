package writer

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/genbatch/genbatch/batch"
)

// A csvEncoder writes CSV or TSV by RFC 4180, with a header and with "\n" as line end. Every
// name of a TSV header is in quotes. That is how package reader knows a TSV file whose
// fields can be in quotes, and other programs remove them.
type csvEncoder struct {
	w       *bufio.Writer
	csv     *csv.Writer
	columns []batch.Column
	lookup  *lookup
	safe    bool
	record  []string
	buf     []byte
	cleaned int64 // cells
}

func newCSV(w *bufio.Writer, c *Config, tabs bool) (*csvEncoder, error) {
	e := &csvEncoder{
		w:       w,
		csv:     csv.NewWriter(w),
		columns: c.Columns,
		lookup:  newLookup(c.Columns[:c.Input]),
		safe:    c.CSVSafe,
		record:  make([]string, len(c.Columns)),
	}
	if tabs {
		e.csv.Comma = '\t'
	}
	for i, col := range e.columns {
		if err := checkTextName(col.Name); err != nil {
			return nil, err
		}
		e.record[i] = e.guard(col.Name)
	}
	if !tabs && !oddHeader(e.record) {
		return e, e.writeRecord()
	}
	for i, name := range e.record {
		if i > 0 {
			w.WriteRune(e.csv.Comma) // the last write reports an error of the others
		}
		w.WriteString(`"` + strings.ReplaceAll(name, `"`, `""`) + `"`)
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

// oddHeader reports whether the header of a CSV file would be taken for something else
// without quotes: a byte order mark, Excel's separator line, a page, other separators.
func oddHeader(names []string) bool {
	for _, start := range []string{"\ufeff", "sep=", "<"} {
		if strings.HasPrefix(strings.ToLower(names[0]), start) {
			return true
		}
	}
	return len(names) == 1 && strings.ContainsAny(names[0], ";|\t")
}

func (e *csvEncoder) write(row *batch.Row, result []any) (err error) {
	at, _ := e.lookup.find(row)
	for i, from := range at {
		e.record[i] = ""
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

func (e *csvEncoder) close() error {
	e.csv.Flush()
	return e.csv.Error()
}

func (e *csvEncoder) writeRecord() error {
	if len(e.record) == 1 && e.record[0] == "" {
		// encoding/csv would write an empty line. Readers skip it, so that the row would
		// be lost.
		e.csv.Flush()
		_, err := e.w.WriteString("\"\"\n")
		return err
	}
	return e.csv.Write(e.record)
}

// cell returns the text of v, a value of a column of type t.
func (e *csvEncoder) cell(t batch.Type, v any) (string, error) {
	if s, ok := v.(string); ok {
		return e.guard(e.clean(s)), nil
	}
	var err error
	e.buf, err = appendText(e.buf[:0], t, v)
	return string(e.buf), err
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
