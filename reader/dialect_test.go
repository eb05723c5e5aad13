package reader

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What a Config says of text files counts in each format, compressed or not.
func TestTextOptions(t *testing.T) {
	const mysql = "id\tbody\n1\ta\\tb\\\nc\n2\t\\N\n"
	tests := []struct {
		name, file, in string
		config         Config
		want           []string
		note           string
	}{
		{"semicolons", "a.csv", "a;b\n1;x, y\n", Config{}, []string{`2: a=string("1") b=string("x, y")`}, "semicolons separate the fields"},
		{"semicolons that are said", "a.csv", "a;b\n1;x, y\n", Config{Delimiter: "semicolon"}, []string{`2: a=string("1") b=string("x, y")`}, ""},
		{"one column that is said", "a.csv", "a;b\n1;x\n", Config{Delimiter: ","}, []string{`2: a;b=string("1;x")`}, ""},
		{"commas in TSV", "a.tsv", "a,b\n1,2\n", Config{}, []string{`2: a=string("1") b=string("2")`}, "commas separate the fields"},
		{"a name without a format", "a.dat", "a|b\n1|2\n", Config{Delimiter: "|"}, []string{`2: a=string("1") b=string("2")`}, ""},
		{"Excel's line", "a.csv", "sep=;\r\na;b\r\n1;2\r\n3\r\n", Config{}, []string{
			`3: a=string("1") b=string("2")`, "4: ERR 4: the row has 1 field and the header 2; a field with a semicolon or a line end needs quotes"}, "sep=;, says that semicolons"},
		{"Excel's line as the only one", "a.csv", "sep=;\na;b\n", Config{}, nil, "sep=;"},
		{"quotes as text", "a.csv", "a,b\n\"1,2\"\n", Config{NoQuotes: true}, []string{`2: a=string("\"1") b=string("2\"")`}, ""},
		{"escapes", "a.csv", "a,b\n\"1 \\\"x\\\"\",2\n3,4,5\\\\\n", Config{Escape: `\`}, []string{
			`2: a=string("1 \"x\"") b=string("2")`, "3: ERR 3: the row has 3 fields and the header 2; a field with a comma or a line end needs quotes"}, ""},
		{"escapes without quotes", "a.csv", "a,b\n1\\,2,3\n3\\,4\n", Config{Escape: `\`, NoQuotes: true}, []string{
			`2: a=string("1,2") b=string("3")`, `3: ERR 3: the row has 1 field and the header 2; the escape \ joins what it stands before`}, ""},
		{"MySQL", "a.tsv", mysql, Config{Escape: "backslash", Null: []string{`\N`}}, []string{`2: id=string("1") body=string("a\tb\nc")`, `4: id=string("2") body=<nil>(null)`}, ""},
		{"null", "a.csv", "a,b,c\nNULL,\"NULL\",null\n,\"\",NA\n", Config{Null: []string{"NULL", "", "NA"}}, []string{
			`2: a=<nil>(null) b=string("NULL") c=string("null")`, `3: a=<nil>(null) b=string("") c=<nil>(null)`}, ""},
		{"windows-1252", "a.csv", "gr\xf6\xdfe,b\n\x80,\x93x\x94\n", Config{Encoding: "cp1252"}, []string{`2: größe=string("€") b=string("“x”")`}, ""},
		{"windows-1252, compressed", "a.csv.gz", gzipped("gr\xf6\xdfe,b\n\x80,2\n"), Config{Encoding: "windows-1252"}, []string{`2: größe=string("€") b=string("2")`}, ""},
		{"a backslash in Shift_JIS is none", "a.csv", "a,b\n\x83\x5c,\"\x83\x5c\"\n", Config{Encoding: "shift_jis", Escape: `\`}, []string{`2: a=string("ソ") b=string("ソ")`}, ""},
		{"a bar in Shift_JIS is none", "a.csv", "a|b\n\x83\x7c|x\n", Config{Encoding: "shift_jis"}, []string{`2: a=string("ポ") b=string("x")`}, "vertical bars"},
		{"lines of UTF-16", "a.csv", twoBytes("a,b\n1,2\n\n\"3\n4\",5\n6\n"), Config{Encoding: "utf-16le"}, []string{
			`2: a=string("1") b=string("2")`, `4: a=string("3\n4") b=string("5")`, "6: ERR 6: the row has 1 field and the header 2; a field with a comma or a line end needs quotes"}, ""},
		{"JSONL in gbk", "a.jsonl", "{\"a\":\"\xb8\xdf\"}\n{\"a\":\"\xff\"}\n", Config{Encoding: "GBK"}, []string{
			`1: a=string("高")`, "2: ERR 2:7: the line has bytes that are no character of gbk; mend them, or say another --encoding"}, ""},
		{"not what is said", "a.csv", "a,b\n1,\x82\n", Config{Encoding: "shift_jis"}, []string{`2: ERR 2:3: column "b" has bytes that are no character of shift_jis; mend them, or say another --encoding`}, ""},
		{"UTF-8 that is said to be something else", "a.csv", "a\né\n", Config{Encoding: "windows-1252"}, []string{`2: a=string("Ã©")`}, `"é" becomes "Ã©"`},
		{"a mark against what is said", "a.csv", "\xef\xbb\xbfa\né\n", Config{Encoding: "windows-1252"}, []string{`2: a=string("é")`}, "byte order mark of utf-8, which counts before --encoding windows-1252"},
		{"a name twice in JSON", "a.jsonl", "{\"a\":1}\n{\"b\":1,\"a\":2,\"b\":3}\n", Config{}, []string{`1: a=Number(1)`, `2: b=Number(3) a=Number(2)`}, `line 2 gives the name "b" twice: the last value counts`},
		{"JSON takes no delimiter", "a.jsonl", "{\"a;b\":1}\n", Config{Delimiter: ";", Null: []string{"1"}}, []string{`1: a;b=Number(1)`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := open(t, tt.config, write(t, tt.file, tt.in))
			for range 2 { // a second pass is as the first
				rows, err := all(in)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, lines(rows), tt.want)
			}
			if notes := strings.Join(in.Notes(), "\n"); (notes == "") != (tt.note == "") || !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
}

// twoBytes returns a text of ASCII in UTF-16LE.
func twoBytes(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.Write([]byte{text[i], 0})
	}
	return b.String()
}

// Options that cannot be are refused by Open, with what to write.
func TestTextOptionsRefused(t *testing.T) {
	path := write(t, "a.csv", "a\n1\n")
	for want, c := range map[string]Config{
		"has several characters":       {Delimiter: "||"},
		"is no single sign":            {Escape: "ab"},
		"contradict each other":        {Quotes: true, NoQuotes: true},
		`there is no encoding "klin"`:  {Encoding: "klin"},
		"one character cannot be both": {Delimiter: "^", Escape: "^"},
	} {
		c.Paths = []string{path}
		_, err := Open(c)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

// A file whose encoding is not said tells what it looks like, and where.
func TestEncodingNote(t *testing.T) {
	in := open(t, Config{}, write(t, "a.csv", "id,body\n1,fine\n2,caf\xe9\n"))
	notes := fmt.Sprint(in.Notes())
	if want := `a.csv: line 3 is not UTF-8; it looks like windows-1252 ("café")`; !strings.Contains(notes, want) || !strings.Contains(notes, "--encoding windows-1252") {
		t.Errorf("notes %s, want %q", notes, want)
	}
}
