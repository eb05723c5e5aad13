package jobs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestSchemaErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"text"}`:                                         "in lower case",
		`{"properties":{"a":{"type":"text"}}}`:                    "lower case",
		`{"vendor":"ACME","total":12.5}`:                          "looks like an example of an answer",
		`{"type":"object","properties":{"a":{"minimum":"3"}}}`:    "/properties/a/minimum: got string, want number",
		`{"properties":{"a":{"$ref":"other.json#/x"}}}`:           "another document, other.json",
		`{"properties":{"a":{"$ref":"https://example.com/s"}}}`:   "another document, https://example.com/s",
		`{"properties":{"a":{"$ref":"#/$defs/none"}}}`:            "refers to #/$defs/none, which it does not have",
		`{"properties":{"a":{"type":"string"},"a":{}}}`:           `"a" twice, at /properties`,
		`{"properties":{"a":{"pattern":"("}}}`:                    "/properties/a/pattern",
		`{"properties":{"":{"type":"string"}},"type":"object"}`:   "without a name",
		`{"properties":{"status":{"type":"string"}}}`:             `property "status"`,
		`{"type":"object","properties":{"a":{"type":"integr"}}}`:  "/properties/a/type",
		`{"$schema":"https://example.com/other","type":"object"}`: "https://example.com/other",
		`[]`:       "is an object",
		`{"type":`: "no JSON",
	} {
		_, err := prepare(spec.Spec{Input: spec.List{"i.csv"}, Output: "o.csv", Model: "m", Prompt: "x", Schema: spec.Schema(text)}, Options{})
		var mistake *spec.Error
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
		_, err := prepare(spec.Spec{Input: spec.List{"i.csv"}, Output: "o.csv", Model: "m", Prompt: "x", Schema: spec.SchemaFile(path)}, Options{})
		var mistake *spec.Error
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
		_, err := prepare(*jobtest.Load(t, text), Options{})
		var mistake *spec.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := jobtest.LoadText(t, "input: i.csv\noutput: o.csv\nmodel: m\nprompt: x\nschema: 7\n"); err == nil || !strings.Contains(err.Error(), "JSON Schema") {
		t.Errorf("schema: 7 gives %v", err)
	}
}
