package textfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const many = "1;a\n2;b\n3;c\n4;d\n5;e\n6;f\n7;g\n8;h\n9;i\n"
	tests := []struct {
		name, in string
		wish     Wish
		want     string // separator, whether there are quotes
		note     string
		err      string
	}{
		{"commas", "a,b\n1,2\n", Wish{}, ", true", "", ""},
		{"commas, with semicolons in texts", "a,b\n1;2,3;4\n", Wish{}, ", true", "", ""},
		{"one column", "text\na;b\nc;d\n", Wish{}, ", true", "", ""},
		{"one column whose name is in quotes", "\"a;b\"\nc;d\n", Wish{}, ", true", "", ""},
		{"ragged commas", "a,b,c\n1,2\n1,2,3\n", Wish{}, ", true", "", ""},
		{"semicolons", "a;b\n1,5;2,5\n", Wish{}, "; true", "semicolons separate the fields, as the header and the first row show, and the file is read so; --delimiter comma reads it otherwise", ""},
		{"semicolons and a comma in the header", "a;b, c\n1;x\n2;y\n", Wish{}, "; true", "semicolons", ""},
		{"semicolons in a header alone", "a;b\n", Wish{}, "; true", "as the header shows", ""},
		{"semicolons with a comma, in a header alone", "a;b,c\n", Wish{}, ", true", "", ""},
		{"semicolons at each end", "a;b;\n1;2;\n", Wish{}, "; true", "semicolons", ""},
		{"semicolons in quotes", "a;b\n\"x;y\";\"line\nend\"\n", Wish{}, "; true", "semicolons", ""},
		{"nearly all rows", "a;b\n" + many + "10\n", Wish{}, "; true", "the first 10 rows", ""},
		{"too few rows", "a;b\n1;2\n3\n4;5;6\n", Wish{}, "", "", `the header is one column, "a;b": its fields seem to be separated by semicolons, and the rows do not have as many; say --delimiter semicolon, or --delimiter comma if it is one column`},
		{"tabs", "a\tb\n1\t\"2\n", Wish{}, "\t false", "tabs", ""},
		{"tabs with quotes", "\"a\"\t\"b\"\n1\t2\n", Wish{}, "\t true", "tabs", ""},
		{"bars", "a|b|c\n1|2|3\n", Wish{}, "| true", "vertical bars", ""},
		{"bars rather than semicolons", "a|b|c;d\n1|2|3;4\n", Wish{}, "| true", "vertical bars", ""},
		{"commas in TSV", "a,b\n1,2\n", Wish{TSV: true}, ", true", "commas separate the fields, as the header and the first row show, and the file is read so; --delimiter tab reads it otherwise", ""},
		{"TSV", "a\tb\n1;2\t3\n", Wish{TSV: true}, "\t false", "", ""},
		{"TSV by its header", "\"a\"\t\"b\"\n", Wish{TSV: true}, "\t true", "", ""},
		{"TSV by its header, and it is said that there are none", "\"a\"\t\"b\"\n", Wish{TSV: true, NoQuotes: true}, "\t false", "", ""},
		{"TSV with quotes", "a\tb\n", Wish{TSV: true, Quotes: true}, "\t true", "", ""},
		{"said", "a;b\n1;2\n", Wish{Comma: ','}, ", true", "", ""},
		{"said in TSV", "a;b\n1;2\n", Wish{TSV: true, Comma: ';'}, "; true", "", ""},
		{"no quotes", "a,b\n1,2\n", Wish{NoQuotes: true}, ", false", "", ""},
		{"Excel's line", "sep=;\na;b\n", Wish{}, "; true", "the first line, sep=;, says that semicolons separate the fields, and is no row", ""},
		{"Excel's line, with CRLF and in capitals", "SEP=\t\r\na\tb\r\n", Wish{}, "\t false", "tabs", ""},
		{"Excel's line, filled up", "sep=,,\na,b\n", Wish{}, ", true", "commas", ""},
		{"Excel's line, and otherwise said", "sep=;\na,b\n", Wish{Comma: ','}, ", true", "--delimiter comma says otherwise and counts", ""},
		{"a name that begins so", "sep=;x\n1\n", Wish{}, "", "", "one column"},
		{"escapes", `a;b` + "\n" + `"x \"; y";z` + "\n", Wish{Escape: '\\'}, "; true", "semicolons", ""},
		{"an escape that is the separator", "a,b\n1,2\n", Wish{Escape: ','}, "", "", "commas separate the fields, and --escape comma cannot be the same"},
		{"an escape that is the separator found", "a|b\n1|2\n", Wish{Escape: '|'}, "", "", "vertical bars separate the fields, and --escape pipe cannot be the same"},
		{"an escape that is Excel's separator", "sep=|\na|b\n", Wish{Escape: '|'}, "", "", "vertical bars separate"},
		{"nothing", "", Wish{}, ", true", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Find([]byte(tt.in), true, tt.wish)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if err != nil {
				return
			}
			if got := fmt.Sprintf("%c %t", f.Comma, f.Quotes); got != tt.want {
				t.Errorf("read with %q, want %q", got, tt.want)
			}
			if notes := strings.Join(f.Notes, "\n"); (notes == "") != (tt.note == "") || !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			if f.SepLine != strings.HasPrefix(strings.ToLower(tt.in), "sep=") {
				t.Errorf("a line of Excel: %t", f.SepLine)
			}
		})
	}
}

// What the beginning of a file cuts off is no row that could speak for or against a separator.
func TestFindInPart(t *testing.T) {
	f, err := Find([]byte("a;b\n1;2\n3"), false, Wish{})
	if err != nil || f.Comma != ';' || !strings.Contains(f.Notes[0], "the first row") {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestParseCharacters(t *testing.T) {
	for text, want := range map[string]byte{
		"": 0, ",": ',', ";": ';', "\t": '\t', `\t`: '\t', "tab": '\t', "TAB": '\t', "semicolon": ';', "pipe": '|', "|": '|', " ": ' ', "space": ' ', `\x01`: 1, "\x01": 1, "^": '^', ":": ':',
	} {
		if got, err := ParseDelimiter(text); err != nil || got != want {
			t.Errorf("delimiter %q: %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"||": "several characters", "§": "no character of ASCII", `"`: "cannot be", "\n": "cannot be", "t": "write tab", "x": "texts and numbers", "5": "texts and numbers", "\x00": "cannot be", "/../": `sed 's/\/..\//\t/g'`,
	} {
		if _, err := ParseDelimiter(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("delimiter %q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]byte{"": 0, "none": 0, `"`: 0, "quote": 0, `\`: '\\', `\\`: '\\', "backslash": '\\', "^": '^'} {
		if got, err := ParseEscape(text); err != nil || got != want {
			t.Errorf("escape %q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"~~", "a", "\n", "ü"} {
		if _, err := ParseEscape(text); err == nil || !strings.Contains(err.Error(), "write backslash") {
			t.Errorf("escape %q: %v", text, err)
		}
	}
	for c := range byte(0x7F) {
		if c == 0 || c == '"' || c == '\n' || c == '\r' {
			continue
		}
		if got, ok := character(CharacterName(c)); !ok || got != c {
			t.Errorf("%q is called %q, which is %q", c, CharacterName(c), got)
		}
	}
}
