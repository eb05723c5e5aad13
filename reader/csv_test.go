package reader

import (
	"bytes"
	"encoding/csv"
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

// A row that cannot be read keeps the fields that stand before what is wrong, so that it can be
// recognized in the output.
func TestBadRowsKeepFields(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		config   Config
		want     string // of the first row: its values, nil as -
	}{
		{"too few fields", "id,a,b\n1,x\n", Config{}, "1 x -"},
		{"too many", "id,a,b\n1,x,y,z\n", Config{}, "1 x y"},
		{"text after a closing quote", "id,a,b\n1,\"x\" y,z\n", Config{}, "1 - -"},
		{"the same in the first field", "id,a,b\n\"1\" y,x,z\n", Config{}, "- - -"},
		{"behind fields in quotes", "id,a,b\n\"1, \"\"one\"\"\",x,\"y\"z\n", Config{}, `1, "one" x -`},
		{"more fields than columns before it", "id,a\n1,x,y,\"z\" z\n", Config{}, "1 x"},
		{"a quote that is not closed", "id,a,b\n1,x,\"y\n2,x,y\n", Config{}, "1 x -"},
		{"one that another row closes", "id,a,b\n1,x,\"y\n2,\"x\",y\n", Config{}, "1 x -"},
		{"with escapes", "id,a,b\n1,\"x\\\"\",\"y\" z\n", Config{Escape: "backslash"}, `1 x" -`},
		{"null", "id,a,b\nNULL,x,\"y\" z\n", Config{Null: []string{"NULL"}}, "- x -"},
		{"bytes that are no text", "id,a,b\n1,\xff,\"y\" z\n", Config{}, "1 - -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := all(open(t, tt.config, write(t, "in.csv", tt.in)))
			if err != nil || rows[0].Err == nil {
				t.Fatalf("%v, %v", err, rows)
			}
			var got []string
			for _, v := range rows[0].Values {
				if v == nil {
					v = "-"
				}
				got = append(got, fmt.Sprint(v))
			}
			if text := strings.Join(got, " "); text != tt.want || len(rows[0].Columns) != len(got) {
				t.Errorf("%d columns, %q, want %q", len(rows[0].Columns), text, tt.want)
			}
		})
	}
}

