package draft

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// foreign returns a table of some rows, with a separator and in an encoding.
func foreign(t *testing.T, e encoding.Encoding, header, row string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(header)
	for i := range 6 {
		b.WriteString(strings.ReplaceAll(row, "%d", fmt.Sprint(i)))
	}
	text, err := e.NewEncoder().String(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const (
	german  = "Das Café in Köln war größer als früher, sagt Nummer %d"
	nihongo = "これは日本語の長い文章です。価格は高いが品質は良い、番号%d"
)

// A job that is drafted for a file of another program reads each of its rows, as it was written,
// and says nothing of how it is read, since the job file says it.
func TestForeignFiles(t *testing.T) {
	utf8 := encoding.Nop
	semicolons := foreign(t, utf8, "id;text\r\n", "%d;"+german+"\r\n")
	western := foreign(t, charmap.Windows1252, "id;text\n", "%d;"+german+"\n")
	for _, tt := range []struct {
		name, file, text string
		reads            spec.Spec
		want             string // of readAs
		cell             string // of the second row
	}{
		{"windows-1252", "in.csv", western, spec.Spec{}, `encoding windows-1252, delimiter ";"`, german},
		{"the same, compressed", "in.csv.gz", gzipped(t, western), spec.Spec{}, `encoding windows-1252, delimiter ";"`, german},
		{"semicolons", "in.csv", semicolons, spec.Spec{}, `delimiter ";"`, german},
		{"Excel's first line", "in.csv", "sep=;\r\n" + semicolons, spec.Spec{}, `delimiter ";"`, german},
		{"a table like any other", "in.tsv", foreign(t, utf8, "id\ttext\n", "%d\t"+german+"\n"), spec.Spec{}, "", german},
		{"tabs in CSV", "in.csv", foreign(t, utf8, "id\ttext\n", "%d\t"+german+"\n"), spec.Spec{}, "delimiter tab", german},
		{"UTF-16 with a mark", "in.csv", foreign(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "id;text\n", "%d;"+german+"\n"), spec.Spec{}, `delimiter ";"`, german},
		{"UTF-16 without", "in.tsv", foreign(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "id\ttext\n", "%d\t"+german+"\n"), spec.Spec{}, "encoding utf-16le", german},
		{"Shift-JIS", "in.csv", foreign(t, japanese.ShiftJIS, "id,text\n", "%d,"+nihongo+"\n"), spec.Spec{}, "encoding shift_jis", nihongo},
		{"Shift-JIS in JSONL", "in.jsonl", foreign(t, japanese.ShiftJIS, "", `{"id":"%d","text":"`+nihongo+`"}`+"\n"), spec.Spec{}, "encoding shift_jis", nihongo},
		{"Cyrillic", "in.csv", foreign(t, charmap.Windows1251, "id,text\n", "%d,Это длинный текст на русском языке номер %d\n"), spec.Spec{}, "encoding windows-1251", "Это длинный текст на русском языке номер %d"},
		{"Spark", "in.csv", foreign(t, utf8, "id,text\n", `%d,"He said \"fine, %d\", twice"`+"\n9,some words\n"), spec.Spec{}, "escape backslash", `He said "fine, %d", twice`},
		{"as the user says", "in.txt", foreign(t, utf8, "id|text\n", `%d|"`+german+"\n"), spec.Spec{Delimiter: "pipe", NoQuotes: true, Null: spec.List{`\N`, ""}}, `delimiter pipe, no_quotes true, null ["\\N", ""]`, `"` + german},
		{"the user before a guess", "in.csv", western, spec.Spec{Encoding: "latin1", Delimiter: ";"}, `encoding latin1, delimiter ";"`, german},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.reads.Input = spec.List{table(t, tt.file, tt.text)}
			s, err := Look(tt.reads)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.readAs(); got != tt.want || s.Bad > 0 {
				t.Errorf("it is read with %s, and %d rows are bad; want %s", got, s.Bad, tt.want)
			}
			d, err := Propose(s, Wishes{Text: []string{"text"}}, price.Default(), today)
			if err != nil {
				t.Fatal(err)
			}
			job, text := reread(t, d)
			in, err := reader.Open(spec.ReaderConfig(job, job.Input))
			if err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			if notes := in.Notes(); len(notes) > 0 {
				t.Errorf("a run would say %q", notes)
			}
			n := 0
			for row, err := range in.Rows() {
				if err != nil || row.Err != nil {
					t.Errorf("row %d: %v %v", n+1, err, row.Err)
				}
				id, _ := row.Value("id")
				want := strings.ReplaceAll(tt.cell, "%d", fmt.Sprint(id))
				if got, _ := row.Value("text"); got != want && id != "9" {
					t.Errorf("row %v is read as %q, want %q", id, got, want)
				}
				n++
			}
			if n < 6 {
				t.Errorf("%d rows", n)
			}
			for _, key := range textKeys {
				if reason := s.reason(key); reason != "" && !strings.Contains(strings.ReplaceAll(text, "\n# ", " "), reason) {
					t.Errorf("the job file does not say why it has %s (%s):\n%s", key, reason, text)
				}
			}
		})
	}
}

// What holds for one file and not for another is no setting of the job, which has one for all.
func TestForeignFilesDiffer(t *testing.T) {
	western := table(t, "a.csv", foreign(t, charmap.Windows1252, "id,text\n", "%d,"+german+"\n"))
	modern := table(t, "b.csv", foreign(t, encoding.Nop, "id;text\n", "%d;"+german+"\n"))
	plain := table(t, "c.csv", "id,text\n1,some words\n")
	for _, tt := range []struct {
		inputs spec.List
		want   string
	}{
		{spec.List{western, modern}, ""},
		{spec.List{western, plain}, "encoding windows-1252"},
		{spec.List{plain, modern}, ""},
	} {
		s, err := Look(spec.Spec{Input: tt.inputs})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.readAs(); got != tt.want {
			t.Errorf("%v is read with %q, want %q", tt.inputs, got, tt.want)
		}
	}
}

// A guess of the encoding is a question, and another answer counts.
func TestEncodingQuestion(t *testing.T) {
	path := table(t, "in.csv", foreign(t, charmap.Windows1252, "id,text\n", "%d,"+german+"\n"))
	for _, tt := range []struct{ answers, want, said string }{
		{"\n", "encoding windows-1252", "looks like windows-1252"},
		{"windows-1522\ncp850\n", "encoding cp850", `there is no encoding "windows-1522"`},
	} {
		s, err := Look(spec.Spec{Input: spec.List{path}})
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		d := Dialogue{In: bufio.NewReader(strings.NewReader(tt.answers)), Out: &said}
		s, err = d.Encoding(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.readAs(); got != tt.want || !strings.Contains(said.String(), tt.said) {
			t.Errorf("%q: read with %s, want %s; said is\n%s", tt.answers, got, tt.want, said.String())
		}
	}
	if _, err := Look(spec.Spec{Input: spec.List{path}, Encoding: "windows-1522"}); err == nil || !strings.Contains(err.Error(), "did you mean windows-1252") {
		t.Errorf("a wrong encoding: %v", err)
	}
}
