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
	k, err := newKind(s)
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
	k := &Classification{labels: []string{"positive", "very negative", "N/A", "U.S."}}
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

func TestRawBody(t *testing.T) {
	request := `{"contents":[{"parts":[{"text":"hi"}]}],"generation_config":{"top_k":40,"temperature":0.70}}`
	plain := jobtest.Load(t, "raw: {}")
	for name, r := range map[string]*batch.Row{
		"Gemini Batch line": jobtest.Row("key", "k1", "request", json.RawMessage(request)),
		"text column":       jobtest.Row("request", request),
		"the row itself":    {Raw: []byte(request), Columns: []batch.Column{{Name: "contents"}}, Values: []any{nil}},
	} {
		if got := body(t, plain, r); got != request {
			t.Errorf("%s: %s", name, got)
		}
	}
	column := jobtest.Load(t, "raw: {column: body}")
	if got := body(t, column, jobtest.Row("body", request)); got != request {
		t.Errorf("column: %s", got)
	}

	// What the job adds, a row's own fields override; its numbers stay as written.
	defaults := jobtest.Load(t, "raw: {}\nmax_output_tokens: 5\nrequest: {generationConfig: {temperature: 0, seed: 1}}")
	got := body(t, defaults, jobtest.Row("request", json.RawMessage(`{"model":"models/m","contents":[],"generation_config":{"temperature":0.70}}`)))
	if !strings.Contains(got, `"temperature":0.70`) || strings.Contains(got, `"model"`) {
		t.Errorf("merged body %s", got)
	}
	jobtest.SameJSON(t, got, `{"contents":[],"generationConfig":{"temperature":0.7,"seed":1,"maxOutputTokens":5}}`)

	k, err := newKind(plain)
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]*batch.Row{
		`no column "request"`: jobtest.Row("x", "y"),
		"is empty":            jobtest.Row("request", nil),
		"no JSON object":      jobtest.Row("request", "[1]"),
		"for model":           jobtest.Row("request", json.RawMessage(`{"model":"other","contents":[]}`)),
		"no request":          jobtest.Row("request", json.Number("7")),
	} {
		if b, err := k.render(r, plain.Model); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v gives %s, %v; want %q", r.Values, b, err, want)
		}
	}
}

func TestEstimateTokens(t *testing.T) {
	prompt := `{"contents":[{"parts":[{"text":"` + strings.Repeat("word ", 400) + `"}],"role":"user"}]}`
	if n := EstimateTokens([]byte(prompt)); n < 480 || n > 520 {
		t.Errorf("2,000 letters are %d tokens, want about 500", n)
	}
	if n := EstimateTokens([]byte(`{"x":"` + strings.Repeat("語", 1000) + `"}`)); n < 700 || n > 900 {
		t.Errorf("1,000 characters of Japanese are %d tokens, want about 800", n)
	}
	image := `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"` + strings.Repeat("A", 1<<20) + `"}}]}]}`
	if n := EstimateTokens([]byte(image)); n > 400 {
		t.Errorf("an image of 1 MiB is %d tokens, want about 258", n)
	}
}
