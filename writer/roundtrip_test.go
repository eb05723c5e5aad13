package writer_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// nasty are the pieces of texts that some format has trouble with.
var nasty = []string{
	"a", "word ", " ", "\t", "\n", "\r", "\r\n", `"`, `""`, `\`, `\"`, `\t`, `\.`, ",", ";", "'", "=", "é", "😀",
	"\u2028", "\u2029", "\u0085", "\ufeff", "\u00a0", "\x00", "\x7f", "\x1b", "\xff", "\xed\xa0\x80", "null", "NaN", "{", "[", "[{", "%PDF-", "PAR1", "BZh91AY&SY", "#", "<", "sep=", "-",
}

func nastyText(r *rand.Rand, pieces []string) string {
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// Every output can be read back by package reader, with the same rows.
func TestRoundTrip(t *testing.T) {
	var names []string // pieces of names
	for _, p := range nasty {
		if p != "\x00" && !strings.Contains(strings.ToValidUTF8(p, "!"), "!") {
			names = append(names, p)
		}
	}
	for _, name := range []string{"o.jsonl", "o.jsonl.gz", "o.csv", "o.csv.zst", "o.tsv", "o.tsv.gz", "o.parquet"} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(25) {
				r := rand.New(rand.NewPCG(seed, 0))
				roundTrip(t, r, filepath.Join(t.TempDir(), name), names)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func roundTrip(t *testing.T, r *rand.Rand, path string, names []string) {
	csv := strings.Contains(path, ".csv") || strings.Contains(path, ".tsv")
	taken := map[string]bool{"": true}
	var columns []batch.Column
	for range 1 + r.IntN(4) {
		name := nastyText(r, names)
		for taken[name] {
			name += "x"
		}
		taken[name] = true
		columns = append(columns, batch.Column{Name: name})
	}
	o, err := writer.Create(writer.Config{Path: path, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	var cleaned int64
	for range r.IntN(8) {
		row, values := make([]string, len(columns)), make([]any, len(columns))
		for i := range columns {
			text := nastyText(r, nasty)
			values[i], row[i] = text, text
			if valid := strings.ToValidUTF8(text, ""); csv && (valid != text || strings.Contains(text, "\x00")) {
				cleaned++
			}
			if row[i] = string([]rune(text)); csv { // each wrong byte becomes U+FFFD
				row[i] = strings.ReplaceAll(row[i], "\x00", "")
			}
			if r.IntN(8) == 0 {
				values[i], row[i] = nil, "<nil>"
			}
			if csv && values[i] == nil {
				row[i] = ""
				cleaned -= map[bool]int64{true: 1}[strings.ToValidUTF8(text, "") != text || strings.Contains(text, "\x00")]
			}
		}
		if err := o.Write(nil, values); err != nil {
			t.Fatal(err)
		}
		want = append(want, row)
	}
	if o.Cleaned() != cleaned {
		t.Errorf("%d cells were cleaned, want %d", o.Cleaned(), cleaned)
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	in, err := reader.Open(reader.Config{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for row, err := range in.Rows() {
		if err != nil || row.Err != nil {
			t.Fatal(err, row.Err)
		}
		for i, c := range columns {
			v, ok := row.Value(c.Name)
			got := fmt.Sprint(v)
			if strings.HasSuffix(path, ".parquet") && n < len(want) { // one U+FFFD for a run of wrong bytes
				got, want[n][i] = oneOfEach(got), oneOfEach(want[n][i])
			}
			if !ok || n < len(want) && got != want[n][i] {
				t.Errorf("row %d, column %q: %q, want %q", n, c.Name, got, want[n][i])
			}
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d rows, want %d", n, len(want))
	}
}

func oneOfEach(s string) string {
	for strings.Contains(s, "\uFFFD\uFFFD") {
		s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
	}
	return s
}

// CSV and TSV with a byte order mark, other separators and a text for null are read back as they
// were: by a reader that is told, and by one that has to find the separator itself.
func TestRoundTripForOthers(t *testing.T) {
	null := []*string{nil, new(""), new("NULL"), new(`\N`)}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := writer.Config{
			Path: filepath.Join(t.TempDir(), []string{"o.csv", "o.tsv"}[r.IntN(2)]), BOM: r.IntN(2) == 0, Null: null[r.IntN(len(null))],
			Delimiter: []string{"", ";", "tab", "pipe", "^"}[r.IntN(5)], Columns: []batch.Column{{Name: "a"}, {Name: []string{"b", "b;", "b,c", "x|"}[r.IntN(4)]}},
		}
		var want [][]any
		o, err := writer.Create(c)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(6) {
			row := []any{"x", nastyText(r, []string{"NULL", `\N`, "", ";", ",", "\t", "|", "^", `"`, "\n", " ", "a", "é"})}
			if r.IntN(4) == 0 {
				row[1] = nil
			}
			if err := o.Write(nil, row); err != nil {
				t.Fatal(err)
			}
			if row[1] == nil && c.Null == nil {
				row[1] = "" // both are written as an empty field
			}
			want = append(want, row)
		}
		if err := o.Commit(); err != nil {
			t.Fatal(err)
		}
		in := reader.Config{Paths: []string{c.Path}, Delimiter: c.Delimiter}
		if c.Null != nil {
			in.Null = []string{*c.Null}
		}
		if strings.HasSuffix(c.Path, ".tsv") || c.Delimiter != "^" && r.IntN(2) == 0 {
			in.Delimiter = "" // to be found
		}
		table, err := reader.Open(in)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		n := 0
		for row, err := range table.Rows() {
			if err != nil || row.Err != nil || n >= len(want) {
				t.Fatalf("seed %d: row %d: %v, %v", seed, n, err, row.Err)
			}
			if fmt.Sprint(row.Values) != fmt.Sprint(want[n]) || (row.Values[1] == nil) != (want[n][1] == nil) {
				t.Fatalf("seed %d: row %d is %q, want %q", seed, n, row.Values, want[n])
			}
			n++
		}
		if n != len(want) {
			t.Fatalf("seed %d: %d rows, want %d", seed, n, len(want))
		}
	}
}

func TestNullThatCannotBe(t *testing.T) {
	for _, null := range []string{"a,b", `"`, "a\nb"} {
		_, err := writer.Create(writer.Config{Path: filepath.Join(t.TempDir(), "o.csv"), Columns: []batch.Column{{Name: "a"}}, Null: &null})
		if err == nil || !strings.Contains(err.Error(), "null cannot be written as") {
			t.Errorf("%q: %v", null, err)
		}
	}
}
