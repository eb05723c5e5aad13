package template

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// valuesRow has a value of each kind, as JSONL and Parquet files bring them.
func valuesRow() *batch.Row {
	return jobtest.Row(
		"big", json.Number("12345678901234567890"), "million", 1e6, "tiny", 1e-7, "nan", math.NaN(), "written", json.Number("12345678.0"), "exp", json.Number("1e6"),
		"zero", json.Number("0.0"), "n", int64(9007199254740993), "five", int64(5), "text5", "5", "ok", true, "no", false, "none", nil, "empty", "",
		"bytes", []byte{0xff, 0x00}, "date", "2026-03-01",
		"tags", json.RawMessage(`["a", 1.50, null]`), "o", json.RawMessage(`{"z":1,"a":{"n":12345678901234567890,"f":0.0,"x":[1e6]},"html":"<b>&"}`),
		"void", json.RawMessage(`[]`), "hollow", json.RawMessage(`{}`),
	)
}

// What a template prints of a value is the text of the value's cell in a CSV output, also
// when the value goes through functions and variables.
func TestTemplateValues(t *testing.T) {
	row := valuesRow()
	for i, c := range row.Columns {
		want := batch.Text(row.Values[i])
		for _, text := range []string{"{{.X}}", "{{$.X}}", `{{index . "X"}}`, "{{$x := .X}}{{$x}}", "{{print .X}}", `{{printf "%v" .X}}`, "{{if true}}{{.X}}{{end}}"} {
			if got, err := rendered(Latest, strings.ReplaceAll(text, "X", c.Name), row); err != nil || got != want {
				t.Errorf("%s of %s is %q, %v; want %q", text, c.Name, got, err, want)
			}
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"{{.o.a.n}} {{.o.a.f}} {{.o.a}}", `12345678901234567890 0.0 {"n":12345678901234567890,"f":0.0,"x":[1e6]}`},
		{"{{json .o}}", `{"z":1,"a":{"n":12345678901234567890,"f":0.0,"x":[1e6]},"html":"<b>&"}`},
		{`{{join "|" .tags}}`, "a|1.50|"},
		{"{{range .tags}}[{{.}}]{{end}}", "[a][1.50][]"},
		{"{{range $i, $x := .tags}}{{$i}}={{$x}} {{end}}", "0=a 1=1.50 2= "},
		{"{{range $k, $v := .o}}{{$k}} {{end}}{{range .o.a.x}}{{.}}{{end}}", "z a html 1e6"}, // in their order
		{"{{range .o}}[{{.}}]{{break}}{{end}}", "[1]"},
		{"{{range .void}}x{{else}}none{{end}}{{range .hollow}}x{{else}}none{{end}}{{range .none}}x{{else}}none{{end}}", "nonenonenone"},
		{"{{len .tags}} {{len .o}} {{len .void}} {{len .date}} {{len .none}}", "3 3 0 10 0"},
		{"{{index .tags 1}} {{index .o \"a\" \"x\" 0}}", "1.50 1e6"},
		{"{{slice .tags 0 1}} {{slice .date 0 4}}", `["a"] 2026`},
		{"{{if .zero}}t{{else}}f{{end}}{{if .o.a.f}}t{{else}}f{{end}}{{if .void}}t{{else}}f{{end}}{{if .hollow}}t{{else}}f{{end}}{{if .no}}t{{else}}f{{end}}{{if .million}}t{{end}}", "ffffft"},
		{"{{if and .million .zero}}t{{else}}f{{end}}{{if or .zero .five}}t{{else}}f{{end}}{{if not .zero}}t{{end}}", "ftt"},
		{"{{if gt .million 3}}a{{end}}{{if gt .five 3}}b{{end}}{{if lt .tiny 1}}c{{end}}{{if eq .written 12345678}}d{{end}}{{if ge .o.a.n 3.5}}e{{end}}", "abcde"},
		{"{{if eq .n 9007199254740993}}a{{end}}{{if eq .n 9007199254740992}}b{{end}}{{if gt .big 12345678901234567}}c{{end}}{{if eq .exp .million}}d{{end}}", "acd"},
		{"{{if gt (num .text5) 3}}a{{end}}{{if gt (num .empty) 3}}b{{end}}{{if lt (num .none) 3}}c{{end}}{{num .text5 | eq 5}}", "atrue"},
		{`{{if eq .date "2026-01-01" "2026-03-01"}}a{{end}}{{if eq .none ""}}b{{end}}{{if ne .date "x"}}c{{end}}{{if eq .none 3}}d{{end}}{{if gt .none 3}}e{{end}}{{if lt .none 3}}f{{end}}`, "abc"},
		{`{{printf "%.2f %5.1f|%d|%d|%s|%05d" .million .written .n .written .five .five}}`, "1000000.00 12345678.0|9007199254740993|12345678|5|00005"},
		{"{{.million | json}} {{json .nan}} {{json .none}} {{json .tags}}", `1000000 "NaN" null ["a",1.50,null]`},
		{"{{truncate 3 .million}} {{upper .ok}} {{trim .tags}}", `100 TRUE ["a", 1.50, null]`},
		{"{{with .o}}{{.z}}{{with .a}}{{.n}}{{end}}{{end}}{{with .none}}x{{else}}y{{end}}", "112345678901234567890y"},
		{`{{define "p"}}<{{.million}}>{{end}}{{template "p" .}}`, "<1000000>"},
		{"{{html .o.html}} {{(index .o \"a\").n}}", "&lt;b&gt;&amp; 12345678901234567890"},
	} {
		if got, err := rendered(Latest, tt.text, row); err != nil || got != tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

// A folder that began with wording 1 keeps its texts to the byte, since its answers are
// found by them. Only what it could not make is made as today.
func TestFirstWording(t *testing.T) {
	row := valuesRow()
	for _, tt := range []struct{ text, want string }{
		{"{{.million}} {{.tags}} {{.hollow}} {{.bytes}}", "1e+06 [a 1.50 ] map[] /wA="},
		{"{{.written}} {{.big}} {{.n}} {{.zero}}", "12345678.0 12345678901234567890 9007199254740993 0.0"},
		{"{{if .zero}}true{{end}}{{json .o}}", `true{"a":{"f":0.0,"n":12345678901234567890,"x":[1e6]},"html":"<b>&","z":1}`},
		{"{{len .date}}{{truncate 3 .million}}", "101e+"},
		{"\ufeff{{.five}}\r\n", "\ufeff5\r\n"},
		{"{{if gt (num .text5) 3}}new{{end}} {{.million}}", "new 1000000"},
	} {
		if got, err := rendered(First, tt.text, row); err != nil || got != tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]bool{"{{.million}}": true, "{{.date}} {{.written}}": false} {
		r, err := New("prompt", text, First)
		if err != nil || r.Changed(row) != want {
			t.Errorf("%s: changed is %v, %v", text, !want, err)
		}
	}
	if got, err := rendered(Latest, "\ufeff{{.five}}\r\n", row); err != nil || got != "5\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// A key that a row lacks counts as null where a template asks for it. To print it is an
// error of the row.
func TestMissingKeys(t *testing.T) {
	row := jobtest.Row("id", int64(1), "o", json.RawMessage(`{"x":null}`))
	for _, tt := range []struct{ text, want string }{
		{`{{default "?" .title}}{{.title | default "?"}}`, "??"},
		{`{{if .title}}T{{.title}}{{else}}none{{end}}`, "none"},
		{`{{with .title}}{{.}}{{else}}none{{end}}{{with index . "title"}}x{{end}}`, "none"},
		{`{{or .title .subtitle "none"}}{{if and .title .id}}x{{end}}{{if not .title}}y{{end}}`, "noney"},
		{`{{if eq .title "x"}}x{{end}}{{if eq .title ""}}y{{end}}{{if ne .title "x"}}z{{end}}`, "yz"},
		{`{{default "?" (index .title "a")}}{{default "?" (index .o "y")}}{{default "?" (index .o "x" "z")}}`, "???"},
		{`{{default "?" .meta.lang}}{{default "?" .o.x.y.z}}{{default "?" .o.lang.code}}`, "???"},
		{`{{range .tags}}x{{else}}none{{end}}{{len .tags}}{{if gt .stars 3}}x{{end}}{{if gt (num .stars) 3}}x{{end}}`, "none0"},
		{`{{$t := .title}}{{default "?" $t}}`, "?"},
	} {
		if got, err := rendered(Latest, tt.text, row); err != nil || got != tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"{{.title}}":                      `the row has no column "title", which prompt uses`,
		"{{$x := .title}}{{$x}}":          `the row has no column "title", which prompt uses`,
		"{{upper .title}}":                `no column "title"`,
		"{{json .title}}":                 `no column "title"`,
		`{{printf "%s" .title}}`:          `no column "title"`,
		"{{.o.lang}}":                     "the row has no o.lang, which prompt uses",
		"{{.meta.lang.code}}":             "the row has no meta.lang.code, which prompt uses",
		`{{join ", " .tags}}`:             `no column "tags"`,
		`{{or .title .subtitle}}`:         `no column "subtitle"`,
		`{{if true}}{{.title}}{{end}}`:    `no column "title"`,
		`{{with .o}}{{.lang}}{{end}}`:     "the row has no",
		`{{default .title .subtitle}}`:    `no column "title"`,
		`{{index . "title" | trim}}`:      `no column "title"`,
		`{{range .o.x}}{{end}}{{.title}}`: `no column "title"`,
	} {
		if got, err := rendered(Latest, text, row); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %q, %v; want the error %q", text, got, err, want)
		}
	}
}

// Faults of templates are told in words of the template, and never in Go's.
func TestTemplateFaults(t *testing.T) {
	row := valuesRow()
	for text, want := range map[string]string{
		"{{if gt .text5 3}}x{{end}}":    `gt cannot compare the text "5" with the number 3; columns of CSV files are texts: write gt (num .column) 3`,
		`{{if eq .five "5"}}x{{end}}`:   `eq cannot compare the number 5 with the text "5"; write the number without quotes`,
		`{{if lt .ok 3}}x{{end}}`:       "lt cannot compare true with the number 3",
		`{{num .date}}`:                 `num wants a number such as 3 or 0.5, not the text "2026-03-01"`,
		`{{num "0x1F"}}{{num "inf"}}`:   "num wants a number",
		"{{truncate .date .text5}}":     `truncate wants a whole number that is not negative, not the text "2026-03-01"`,
		"{{truncate -1 .date}}":         "truncate wants a whole number",
		"{{upper}}":                     "upper is given 0 arguments, and takes 1",
		"{{default .date}}":             "default is given 1 arguments, and takes 2",
		`{{join ", " .date}}`:           `join wants a list, not the text "2026-03-01"`,
		"{{index .tags 7}}":             "the row has no item [7]",
		`{{index .tags "a"}}`:           "index wants a whole number",
		"{{index .date 0}}":             "index cannot look for the number 0 in the text",
		"{{slice .date 5 99}}":          "slice is to go from 5 to 99",
		"{{range .date}}x{{end}}":       `range goes over lists and objects, not over the text "2026-03-01"`,
		"{{.date.year}}":                `the text "2026-03-01" has no member "year"`,
		"{{.tags.first}}":               "write index for an item, or range",
		`{{printf "%d" .date}}`:         "printf",
		`{{printf "%d" .text5}}`:        "num makes a number of a text",
		"{{len .five}}":                 "len wants a text, a list or an object, not the number 5",
		"{{call .date}}":                "call",
		`{{template "x" .}}`:            "",
		"{{range $x, $y := 3}}x{{end}}": "",
	} {
		got, err := rendered(Latest, text, row)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %q, %v; want the error %q", text, got, err, want)
			continue
		}
		for _, raw := range []string{"executing", "strconv", "interface", "reflect", "_get", "_out", "template:", "<nil>", "%!"} {
			if strings.Contains(err.Error(), raw) {
				t.Errorf("%s: the error %q has %q", text, err, raw)
			}
		}
	}
}

// rendered returns what a template makes of a row in a wording.
func rendered(wording int, text string, row *batch.Row) (string, error) {
	r, err := New("prompt", text, wording)
	if err != nil {
		return "", err
	}
	return r.Render(row)
}

// A function that reaches files, the environment or the network must never be among those
// of templates, since job files are passed on.
func TestFunctions(t *testing.T) {
	jobtest.Equal(t, "functions", functionNames(),
		"and", "call", "default", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne", "not",
		"num", "or", "print", "printf", "println", "slice", "trim", "truncate", "upper", "urlquery")
}
