package reader

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/internal/benchtest"
)

const benchRows = 10_000

// A flatRow is like the row of a table: short texts and a long one, numbers, times.
type flatRow struct {
	ID      int64   `parquet:"id"`
	Lang    string  `parquet:"lang,dict"`
	Author  *string `parquet:"author,optional"`
	Score   float64 `parquet:"score"`
	Rating  int32   `parquet:"rating"`
	Checked bool    `parquet:"checked"`
	Created int64   `parquet:"created,timestamp(millisecond)"`
	Body    string  `parquet:"body"`
}

// A nestedRow has lists and structs as well, which become JSON.
type nestedRow struct {
	ID    int64       `parquet:"id"`
	Score float64     `parquet:"score"`
	Body  string      `parquet:"body"`
	Tags  []string    `parquet:"tags,list"`
	Turns []benchTurn `parquet:"turns,list"`
}

type benchTurn struct {
	Role  string `parquet:"role,dict"`
	Text  string `parquet:"text"`
	Count int32  `parquet:"count"`
}

// A listRow has one list, of two short texts.
type listRow struct {
	ID    int64    `parquet:"id"`
	Score float64  `parquet:"score"`
	Body  string   `parquet:"body"`
	Tags  []string `parquet:"tags,list"`
}

// BenchmarkFormats reads 10,000 rows of about a kilobyte. MB/s counts the bytes of the
// file; for Parquet, whose file is compressed, it counts those of the values.
//
// For comparison it measures the library under the reader, which reads the same rows in
// its own form. The caller can keep them, as it can keep rows of the reader. They are
// encoding/json's values by name, encoding/csv's records, and parquet-go's generic rows
// ([parquet.RowReader]), opened as the reader opens them and cloned. None of the libraries
// checks UTF-8, and parquet-go turns neither timestamps into text nor lists into JSON. For
// a file that is mostly lists, parquet-go's typed rows with encoding/json for the lists
// are measured as well. The ratio is one of processor time, with both sides in turn,
// because elapsed time depends on what else the machine does.
func BenchmarkFormats(b *testing.B) {
	var lines, records bytes.Buffer
	records.WriteString("id,score,body\n")
	flat := make([]flatRow, benchRows)
	lists := make([]listRow, benchRows)
	nested := make([]nestedRow, benchRows)
	var flatBytes, listBytes, nestedBytes int
	for i := range benchRows {
		body := strings.Repeat("Some words of a review. ", 40)
		fmt.Fprintf(&lines, `{"id":%d,"score":0.%d,"body":"%s\n\"quoted\"","tags":["a","b"],"ok":true}`+"\n", i, i, body)
		fmt.Fprintf(&records, "%d,0.%d,\"%s \"\"quoted\"\"\nnext line\"\n", i, i, body)

		author := fmt.Sprint("author ", i)
		flat[i] = flatRow{int64(i), []string{"en", "de", "zh"}[i%3], &author, float64(i) / 7, int32(i % 5), i%2 == 0, 1_700_000_000_000 + int64(i)*1001, body}
		if i%4 == 0 {
			flat[i].Author, author = nil, ""
		}
		flatBytes += 8 + 2 + len(author) + 8 + 4 + 1 + 8 + len(body)

		lists[i] = listRow{int64(i), float64(i) / 7, body, []string{"a", "b"}}
		listBytes += 8 + 8 + len(body) + 2

		nested[i] = nestedRow{ID: int64(i), Score: float64(i) / 7, Body: body[:480], Tags: []string{"a", "b"}}
		nestedBytes += 8 + 8 + 480 + 2
		for turn := range 4 {
			nested[i].Turns = append(nested[i].Turns, benchTurn{[]string{"user", "model"}[turn%2], body[:120], int32(turn)})
			nestedBytes += 5 + 120 + 4
		}
	}
	for _, f := range []struct {
		name, path string
		bytes      int
		library    func(*os.File) error
	}{
		{"jsonl", write(b, "a.jsonl", lines.String()), lines.Len(), readJSONL},
		{"csv", write(b, "a.csv", records.String()), records.Len(), readCSV},
		{"parquet-flat", writeParquet(b, flat), flatBytes, readParquet},
		{"parquet-list", writeParquet(b, lists), listBytes, readParquet},
		{"parquet-nested", writeParquet(b, nested), nestedBytes, readParquet},
		{"parquet-nested-json", writeParquet(b, nested), nestedBytes, readNestedJSON},
	} {
		in := open(b, Config{}, f.path)
		reader := func() {
			n := 0
			for r, err := range in.Rows() {
				if err != nil || r.Err != nil {
					b.Fatal(err, r.Err)
				}
				n++
			}
			if n != benchRows {
				b.Fatal(n)
			}
		}
		library := func() {
			file, err := os.Open(f.path)
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			if err := f.library(file); err != nil && err != io.EOF {
				b.Fatal(err)
			}
		}
		benchtest.Compare(b, f.name, "reader", benchRows, f.bytes, reader, library)
	}
}

func readJSONL(f *os.File) error {
	for r := bufio.NewReaderSize(f, 64<<10); ; {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return err
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
	}
}

func readCSV(f *os.File) error {
	for r := csv.NewReader(f); ; {
		if _, err := r.Read(); err != nil {
			return err
		}
	}
}

func readParquet(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size(), parquetConfig())
	if err != nil {
		return err
	}
	buf := make([]parquet.Row, 32)
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		for {
			n, err := rows.ReadRows(buf)
			for i := range buf[:n] {
				kept = buf[i].Clone()
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		if err := rows.Close(); err != nil {
			return err
		}
	}
	return nil
}

func readNestedJSON(f *os.File) error {
	r := parquet.NewGenericReader[nestedRow](f)
	defer r.Close()
	for {
		rows := make([]nestedRow, 32)
		n, err := r.Read(rows)
		for _, row := range rows[:n] {
			for _, list := range []any{row.Tags, row.Turns} {
				if _, err := json.Marshal(list); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return err
		}
	}
}

// kept is a variable so that the compiler does not drop the clones.
var kept = parquet.Row(nil)
