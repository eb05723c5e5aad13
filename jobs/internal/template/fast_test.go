package template

import (
	"encoding/json"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// A template of segments makes the same text, and the same errors, as text/template does.
func TestFastTemplates(t *testing.T) {
	row := &batch.Row{
		Columns: []batch.Column{{Name: "a"}, {Name: "n"}, {Name: "none"}, {Name: "list"}, {Name: "yes"}, {Name: "f"}, {Name: "a"}},
		Values:  []any{"first", json.Number("1.50"), nil, json.RawMessage(`["x"]`), true, 0.5, "<last> & \"it\""},
	}
	for text, fast := range map[string]bool{
		"{{.a}}":                         true,
		"A: {{.a}}, {{ .n }}.{{- .a -}}": true,
		"only words":                     true,
		"{{.none}} and {{.list}}":        true,
		"{{.yes}} {{.f}}":                true,
		"{{.missing}}":                   true,
		"":                               false,
		"{{.a | upper}}":                 false,
		"{{.a.b}}":                       false,
		"{{json .}}":                     false,
		"{{$x := .a}}{{$x}}":             false,
		"{{if .a}}{{.n}}{{end}}":         false,
		"{{/* nothing */}}{{.a}}":        true,
		`{{index . "a"}}`:                false,
	} {
		r, err := New("prompt", text, Latest)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(r.fast) > 0; got != fast {
			t.Errorf("%q: fast is %t", text, got)
		}
		got, gotErr := r.Render(row)
		r.fast = nil
		want, wantErr := r.Render(row)
		if got != want || (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
			t.Errorf("%q is %q, %v; want %q, %v", text, got, gotErr, want, wantErr)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	row := &batch.Row{Columns: []batch.Column{{Name: "id"}, {Name: "text"}}, Values: []any{json.Number("12"), jobtest.BenchText(12)}}
	for _, c := range []struct{ name, text string }{
		{"simple", "Summarize in one sentence: {{.text}}"},
		{"other", "Summarize in one sentence: {{trim .text}}"},
	} {
		r, err := New("prompt", c.text, Latest)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Render(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