func TestCSV(t *testing.T) {
	const fields = "a field with a comma or a line end needs quotes"
	const notClosed = "a quote is opened here and not closed as it should; the lines after this one are read as rows of their own"
	tests := []struct {
		name, in string
		want     []string
	}{
		{"plain", "a,b\n1,x\n2,\n", []string{`2: a=string("1") b=string("x")`, `3: a=string("2") b=string("")`}},
		{"CRLF, no end of line", "a,b\r\n1,x\r\n2,y", []string{`2: a=string("1") b=string("x")`, `3: a=string("2") b=string("y")`}},
		{"BOM", "\xEF\xBB\xBFa\n1\n", []string{`2: a=string("1")`}},
		{"quotes", "a,b\n\"x, \"\"y\"\"\",z\n", []string{`2: a=string("x, \"y\"") b=string("z")`}},
		{"quoted line ends", "a,b\n\"x\ny\r\nz\",1\n2,3\n", []string{`2: a=string("x\ny\r\nz") b=string("1")`, `5: a=string("2") b=string("3")`}},
		{"quoted header", "\"a\nb\",c\n1,2\n", []string{"3: a\nb=string(\"1\") c=string(\"2\")"}},
		{"empty lines", "a,b\n\n1,2\n\n\n3,4\n", []string{`3: a=string("1") b=string("2")`, `6: a=string("3") b=string("4")`}},
		{"no rows", "a,b\n", nil},
		{"spaces stay", " a ,b\n x ,y\n", []string{`2:  a =string(" x ") b=string("y")`}},

		{"too few", "a,b\n1\n2,3\n", []string{"2: ERR 2: the row has 1 field and the header 2; " + fields, `3: a=string("2") b=string("3")`}},
		{"too many", "a,b\n1,2,3\n4,5\n", []string{"2: ERR 2: the row has 3 fields and the header 2; " + fields, `3: a=string("4") b=string("5")`}},
		{"line ends of all kinds", "a,b\n\"x\ry\",\" \u2028\r\n\r\n \"\r\n3,4", []string{`2: a=string("x\ry") b=string(" \u2028\r\n\r\n ")`, `5: a=string("3") b=string("4")`}},

		{"quotes in a field", "a,b\n1,5\" screen\n x \"y\",z\"\"\n", []string{`2: a=string("1") b=string("5\" screen")`, `3: a=string(" x \"y\"") b=string("z\"\"")`}},
		{"text after quote", "a,b\n1,\"x\"y\n2,3\n", []string{`2: ERR 2:5: text follows a closing quote; a quote inside a field in quotes is written twice`, `3: a=string("2") b=string("3")`}},
		{"never closed", "a,b\n1,2\n3,\"x\n4,5\n", []string{`2: a=string("1") b=string("2")`, "3: ERR 3:3: " + notClosed, `4: a=string("4") b=string("5")`}},
		{"closed by another row's quote", "a,b\n1,\"x\n2,y\n3,\"z, \"\"w\"\"\"\n4,5\n",
			[]string{"2: ERR 2:3: " + notClosed, `3: a=string("2") b=string("y")`, `4: a=string("3") b=string("z, \"w\"")`, `5: a=string("4") b=string("5")`}},
		{"one after the other", "a,b\n1,\"x\n2,\"y\n3,\"z\n4,5\n",
			[]string{"2: ERR 2:3: " + notClosed, "3: ERR 3:3: " + notClosed, "4: ERR 4:3: " + notClosed, `5: a=string("4") b=string("5")`}},
		{"not UTF-8", "a,b\nx,\xff\n1,2\n", []string{`2: ERR 2:3: column "b" is not UTF-8; it looks like windows-1252: read the file with --encoding windows-1252`, `3: a=string("1") b=string("2")`}},
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
	const notClosed = "a quote is opened here and not closed as it should; the lines after this one are read as rows of their own"
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
		{"long quoted line", "a,b\n1,\"" + big + "\"\n3,4\n", []string{"2: ERR 2: " + over, good(3, "3", "4")}},
		{"many quoted lines", "a,b\n1,\"" + strings.Repeat("some text\n", 500) + "\"\n3,4\nx\n",
			[]string{"2: ERR 2: " + over, good(503, "3", "4"),
				"504: ERR 504: the row has 1 field and the header 2; a field with a comma or a line end needs quotes"}},
		{"long line that goes on", "a,b\n1,\"" + big + "\n\"\"" + big + "\nx\"\n3,4\n", []string{"2: ERR 2: " + over, good(5, "3", "4")}},
		{"never closed", "a,b\n1,\"\n" + strings.Repeat("2,some text\n", 200), append([]string{"2: ERR 2: " + notClosed}, times(200, func(i int) string { return good(3+i, "2", "some text") })...)},
		{"never closed in a long line", "a,b\n1,\"" + big + "\n2,x\n3,4\n", []string{"2: ERR 2: " + notClosed, good(3, "2", "x"), good(4, "3", "4")}},
		{"a quote in a long line", "a,b\n1,x\"" + big + "\n3,4\n", []string{"2: ERR 2: " + over, good(3, "3", "4")}},
		{"closed at the limit", "a,b\n1,\"" + big[:limit-5] + "\n\"\n3,4\n", []string{good(2, "1", big[:limit-5]+"\n"), good(4, "3", "4")}},
		{"closed beyond the limit", "a,b\n1,\"" + big[:limit-4] + "\n\"\n3,4\n", []string{"2: ERR 2: " + over, good(4, "3", "4")}},
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

// times returns what do says of 0 to n-1.
func times(n int, do func(int) string) (all []string) {
	for i := range n {
		all = append(all, do(i))
	}
	return all
}

// TestCSVMemory reads 40 MB after a quote that is never closed.
func TestCSVMemory(t *testing.T) {
	path := write(t, "a.csv", "a,b\n1,\"\n"+strings.Repeat("2,some text\n", 4<<20))
	var m runtime.MemStats
	for r, err := range open(t, Config{MaxRowBytes: 1 << 20}, path).Rows() {
		if err != nil || r.Err == nil != (r.Number > 1) {
			t.Fatal(err, r.Err)
		}
		if r.Number%(1<<20) != 1 {
			continue
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

// FuzzCSV compares the reader with encoding/csv, up to the first record in which that
// finds a fault. Both must find the same records on the same lines. After a fault each
// line must belong to one row, or be empty.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "a\n\"x\ny\"\n", "a,b\r\n\"q\"\"q\",\n\n3,4", "a,b\n1\n\"x\n", "a,b\nx\"y,1\n2,3\n", "\ufeffa\n\xff\n", "a\n\x00\n",
		"a,b\n\"\r\n\",1\r\n", "a,\n1\n", "a,b\n1,2,\n", "a,b\n1,\"x\n2,y\n3,\"z\"\n", "a\r\n\"\r\"\r",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 2 && (data[0] == 0xFF && data[1] == 0xFE || data[0] == 0xFE && data[1] == 0xFF) {
			t.Skip("UTF-16")
		}
		if bytes.HasPrefix(bytes.ToLower(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))), []byte("sep=")) {
			t.Skip("Excel's line, which is no header here")
		}
		path := filepath.Join(dir, "fuzz.csv")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(Config{Paths: []string{path}, Delimiter: ","})
		if err != nil {
			return // the header is bad, which TestOpenErrors covers
		}
		rows, err := all(in)
		if err != nil {
			t.Fatal(err)
		}
		ref := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))))
		ref.FieldsPerRecord = -1
		if _, err := ref.Read(); err != nil {
			return // a quote in the header, which is a part of the name here
		}
		columns, spare := len(in.columns), in.files[0].spare
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
			if err != nil {
				lines := int64(bytes.Count(data, []byte("\n")) + 1)
				for ; i < len(rows); i++ {
					if rows[i].Line > lines || i > 0 && rows[i].Line <= rows[i-1].Line {
						t.Fatalf("row %d: line %d of %d", i, rows[i].Line, lines)
					}
				}
				return
			}
			if spare && len(want) == columns+1 && want[columns] == "" {
				want = want[:columns]
			}
			line, _ := ref.FieldPos(0)
			bad := len(want) != columns || slices.ContainsFunc(want[:min(len(want), columns)],
				func(s string) bool { return !utf8.ValidString(s) || strings.Contains(s, "\x00") })
			if rows[i].Line != int64(line) || bad != (rows[i].Err != nil) {
				t.Fatalf("row %d: line %d, want %d; error %v, want one: %t", i, rows[i].Line, line, rows[i].Err, bad)
			}
			if !bad {
				for j, v := range rows[i].Values {
					if strings.ReplaceAll(v.(string), "\r\n", "\n") != want[j] {
						t.Fatalf("row %d: %q, want %q", i, v, want[j])
					}
				}
			}
		}
	})
}
