package reader

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"github.com/genbatch/genbatch/batch"
)

// write makes a file in a folder of the test's own, and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open is Open of files that must be readable.
func open(t testing.TB, c Config, paths ...string) *Input {
	t.Helper()
	c.Paths = paths
	in, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// all returns all rows, and the error that broke the source.
func all(in *Input) (rows []batch.Row, err error) {
	for r, e := range in.Rows() {
		if e != nil {
			return rows, e
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// lines returns each row as a line of text for comparison: its place, then its values or
// its error.
func lines(rows []batch.Row) []string {
	var out []string
	for _, r := range rows {
		s := fmt.Sprintf("%d:", r.Line)
		if r.Err != nil {
			s += " ERR " + strings.TrimPrefix(r.Err.Error(), r.Source+":")
		} else {
			for i, c := range r.Columns {
				s += fmt.Sprintf(" %s=%s", c.Name, show(r.Values[i]))
			}
		}
		out = append(out, s)
	}
	return out
}

func show(v any) string {
	return fmt.Sprintf("%s(%s)", strings.TrimPrefix(fmt.Sprintf("%T", v), "json."), appendScalar(nil, v))
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("row %d is missing: %s", i, want[i])
		case i >= len(want):
			t.Errorf("row %d is too many: %s", i, got[i])
		case got[i] != want[i]:
			t.Errorf("row %d\n got %s\nwant %s", i, got[i], want[i])
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name    string
		file    string // its content is made before
		content string
		path    string // else file
		format  string
		want    string
	}{
		{name: "missing", path: "no.jsonl", want: "no such file"},
		{name: "glob without match", path: "no*.jsonl", want: "no file matches"},
		{name: "bad glob", path: "a[.jsonl", want: "syntax error in pattern"},
		{name: "empty folder", path: ".", want: "the folder has no files to read: names end in .jsonl"},
		{name: "unknown extension", file: "a.txt", want: "--input-format"},
		{name: "no extension", file: "data", want: "--input-format"},
		{name: "unknown format", file: "b.jsonl", format: "xml", want: `unknown --input-format "xml"`},
		{name: "not gzip", file: "c.jsonl.gz", content: "{}", want: "it is plain text; take .gz off its name"},
		{name: "not gzip but UTF-16", file: "c16.csv.gz", content: "\xff\xfea\x00\n\x00", want: "it is plain text; take .gz off its name"},
		{name: "not zstd", file: "c.csv.zst", content: "a,b\n1,2\n", want: "it is plain text; take .zst off its name"},
		{name: "gzip, named zstd", file: "gz.csv.zst", content: gzipped("a,b\n1,2\n"), want: "it is compressed with gzip; give it a name that ends in .gz"},
		{name: "zstd, named gzip", file: "zst.csv.gz", content: zstded("a,b\n1,2\n"), want: "it is compressed with zstd; give it a name that ends in .zst"},
		{name: "bzip2, named gzip", file: "bz.csv.gz", content: "BZh91AY&SY", want: "unpack it first"},
		{name: "neither text nor gzip", file: "bin.csv.gz", content: "\x00\x01\x02\x03", want: "is not a gzip file, whatever its name says"},
		{name: "empty gzip", file: "e.jsonl.gz", want: "is empty, which no gzip file is"},
		{name: "empty zstd", file: "e.jsonl.zst", want: "is empty, which no zstd file is"},
		{name: "JSON array", file: "d.json", content: " \n[{}]", want: "one JSON array"},
		{name: "empty CSV", file: "e.csv", want: "is empty"},
		{name: "names all empty", file: "f.csv", content: ",,\n1,2,3\n", want: "f.csv:1: the header names no column"},
		{name: "a separator line that cannot be", file: "g.csv", content: "sep=a\nbac\n", want: "g.csv:1:1: the first line, sep=a: the delimiter cannot be \"a\""},
		{name: "UTF-16 without a mark", file: "g.jsonl", content: "{\x00\"\x00a\x00\"\x00", want: "read it with --encoding utf-16le"},
		{name: "archive", file: "s.csv", content: "PK\x03\x04\x14\x00", want: "is an Excel workbook or another archive"},
		{name: "workbook", file: "s2.csv", content: "PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", want: "is an Excel workbook (.xlsx), whatever its name says; save the sheet as CSV UTF-8"},
		{name: "workbook in JSONL", file: "s3.jsonl", content: "PK\x03\x04\x14\x00\x06\x00_rels/.rels", want: "is an Excel workbook (.xlsx)"},
		{name: "sheet of LibreOffice", file: "s4.tsv", content: "PK\x03\x04\x14\x00mimetypeapplication/vnd.oasis.opendocument.spreadsheet", want: "is a sheet of LibreOffice (.ods)"},
		{name: "sheet of Numbers", file: "s5.csv", content: "PK\x03\x04\x14\x00Index/Document.iwa", want: "is a sheet of Numbers"},
		{name: "a web page as JSONL", file: "s6.jsonl", content: "\n <!doctype html>", want: "is HTML or XML"},
		{name: "an address", path: "https://example.com/data/rows.csv?x=1", want: "https://example.com/data/rows.csv?x=1: is an address, and inputs are files; fetch it first, with: curl -fL -o rows.csv 'https://example.com/data/rows.csv?x=1'"},
		{name: "old workbook", file: "t.csv", content: "\xd0\xcf\x11\xe0\xa1\xb1", want: "is an Excel workbook"},
		{name: "gzip by another name", file: "u.csv", content: "\x1f\x8b\x08\x00", want: "give it a name that ends in .gz"},
		{name: "JSON lines", file: "v.csv", content: "{\"a\": 1, \"b\": 2}\n", want: "read it with --input-format jsonl"},
		{name: "a web page", file: "w.tsv", content: "<!DOCTYPE html>\n<html>\n", want: "is HTML or XML"},
		{name: "commas in TSV", file: "x.tsv", content: "a,b\n1,2,3\n", want: "seem to be separated by commas, and the rows do not have as many; say --delimiter comma, or --delimiter tab"},
		{name: "bzip2", file: "y.csv.bz2", content: "BZh9", want: "bunzip2"},
		{name: "workbook by its name", file: "z.xlsx", content: "PK\x03\x04", want: "CSV"},
		{name: "CR only", file: "h.csv", content: "a,b\r1,2\r", want: "bare carriage return"},
		{name: "quote in header", file: "i.csv", content: "a,\"b\n", want: "i.csv:1:3: a quote is opened here and not closed as it should"},
		{name: "NUL in header", file: "j.csv", content: "a\x00,b\n", want: "UTF-16"},
		{name: "header not UTF-8", file: "k.csv", content: "a,\xff\n", want: "column 2 is not UTF-8"},
		{name: "header too long", file: "l.csv", content: strings.Repeat("a", 2000) + "\n", want: "--max-row-bytes"},
		{name: "no Parquet", file: "m.parquet", content: strings.Repeat("x", 100), want: "is no Parquet file"},
		{name: "short Parquet", file: "n.parquet", content: "PAR1", want: "too short"},
		{name: "encrypted Parquet", file: "o.parquet", content: "PARE" + strings.Repeat("x", 100) + "PARE", want: "encrypted"},
		{name: "footer length", file: "p.parquet", content: "PAR1xxxxxxxx\xff\xff\xff\x7fPAR1", want: "claims 2147483647 bytes in a file of 20"},
		{name: "footer junk", file: "q.parquet", content: "PAR1xxxxxxxx\x08\x00\x00\x00PAR1", want: "footer is damaged"},
		{name: "compressed Parquet", file: "r.parquet.gz", content: "x", want: "unpack it first"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path
			if !strings.Contains(path, "://") {
				path = filepath.Join(dir, tt.path)
			}
			if tt.file != "" {
				path = filepath.Join(dir, tt.file)
				if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(Config{Paths: []string{path}, Format: tt.format, MaxRowBytes: 1000})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
			if !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%q does not begin with the file", err)
			}
		})
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("no path: no error")
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.jsonl", "a.jsonl", "B.jsonl", "x[1].jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"n":"`+name+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := open(t, Config{}, filepath.Join(dir, "x[1].jsonl"), filepath.Join(dir, "?.jsonl"), filepath.Join(dir, "a.jsonl"))
	var got []string
	for _, p := range in.Paths() {
		got = append(got, filepath.Base(p))
	}
	if want := []string{"x[1].jsonl", "B.jsonl", "a.jsonl", "b.jsonl", "a.jsonl"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if in.KnownColumns() {
		t.Error("the columns of JSONL are said to be known")
	}
	// Two ranges over one Input yield the same rows, numbered over all files.
	for range 2 {
		n := int64(0)
		for r, err := range in.Rows() {
			n++
			if err != nil || r.Number != n || r.Line != 1 || r.Source != in.Paths()[n-1] {
				t.Errorf("row %d: %+v, %v", n, r, err)
			}
		}
		if n != 5 {
			t.Errorf("%d rows, want 5", n)
		}
	}
	for range in.Rows() {
		break // this must neither panic nor leave a file open
	}
}

func TestFormats(t *testing.T) {
	for name, content := range map[string]string{
		"a.jsonl": `{"a":"1"}`, "a.NDJSON": `{"a":"1"}`, "a.json": `{"a":"1"}`,
		"a.csv": "a\n1\n", "a.tsv": "a\n1\n",
	} {
		rows, err := all(open(t, Config{}, write(t, name, content)))
		if err != nil || len(rows) != 1 || show(rows[0].Values[0]) != `string("1")` {
			t.Errorf("%s: %v, %v", name, lines(rows), err)
		}
	}
	rows, err := all(open(t, Config{Format: "tsv"}, write(t, "a.csv", "a\tb\n1,5\t2\n")))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, lines(rows), []string{`2: a=string("1,5") b=string("2")`})
}

func gzipped(parts ...string) string {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		io.WriteString(z, p)
		z.Close()
	}
	return b.String()
}

func zstded(s string) string {
	z, _ := zstd.NewWriter(nil)
	defer z.Close()
	return string(z.EncodeAll([]byte(s), nil))
}

func TestCompressed(t *testing.T) {
	want := []string{`1: a=Number(1)`, `2: a=Number(2)`}
	for name, content := range map[string]string{
		"a.jsonl.gz":  gzipped("{\"a\":1}\n", "{\"a\":2}\n"), // two members
		"a.jsonl.zst": zstded("{\"a\":1}\n{\"a\":2}\n"),
	} {
		rows, err := all(open(t, Config{}, write(t, name, content)))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, lines(rows), want)
	}
}

func TestCutShort(t *testing.T) {
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, "{\"a\":%d,\"b\":\"%x\"}\n", i, i*7919)
	}
	csv := "a,b\n" + strings.NewReplacer(`{"a":`, "", `"b":`, "", "}", "").Replace(text.String())
	for name, content := range map[string]string{
		"a.jsonl.gz":  gzipped(text.String()),
		"a.csv.gz":    gzipped(csv),
		"a.jsonl.zst": zstded(text.String()),
	} {
		path := write(t, name, content[:len(content)*2/3])
		rows, err := all(open(t, Config{}, path))
		var e *Error
		if !errors.As(err, &e) || e.File != path || e.Line < 10_000 {
			t.Errorf("%s: got error %v, want one with file and line", name, err)
		}
		if len(rows) < 10_000 {
			t.Errorf("%s: only %d rows before the cut", name, len(rows))
		}
		for _, r := range rows[:len(rows)-1] {
			if r.Err != nil {
				t.Errorf("%s: %v", name, r.Err)
			}
		}
	}
}

