package output

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newColumns returns the result columns of a job.
func newColumns(t *testing.T, job string) (Columns, error) {
	t.Helper()
	s := jobtest.Load(t, job)
	if err := s.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	p, err := prompt.New(s, prompt.Wording)
	if err != nil {
		t.Fatal(err)
	}
	return NewColumns(s, p)
}

func columnNames(list []batch.Column) (names []string) {
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

var standardNames = []string{
	"status", "error", "finish_reason", "prompt_tokens", "cached_tokens", "tool_tokens", "thoughts_tokens", "output_tokens", "total_tokens",
	"cost_usd", "model_version", "response_id", "attempts", "latency_ms",
}

// A job has the columns of its kind before the standard ones, and after them the extras
// that its request asks for or that its columns name.
func TestColumnsOfAJob(t *testing.T) {
	const schema = "{type: object, properties: {vendor: {type: string}, total: {type: number}}}"
	for _, tt := range []struct {
		name, job      string
		before, beyond []string // beside response, which classifications lack, and the standard columns
	}{
		{"prompt", "prompt: x", nil, nil},
		{"summarize", "summarize: {text: x}", nil, nil},
		{"raw", "raw: {}", nil, nil},
		{"classify", "classify: {text: x, labels: [a, b]}", []string{"label"}, nil},
		{"classify with confidence", "classify: {text: x, labels: [a, b], confidence: true}", []string{"label", "confidence"}, nil},
		{"classify, with the answer", "classify: {text: x, labels: [a, b]}\ncolumns: [label, response]", []string{"response", "label"}, nil},
		{"known labels", "classify: {text: x, labels: [a, b]}\nexpected: y", []string{"label", "correct"}, nil},
		{"extract", "extract: {text: x}\nschema: " + schema, []string{"vendor", "total"}, nil},
		{"the raw response", "prompt: x\nraw_response: true", nil, []string{"raw_response"}},
		{"thoughts", "prompt: x\nrequest: {generationConfig: {thinkingConfig: {includeThoughts: true}}}", nil, []string{"thoughts"}},
		{"no thoughts", "prompt: x\nrequest: {generationConfig: {thinkingConfig: {includeThoughts: false}}}", nil, nil},
		{"thoughts in snake case", "prompt: x\nrequest: {generation_config: {thinking_config: {include_thoughts: true}}}", nil, []string{"thoughts"}},
		{"thoughts by row", "prompt: x\nset: {generationConfig.thinkingConfig.includeThoughts: '{{.y}}'}", nil, []string{"thoughts"}},
		{"search", "prompt: x\nrequest: {tools: [{googleSearch: {}}]}", nil, []string{"search_queries", "sources", "supports"}},
		{"functions", "prompt: x\nrequest: {tools: [{functionDeclarations: [{name: f}]}]}", nil, []string{"function_calls"}},
		{"tools", "prompt: x\nrequest: {tools: [{urlContext: {}}, {codeExecution: {}}]}", nil, []string{"url_context", "code"}},
		{"candidates", "prompt: x\nrequest: {generationConfig: {candidateCount: 2}}", nil, []string{"candidates"}},
		{"logprobs", "prompt: x\nrequest: {generationConfig: {responseLogprobs: true}}", nil, []string{"avg_logprobs", "logprobs"}},
		{"sounds", "prompt: x\nrequest: {generationConfig: {responseModalities: [AUDIO]}}", nil, []string{"files"}},
		{"text", "prompt: x\nrequest: {generationConfig: {responseModalities: [TEXT]}}", nil, nil},
		{"a tier", "prompt: x\ntier: [flex]", nil, []string{"service_tier"}},
		{"a tier in the request", "prompt: x\nrequest: {serviceTier: flex}", nil, []string{"service_tier"}},
		{"extras by name", "prompt: x\ncolumns: [note, safety_ratings, response]", nil, []string{"safety_ratings", "note"}},
	} {
		columns, err := newColumns(t, tt.job)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		answer := []string{"response"}
		if strings.HasPrefix(tt.job, "classify") {
			answer = nil
		}
		jobtest.Equal(t, tt.name, columnNames(columns.Names()), slices.Concat(answer, tt.before, standardNames, tt.beyond)...)
		if columns.files() != slices.Contains(tt.beyond, "files") {
			t.Errorf("%s: the job has files: %v", tt.name, columns.files())
		}
	}
}

// Models that draw or speak say so by their names.
func TestModelsThatMakeMedia(t *testing.T) {
	for model, want := range map[string]bool{
		"gemini-2.5-flash-image": true, "gemini-2.5-flash-preview-tts": true, "gemini-2.5-flash": false, "imagen-like": false,
	} {
		if got := makesMedia(askedOf(&spec.Spec{Model: model, Request: map[string]any{"model": "x-image"}})); got != want {
			t.Errorf("%s makes media: %v, want %v", model, got, want)
		}
	}
}

// All result columns have the prefix, and no two one name. A property of the schema that
// is named like another result column is refused.
func TestPrefixAndClash(t *testing.T) {
	columns, err := newColumns(t, "prompt: x\nprefix: ai_\ncolumns: [ai_note, note]")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range columnNames(columns.Names()) {
		if !strings.HasPrefix(name, "ai_") {
			t.Errorf("%s lacks the prefix", name)
		}
	}
	const schema = "extract: {text: x}\nschema: {type: object, properties: {%s: {type: string}}}\n"
	for _, name := range []string{"status", "response"} {
		for _, prefix := range []string{"", "prefix: ai_"} {
			_, err := newColumns(t, fmt.Sprintf(schema, name)+prefix)
			if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), name) {
				t.Errorf("a property %s: %v", name, err)
			}
		}
	}
	// An extra gives way to a property of its name.
	columns, err = newColumns(t, fmt.Sprintf(schema, "note")+"columns: [note]")
	if n := len(columns.list); err != nil || n != 2+len(standardNames) {
		t.Errorf("a property named like an extra: %d columns, %v", n, err)
	}
}

