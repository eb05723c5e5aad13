package cloud

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestImporter(t *testing.T) {
	tests := []struct {
		lines []string
		want  string // part of the error of the last line; empty for none
	}{
		{[]string{`{"id":"a","request":{"x":1}}`, `{"id":"b","request":{"x":2.5,"y":null}}`}, ""},
		{[]string{`{"request":{"x":1}}`, `{"request":{"x":"1"}}`}, "field request.x has changed type from FLOAT to STRING"},
		{[]string{`{"request":{"x":[{"y":1}]}}`, `{"request":{"x":[{"y":true}]}}`}, "field request.x[].y has changed type from FLOAT to BOOLEAN"},
		{[]string{`{"request":{"x":[1,"a"]}}`}, "request.x[] has changed type"},
		{[]string{`{"request":{"a b":1}}`}, `invalid field name "a b" in request.a b`},
		{[]string{`{"request":{"` + strings.Repeat("x", 300) + `":1}}`}, ""},
		{[]string{`{"request":{"` + strings.Repeat("x", 301) + `":1}}`}, `invalid field name "xxx`},
		{[]string{`{"request":{"x":{}}}`}, "field request.x is a record without fields"},
		{[]string{`{"request":{"x":{"enum":null}}}`}, "request.x.enum"},
		{[]string{`{"request":` + strings.Repeat(`{"x":`, 15) + `1` + strings.Repeat("}", 15) + `}`}, ""},
		{[]string{`{"request":` + strings.Repeat(`{"x":`, 16) + `1` + strings.Repeat("}", 16) + `}`}, "nested too deeply"},
		{[]string{`{"request":1}`}, "no request"},
		{[]string{`{"request":`}, "no JSON object"},
	}
	for _, tt := range tests {
		var im Importer
		var err error
		for i, line := range tt.lines {
			if err = im.Line([]byte(line)); err != nil && i < len(tt.lines)-1 {
				t.Errorf("%s: %v", line, err)
			}
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.lines, err, tt.want)
		}
	}
}

func TestImported(t *testing.T) {
	for in, want := range map[any]string{"000000": "0", "7.50": "7.5", "r-7": `"r-7"`, "": `""`, true: "true"} {
		if got, _ := json.Marshal(Imported(in)); string(got) != want {
			t.Errorf("%v became %s, want %s", in, got, want)
		}
	}
	if got := fmt.Sprint(Imported([]any{"a"})); got != "[]" {
		t.Errorf("a list became %s", got)
	}
}
