package textfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// read returns the records of a text, each as its fields in one string. A bad record is its
// error.
func read(t testing.TB, text string, d Dialect) (all []string) {
	t.Helper()
	r := recordsOf([]byte(text), d)
	for {
		record, err := r.Next()
		var bad *BadRecord
		switch {
		case err == io.EOF:
			return all
		case errors.As(err, &bad):
			all = append(all, fmt.Sprintf("%d:%d: %v", r.Line(), bad.Column, bad))
			continue
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d %q", r.Line(), record))
	}
}

func TestDialects(t *testing.T) {
	rfc := Dialect{Comma: ',', Quotes: true}
	spark := Dialect{Comma: ',', Quotes: true, Escape: '\\'}
	mysql := Dialect{Comma: '\t', Escape: '\\'}
	plain := Dialect{Comma: ';'}
	tests := []struct {
		name, in string
		d        Dialect
		want     []string
	}{
		{"doubled quotes", "\"a\"\"b\",c\n", rfc, []string{`1 ["a\"b" "c"]`}},
		{"a backslash is text", `"a\",b` + "\n", rfc, []string{`1 ["a\\" "b"]`}},
		{"no quotes", "\"a;\"b\"\n", plain, []string{`1 ["\"a" "\"b\""]`}},

		{"an escaped quote", `"a \"b\", c",d` + "\n", spark, []string{`1 ["a \"b\", c" "d"]`}},
		{"a doubled quote with escapes", `"a ""b"" \\",d` + "\n", spark, []string{`1 ["a \"b\" \\" "d"]`}},
		{"outside of quotes", `a\,\\b,\"c,d\` + "\n", spark, []string{`1 ["a\\" "\\\\b" "\"c" "d\\"]`}},
		{"at the end of a line without quotes", "a,C:\\dir\\\nb,c\n", spark, []string{`1 ["a" "C:\\dir\\"]`, `2 ["b" "c"]`}},
		{"before what needs none", `"C:\new",\d` + "\n", spark, []string{`1 ["C:\\new" "\\d"]`}},
		{"a line end in quotes", "\"a\\\nb\",c\nd,e\n", spark, []string{`1 ["a\nb" "c"]`, `3 ["d" "e"]`}},
		{"before the closing quote", "1,\"a \\\"\n2,b\n", spark, []string{
			`1:3: a quote is opened here and not closed as it should (perhaps \ stands before the closing one); the lines after this one are read as rows of their own`, `2 ["2" "b"]`}},
		{"text after a quote", "1,\"a\"b\n2,c\n", spark, []string{`1:5: text follows a closing quote; a quote inside a field in quotes is written twice, or after \`, `2 ["2" "c"]`}},
		{"an escape read without", "1,\"a\\\"b\"\n2,c\n", rfc, []string{`1:6: text follows a closing quote; a quote inside a field in quotes is written twice; where it is written \", read the file with --escape backslash`, `2 ["2" "c"]`}},

		{"letters", `a\tb` + "\t" + `c\nd\\n` + "\n", mysql, []string{`1 ["a\tb" "c\nd\\n"]`}},
		{"an escaped tab and line end", "a\\\tb\tc\\\nd\n1\t2\n", mysql, []string{`1 ["a\tb" "c\nd"]`, `3 ["1" "2"]`}},
		{"CRLF is one line end", "a\\\r\nb\tc\r\nd\te\r\n", mysql, []string{`1 ["a\r\nb" "c"]`, `3 ["d" "e"]`}},
		{"quotes are text", "\"a\t\\\"b\"\n", mysql, []string{`1 ["\"a" "\"b\""]`}},
		{"at the end of the file", "a\tb\nc\td\\\n", mysql, []string{`1 ["a" "b"]`, `2:4: the file ends in an escape here, at the end of a line`}},
		{"at the end, without a line end", "a\tb\\", mysql, []string{`1 ["a" "b\\"]`}},
		{"null as it is written", "\\N\t\\\\N\n", mysql, []string{`1 ["\\N" "\\N"]`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := read(t, tt.in, tt.d); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// A field can be told from others by how it is written.
func TestWritten(t *testing.T) {
	r := recordsOf([]byte("a,\"a\",,\"\",\\\\N,\\N\n"), Dialect{Comma: ',', Quotes: true, Escape: '\\'})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range 6 {
		got = append(got, fmt.Sprintf("%s %t", r.Written(i), r.Quoted(i)))
	}
	if want := []string{"a false", `"a" true`, " false", `"" true`, `\\N false`, `\N false`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// pythonDialect is a dialect as Python's csv module knows it.
type pythonDialect struct {
	Delimiter   string  `json:"delimiter"`
	QuoteChar   *string `json:"quotechar"`
	EscapeChar  *string `json:"escapechar"`
	DoubleQuote bool    `json:"doublequote"`
	Quoting     int     `json:"quoting"` // 0 minimal, 1 all, 3 none
	LineEnd     string  `json:"lineterminator"`
}

// pythonWriter reads jobs as JSON lines, and writes each table by Python's csv module.
const pythonWriter = `
import csv, io, json, sys
for line in sys.stdin:
    job = json.loads(line)
    out = io.StringIO(newline='')
    csv.writer(out, **job['dialect']).writerows(job['rows'])
    print(json.dumps(out.getvalue()))
`

// What Python's csv module writes in the dialects that it knows is read back as it was.
func TestPythonDialects(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3, with whose csv module the dialects are compared, is not installed; on Debian: apt-get install python3")
	}
	quote, backslash := `"`, `\`
	pieces := []string{"a", "b ", "é", "高", `"`, `""`, `\`, `\\`, ",", ";", "\t", "|", "\n", "\r\n", "'", " ", "N", "n", "5\" x", `C:\new`}
	r := rand.New(rand.NewPCG(7, 7))
	type job struct {
		Dialect pythonDialect `json:"dialect"`
		Rows    [][]string    `json:"rows"`
		d       Dialect
	}
	var jobs []job
	for range 600 {
		p := pythonDialect{Delimiter: []string{",", ";", "\t", "|"}[r.IntN(4)], QuoteChar: &quote, DoubleQuote: true, LineEnd: []string{"\n", "\r\n"}[r.IntN(2)]}
		d := Dialect{Comma: p.Delimiter[0], Quotes: true}
		switch r.IntN(4) {
		case 0:
			p.Quoting = 1
		case 1: // \" in quotes
			p.EscapeChar, p.DoubleQuote, p.Quoting, d.Escape = &backslash, false, 1, '\\'
		case 2: // no quotes at all
			p.EscapeChar, p.Quoting, d.Escape, d.Quotes = &backslash, 3, '\\', false
		}
		j := job{Dialect: p, d: d}
		for range 1 + r.IntN(4) {
			row := []string{"x"} // a row of one empty field is an empty line
			for range 1 + r.IntN(3) {
				var b strings.Builder
				for range r.IntN(5) {
					b.WriteString(pieces[r.IntN(len(pieces))])
				}
				row = append(row, b.String())
			}
			j.Rows = append(j.Rows, row)
		}
		jobs = append(jobs, j)
	}
	var in bytes.Buffer
	for _, j := range jobs {
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(text, '\n'))
	}
	cmd := exec.Command(python, "-c", pythonWriter)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for i, j := range jobs {
		var text string
		if !lines.Scan() {
			t.Fatal("python wrote less than it should")
		}
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			t.Fatal(err)
		}
		r := recordsOf([]byte(text), j.d)
		for n, want := range j.Rows {
			got, err := r.Next()
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("table %d %+v, row %d: %q (%v), want %q; python wrote %q", i, j.d, n, got, err, want, text)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("table %d: more rows than there are: %q", i, text)
		}
	}
}

// FuzzDialect divides any text by any dialect. Each line belongs to one record, or is empty,
// and nothing is lost of a record without quotes and escapes.
func FuzzDialect(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "\"a\\\"b\",c\n", "a\\\nb,c\n", "a\\", "\"a\\\n", "a\\\r\nb\n", "\"\"\"\",\n", "\\\\\n\"\n", "\"x\\\"\n1,\"y\"\n",
	} {
		for i := range 4 {
			f.Add(s, i&1 == 0, i&2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, text string, quotes, escape bool) {
		d := Dialect{Comma: ',', Quotes: quotes}
		if escape {
			d.Escape = '\\'
		}
		r := recordsOf([]byte(text), d)
		last := int64(0)
		lines := int64(strings.Count(text, "\n") + 1)
		for {
			record, err := r.Next()
			if err == io.EOF {
				return
			}
			if r.Line() <= last || r.Line() > lines || r.LastLine() < r.Line() {
				t.Fatalf("a record in line %d to %d after line %d of %d", r.Line(), r.LastLine(), last, lines)
			}
			last = r.LastLine()
			var bad *BadRecord
			if errors.As(err, &bad) {
				if bad.Column < 0 {
					t.Fatalf("column %d", bad.Column)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range record {
				if line, column := r.Place(i); line < r.Line() || line > last || column < 1 {
					t.Fatalf("field %d is at %d:%d of a record in lines %d to %d", i, line, column, r.Line(), last)
				}
			}
			if !quotes && !escape && strings.Join(record, ",") != string(r.Text()) {
				t.Fatalf("%q is read as %q", r.Text(), record)
			}
		}
	})
}
