package template

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestTemplate(t *testing.T) {
	r := jobtest.Row("body", "  Great <b>&amp; \"fine\"  ", "n", json.Number("1.50"), "odd name", "x", "none", nil,
		"list", json.RawMessage(`["a","b"]`), "deep", json.RawMessage(`{"a":{"b":7}}`), "ok", true,
		"holes", json.RawMessage(`[1,null]`), "void", json.RawMessage(`{"x":null}`))
	tests := []struct{ text, want string }{
		{"{{.body}}", "  Great <b>&amp; \"fine\"  "}, // nothing is escaped
		{"{{trim .body | upper}}", `GREAT <B>&AMP; "FINE"`},
		{"{{.n}}", "1.50"}, // as the input wrote it
		{`{{index . "odd name"}}`, "x"},
		{"[{{.none}}]", "[]"},
		{`{{default "?" .none}}`, "?"},
		{`{{join ", " .list}}`, "a, b"},
		{"{{range .list}}<{{.}}>{{end}}", "<a><b>"},
		{"{{range .list}}{{$.n}}{{end}}", "1.501.50"},
		{"{{.deep.a.b}}", "7"},
		{"{{json .deep}}", `{"a":{"b":7}}`},
		{"{{if .ok}}yes{{else}}no{{end}}", "yes"},
		{"{{truncate 5 (trim .body)}}", "Great"},
		{"{{truncate 99 .n}}", "1.50"},
		{"{{with .deep}}{{.a.b}}{{end}}", "7"},
		{"{{range .holes}}[{{.}}]{{end}}{{if .void.x}}!{{end}}{{.void.x}}{{json .void}}", `[1][]{"x":null}`},
		{`{{json .none}}{{if eq .none ""}}=""{{end}}`, `null=""`},
		{`{{default "?" .void.x}}`, "?"},
	}
	for _, tt := range tests {
		tmpl, err := New("prompt", tt.text, Latest)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got, err := tmpl.Render(r); err != nil || got != tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
	whole, err := New("prompt", "{{json .}}", Latest)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := whole.Render(jobtest.Row("a", "x", "b", nil)); err != nil || got != `{"a":"x","b":null}` {
		t.Errorf("{{json .}} = %s, %v", got, err)
	}
}

func TestTemplateColumns(t *testing.T) {
	tests := []struct {
		text string
		uses []string
		all  bool
	}{
		{"{{.a}} {{.b.c}}", []string{"a", "b"}, false},
		{`{{index . "odd name"}}{{index $ "x" 1}}`, []string{"odd name", "x"}, false},
		{"{{range .list}}{{.inner}}{{$.outer}}{{else}}{{.empty}}{{end}}", []string{"list", "outer", "empty"}, false},
		{"{{with .w}}{{.inner}}{{end}}", []string{"w"}, false},
		{"{{if and .a (eq .b 1)}}{{.c | upper}}{{end}}", []string{"a", "b", "c"}, false},
		{"{{json .}}", nil, true},
		{"{{range $i, $x := .l}}{{$x}}{{$i}}{{end}}", []string{"l"}, false},
		{"{{(index .l 0).name}}", []string{"l"}, false},
	}
	for _, tt := range tests {
		tmpl, err := New("prompt", tt.text, Latest)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if !slices.Equal(tmpl.uses, tt.uses) || tmpl.all != tt.all {
			t.Errorf("%s uses %q (all: %v), want %q (%v)", tt.text, tmpl.uses, tmpl.all, tt.uses, tt.all)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{{.a":                    "unclosed action",
		"{{env \"HOME\"}}":        `prompt calls "env", which is no function`,
		"{{readFile \"/etc/x\"}}": `prompt calls "readFile", which is no function`,
		"{{body}}":                `did you mean {{.body}}? the input has id, body, user name`,
		"{{user name}}":           `write {{index . "user name"}}`,
		"{{uper .body}}":          "did you mean upper?",
		"\xff":                    "UTF-8",
	} {
		r, err := New("prompt", text, Latest)
		if err == nil {
			err = r.CheckColumns([]string{"id", "body", "user name"})
		}
		var spec *spec.Error
		if !errors.As(err, &spec) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "prompt") {
			t.Errorf("%q: error %v, want a SpecError with %q", text, err, want)
		}
	}
	tmpl, err := New("prompt", "{{.reveiw}}", Latest)
	if err != nil {
		t.Fatal(err)
	}
	if err := tmpl.CheckColumns([]string{"id", "review"}); err == nil || !strings.Contains(err.Error(), `did you mean "review"?`) {
		t.Errorf("error %v, want the near match", err)
	}
	if _, err := tmpl.Render(jobtest.Row("id", "1")); err == nil || !strings.Contains(err.Error(), `no column "reveiw"`) {
		t.Errorf("error %v, want the missing column", err)
	}
	deep, err := New("prompt", "{{.a.b}}", Latest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deep.Render(jobtest.Row("a", json.RawMessage(`{"c":1}`))); err == nil {
		t.Error("a missing member of an object is rendered")
	}
}

// Files are read once, so that a job stays what it was when it is looked at from
// another folder, or after the file was edited.
func TestTextFiles(t *testing.T) {
	dir := t.TempDir()
	for file, content := range map[string]string{"prompt.txt": "Say {{.x}}\n", "at.txt": "@{{.x}} says", "job.yaml": "prompt: '@prompt.txt'\nsystem: '@at.txt'\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := spec.Load(filepath.Join(dir, "job.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadFiles(); err != nil { // as when job.json is read
		t.Fatal(err)
	}
	for want, text := range map[string]string{"Say hi\n": s.Prompt, "@hi says": s.System} {
		tmpl, err := New("prompt", text, Latest)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tmpl.Render(jobtest.Row("x", "hi")); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	s.Prompt = "@/does/not/exist"
	if err := s.ReadFiles(); err == nil || !strings.Contains(err.Error(), "prompt: open /does/not/exist") {
		t.Errorf("error %v", err)
	}
}
