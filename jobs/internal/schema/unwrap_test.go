package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A schema that is given in an envelope of an API, or in the API's own form, is read as the
// JSON Schema that it means, and a word is said of it.
func TestForeignSchemas(t *testing.T) {
	const ship = `{"type":"object","properties":{"name":{"type":"string"},"crew":{"type":"integer"}},"required":["name"],"additionalProperties":false}`
	for text, want := range map[string]struct{ schema, said string }{
		ship: {ship, ""},
		`{"name":"ship","strict":true,"schema":` + ship + `}`:                                                          {ship, "/schema "},
		`{"type":"json_schema","json_schema":{"name":"ship","description":"A ship.","schema":` + ship + `}}`:           {ship, "/json_schema/schema "},
		`{"response_format":{"type":"json_schema","json_schema":{"schema":` + ship + `}}}`:                             {ship, "/response_format/json_schema/schema "},
		`{"model":"m","text":{"format":{"type":"json_schema","name":"s","schema":` + ship + `}},"input":"hello"}`:      {ship, "/text/format/schema "},
		`{"type":"function","function":{"name":"save","description":"d","parameters":` + ship + `}}`:                   {ship, "/function/parameters "},
		`{"inputSchema":{"json":` + ship + `}}`:                                                                        {ship, "/inputSchema/json "},
		`{"tools":[{"name":"save","input_schema":` + ship + `}]}`:                                                      {ship, "/tools/0/input_schema "},
		`[{"functionDeclarations":[{"name":"save","parameters":` + ship + `}]}]`:                                       {ship, "/0/functionDeclarations/0/parameters "},
		`{"output_config":{"format":{"type":"json_schema","schema":` + ship + `}}}`:                                    {ship, "/output_config/format/schema "},
		`{"contents":[],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + ship + `}}`: {ship, "/generationConfig/responseJsonSchema "},
		`{"response_mime_type":"application/json","response_schema":` + ship + `}`:                                     {ship, "/response_schema "},
		`{"schema":` + quoted(ship) + `}`:                                                                              {ship, "/schema "},
		quoted(ship):                                                                                                   {ship, ""},
		`[` + ship + `]`:                                                                                               {ship, "/0 "},
		`{"schema":{"$ref":"#/definitions/S","definitions":{"S":` + ship + `}}}`:                                       {`{"$ref":"#/definitions/S","definitions":{"S":` + ship + `}}`, "/schema "},
		`{"type":"OBJECT","properties":{"b":{"type":"STRING","nullable":true},"a":{"type":"ARRAY","items":{"type":"Number"},"minItems":"1"}}}`: {
			`{"type":"object","properties":{"b":{"type":["string","null"]},"a":{"type":"array","items":{"type":"number"},"minItems":1}}}`, "the API's own form"},
		`{"type":"OBJECT","properties":{"b":{"type":"STRING"},"a":{"type":"STRING","format":"enum","enum":["x","y"],"nullable":true}},"propertyOrdering":["a","b"]}`: {
			`{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x","y",null]},"b":{"type":"string"}},"propertyOrdering":["a","b"]}`, "the API's own form"},
		`{"responseSchema":{"type":"STRING","nullable":false,"maxLength":"9"}}`: {`{"type":"string","maxLength":9}`, "the API's own form"},
		`{"type":"OBJECT","any_of":null,"properties":{"z":{"any_of":[{"type":"STRING"},{"type":"OBJECT","properties":{"d":{"type":"INTEGER"},"c":{"type":"INTEGER"}}}],"nullable":true}},"property_ordering":null}`: {
			`{"type":"object","properties":{"z":{"anyOf":[{"type":"string"},{"type":"object","properties":{"d":{"type":"integer"},"c":{"type":"integer"}}},{"type":"null"}]}}}`, "the API's own form"},
		`{"type_":6,"properties":{"n":{"type_":3,"format_":"int64"}},"required":["n"]}`:                                   {`{"properties":{"n":{"format":"int64","type":"integer"}},"required":["n"],"type":"object"}`, "the API's own form"},
		`{"type":"object","properties":{"n":{"type":"number","minimum":0,"exclusiveMinimum":true,"type_hint":"x"}}}`:      {`{"type":"object","properties":{"n":{"type":"number","exclusiveMinimum":0,"type_hint":"x"}}}`, "the API's own form"},
		`{"properties":{"p":{"$ref":"#/$defs/P","nullable":true}},"$defs":{"P":{"type":"object","properties":{"x":{}}}}}`: {`{"properties":{"p":{"anyOf":[{"$ref":"#/$defs/P"},{"type":"null"}]}},"$defs":{"P":{"type":"object","properties":{"x":{}}}}}`, "the API's own form"},
		`{"type":"object","properties":{"schema":{"type":"string"},"type":{"type":"string"},"nullable":{"type":"boolean"}}}`: {
			`{"type":"object","properties":{"schema":{"type":"string"},"type":{"type":"string"},"nullable":{"type":"boolean"}}}`, ""},
	} {
		s, err := Parse(spec.Schema(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if string(s.Text) != want.schema {
			t.Errorf("%s is read as\n%s, want\n%s", text, s.Text, want.schema)
		}
		if said := strings.Join(s.Said, "\n"); !strings.Contains(said, want.said) || (said == "") != (want.said == "") {
			t.Errorf("%s: said %q, want %q", text, said, want.said)
		}
		if again, err := Parse(spec.Schema(s.Text)); err != nil || len(again.Said) > 0 {
			t.Errorf("%s read again: %v, %q", s.Text, err, again.Said)
		}
	}
}

// A nullable value may be null, and all else is checked as ever.
func TestNullableIsChecked(t *testing.T) {
	s := mustSchema(t, `{"type":"OBJECT","properties":{"kind":{"type":"STRING","enum":["a","b"],"nullable":true},"n":{"type":"INTEGER"}}}`)
	for answer, ok := range map[string]bool{`{"kind":null}`: true, `{"kind":"a","n":1}`: true, `{"kind":"c"}`: false, `{"n":null}`: false} {
		if _, _, err := s.Read(answer); (err == nil) != ok {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// What is no schema is refused, with its shape and the way out.
func TestNoSchemas(t *testing.T) {
	for text, want := range map[string]string{
		`{"vendor":"ACME","total":12.5,"items":[{"name":"ink"}],"paid":true}`:                          `looks like an example of an answer; as a schema of such answers it might be {"type":"object","properties":{"items":{"type":"array","items":{"type":"object"`,
		`{"type":"invoice","format":"pdf","title":"Bill"}`:                                             "looks like an example",
		`{"vendor":"string","total":"number"}`:                                                         `holds properties alone: total, vendor`,
		`{"vendor":{"type":"string"},"total":{"type":"number"}}`:                                       `holds properties alone: total, vendor; write {"type": "object", "properties"`,
		`{"schema":{"type":"string"},"format":{"type":"string"}}`:                                      "holds properties alone: format, schema",
		`{"vendor":{"type":"string"},"total":"number"}`:                                                "holds properties alone",
		`{"vendor":"ACME","total":"number"}`:                                                           `"total":{"type":"number"}`,
		`{"type":"object","properties":{"vendor":"string"}}`:                                           `/properties/vendor: got string, want boolean or object; write {"type": "string"}`,
		`{"vendor":{"type":"string"}}`:                                                                 "holds properties alone: vendor",
		`{"Invoice":{"type":"object","properties":{"a":{}}},"version":3}`:                              "one seems to stand at /Invoice",
		`{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`:                            `it has the type "record", which there is not, and no properties`,
		`{"openapi":"3.0.0","components":{"schemas":{"Inv":{"type":"object","properties":{"a":{}}}}}}`: "one seems to stand at /components/schemas/Inv",
		`{"type":"object","propertes":{"a":{"type":"string"}}}`:                                        `did you mean "properties"?`,
		`{}`: "says nothing of the answers",
		`{"title":"Invoice","$schema":"http://json-schema.org/draft-07/schema#"}`: "says nothing of the answers",
		`[{"type":"string"},{"type":"number"}]`:                                   "a list of 2",
		`[]`:                                                                      "a list of 0",
		`true`:                                                                    "this one is true",
		`{"schema":"{\"type\":"}`:                                                 "a text, at /schema, that is no JSON",
		`"not JSON"`:                                                              "a text that is no JSON",
		`{"schema":{"a":{"b":1}}}`:                                                "is no JSON Schema",
		`{"json_schema":{"name":"x","schema":{"vendor":{"type":"string"}}}}`: "the schema, at /json_schema/schema, holds properties alone: vendor",
	} {
		s, err := Parse(spec.Schema(text))
		if err == nil {
			t.Errorf("%s is read as %s", text, s.Text)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
	if got := mustSchema(t, `{"type":"array","items":{"type":"string"}}`).Warnings(); len(got) != 1 || !strings.Contains(got[0], "make no columns") {
		t.Errorf("of a list the warnings are %q", got)
	}
	if got := mustSchema(t, jobtest.InvoiceSchema).Warnings(); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
}

func quoted(text string) string {
	q, _ := json.Marshal(text)
	return string(q)
}

// An answer that tried to follow the schema, and failed, does not count as one that ignored it.
func TestIgnored(t *testing.T) {
	for schema, answers := range map[string]map[string]bool{
		jobtest.InvoiceSchema: {
			`The vendor is ACME.`: true, ``: true, `"ACME"`: true, `{"answer":1}`: true, `[1]`: true, "Here: {\"x\":1}": true,
			`{"vendor":7}`: false, `{}`: false, `{"vendor":"ACME","total":1}`: false, "```json\n{\"total\":\"x\"}\n```": false, `{"vendor":"AC`: false,
		},
		`{"type":"array","items":{"type":"string"}}`: {`one, two`: true, `["a"]`: false, `{"a":1}`: false, `7`: false},
	} {
		s := mustSchema(t, schema)
		for text, want := range answers {
			if got := s.Ignored(text); got != want {
				t.Errorf("%s: %q ignores it: %t, want %t", schema, text, got, want)
			}
		}
	}
}
