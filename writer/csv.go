package writer

import (
	"bufio"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
)

// A csvEncoder writes CSV or TSV by RFC 4180, with a header and with "\n" as line end.
type csvEncoder struct {
	w       *bufio.Writer
	csv     *csv.Writer
	columns []batch.Column
	lookup  *lookup
	safe    bool
	record  []string
	buf     []byte
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
		e.record[i] = col.Name
	}
	return e, e.writeRecord()
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
		if e.safe && isFormula(s) {
			s = "'" + s
		}
		return s, nil
	}
	var err error
	e.buf, err = appendText(e.buf[:0], t, v)
	return string(e.buf), err
}

// isFormula reports whether a spreadsheet may take s for a formula.
// https://owasp.org/www-community/attacks/CSV_Injection
func isFormula(s string) bool {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err != nil
}
