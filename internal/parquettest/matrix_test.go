package parquettest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// A coding is a way to encode the columns of a file.
type coding struct {
	name     string
	encoding parquet.Encoding // of data pages; with a dictionary, what is done once that is full
	dict     bool
	takes    func(arrow.Type) bool // which physical types the encoding is for
}

var codings = []coding{
	{"PLAIN", parquet.Encodings.Plain, false, func(arrow.Type) bool { return true }},
	{"RLE_DICTIONARY", parquet.Encodings.Plain, true, func(t arrow.Type) bool { return t != arrow.BOOL }},
	{"RLE", parquet.Encodings.RLE, false, func(t arrow.Type) bool { return t == arrow.BOOL }},
	{"DELTA_BINARY_PACKED", parquet.Encodings.DeltaBinaryPacked, false, integers},
	{"DELTA_LENGTH_BYTE_ARRAY", parquet.Encodings.DeltaLengthByteArray, false, func(t arrow.Type) bool { return t == arrow.STRING || t == arrow.BINARY }},
	// The last two are for FIXED_LEN_BYTE_ARRAY as well, which Apache's writer does not know.
	{"DELTA_BYTE_ARRAY", parquet.Encodings.DeltaByteArray, false, func(t arrow.Type) bool { return t == arrow.STRING || t == arrow.BINARY }},
	{"BYTE_STREAM_SPLIT", parquet.Encodings.ByteStreamSplit, false, func(t arrow.Type) bool {
		return integers(t) || t == arrow.FLOAT32 || t == arrow.FLOAT64
	}},
}

// integers reports whether values of type t are INT32 or INT64 in Parquet.
func integers(t arrow.Type) bool {
	switch t {
	case arrow.INT8, arrow.INT32, arrow.INT64, arrow.UINT32, arrow.UINT64, arrow.DATE32, arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP:
		return true
	}
	return false
}

var codecs = []struct {
	name  string
	codec compress.Compression
}{
	{"none", compress.Codecs.Uncompressed}, {"snappy", compress.Codecs.Snappy}, {"gzip", compress.Codecs.Gzip},
	{"brotli", compress.Codecs.Brotli}, {"zstd", compress.Codecs.Zstd}, {"lz4_raw", compress.Codecs.Lz4Raw},
}

// TestMatrix reads files in every encoding, codec and version of pages, with columns of
// every type, nullability and nesting. Each value must be the one that was written. What
// our writer makes of a file must be the same again for Apache's reader.
//
// With -v it prints the matrix: how many columns were compared in each file.
func TestMatrix(t *testing.T) {
	const rows = 60
	var matrix strings.Builder
	fmt.Fprintf(&matrix, "%-24s", "")
	for _, c := range codecs {
		fmt.Fprintf(&matrix, "%9s v1 %2s", c.name, "v2")
	}
	cells, seed := 0, int64(1)
	for _, coding := range codings {
		fmt.Fprintf(&matrix, "\n%-24s", coding.name)
		for i, codec := range codecs {
			for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
				table := newTable(seed, rows, coding.name, coding.takes)
				seed++
				props := []parquet.WriterProperty{
					parquet.WithDictionaryDefault(coding.dict), parquet.WithEncoding(coding.encoding),
					parquet.WithCompression(codec.codec), parquet.WithDataPageVersion(version),
					parquet.WithDataPageSize(1 << 10), parquet.WithBatchSize(64), parquet.WithMaxRowGroupLength(rows * 2 / 3),
				}
				if seed%3 == 0 { // the dictionary soon is full, and the encoding changes within a column
					props = append(props, parquet.WithDictionaryPageSizeLimit(512))
				}
				name := fmt.Sprintf("%s, %s, pages of version %d", coding.name, codec.name, int(version)+1)
				path := filepath.Join(t.TempDir(), "in.parquet")
				write(t, path, table, parquet.NewWriterProperties(props...))
				bad := differences(t, path, table)
				if i == int(seed)%len(codecs) || codec.name == "zstd" {
					bad = append(bad, rewritten(t, path, table)...)
				}
				for _, b := range bad[:min(len(bad), 5)] {
					t.Errorf("%s: %s", name, b)
				}
				cells += rows * len(table.Columns())
				mark := fmt.Sprint(len(table.Columns()))
				if len(bad) > 0 {
					mark = "!"
				}
				fmt.Fprintf(&matrix, "%6s", mark)
			}
			matrix.WriteString("   ")
		}
	}
	t.Logf("columns that were read as they were written, of %d cells in all\n%s", cells, matrix.String())
}

// write writes a table as Apache's implementation does.
func write(t *testing.T, path string, table *record, props *parquet.WriterProperties) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(table.Schema(), f, props, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteBuffered(table.RecordBatch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// differences says where our reader does not return the values of the table.
func differences(t *testing.T, path string, table *record) (bad []string) {
	t.Helper()
	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		return []string{err.Error()}
	}
	// Apache's reader cannot read some empty pages of its own writer.
	theirs, theirErr := read(path)
	n := 0
	for row, err := range in.Rows() {
		if err != nil {
			return append(bad, err.Error())
		}
		if row.Err != nil {
			return append(bad, row.Err.Error())
		}
		for i, v := range row.Values {
			if got, want := ours(v), cell(table.Column(i), n); got != want {
				second := fmt.Sprint(theirErr)
				if theirErr == nil {
					second = at(theirs.Column(i), n)
				}
				bad = append(bad, fmt.Sprintf("row %d, %s: got %.80s, Apache's reader gets %.80s, want %.80s", n+1, table.ColumnName(i), got, second, want))
			}
		}
		n++
	}
	if n != int(table.NumRows()) {
		bad = append(bad, fmt.Sprintf("%d rows, want %d", n, table.NumRows()))
	}
	return bad
}

// at returns a value of a column as text.
func at(c *arrow.Column, row int) string {
	for _, chunk := range c.Data().Chunks() {
		if row < chunk.Len() {
			return cell(chunk, row)
		}
		row -= chunk.Len()
	}
	return "nothing"
}

// rewritten says where Apache's reader does not find the values of the table in what our
// writer makes of the file.
func rewritten(t *testing.T, path string, table *record) (bad []string) {
	t.Helper()
	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		return []string{err.Error()}
	}
	out := filepath.Join(t.TempDir(), "out.parquet")
	c := writer.Config{Path: out, Columns: append(in.Columns(), batch.Column{Name: "status"}), Input: len(in.Columns())}
	w, err := writer.Create(c)
	if err != nil {
		return []string{err.Error()}
	}
	defer w.Abort()
	for row, err := range in.Rows() {
		if err == nil {
			err = w.Write(&row, []any{"ok"})
		}
		if err != nil {
			return append(bad, err.Error())
		}
	}
	if err := w.Commit(); err != nil {
		return []string{err.Error()}
	}
	back, err := read(out)
	if err != nil {
		return []string{"Apache's reader: " + err.Error()}
	}
	for i := range table.Columns() {
		at := 0
		for _, chunk := range back.Column(i).Data().Chunks() {
			for j := range chunk.Len() {
				if got, want := cell(chunk, j), cell(table.Column(i), at); got != want {
					bad = append(bad, fmt.Sprintf("row %d, %s: Apache's reader gets %.80s from our output, want %.80s", at+1, table.ColumnName(i), got, want))
				}
				at++
			}
		}
		if at != int(table.NumRows()) {
			bad = append(bad, fmt.Sprintf("%s: %d rows in our output", table.ColumnName(i), at))
		}
	}
	return bad
}