func utf16Text(order binary.AppendByteOrder, s string) string {
	b := order.AppendUint16(nil, 0xFEFF)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestByteOrderMarks(t *testing.T) {
	const text = "{\"a\":\"ä€😀\"}\r\n{\"a\":\"x\"}\r\n"
	want := []string{`1: a=string("ä€😀")`, `2: a=string("x")`}
	for name, content := range map[string]string{
		"UTF-8":    "\xEF\xBB\xBF" + text,
		"UTF-16LE": utf16Text(binary.LittleEndian, text),
		"UTF-16BE": utf16Text(binary.BigEndian, text),
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := all(open(t, Config{}, write(t, "a.jsonl", content)))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(rows), want)
		})
	}
	t.Run("long", func(t *testing.T) {
		long := strings.Repeat("ab😀", 50_000)
		rows, err := all(open(t, Config{}, write(t, "a.csv", utf16Text(binary.LittleEndian, "a\n"+long+"\n"))))
		if err != nil || len(rows) != 1 || rows[0].Values[0] != long {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
	t.Run("lone surrogate", func(t *testing.T) {
		content := utf16Text(binary.LittleEndian, "{\"a\":\"") + "\x00\xD8" +
			utf16Text(binary.LittleEndian, "\"}\n{\"a\":1}\n")[2:]
		rows, err := all(open(t, Config{}, write(t, "a.jsonl", content)))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, lines(rows), []string{`1: ERR 1:7: the line has bytes that are no character of utf-16le; mend them, or say another --encoding`, `2: a=Number(1)`})
	})
	t.Run("odd length", func(t *testing.T) {
		content := utf16Text(binary.LittleEndian, "{\"a\":1}\n") + "x"
		rows, err := all(open(t, Config{}, write(t, "a.jsonl", content)))
		if err == nil || !strings.Contains(err.Error(), "middle of a character") || len(rows) != 1 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	path := write(t, "a.jsonl", "{}")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Paths: []string{path}}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}
