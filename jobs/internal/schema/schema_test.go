package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

func mustSchema(t *testing.T, text string) *Schema {
	t.Helper()
	s, err := Parse(spec.Schema(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaColumns(t *testing.T) {
	for text, want := range map[string][]batch.Column{
		jobtest.InvoiceSchema: {
			{Name: "vendor"}, {Name: "total", Type: batch.Float}, {Name: "count", Type: batch.Int}, {Name: "paid", Type: batch.Bool},
			{Name: "kind"}, {Name: "due"}, {Name: "items", Type: batch.JSON},
		},
		`{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"b":{"type":"integer"},"a":{"$ref":"#/$defs/n"},"c":{"$ref":"#c"}}},"x":{"$anchor":"c","type":"boolean"}}}`: {
			{Name: "b", Type: batch.Int}, {Name: "a", Type: batch.JSON}, {Name: "c", Type: batch.Bool},
		},
		`{"properties":{"opt":{"anyOf":[{"type":"number"},{"type":"null"}]},"two":{"type":["string","integer"]},"any":{},"one":{"const":3},"num":{"enum":[1,2.5]},
			"txt":{"oneOf":[{"type":"string"},{"const":"x"}]},"loop":{"$ref":"#/properties/loop"},"all":{"allOf":[{"title":"t"},{"type":"string"}]}}}`: {
			{Name: "opt", Type: batch.Float}, {Name: "two", Type: batch.JSON}, {Name: "any", Type: batch.JSON}, {Name: "one", Type: batch.Int}, {Name: "num", Type: batch.Float},
			{Name: "txt"}, {Name: "loop", Type: batch.JSON}, {Name: "all"},
		},
		`{"type":"array","items":{"type":"string"}}`:                           nil,
		`{"type":"string"}`:                                                    nil,
		`{"anyOf":[{"type":"object","properties":{"a":{}}},{"type":"array"}]}`: nil,
		`true`: nil,
	} {
		tree, err := parseTree([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&Schema{tree: tree}).Columns()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the columns %v, %v; want %v", text, got, err, want)
		}
	}
}

// An answer is read in a time that grows with its length, whatever it is made of.
func TestReadLongAnswers(t *testing.T) {
	s := mustSchema(t, jobtest.InvoiceSchema)
	for _, text := range []string{
		strings.Repeat("[", 100_000), strings.Repeat("{", 100_000), strings.Repeat(`{"a":`, 50_000), strings.Repeat("[x] {y} ", 50_000), strings.Repeat("{} ", 50_000),
	} {
		if document, _, err := s.Read(text); err == nil {
			t.Errorf("%s… is read as %s", text[:10], document)
		}
	}
}

// Errors name the same fault each time: they are compared with those in the output.
func TestValidationTextIsStable(t *testing.T) {
	s := mustSchema(t, `{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]},"b":{"type":"integer"},"c":{"type":"integer"}}}`)
	for range 20 {
		err := s.check(json.RawMessage(`{"a":1,"b":"x","c":"y"}`))
		const want = "/a: got number, want string or null; /b: got string, want integer; /c: got string, want integer"
		if err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
}

func TestSchemaWarnings(t *testing.T) {
	got := mustSchema(t, `{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"pattern":{"type":"string","pattern":"^a"},"n":{"type":"integer","exclusiveMinimum":0},
		"kids":{"type":"array","items":{"$ref":"#"}}}}`).Warnings()
	if len(got) != 2 || !strings.Contains(got[0], "exclusiveMinimum (/properties/n), pattern (/properties/pattern)") || !strings.Contains(got[1], "refers to itself (#)") {
		t.Errorf("warnings %q", got)
	}
	if got := mustSchema(t, jobtest.InvoiceSchema).Warnings(); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
}

// A value is as the document writes it: no digit is lost on the way to a file.
func TestValues(t *testing.T) {
	columns := []batch.Column{{Name: "s"}, {Name: "i", Type: batch.Int}, {Name: "f", Type: batch.Float}, {Name: "b", Type: batch.Bool}, {Name: "j", Type: batch.JSON}}
	for document, want := range map[string]struct {
		values []any
		beyond string
	}{
		`{}`: {[]any{nil, nil, nil, nil, nil}, ""},
		`{"s":null,"i":null,"f":null,"b":null,"j":null}`:          {[]any{nil, nil, nil, nil, nil}, ""},
		`{"s":"\u00e9","i":3,"f":0.10,"b":true,"j":{ "a" : [] }}`: {[]any{"é", int64(3), json.Number("0.10"), true, json.RawMessage(`{"a":[]}`)}, ""},
		`{"i":1.0,"b":false,"more":1}`:                            {[]any{nil, int64(1), nil, false, nil}, ""},
		`{"i":1e3,"f":-0}`:                                        {[]any{nil, int64(1000), json.Number("-0"), nil, nil}, ""},
		`{"i":9223372036854775808,"f":1e999}`:                     {[]any{nil, json.Number("9223372036854775808"), json.Number("1e999"), nil, nil}, "i f"},
		`{"i":1e999999999}`:                                       {[]any{nil, json.Number("1e999999999"), nil, nil, nil}, "i"},
	} {
		values, beyond, err := Values(json.RawMessage(document), columns)
		if err != nil || !reflect.DeepEqual(values, want.values) || strings.Join(beyond, " ") != want.beyond {
			t.Errorf("%s has the values %#v, %q beyond 64 bits, %v; want %#v, %q", document, values, beyond, err, want.values, want.beyond)
		}
	}
	for document, want := range map[string]string{`[1]`: "the top level: got [1], want object", `{"s":7}`: "/s: "} {
		if values, _, err := Values(json.RawMessage(document), columns); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", document, values, err, want)
		}
	}
}
