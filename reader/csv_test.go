package reader

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCSV(t *testing.T) {
	const fields = "a field with a comma or a line end needs quotes"
	tests := []struct {
		name, in string
		want     []string
	}{
		{"plain", "a,b\n1,x\n2,\n", []string{`2: a=string("1") b=string("x")`, `3: a=string("2") b=string("")`}},
		{"CRLF, no end of line", "a,b\r\n1,x\r\n2,y", []string{`2: a=string("1") b=string("x")`, `3: a=string("2") b=string("y")`}},
		{"BOM", "\xEF\xBB\xBFa\n1\n", []string{`2: a=string("1")`}},
		{"quotes", "a,b\n\"x, \"\"y\"\"\",z\n", []string{`2: a=string("x, \"y\"") b=string("z")`}},
		{"quoted line ends", "a,b\n\"x\ny\r\nz\",1\n2,3\n", []string{`2: a=string("x\ny\nz") b=string("1")`, `5: a=string("2") b=string("3")`}},
		{"quoted header", "\"a\nb\",c\n1,2\n", []string{"3: a\nb=string(\"1\") c=string(\"2\")"}},
		{"empty lines", "a,b\n\n1,2\n\n\n3,4\n", []string{`3: a=string("1") b=string("2")`, `6: a=string("3") b=string("4")`}},
		{"no rows", "a,b\n", nil},
		{"spaces stay", " a ,b\n x ,y\n", []string{`2:  a =string(" x ") b=string("y")`}},

		{"too few", "a,b\n1\n2,3\n", []string{"2: ERR 2: the row has 1 fields and the header 2; " + fields, `3: a=string("2") b=string("3")`}},
		{"too many", "a,b\n1,2,3\n4,5\n", []string{"2: ERR 2: the row has 3 fields and the header 2; " + fields, `3: a=string("4") b=string("5")`}},
		{"bare quote", "a,b\n1,x\"y\n2,3\n", []string{`2: ERR 2:4: a quote stands in a field without quotes; write the field as "a ""quoted"" word"`, `3: a=string("2") b=string("3")`}},
		{"text after quote", "a,b\n1,\"x\"y\n2,3\n", []string{`2: ERR 2:5: a quote is not closed, or text follows it; a quote inside a field in quotes is written twice`, `3: a=string("2") b=string("3")`}},
		{"never closed", "a,b\n1,2\n3,\"x\n4,5\n", []string{`2: a=string("1") b=string("2")`, `3: ERR 3: a quote is not closed, or text follows it; a quote inside a field in quotes is written twice; the row goes on to line 4, perhaps because a quote is not closed`}},
		{"not UTF-8", "a,b\nx,\xff\n1,2\n", []string{`2: ERR 2:3: column "b" is not UTF-8; convert the file, for example with iconv`, `3: a=string("1") b=string("2")`}},
		{"NUL", "a,b\nx\x00,y\n", []string{`2: ERR 2:1: column "a" has a NUL byte`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := open(t, Config{}, write(t, "a.csv", tt.in))
			rows, err := all(in)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(rows), tt.want)
			for _, r := range rows {
				if r.Err == nil && !sameSlice(r.Columns, in.files[0].columns) {
					t.Error("a row has columns of its own")
				}
			}
		})
	}
}

func TestCSVPartialRow(t *testing.T) {
	rows, err := all(open(t, Config{}, write(t, "a.csv", "a,b,c\n1,2\n1,\xff,3,4\n")))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"[1 2 <nil>]", "[1 <nil> 3]"} {
		if got := fmt.Sprint(rows[i].Values); got != want || rows[i].Err == nil || len(rows[i].Columns) != 3 {
			t.Errorf("got %s (%v), want %s", got, rows[i].Err, want)
		}
	}
}

