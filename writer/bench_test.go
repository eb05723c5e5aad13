package writer

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/benchtest"
	"github.com/genbatch/genbatch/reader"
)

const benchRows = 10_000

// benchInput writes rows of about a kilobyte to a file with this name, and reads them.
func benchInput(b *testing.B, name string) ([]batch.Row, []batch.Column) {
	b.Helper()
	path := filepath.Join(b.TempDir(), name)
	var err error
	if filepath.Ext(name) == ".parquet" {
		type row struct {
			ID      int64    `parquet:"id"`
			Body    string   `parquet:"body"`
			Created int64    `parquet:"created,timestamp(millisecond)"`
			Tags    []string `parquet:"tags,list"`
		}
		rows := make([]row, benchRows)
		for i := range rows {
			rows[i] = row{int64(i), strings.Repeat("Some words of a review. ", 40), int64(i) * 1001, []string{"a", "b"}}
		}
		err = parquet.WriteFile(path, rows)
	} else {
		var text strings.Builder
		for i := range benchRows {
			fmt.Fprintf(&text, `{"id":%d,"body":"%s\n\"quoted\"","created":"%d","tags":["a","b"]}`+"\n", i, strings.Repeat("Some words of a review. ", 40), i)
		}
		err = os.WriteFile(path, []byte(text.String()), 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		b.Fatal(err)
	}
	var rows []batch.Row
	var union reader.Union
	for r, err := range in.Rows() {
		if err != nil {
			b.Fatal(err)
		}
		union.Add(&r)
		rows = append(rows, r)
	}
	return rows, union.Columns()
}

// BenchmarkFormats writes 10,000 rows of about a kilobyte with four results, and discards
// the output. MB/s counts the bytes of the output before compression.
//
// For comparison it measures the library under the writer with the same cells in its own
// form: encoding/json's Encoder for a struct, encoding/csv's Writer for strings, and
// parquet-go's WriteRows for rows that were built before. None of them computes a sum of
// what it writes. The ratio is one of processor time, with both sides in turn.
func BenchmarkFormats(b *testing.B) {
	results := []batch.Column{{Name: "response"}, {Name: "status"}, {Name: "tokens", Type: batch.Int}, {Name: "cost_usd", Type: batch.Money}}
	values := []any{strings.Repeat("Some words of an answer.\n", 20), "ok", int64(512), int64(1_500_000)}
	for _, tt := range []struct {
		name, input, output string
		allInput            bool
		library             func(*testing.B, *Config, []batch.Row, []any) func()
	}{
		{"jsonl-raw", "a.jsonl", "o.jsonl", true, libraryJSONL},
		{"jsonl", "a.jsonl", "o.jsonl", false, libraryJSONL},
		{"csv", "a.jsonl", "o.csv", false, libraryCSV},
		{"parquet", "a.jsonl", "o.parquet", false, libraryParquet},
		{"parquet-copied", "a.parquet", "o.parquet", false, libraryParquet},
	} {
		rows, columns := benchInput(b, tt.input)
		config := Config{Path: tt.output, Columns: append(columns, results...), Input: len(columns), To: io.Discard}
		if tt.allInput {
			config.Columns, config.Input, config.AllInput = results, 0, true
		}
		writer := func() {
			o, err := Create(config)
			if err != nil {
				b.Fatal(err)
			}
			defer o.Abort()
			for i := range rows {
				if err := o.Write(&rows[i], values); err != nil {
					b.Fatal(err)
				}
			}
			if err := o.Commit(); err != nil {
				b.Fatal(err)
			}
		}
		library := tt.library(b, &config, rows, values)
		benchtest.Compare(b, tt.name, "writer", benchRows, benchRows*1500, writer, library)
	}
}

func libraryJSONL(b *testing.B, c *Config, rows []batch.Row, values []any) func() {
	type line struct {
		ID       int64           `json:"id"`
		Body     string          `json:"body"`
		Created  string          `json:"created"`
		Tags     json.RawMessage `json:"tags"`
		Response string          `json:"response"`
		Status   string          `json:"status"`
		Tokens   int64           `json:"tokens"`
		Cost     float64         `json:"cost_usd"`
	}
	lines := make([]line, len(rows))
	for i := range rows {
		body, _ := rows[i].Value("body")
		lines[i] = line{int64(i), body.(string), strconv.Itoa(i), json.RawMessage(`["a","b"]`), values[0].(string), "ok", 512, 0.0000015}
	}
	return func() {
		w := bufio.NewWriterSize(io.Discard, 256<<10)
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		for i := range lines {
			if err := e.Encode(&lines[i]); err != nil {
				b.Fatal(err)
			}
		}
		w.Flush()
	}
}

func libraryCSV(b *testing.B, c *Config, rows []batch.Row, values []any) func() {
	records := make([][]string, len(rows))
	for i := range rows {
		body, _ := rows[i].Value("body")
		records[i] = []string{strconv.Itoa(i), body.(string), strconv.Itoa(i), `["a","b"]`, values[0].(string), "ok", "512", "0.0000015"}
	}
	return func() {
		w := csv.NewWriter(bufio.NewWriterSize(io.Discard, 256<<10))
		for _, r := range records {
			if err := w.Write(r); err != nil {
				b.Fatal(err)
			}
		}
		w.Flush()
	}
}

// libraryParquet lets the library write the rows that the writer makes, with the writer's
// schema and options.
func libraryParquet(b *testing.B, c *Config, rows []batch.Row, values []any) func() {
	built := make([]parquet.Row, len(rows))
	e, err := newParquet(io.Discard, c)
	if err != nil {
		b.Fatal(err)
	}
	for i := range rows {
		if err := e.write(&rows[i], values); err != nil {
			b.Fatal(err)
		}
		if e.n > 0 {
			built[i] = e.rows[e.n-1].Clone()
		} else {
			built[i] = built[i-1] // it has just been written, and is like the last
		}
	}
	return func() {
		e, err := newParquet(io.Discard, c)
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(built); i += batchRows {
			if _, err := e.w.WriteRows(built[i:min(i+batchRows, len(built))]); err != nil {
				b.Fatal(err)
			}
		}
		if err := e.w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
