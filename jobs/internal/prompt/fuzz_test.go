package prompt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
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
			_, _ = newKind(job{s, Wording})
		}
	})
}

// TestTemplateFunctions tries what templates cannot do: reach files, the environment or
// the network. Package template lists its functions.
func TestTemplateFunctions(t *testing.T) {
	for _, text := range []string{`{{env "HOME"}}`, `{{file "/etc/passwd"}}`, `{{readFile "/etc/passwd"}}`, `{{include "x"}}`, `{{exec "id"}}`, `{{template "/etc/passwd"}}`} {
		s := spec.Spec{Model: "m", Prompt: text}
		k, err := newKind(job{&s, Wording})
		if err == nil {
			_, err = k.templates[0].Render(jobtest.Row("a", "b"))
		}
		if err == nil {
			t.Errorf("%s did something", text)
		}
	}
	// A row's own text is never read as a template, and @ names a file in the job
	// alone.
	s := spec.Spec{Model: "m", Prompt: "{{.a}}"}
	k, err := newKind(job{&s, Wording})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{{.b}}`, "@/etc/passwd"} {
		if got, err := k.templates[0].Render(jobtest.Row("a", text)); err != nil || got != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	// Text that is cut inside of a character is refused, and the way out named.
	s.Prompt = "{{slice .a 0 1}}"
	if k, err = newKind(job{&s, Wording}); err != nil {
		t.Fatal(err)
	}
	if got, err := k.templates[0].Render(jobtest.Row("a", "é")); err == nil {
		t.Errorf("half a character became %q", got)
	}
}
