package prompt

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestExtractValues(t *testing.T) {
	s := schemaOf(t, jobtest.InvoiceSchema)
	own, err := s.Columns()
	if err != nil {
		t.Fatal(err)
	}
	k := &answerSchema{schema: s, columns: own}
	const whole = `{"vendor":"ACME","total":12.50,"count":3,"paid":true,"kind":"receipt","due":"2026-02-28","items":[{"price":0.10}]}`
	values := []any{"ACME", json.Number("12.50"), int64(3), true, "receipt", "2026-02-28", json.RawMessage(`[{"price":0.10}]`)}
	only := func(vendor string) []any { return []any{vendor, nil, nil, nil, nil, nil, nil} }
	for _, tt := range []struct {
		text   string
		values []any
		note   string
		err    string // parts of it, one a line
	}{
		{text: whole, values: values},
		{text: "\n " + whole + "\n", values: values},
		{text: "\ufeff" + whole, values: values, note: "byte order mark"},
		{text: "```json\n" + whole + "\n```", values: values, note: "taken out of its ``` fence"},
		{text: "```\n" + whole + "```", values: values, note: "fence"},
		{text: "```json\n" + whole, values: values, note: "fence"},
		{text: "Here it is:\n```json\n" + whole + "\n```\nAnything else?", values: values, note: "text around it left out"},
		{text: "Sure [1]! " + whole + "\n\nI hope {that} helps [really].", values: values, note: "text around the JSON"},
		{text: `{"vendor":"a ` + "``` b" + `"}`, values: only("a ``` b")},
		{text: "```json\n" + `{"vendor":"a ` + "``` b" + `"}` + "\n```", values: only("a ``` b"), note: "fence"},
		{text: `{"vendor":"x"}{"vendor":"x"}`, values: only("x"), note: "around"},
		{text: `{"vendor":"x"} {"other":1}`, values: only("x"), note: "around"},
		{text: `{"vendor":"x","total":null}`, err: "/total: got null, want number"},
		{text: `{"vendor":"x","count":null}`, values: only("x")},
		{text: `{"vendor":"x","count":4.0}`, values: []any{"x", nil, int64(4), nil, nil, nil, nil}},
		{text: `{"vendor":"x","count":4e2}`, values: []any{"x", nil, int64(400), nil, nil, nil, nil}},
		{text: `{"vendor":"x","count":9223372036854775808,"total":1e999}`,
			values: []any{"x", json.Number("1e999"), json.Number("9223372036854775808"), nil, nil, nil, nil}, note: "count is beyond 64 bits"},
		{text: `{"vendor":"x","total":1e9999999999}`, values: []any{"x", json.Number("1e9999999999"), nil, nil, nil, nil, nil}, note: "total is beyond 64 bits"},
		{text: `{"vendor":"x","count":1e9999999999}`, err: "/count: got number, want null or integer"},

		{text: `{"vendor":"x"} {"vendor":"y"}`, err: "2 different JSON documents"},
		{text: `{"a":1} {"b":2}`, err: "2 JSON documents, and none fits"},
		{text: "I cannot say.", err: `no JSON: it begins with "I cannot say."`},
		{text: "", err: "no text"},
		{text: `{"vendor":"x","items":[{"price":1}`, err: "breaks off"},
		{text: "```json\n" + `{"vendor":"x","items":[{"price":1}` + "\n```", err: "no valid JSON\ninvalid character"},
		{text: `{"vendor":"x", oops, "inner": {"vendor":"y"}}`, err: `no valid JSON`},
		{text: `[{"vendor":"x"}]`, err: "the top level: got array, want object"},
		{text: `{"total":"a","items":[{"price":1},{},{"price":"b"}],"extra":1}`,
			err: "the top level: missing property 'vendor'\nthe top level: additional properties 'extra' not allowed\nand 2 more"},
		{text: `{"vendor":"x","items":[{"price":1},{},{"price":"b"}]}`, err: "/items/1: missing property 'price'; /items/2/price: got string, want number"},
		{text: `{"vendor":"x","kind":"bill"}`, err: "/kind: value must be one of 'invoice', 'receipt'"},
		{text: `{"vendor":"x","due":"28.2.2026"}`, err: "/due: '28.2.2026' is not valid date"},
		{text: `{"vendor":"` + strings.Repeat("x", 50) + `","due":"` + strings.Repeat("9", 5000) + `"}`, err: "…"},
	} {
		a := &gemini.Answer{Text: tt.text}
		got, note, err := k.read(a)
		if tt.err != "" {
			if err == nil {
				t.Errorf("%s is taken for %v", tt.text, got)
				continue
			}
			if a.Text != tt.text {
				t.Errorf("%s: the answer that the model is shown is %s", tt.text, a.Text)
			}
			for _, want := range strings.Split(tt.err, "\n") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: error %q, want %q", tt.text, err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 700 {
				t.Errorf("%s: the error is long: %q", message.OneLine(tt.text, 40), err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.values) {
			t.Errorf("%s gives %v, %v; want %v", tt.text, got, err, tt.values)
		}
		if !strings.Contains(note, tt.note) || (note == "") != (tt.note == "") {
			t.Errorf("%s has the note %q, want %q", tt.text, note, tt.note)
		}
		if !json.Valid([]byte(a.Text)) {
			t.Errorf("%s: the response is %q", tt.text, a.Text)
		}
	}
}

// A function call is no answer to check yet.
func TestSchemaLeavesFunctionCalls(t *testing.T) {
	k := &answerSchema{schema: schemaOf(t, jobtest.InvoiceSchema)}
	v, note, err := k.read(&gemini.Answer{FunctionCalls: []gemini.FunctionCall{{Name: "look_up"}}})
	if v != nil || note != "" || err != nil {
		t.Errorf("%v, %q, %v", v, note, err)
	}
}

func schemaOf(t *testing.T, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Parse(spec.Schema(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
