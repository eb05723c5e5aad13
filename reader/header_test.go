package reader

import (
	"fmt"
	"strings"
	"testing"
)

func TestHeaderNames(t *testing.T) {
	tests := []struct {
		name, in, columns, note string
		rows                    int // that are fine
	}{
		{"in order", "a,b\n1,2\n", "a b", "", 1},
		{"index without a name", ",a,b\n0,1,2\n", "column_1 a b", `in the header, column 1 has no name and is called "column_1"`, 1},
		{"twice", "Id,Name,Name,Name\n1,2,3,4\n", "Id Name Name_2 Name_3",
			`in the header, column 3 is another "Name" and is called "Name_2"; column 4 is another "Name" and is called "Name_3"`, 1},
		{"the new name is taken", "a,a_2,a,,column_4,column_4_2,a\n1,2,3,4,5,6,7\n", "a a_2 a_3 column_4_3 column_4 column_4_2 a_4", "column 4 has no name", 1},
		{"many", strings.Repeat("a,", 9) + "a\n", "a a_2 a_3 a_4 a_5 a_6 a_7 a_8 a_9 a_10", "; 4 more likewise", 0},
		{"comma at each end", "a,b,\n1,2,\n3,4,\n", "a b column_3", `column 3 has no name`, 2},
		{"comma at the header's end", "a,b,\n1,2\n3,4,\n5,6,7\n", "a b", "the header ends in a separator and the rows do not", 2},
		{"comma at the rows' end", "a,b\n1,2,\n3,4\n5,6,7\n", "a b", "the rows end in a separator and the header does not", 2},
		{"a name of spaces", "a, \n1,2\n", "a  ", "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := open(t, Config{}, write(t, "a.csv", tt.in))
			var names []string
			for _, c := range in.Columns() {
				names = append(names, c.Name)
			}
			if got := strings.Join(names, " "); got != tt.columns {
				t.Errorf("columns %q, want %q", got, tt.columns)
			}
			notes := strings.Join(in.Notes(), "\n")
			if (notes == "") != (tt.note == "") || !strings.Contains(notes, tt.note) || notes != "" && !strings.Contains(notes, "a.csv: ") {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			rows, err := all(in)
			fine := 0
			for _, r := range rows {
				if r.Err == nil {
					fine++
				}
			}
			if err != nil || fine != tt.rows {
				t.Errorf("%d rows are fine (%v), want %d", fine, err, tt.rows)
			}
		})
	}
}

func TestNotesOfSeveralFiles(t *testing.T) {
	in := open(t, Config{}, write(t, "1.csv", ",a\n1,2\n"), write(t, "2.csv", ",b\n1,2\n"), write(t, "3.csv", "c,c\n1,2\n"))
	notes := in.Notes()
	if len(notes) != 2 || !strings.Contains(notes[0], `1.csv (and 1 more): in the header, column 1`) || !strings.Contains(notes[1], `3.csv: in the header, column 2`) {
		t.Errorf("notes %q", notes)
	}
}

// TSV has quotes only if the file says so by names in quotes, or if the user does.
func TestTSVQuotes(t *testing.T) {
	const literal = "id\tbody\n1\t5\" screen\n2\t\"Best ever\n3\tplain\n4\tbig\"\n5\t\"Worst\" phone\n6\t\"ok\"\n"
	tests := []struct {
		name, in string
		config   Config
		want     []string
		note     bool
	}{
		{"without", literal, Config{}, []string{
			`2: id=string("1") body=string("5\" screen")`, `3: id=string("2") body=string("\"Best ever")`, `4: id=string("3") body=string("plain")`,
			`5: id=string("4") body=string("big\"")`, `6: id=string("5") body=string("\"Worst\" phone")`, `7: id=string("6") body=string("\"ok\"")`,
		}, true},
		{"asked for", "id\tbody\n1\t\"a \"\"b\"\"\tc\n d\"\n2\t5\" x\n", Config{Quotes: true}, []string{
			`2: id=string("1") body=string("a \"b\"\tc\n d")`, `4: id=string("2") body=string("5\" x")`,
		}, false},
		{"by the header", "\"id\"\t\"body\"\r\n1\t\"a\r\nb\"\r\n", Config{}, []string{`2: id=string("1") body=string("a\r\nb")`}, false},
		{"one name in quotes", "\"id\"\tbody\n1\t2\n", Config{}, []string{`2: "id"=string("1") body=string("2")`}, true},
		{"a tab in quotes", "id\tbody\n1\t\"a\tb\"\n2\tx\ty\n", Config{}, []string{
			"2: ERR 2: the row has 3 fields and the header 2; if fields with tabs or line ends are in quotes, read them with --quotes",
			"3: ERR 3: the row has 3 fields and the header 2",
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := open(t, tt.config, write(t, "a.tsv", tt.in))
			rows, err := all(in)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(rows), tt.want)
			if notes := fmt.Sprint(in.Notes()); strings.Contains(notes, "--quotes") != tt.note {
				t.Errorf("notes %s", notes)
			}
		})
	}
}
