package prompt

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

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

	k, err := newKind(job{plain, Wording})
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
