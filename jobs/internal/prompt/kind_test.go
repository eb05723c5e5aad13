package prompt

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// body renders a row with a job's kind.
func body(t *testing.T, s *spec.Spec, r *batch.Row) string {
	t.Helper()
	if err := s.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	k, err := newKind(job{s, Wording})
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.render(r, s.Model)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b) {
		t.Fatalf("the body is no JSON: %s", b)
	}
	return string(b)
}

func TestPromptBody(t *testing.T) {
	s := jobtest.Load(t, `
prompt: "Rate {{.a}} & \"{{.b}}\""
system: "You rate {{.b}}"
max_output_tokens: 9
request:
  generation_config: {temperature: 0.5, thinkingConfig: {thinkingBudget: 0}}
  safetySettings: [{category: HARM_CATEGORY_HARASSMENT, threshold: BLOCK_NONE}]
`)
	jobtest.SameJSON(t, body(t, s, jobtest.Row("a", "x\n\"y\"", "b", "ü<z>")), `{
		"contents": [{"role": "user", "parts": [{"text": "Rate x\n\"y\" & \"ü<z>\""}]}],
		"systemInstruction": {"parts": [{"text": "You rate ü<z>"}]},
		"generationConfig": {"temperature": 0.5, "thinkingConfig": {"thinkingBudget": 0}, "maxOutputTokens": 9},
		"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}`)
}

func TestClassifyBody(t *testing.T) {
	s := jobtest.Load(t, `
classify:
  text: "{{.body}}"
  labels: {positive: praises the product, negative: complains, neutral: }
request: {generationConfig: {temperature: 0}}
`)
	got := body(t, s, jobtest.Row("body", "fine"))
	var b struct {
		Contents          []struct{ Parts []struct{ Text string } }
		SystemInstruction struct{ Parts []struct{ Text string } }
		GenerationConfig  struct {
			Temperature      *float64
			ResponseMimeType string
			ResponseSchema   struct {
				Type string
				Enum []string
			}
		}
	}
	if err := json.Unmarshal([]byte(got), &b); err != nil {
		t.Fatal(err)
	}
	if b.Contents[0].Parts[0].Text != "fine" || b.GenerationConfig.ResponseMimeType != "text/x.enum" ||
		strings.Join(b.GenerationConfig.ResponseSchema.Enum, " ") != "positive negative neutral" || b.GenerationConfig.Temperature == nil {
		t.Errorf("body %s", got)
	}
	if text := b.SystemInstruction.Parts[0].Text; !strings.Contains(text, "- positive: praises the product\n- negative: complains\n- neutral") {
		t.Errorf("instruction %q", text)
	}
}

// The texts that kinds put around a row are part of each row's fingerprint: a
// change of theirs buys every job again. Where one must change, wording is
// counted up and the old text stays for the jobs that began with it.
func TestWordingIsPinned(t *testing.T) {
	tests := map[string]string{
		"classify: {text: '{{.x}}', labels: [a, b]}":                                          "f094c5b5",
		"classify: {text: '{{.x}}', labels: {a: one, b: two}}\nsystem: be brief":              "e72f22a2",
		"summarize: {text: '{{.x}}'}":                                                         "1e6350c7",
		"summarize: {text: '{{.x}}', words: 40, language: German, style: bullets}":            "e0077105",
		"summarize: {text: '{{.x}}', sentences: 1, style: headline}":                          "cf9e593d",
		"summarize: {text: '{{.x}}', sentences: 2, style: 'for children', language: English}": "5728540c",
		"prompt: '{{.x}}'": "64fde551",
		"extract: {text: '{{.x}}', schema: {type: object, properties: {a: {type: string}}}}":                   "2b24c5f4",
		"extract: {text: '{{.x}}'}\nschema: {type: object, properties: {a: {type: string}}}\nsystem: be brief": "26ab9a71",
	}
	for text, want := range tests {
		f, err := batch.FingerprintOf("m", []byte(body(t, jobtest.Load(t, text), jobtest.Row("x", "hello"))))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String()[:8]; got != want {
			t.Errorf("%s has fingerprint %s, and had %s", text, got, want)
		}
	}
}

func TestClassifyValues(t *testing.T) {
	k := &Classification{Questions: []*Question{{labels: []string{"positive", "very negative", "N/A", "U.S."}}}}
	for text, want := range map[string]string{
		"positive": "positive", " Positive\n": "positive", `"very negative"`: "very negative", "`n/a`": "N/A", "positive.": "positive", "U.S.": "U.S.", "**u.s**": "U.S.",
		"neutral": "", "": "", "positive, very negative": "", "I think it is positive": "",
	} {
		v, _, err := k.read(&gemini.Answer{Text: text})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is taken for %v", text, v)
		case want != "" && (err != nil || v[0] != want):
			t.Errorf("%q gives %v, %v; want %q", text, v, err, want)
		}
	}
}
