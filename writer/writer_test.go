package writer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// results are some result columns, and row the values of one row for them.
var (
	results = []batch.Column{{Name: "response"}, {Name: "status"}, {Name: "tokens", Type: batch.Int}, {Name: "cost_usd", Type: batch.Money}}
	answer  = []any{"a <b> \"c\"\n", "ok", int64(12), int64(1_500_000)}
	skipped = []any{nil, "skipped", nil, nil}
)

// source writes content to a file and opens it.
func source(t testing.TB, name, content string) *reader.Input {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return openInput(t, path)
}

func openInput(t testing.TB, paths ...string) *reader.Input {
	t.Helper()
	in, err := reader.Open(reader.Config{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// columns returns the union of the input's columns over its rows.
func columns(t testing.TB, in *reader.Input) []batch.Column {
	t.Helper()
	var u reader.Union
	for r, err := range in.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		u.Add(&r)
	}
	return u.Columns()
}

// convert writes the rows of in, with answer or skipped as results, to a file
// of the given name, and returns its path.
func convert(t testing.TB, in *reader.Input, name string, c writer.Config) string {
	t.Helper()
	c.Path = filepath.Join(t.TempDir(), name)
	o, err := writer.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Abort()
	for r, err := range in.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		result := answer
		if r.Err != nil {
			result = skipped
		}
		if err := o.Write(&r, result[:len(c.Columns)-c.Input]); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	return c.Path
}

// all is every column of the input, then the results.
func all(input []batch.Column) writer.Config {
	return writer.Config{Columns: append(input[:len(input):len(input)], results...), Input: len(input)}
}

func text(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestJSONLToJSONL(t *testing.T) {
	in := source(t, "a.jsonl", `{"a": 1.50,  "a":"\u00e4"}`+"\n"+`{ }`+"\n"+`{"a":1`+"\n"+`{"x":"<","status":"mine","y":[1, 2]}`+"\n")
	const tail = `"response":"a <b> \"c\"\n","status":"ok","tokens":12,"cost_usd":0.0000015}`
	want := `{"a": 1.50,  "a":"\u00e4",` + tail + "\n" +
		"{" + tail + "\n" +
		`{"a":null,"response":null,"status":"skipped","tokens":null,"cost_usd":null}` + "\n" +
		`{"x":"<","y":[1, 2],` + tail + "\n"
	got := text(t, convert(t, in, "o.jsonl", writer.Config{AllInput: true, Columns: results}))
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestJSONLPicked(t *testing.T) {
	in := source(t, "a.jsonl", `{"a":1e5,"b":"x","c":{"d" : 1}}`+"\n"+`{"c":null}`+"\n")
	got := text(t, convert(t, in, "o.jsonl", writer.Config{Columns: []batch.Column{{Name: "c"}, {Name: "a"}, {Name: "status"}}, Input: 2}))
	want := `{"c":{"d" : 1},"a":1e5,"status":"a <b> \"c\"\n"}` + "\n" + `{"c":null,"status":"a <b> \"c\"\n"}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestCSVToJSONL(t *testing.T) {
	in := source(t, "a.csv", "b,a\n007,\"x\ny\"\n1\n\"q\"z,1\n")
	got := text(t, convert(t, in, "o.jsonl", writer.Config{AllInput: true, Columns: results[1:2]}))
	want := `{"b":"007","a":"x\ny","status":"a <b> \"c\"\n"}` + "\n" + `{"b":"1","a":null,"status":null}` + "\n" + `{"b":null,"a":null,"status":null}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestJSONLToCSV(t *testing.T) {
	in := source(t, "a.jsonl", `{"b":"x,y","n":1}`+"\n"+`{"n":2.50,"o":{"k": [1]},"t":true}`+"\n"+`{bad`+"\n"+`{"b":null,"n":"text"}`+"\n")
	got := text(t, convert(t, in, "o.csv", all(columns(t, in))))
	want := "b,n,o,t,response,status,tokens,cost_usd\n" +
		"\"x,y\",1,,,\"a <b> \"\"c\"\"\n\",ok,12,0.0000015\n" +
		",2.50,\"{\"\"k\"\": [1]}\",true,\"a <b> \"\"c\"\"\n\",ok,12,0.0000015\n" +
		",,,,,skipped,,\n" +
		",text,,,\"a <b> \"\"c\"\"\n\",ok,12,0.0000015\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestCSVRoundTrip(t *testing.T) {
	in := source(t, "a.csv", "b,a\n\"x, \"\"y\"\"\",\"two\nlines\"\n, z \n")
	for _, name := range []string{"o.csv", "o.tsv", "o.parquet"} {
		out := openInput(t, convert(t, in, name, all(in.Columns())))
		var got []string
		for r, err := range out.Rows() {
			if err != nil || r.Err != nil {
				t.Fatal(err, r.Err)
			}
			got = append(got, fmt.Sprintf("%s %q %q", r.Columns[0].Name, r.Values[0], r.Values[1]))
		}
		if want := `[b "x, \"y\"" "two\nlines" b "" " z "]`; fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", name, got, want)
		}
	}
}

func TestCSVSafe(t *testing.T) {
	cells := []any{"=1+1", "+x", "-5", "-5e3", "-x", "@a", "\tx", "\rx", "\nx", "＝1", "x=1", "", int64(-5), json.RawMessage("[1]")}
	want := []string{"'=1+1", "'+x", "-5", "-5e3", "'-x", "'@a", "'\tx", "'\rx", "'\nx", "'＝1", "x=1", "", "-5", "[1]"}
	for _, safe := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "o.csv")
		o, err := writer.Create(writer.Config{Path: path, Columns: []batch.Column{{Name: "=a"}, {Name: "b"}}, CSVSafe: safe})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range cells {
			if err := o.Write(nil, []any{"x", v}); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.Commit(); err != nil {
			t.Fatal(err)
		}
		in := openInput(t, path)
		if name := map[bool]string{true: "'=a", false: "=a"}[safe]; in.Columns()[0].Name != name {
			t.Errorf("safe %t: the column is named %q, want %q", safe, in.Columns()[0].Name, name)
		}
		i := 0
		for r, err := range in.Rows() {
			if err != nil || r.Err != nil {
				t.Fatal(err, r.Err)
			}
			w := want[i]
			if s, ok := cells[i].(string); ok && !safe {
				w = s
			}
			if r.Values[1] != w {
				t.Errorf("safe %t: %v is %q, want %q", safe, cells[i], r.Values[1], w)
			}
			i++
		}
	}
}

// TestOneEmptyCell writes a row for which encoding/csv would write an empty line, which its
// reader would skip.
func TestOneEmptyCell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.csv")
	o, err := writer.Create(writer.Config{Path: path, Columns: []batch.Column{{Name: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{"x", "", nil, "y"} {
		if err := o.Write(nil, []any{v}); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, path), "a\nx\n\"\"\n\"\"\ny\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		t    batch.Type
		v    any
		json string
		csv  string // when it differs
	}{
		{batch.String, "\x00\x1f\\\"<>&\u2028\xff", `"\u0000\u001f\\\"<>&` + "\u2028\uFFFD" + `"`, "\x1f\\\"<>&\u2028\uFFFD"},
		{batch.Int, int64(math.MinInt64), "-9223372036854775808", ""},
		{batch.Int, json.Number("18446744073709551616"), "18446744073709551616", ""},
		{batch.Float, 1e6, "1000000", ""},
		{batch.Float, 1e21, "1e+21", ""},
		{batch.Float, 1.5e-7, "1.5e-07", ""},
		{batch.Float, 0.1, "0.1", ""},
		{batch.Float, json.Number("1.50"), "1.50", ""},
		{batch.Float, math.NaN(), `"NaN"`, "NaN"},
		{batch.Float, math.Inf(-1), `"-Infinity"`, "-Infinity"},
		{batch.Bool, true, "true", ""},
		{batch.JSON, json.RawMessage("{\n \"a\": 1\r\n}"), `{"a":1}`, "{\n \"a\": 1\r\n}"},
		{batch.Bytes, []byte{0, 0xFF}, `"AP8="`, "AP8="},
		{batch.Money, int64(0), "0", ""},
		{batch.Money, int64(1), "0.000000000001", ""},
		{batch.Money, int64(-12_345_600_000_000), "-12.3456", ""},
		{batch.Money, int64(math.MaxInt64), "9223372.036854775807", ""},
		{batch.Money, int64(math.MinInt64), "-9223372.036854775808", ""},
	}
	for _, tt := range tests {
		if tt.csv == "" {
			tt.csv = tt.json
		}
		for _, f := range []struct{ format, want string }{{"jsonl", `{"a":` + tt.json + "}\n"}, {"csv", tt.csv}} {
			path := filepath.Join(t.TempDir(), "o")
			o, err := writer.Create(writer.Config{Path: path, Format: f.format, Columns: []batch.Column{{Name: "a", Type: tt.t}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(o.Write(nil, []any{tt.v}), o.Commit()); err != nil {
				t.Fatal(err)
			}
			got := text(t, path)
			if f.format == "csv" {
				got = strings.TrimSuffix(strings.TrimPrefix(got, "a\n"), "\n")
				if strings.HasPrefix(got, `"`) {
					got = strings.ReplaceAll(got[1:len(got)-1], `""`, `"`)
				}
			}
			if got != f.want {
				t.Errorf("%T %v as %s: got %q, want %q", tt.v, tt.v, f.format, got, f.want)
			}
		}
	}
}

func TestCompressed(t *testing.T) {
	for name, unpack := range map[string]func(io.Reader) (io.Reader, error){
		"o.jsonl.gz":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"o.jsonl.zst": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		in := source(t, "a.jsonl", "{\"a\":1}\n")
		packed := text(t, convert(t, in, name, writer.Config{AllInput: true}))
		r, err := unpack(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != "{\"a\":1}\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	a := []batch.Column{{Name: "a"}}
	tests := []struct {
		name string
		c    writer.Config
		want string
	}{
		{"extension", writer.Config{Path: "o.txt", Columns: a}, "--output-format"},
		{"format", writer.Config{Path: "o.csv", Format: "xml", Columns: a}, `unknown --output-format "xml"`},
		{"packed Parquet", writer.Config{Path: "o.parquet.gz", Columns: a}, "leave .gz away"},
		{"same name", writer.Config{Path: "o.csv", Columns: append(a, a...), Input: 1}, "--prefix"},
		{"no columns", writer.Config{Path: "o.csv"}, "no columns"},
		{"too much input", writer.Config{Path: "o.csv", Columns: a, Input: 2}, "2 input columns"},
		{"all in CSV", writer.Config{Path: "o.csv", Columns: a, AllInput: true}, "only be written as JSONL"},
		{"no folder", writer.Config{Path: "no/o.csv", Columns: a}, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Path = filepath.Join(dir, tt.c.Path)
			_, err := writer.Create(tt.c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.c.Path) {
				t.Errorf("got %v, want %q and the path", err, tt.want)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestNothingBeforeCommit checks that the old file stays until Commit, and that neither
// Abort nor an error before Commit leaves a file behind.
func TestNothingBeforeCommit(t *testing.T) {
	for _, format := range []string{"jsonl", "csv", "parquet"} {
		for _, end := range []string{"commit", "abort", "wrong result"} {
			t.Run(format+" "+end, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "o."+format)
				if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
				o, err := writer.Create(writer.Config{Path: path, Columns: []batch.Column{{Name: "a"}}})
				if err != nil {
					t.Fatal(err)
				}
				if err := o.Write(nil, []any{"x"}); err != nil {
					t.Fatal(err)
				}
				if got := text(t, path); got != "old" {
					t.Errorf("before the end the file is %q", got)
				}
				switch end {
				case "commit":
					err = o.Commit()
					if got := text(t, path); err != nil || got == "old" {
						t.Errorf("Commit: %v, %q", err, got)
					}
					if o.Write(nil, []any{"x"}) == nil || o.Commit() == nil {
						t.Error("Write and Commit after Commit: no error")
					}
				case "abort":
					if err := o.Abort(); err != nil {
						t.Error(err)
					}
				case "wrong result":
					if err := o.Write(nil, nil); err == nil || !strings.Contains(err.Error(), "row 2 has 0 results") {
						t.Errorf("got %v", err)
					}
					if o.Commit() == nil {
						t.Error("Commit after a failed Write: no error")
					}
				}
				if err := o.Abort(); err != nil {
					t.Errorf("Abort: %v", err)
				}
				if got := text(t, path); end != "commit" && got != "old" {
					t.Errorf("the file is %q", got)
				}
				if left, _ := os.ReadDir(dir); len(left) != 1 {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

func TestUnknownType(t *testing.T) {
	for _, format := range []string{"jsonl", "csv", "parquet"} {
		o, err := writer.Create(writer.Config{Path: filepath.Join(t.TempDir(), "o."+format), Columns: []batch.Column{{Name: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Write(nil, []any{struct{}{}}); err == nil || !strings.Contains(err.Error(), "row 1") {
			t.Errorf("%s: got %v", format, err)
		}
		if err := o.Abort(); err != nil {
			t.Error(err)
		}
	}
}

func benchmark(b *testing.B, name string) {
	var in bytes.Buffer
	for i := range 5_000 {
		fmt.Fprintf(&in, `{"id":%d,"score":0.5,"body":"%s\n\"quoted\"","tags":["a","b"]}`+"\n", i, strings.Repeat("Some words of a review. ", 40))
	}
	input := source(b, "a.jsonl", in.String())
	var rows []batch.Row
	for r, err := range input.Rows() {
		if err != nil {
			b.Fatal(err)
		}
		rows = append(rows, r)
	}
	c := all(columns(b, input))
	c.Path = filepath.Join(b.TempDir(), name)
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		o, err := writer.Create(c)
		if err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			if err := o.Write(&rows[i], answer); err != nil {
				b.Fatal(err)
			}
		}
		if err := o.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONL(b *testing.B)   { benchmark(b, "o.jsonl") }
func BenchmarkCSV(b *testing.B)     { benchmark(b, "o.csv") }
func BenchmarkParquet(b *testing.B) { benchmark(b, "o.parquet") }
