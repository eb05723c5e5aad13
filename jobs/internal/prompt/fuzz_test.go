package prompt

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

// FuzzLoad loads job files that are any bytes at all: an error is fine, a panic is
// not, and what loads can be checked and its kind be made.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "model: m\nprompt: x\n", "input: [a.csv, b.csv]\noutput: o.csv\nmodel: m\nprompt: '{{.x}}'\nrequest: {generationConfig: {temperature: 0}}\n",
		"classify: {text: '{{.x}}', labels: [a, b]}\n", "classify:\n  text: x\n  labels: {a: b, c: d}\n", "summarize: {text: x, words: 3}\n", "raw: {}\n",
		"input: &a [x]\noutput: *a\n", "a: &a [*a]\n", "<<: {model: m}\n", "- 1\n", "model: [", "model: !!binary x\n", "rpm: 1e999\n", "\t", "\xff\xfe",
		"request: {a: {b: {c: [[[[[1]]]]]}}}\n", "request:\n  ? {a: b}\n  : 1\n", "request: {1: 2, true: 3, ~: 4}\n", "timeout: 5m\nheader: ['a=b']\n", "classify: {labels: 5}\n", "input: !x y\nz: #\n",
		"prompt: x\nschema: {type: object, properties: {b: &a {type: string}, 1: *a}}\n", "extract: {text: x, schema: s.json}\n", "schema: [.inf]\n", "schema: {a: .nan, ~: 0x1F}\n",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "job.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := spec.Load(path)
		if err != nil {
			if s != nil {
				t.Errorf("a Spec came with the error %v", err)
			}
			return
		}
		if s.Check() == nil {
			_, _ = newKind(s)
		}
	})
}

// TestTemplateFunctions lists what templates can call: a function that reaches
// files, the environment or the network must never be among them, since job files
// are passed on. text/template's own have none either.
func TestTemplateFunctions(t *testing.T) {
	jobtest.Equal(t, "functions", slices.Sorted(maps.Keys(templateFuncs)), "default", "join", "json", "lower", "trim", "truncate", "upper")
	for _, text := range []string{`{{env "HOME"}}`, `{{file "/etc/passwd"}}`, `{{readFile "/etc/passwd"}}`, `{{include "x"}}`, `{{exec "id"}}`, `{{template "/etc/passwd"}}`} {
		s := spec.Spec{Model: "m", Prompt: text}
		k, err := newKind(&s)
		if err == nil {
			_, err = k.templates[0].render(jobtest.Row("a", "b"))
		}
		if err == nil {
			t.Errorf("%s did something", text)
		}
	}
	// A row's own text is never read as a template, and @ names a file in the job
	// alone.
	s := spec.Spec{Model: "m", Prompt: "{{.a}}"}
	k, err := newKind(&s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{{.b}}`, "@/etc/passwd"} {
		if got, err := k.templates[0].render(jobtest.Row("a", text)); err != nil || got != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	// Text that is cut inside of a character is refused, and the way out named.
	s.Prompt = "{{slice .a 0 1}}"
	if k, err = newKind(&s); err != nil {
		t.Fatal(err)
	}
	if got, err := k.templates[0].render(jobtest.Row("a", "é")); err == nil {
		t.Errorf("half a character became %q", got)
	}
}

// FuzzSchema reads any schema and any answer: what is taken for a schema can be
// used in every way, and a document that is found fits it.
func FuzzSchema(f *testing.F) {
	for _, schema := range []string{
		jobtest.InvoiceSchema, `{"$ref":"#"}`, `{"type":"object","properties":{"a":{"$ref":"#/properties/a"}}}`, `{"allOf":[{"$ref":"#/allOf/0"}]}`,
		`{"anyOf":[{"$ref":"#/anyOf/1"},{"$ref":"#/anyOf/0"}]}`, `{"items":[{"type":"string"}],"$schema":"http://json-schema.org/draft-07/schema#"}`,
		`{"type":["string","null"],"enum":[1e99,null,{}],"const":[]}`, `{"minimum":1e999999999,"multipleOf":0.1}`, `{"$id":"x","$anchor":"y","properties":{"~/":{"$ref":"#y"}}}`,
	} {
		for _, answer := range []string{jobtest.GoodAnswer, "```json\n{}\n```", `x {"a":1} [2]`, "\ufeff{}", `{"a":1e999999999}`, "```", "[[[", `"x"`} {
			f.Add([]byte(schema), answer)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, answer string) {
		_, _ = schema.OpenAPI(text) // of a row's own request: not checked before
		s, err := schema.Parse(spec.Schema(text))
		if err != nil {
			return
		}
		s.Warnings()
		own, err := s.Columns()
		if err != nil {
			return
		}
		document, _, err := s.Read(answer)
		if err == nil && s.Check(document) != nil {
			t.Errorf("%s is read out of %q, and does not fit", document, answer)
		}
		k := &answerSchema{schema: s, columns: own}
		values, _, err := k.read(&gemini.Answer{Text: answer})
		if err == nil && len(values) != len(own) {
			t.Errorf("%d values for %d columns", len(values), len(own))
		}
	})
}