func TestCSVMaxRowBytes(t *testing.T) {
	const limit = 1000
	const over = "the row is longer than 1000 bytes; raise the limit with --max-row-bytes"
	big := strings.Repeat("x", 200_000)
	good := func(line int, a, b string) string {
		return fmt.Sprintf("%d: a=string(%q) b=string(%q)", line, a, b)
	}
	tests := []struct {
		name, in string
		want     []string
	}{
		{"exact", "a,b\n1," + big[:limit-2] + "\r\n3,4\n", []string{good(2, "1", big[:limit-2]), good(3, "3", "4")}},
		{"one more", "a,b\n1," + big[:limit+1] + "\n3,4\n", []string{"2: ERR 2: " + over, good(3, "3", "4")}},
		{"long line", "a,b\n1,2\n1," + big + "\n3,4\n", []string{good(2, "1", "2"), "3: ERR 3: " + over, good(4, "3", "4")}},
		{"long quoted line", "a,b\n1,\"" + big + "\"\n3,4\n", []string{"2: ERR 2: " + over + "; perhaps a quote in this row is never closed", good(3, "3", "4")}},
		{"many quoted lines", "a,b\n1,\"" + strings.Repeat("some text\n", 500) + "\"\n3,4\nx\n",
			[]string{"2: ERR 2: " + over + "; perhaps a quote in this row is never closed", good(503, "3", "4"),
				"504: ERR 504: the row has 1 fields and the header 2; a field with a comma or a line end needs quotes"}},
		{"never closed", "a,b\n1,\"" + strings.Repeat("some text\n", 500), []string{"2: ERR 2: " + over + "; perhaps a quote in this row is never closed"}},
		{"bare quote in a long line", "a,b\n1,x\"" + big + "\n3,4\n", []string{`2: ERR 2:4: a quote stands in a field without quotes; write the field as "a ""quoted"" word"`, good(3, "3", "4")}},
		{"two in a row", "a,b\n1," + big + "\n2," + big + "\n3,4\n", []string{"2: ERR 2: " + over, "3: ERR 3: " + over, good(4, "3", "4")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := all(open(t, Config{MaxRowBytes: limit}, write(t, "a.csv", tt.in)))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(rows), tt.want)
		})
	}
}

// TestCSVMemory reads 40 MB after a quote that is never closed.
func TestCSVMemory(t *testing.T) {
	path := write(t, "a.csv", "a,b\n1,\""+strings.Repeat("some text\n", 4<<20))
	var m runtime.MemStats
	for r, err := range open(t, Config{MaxRowBytes: 1 << 20}, path).Rows() {
		if err != nil || r.Err == nil {
			t.Fatal(err, r.Err)
		}
		runtime.GC()
		runtime.ReadMemStats(&m)
		if m.HeapAlloc > 16<<20 {
			t.Errorf("%d MiB are live", m.HeapAlloc>>20)
		}
	}
}

func TestCSVChangedHeader(t *testing.T) {
	path := write(t, "a.csv", "a,b\n1,2\n")
	in := open(t, Config{}, path)
	if err := os.WriteFile(path, []byte("a,c\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := all(in)
	if len(rows) != 0 || err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestColumnsOfSeveralFiles(t *testing.T) {
	in := open(t, Config{}, write(t, "1.csv", "b,a\n"), write(t, "2.tsv", "a\tc\n"))
	var names []string
	for _, c := range in.Columns() {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "b a c" || !in.KnownColumns() {
		t.Errorf("columns %s, known %t", got, in.KnownColumns())
	}
}

// FuzzCSV compares the reader with encoding/csv. Both must find the same records, in the
// same order, on the same lines.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "a\n\"x\ny\"\n", "a,b\r\n\"q\"\"q\",\n\n3,4", "a,b\n1\n\"x\n", "a,b\nx\"y,1\n2,3\n", "\ufeffa\n\xff\n", "a\n\x00\n",
		"a,b\n\"\r\n\",1\r\n",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 2 && (data[0] == 0xFF && data[1] == 0xFE || data[0] == 0xFE && data[1] == 0xFF) {
			t.Skip("UTF-16")
		}
		path := filepath.Join(dir, "fuzz.csv")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(Config{Paths: []string{path}})
		if err != nil {
			return // the header is bad, which TestOpenErrors covers
		}
		rows, err := all(in)
		if err != nil {
			t.Fatal(err)
		}
		ref := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))))
		ref.FieldsPerRecord = -1
		header, err := ref.Read()
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			want, err := ref.Read()
			if err == io.EOF {
				if i != len(rows) {
					t.Fatalf("%d rows, want %d", len(rows), i)
				}
				return
			}
			if i == len(rows) {
				t.Fatalf("%d rows, too few", i)
			}
			var parse *csv.ParseError
			if errors.As(err, &parse) {
				if rows[i].Err == nil || rows[i].Line != int64(parse.StartLine) {
					t.Fatalf("row %d: line %d, error %v, want %v", i, rows[i].Line, rows[i].Err, err)
				}
				continue
			}
			line, _ := ref.FieldPos(0)
			bad := len(want) != len(header) || slices.ContainsFunc(want[:min(len(want), len(header))],
				func(s string) bool { return !utf8.ValidString(s) || strings.Contains(s, "\x00") })
			if rows[i].Line != int64(line) || bad != (rows[i].Err != nil) {
				t.Fatalf("row %d: line %d, want %d; error %v, want one: %t", i, rows[i].Line, line, rows[i].Err, bad)
			}
			if !bad {
				for j, v := range rows[i].Values {
					if v != want[j] {
						t.Fatalf("row %d: %q, want %q", i, v, want[j])
					}
				}
			}
		}
	})
}