// The standard columns and the extras take their values from one answer. Without one they
// are null, each of them.
func TestValues(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'\nraw_response: true\ncolumns: [thoughts, function_calls, search_queries, sources, supports, url_context, code, "+
		"candidates, avg_logprobs, logprobs, safety_ratings, citations, finish_message, service_tier, note, response, "+
		strings.Join(standardNames, ", ")+", raw_response]", "a", "b")
	const response = `{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"hi"},{"functionCall":{"name":"f"}},` +
		`{"executableCode":{"language":"PYTHON","code":"1"}}],"role":"model"},"finishReason":"STOP","finishMessage":"done","avgLogprobs":-0.5,` +
		`"logprobsResult":{"x":1},"safetyRatings":[{"y":1}],"citationMetadata":{"citationSources":[{"z":1}]},` +
		`"groundingMetadata":{"webSearchQueries":["w"],"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[{"v":1}]},` +
		`"urlContextMetadata":{"urlMetadata":[{"r":1}]}}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":1,` +
		`"cachedContentTokenCount":3,"toolUsePromptTokenCount":4,"totalTokenCount":12},"modelVersion":"v","responseId":"i"}`
	var r *batch.Result
	for it, err := range f.deriver.List.Items() {
		if err != nil {
			t.Fatal(err)
		}
		r = &batch.Result{
			Fingerprint: it.Request.Fingerprint, Row: 1, Status: batch.OK, Note: "shortened", Model: f.spec.Model, FinishReason: "STOP",
			ModelVersion: "v", ResponseID: "i", At: at, LatencyMS: 7, Attempts: 2, Response: []byte(response),
			Spent: []batch.Spend{{At: at, Model: f.spec.Model, Tier: "standard", Usage: &batch.Usage{}}, {At: at, Model: f.spec.Model, Tier: "flex", Usage: &batch.Usage{}}},
		}
		break
	}
	if err := f.journal.Write([]*batch.Result{r}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"response": "hi", "status": "ok", "finish_reason": "STOP", "prompt_tokens": "5", "cached_tokens": "3", "tool_tokens": "4", "thoughts_tokens": "1",
		"output_tokens": "2", "total_tokens": "12", "cost_usd": "0", "model_version": "v", "response_id": "i", "attempts": "2", "latency_ms": "7",
		"thoughts": "hm", "function_calls": `[{"name":"f"}]`, "search_queries": `["w"]`, "sources": `[{"uri":"u"}]`, "supports": `[{"v":1}]`,
		"url_context": `[{"r":1}]`, "code": `[{"language":"PYTHON","code":"1"}]`, "candidates": `["hi"]`, "avg_logprobs": "-0.5",
		"logprobs": `[{"x":1}]`, "safety_ratings": `[{"y":1}]`, "citations": `[{"z":1}]`, "finish_message": "done", "service_tier": "flex",
		"note": "shortened", "raw_response": response,
	}
	lines, err := f.derived(t.Context())
	if err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, name := range f.spec.Columns {
		value := func(line int) string { return f.values(lines[line:line+1], name)[0] }
		if name == "error" {
			want[name] = "null"
		}
		if got := value(0); got != want[name] {
			t.Errorf("%s is %s, want %s", name, got, want[name])
		}
		if pending := value(1); pending != "null" && name != "status" {
			t.Errorf("%s of a pending row is %s", name, pending)
		}
	}
}

// Pick keeps the order in which columns are named, within those of the input and the
// results. A name that is none of them is refused, with what was probably meant.
func TestPick(t *testing.T) {
	input, result := []batch.Column{{Name: "id"}, {Name: "a,b"}}, []batch.Column{{Name: "ai_response"}, {Name: "ai_status"}}
	for _, tt := range []struct {
		columns []string
		in, out string
		hint    string // of the refusal
	}{
		{nil, "[0 1]", "[0 1]", ""},
		{[]string{"ai_status", "a,b", "ai_response", "id"}, "[1 0]", "[1 0]", ""},
		{[]string{"ai_status"}, "[]", "[1]", ""},
		{[]string{"idd"}, "", "", `did you mean "id"? `},
		{[]string{"ai_thought"}, "", "", `did you mean "ai_thoughts"? `},
		{[]string{"id,ai_status"}, "", "", "repeat --columns for each column; "},
		{[]string{"quite another"}, "", "", `there are `},
	} {
		in, out, err := Pick(&spec.Spec{Prefix: "ai_", Columns: tt.columns}, input, result)
		if tt.hint != "" {
			if e, ok := errors.AsType[*spec.Error](err); !ok || !strings.HasPrefix(e.Hint, tt.hint) {
				t.Errorf("%q: %v, want a hint that begins with %q", tt.columns, err, tt.hint)
			}
			continue
		}
		if err != nil || fmt.Sprint(in) != tt.in || fmt.Sprint(out) != tt.out {
			t.Errorf("%q: %v and %v, %v, want %s and %s", tt.columns, in, out, err, tt.in, tt.out)
		}
	}
}
