package jobs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

const invoiceSchema = `{
	"type": "object",
	"properties": {
		"vendor": {"type": "string"},
		"total": {"type": "number"},
		"count": {"type": ["integer", "null"]},
		"paid": {"type": "boolean"},
		"kind": {"enum": ["invoice", "receipt"]},
		"due": {"type": "string", "format": "date"},
		"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}
	},
	"required": ["vendor"],
	"additionalProperties": false,
	"$defs": {"item": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}}
}`

func mustSchema(t *testing.T, text string) *answerSchema {
	t.Helper()
	s, err := newAnswerSchema(Schema(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema of a job file comes from a file beside it, or stands there, and its
// properties keep their order.
func TestSchemaOfJobFile(t *testing.T) {
	dir := t.TempDir()
	const want = `{"type":"object","properties":{"zebra":{"type":"string"},"ant":{"type":"number","minimum":0.5},"1":{"enum":["no",null]}},"required":["zebra"]}`
	files := map[string]string{
		"s.json":    "\ufeff" + want + "\n",
		"file.yaml": `extract: {text: "{{.x}}", schema: s.json}`,
		"top.yaml":  "prompt: x\nschema: ./s.json",
		"block.yaml": `
extract:
  text: "{{.x}}"
  schema:
    type: object
    properties:
      zebra: &text {type: string} # comes first
      ant: {type: number, minimum: 0.5}
      1: {enum: ["no", null]}
    required: [zebra]
`,
		"flow.json": `{"prompt": "x", "schema": ` + want + `}`,
	}
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") || name == "flow.json" {
			text = "input: in.jsonl\noutput: out.jsonl\nmodel: m\n" + text
			if name == "flow.json" {
				text = `{"input": "in.jsonl", "output": "o.jsonl", "model": "m", ` + strings.TrimPrefix(files[name], "{")
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file.yaml", "top.yaml", "block.yaml", "flow.json"} {
		s, err := Load(filepath.Join(dir, name))
		if err == nil {
			err = s.check()
		}
		if err == nil {
			err = s.readTexts()
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `"schema":`+want) {
			t.Errorf("%s: the spec is %s", name, text)
		}
		var again Spec
		if err := json.Unmarshal(text, &again); err != nil || string(again.Schema) != want {
			t.Errorf("%s: read again, the schema is %s, %v", name, again.Schema, err)
		}
	}
}

func TestSchemaErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"STRING"}`: "lower case",
		`{"type":"object","properties":{"a":{"minimum":"3"}}}`:    "/properties/a/minimum: got string, want number",
		`{"properties":{"a":{"$ref":"other.json#/x"}}}`:           "another document, other.json",
		`{"properties":{"a":{"$ref":"https://example.com/s"}}}`:   "another document, https://example.com/s",
		`{"properties":{"a":{"$ref":"#/$defs/none"}}}`:            "refers to #/$defs/none, which it does not have",
		`{"properties":{"a":{"type":"string","nullable":true}}}`:  `"nullable" at /properties/a`,
		`{"properties":{"a":{"type":"string"},"a":{}}}`:           `"a" twice, at /properties`,
		`{"properties":{"a":{"pattern":"("}}}`:                    "/properties/a/pattern",
		`{"properties":{"":{"type":"string"}},"type":"object"}`:   "without a name",
		`{"properties":{"status":{"type":"string"}}}`:             `property "status"`,
		`{"type":"object","properties":{"a":{"type":"integr"}}}`:  "/properties/a/type",
		`{"$schema":"https://example.com/other","type":"object"}`: "https://example.com/other",
		`[]`:       "is an object",
		`{"type":`: "no JSON",
	} {
		_, err := prepare(Spec{Input: List{"i.csv"}, Output: "o.csv", Model: "m", Prompt: "x", Schema: Schema(text)}, Options{})
		var mistake *SpecError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		} else if strings.Contains(err.Error(), "schema.invalid") {
			t.Errorf("%s: %v", text, err)
		}
	}
	broken := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(broken, []byte("{\"type\": \"object\",\n  oops}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{broken: "s.json: line 2, column 3: ", broken + "x": "no such file"} {
		_, err := prepare(Spec{Input: List{"i.csv"}, Output: "o.csv", Model: "m", Prompt: "x", Schema: SchemaFile(path)}, Options{})
		var mistake *SpecError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestSchemaContradictions(t *testing.T) {
	for text, want := range map[string]string{
		"classify: {text: x, labels: [a, b]}\nschema: {type: object}":                                       "classify",
		"prompt: x\nschema: {type: object}\nrequest: {generationConfig: {response_schema: {type: STRING}}}": "request.generationConfig.responseSchema are both given",
		"prompt: x\nschema: {type: object}\nrequest: {generationConfig: {responseMimeType: text/plain}}":    "responseMimeType",
		"extract: {text: x, schema: {type: object}}\nschema: {type: object}":                                "both given",
		"extract: {text: x}":                                              "no schema",
		"extract: {schema: {type: object}}":                               "no text",
		"prompt: x\nschema_field: responseSchema":                         "without a schema",
		"prompt: x\nschema: {type: object}\nschema_field: response":       `"response"`,
		"prompt: x\nschema: {type: object}\nschema_field: responseSchema": "without properties",
		"prompt: x\nextract: {text: x}\nschema: {type: object}":           "2 kinds: extract, prompt",
	} {
		_, err := prepare(*load(t, text), Options{})
		var mistake *SpecError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := loadText(t, "input: i.csv\noutput: o.csv\nmodel: m\nprompt: x\nschema: 7\n"); err == nil || !strings.Contains(err.Error(), "JSON Schema") {
		t.Errorf("schema: 7 gives %v", err)
	}
}

func TestSchemaColumns(t *testing.T) {
	for text, want := range map[string][]batch.Column{
		invoiceSchema: {
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
		got, err := (&answerSchema{tree: tree}).columns()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the columns %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestExtractValues(t *testing.T) {
	s := schemaOf(t, invoiceSchema)
	own, err := s.columns()
	if err != nil {
		t.Fatal(err)
	}
	k := &schemaKind{kind: &promptKind{}, answerSchema: s, own: own}
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
		got, note, err := k.values(a)
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
				t.Errorf("%s: the error is long: %q", oneLine(tt.text, 40), err)
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
	k := &schemaKind{kind: &promptKind{}, answerSchema: schemaOf(t, invoiceSchema)}
	v, note, err := k.values(&gemini.Answer{FunctionCalls: []gemini.FunctionCall{{Name: "look_up"}}})
	if v != nil || note != "" || err != nil {
		t.Errorf("%v, %q, %v", v, note, err)
	}
}

// An answer is read in a time that grows with its length, whatever it is made of.
func TestReadLongAnswers(t *testing.T) {
	s := mustSchema(t, invoiceSchema)
	for _, text := range []string{
		strings.Repeat("[", 100_000), strings.Repeat("{", 100_000), strings.Repeat(`{"a":`, 50_000), strings.Repeat("[x] {y} ", 50_000), strings.Repeat("{} ", 50_000),
	} {
		if document, _, err := s.read(text); err == nil {
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
		"kids":{"type":"array","items":{"$ref":"#"}}}}`).warnings()
	if len(got) != 2 || !strings.Contains(got[0], "exclusiveMinimum (/properties/n), pattern (/properties/pattern)") || !strings.Contains(got[1], "refers to itself (#)") {
		t.Errorf("warnings %q", got)
	}
	if got := mustSchema(t, invoiceSchema).warnings(); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
}

func schemaOf(t *testing.T, text string) *answerSchema {
	t.Helper()
	s, err := newAnswerSchema(Schema(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
