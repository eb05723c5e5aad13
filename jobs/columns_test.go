package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// What stands under request: arrives at the server as it is written, and what its
// answers hold comes back in columns; as one answer and as a stream.
func TestRequestBringsItsColumns(t *testing.T) {
	answer := func(parts, fields, usage string) string {
		return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"},"finishReason":"STOP"` + fields + `}],` +
			`"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15` + usage + `},"modelVersion":"gemini-3.5-flash"}`
	}
	const text = `{"text":"hello"}`
	for _, tt := range []struct {
		name, request, answer string
		columns               []string // by name, beside those that come by themselves
		want                  map[string]string
	}{
		{
			name: "plain", request: `{}`, answer: answer(text, "", ""),
			want: map[string]string{"response": `"hello"`},
		},
		{
			name: "thoughts", request: `{"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"high"}}}`,
			answer: answer(`{"text":"First ","thought":true},{"text":"think.","thought":true},{"text":"hello","thoughtSignature":"c2ln"}`, "", `,"thoughtsTokenCount":7`),
			want:   map[string]string{"response": `"hello"`, "thoughts": `"First think."`},
		},
		{
			name:    "function call",
			request: `{"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":["f"],"mode":"ANY"}},"tools":[{"functionDeclarations":[{"name":"f","parameters":{"properties":{"max_output_tokens":{"type":"STRING"}},"type":"OBJECT"}}]}]}`,
			answer:  answer(`{"functionCall":{"id":"1","name":"f","args":{"max_output_tokens":"x","n":1.50}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"g"}}`, "", ""),
			want: map[string]string{"response": `""`, "status": `"ok"`,
				"function_calls": `[{"id":"1","name":"f","args":{"max_output_tokens":"x","n":1.50}},{"name":"g"}]`},
		},
		{
			name: "search", request: `{"tools":[{"googleSearch":{"timeRangeFilter":{"startTime":"2026-01-01T00:00:00Z"}}}]}`,
			answer: answer(text, `,"groundingMetadata":{"webSearchQueries":["a","b"],"groundingChunks":[{"web":{"uri":"https://u","title":"U"}}],"groundingSupports":[{"groundingChunkIndices":[0],"segment":{"endIndex":5,"text":"hello"}}]}`, ""),
			want: map[string]string{"search_queries": `["a","b"]`, "sources": `[{"uri":"https://u","title":"U"}]`,
				"supports": `[{"groundingChunkIndices":[0],"segment":{"endIndex":5,"text":"hello"}}]`,
				// 10 * 1.50 + 5 * 9.00 = 60 per million, and two queries at 14 per 1,000
				"cost_usd": `0.02802625`},
		},
		{
			name: "url context", request: `{"tools":[{"urlContext":{}}]}`,
			answer: answer(text, `,"urlContextMetadata":{"urlMetadata":[{"retrievedUrl":"https://u","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_PAYWALL"}]},"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://u"}}]}`, ""),
			want:   map[string]string{"url_context": `[{"retrievedUrl":"https://u","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_PAYWALL"}]`, "cost_usd": `0.00002625`},
		},
		{
			name: "code", request: `{"tools":[{"codeExecution":{}}]}`,
			answer: answer(`{"executableCode":{"language":"PYTHON","code":"print(2)"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2\n"}},`+text, "", `,"toolUsePromptTokenCount":4`),
			want:   map[string]string{"response": `"hello"`, "code": `[{"language":"PYTHON","code":"print(2)","outcome":"OUTCOME_OK","output":"2\n"}]`},
		},
		{
			name: "logprobs", request: `{"generationConfig":{"logprobs":2,"responseLogprobs":true}}`,
			answer: answer(text, `,"avgLogprobs":-0.25,"logprobsResult":{"chosenCandidates":[{"logProbability":-0.25,"token":"hello"}]}`, ""),
			want:   map[string]string{"avg_logprobs": `-0.25`, "logprobs": `[{"chosenCandidates":[{"logProbability":-0.25,"token":"hello"}]}]`},
		},
		{
			name: "candidates", request: `{"generationConfig":{"candidateCount":2}}`,
			answer: strings.Replace(answer(text, "", ""), `}],"usage`, `},{"index":1,"content":{"parts":[{"text":"bye"}]},"finishReason":"STOP"}],"usage`, 1),
			want:   map[string]string{"response": `"hello"`, "candidates": `["hello","bye"]`},
		},
		{
			name: "safety", request: `{"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_ONLY_HIGH"}]}`,
			answer:  answer(text, `,"safetyRatings":[{"category":"HARM_CATEGORY_HARASSMENT","probability":"LOW"}]`, ""),
			columns: []string{"safety_ratings"},
			want:    map[string]string{"safety_ratings": `[{"category":"HARM_CATEGORY_HARASSMENT","probability":"LOW"}]`},
		},
		{
			name: "citations", request: `{"generationConfig":{"seed":42,"stopSequences":["END","\n\n"],"topK":5,"topP":0.9}}`,
			answer:  answer(text, `,"finishMessage":"done","citationMetadata":{"citationSources":[{"endIndex":5,"uri":"https://c"}]}`, ""),
			columns: []string{"citations", "finish_message"},
			want:    map[string]string{"citations": `[{"endIndex":5,"uri":"https://c"}]`, "finish_message": `"done"`},
		},
		{
			name: "tier", request: `{"serviceTier":"flex"}`, answer: answer(text, "", `,"serviceTier":"flex"`),
			want: map[string]string{"service_tier": `"flex"`},
		},
		{
			name: "cache and labels", request: `{"cachedContent":"cachedContents/abc","labels":{"max_output_tokens":"own name","team":"x"}}`,
			answer: answer(text, "", `,"cachedContentTokenCount":8`),
			want:   map[string]string{"cached_tokens": `8`},
		},
		{
			name: "system instruction", request: `{"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}]}}`, answer: answer(text, "", ""),
			want: map[string]string{"response": `"hello"`},
		},
		{
			name: "columns of what is not there", request: `{}`, answer: answer(text, "", ""),
			columns: []string{"thoughts", "function_calls", "sources", "code", "candidates", "logprobs", "avg_logprobs", "note", "service_tier"},
			want: map[string]string{"thoughts": `null`, "function_calls": `null`, "sources": `null`, "code": `null`, "candidates": `["hello"]`,
				"logprobs": `null`, "avg_logprobs": `null`, "note": `null`, "service_tier": `null`},
		},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", tt.name, stream), func(t *testing.T) {
				f := newFixture(t)
				e := newRecorder(t)
				e.answer = func(string) string { return tt.answer }
				f.spec.Endpoint, f.spec.Model, f.spec.Stream, f.spec.RawResponse = e.URL, "gemini-3.5-flash", stream, true
				if err := json.Unmarshal([]byte(tt.request), &f.spec.Request); err != nil {
					t.Fatal(err)
				}
				if len(tt.columns) > 0 {
					f.spec.Columns = append(spec.List{"status", "raw_response"}, tt.columns...)
				}
				f.input("x")
				f.mustRun()
				if got := e.body("x"); got != "gemini-3.5-flash "+tt.request {
					t.Errorf("sent\n%s, want\n%s", got, tt.request)
				}
				text, err := os.ReadFile(f.spec.Output)
				if err != nil {
					t.Fatal(err)
				}
				var row map[string]json.RawMessage
				if err := json.Unmarshal(text, &row); err != nil {
					t.Fatal(err)
				}
				if string(row["status"]) != `"ok"` {
					t.Errorf("status %s: %s", row["status"], row["error"])
				}
				for column, want := range tt.want {
					if got := string(row[column]); got != want {
						t.Errorf("%s is %s, want %s", column, got, want)
					}
				}
				raw := string(row["raw_response"])
				if strings.Contains(tt.answer, "thoughtSignature") && !strings.Contains(raw, `"thoughtSignature":"c2ln"`) {
					t.Errorf("the signature is lost: %s", raw)
				}
				if len(tt.columns) == 0 {
					// No column that nobody asked for.
					for name := range strings.FieldsSeq("thoughts files function_calls url_context code candidates avg_logprobs logprobs safety_ratings citations finish_message service_tier note") {
						if _, there := row[name]; there && tt.want[name] == "" {
							t.Errorf("there is a column %s", name)
						}
					}
				}
			})
		}
	}
}

// The fee of searches is in the cost of rows and of models, comes again from the
// journal, and counts each attempt that searched.
func TestSearchFeesOfAJob(t *testing.T) {
	f := newFixture(t)
	e := newRecorder(t)
	f.spec.Endpoint, f.handler, f.spec.Model = e.URL, e.Config.Handler, "gemini-3.6-flash"
	f.spec.Request = map[string]any{"tools": []any{map[string]any{"googleSearch": map[string]any{}}}}
	empty := true
	e.answer = func(prompt string) string {
		text, reason := prompt, "STOP"
		if prompt == "twice" && empty {
			text, empty = "", false // an empty answer is asked again, and its search is paid
		}
		queries := `["a"]`
		if prompt == "three" {
			queries = `["a","b","c"]`
		}
		grounding := `,"groundingMetadata":{"webSearchQueries":` + queries + `}`
		if prompt == "none" {
			grounding = ""
		}
		return fmt.Sprintf(`{"candidates":[{"content":{"parts":[{"text":%q}]},"finishReason":%q%s}],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":4,"totalTokenCount":104},"modelVersion":"gemini-3.6-flash"}`, text, reason, grounding)
	}
	f.input("none", "one", "three", "twice")
	f.inBubble(func(t *testing.T) {
		s := f.mustRun()
		// 100 tokens in and 4 out: 100 * 0.75 + 4 * 3.75 = 90 per million = 0.00009; a query is 0.014.
		jobtest.Equal(t, "costs", f.output("cost_usd", "attempts"), "9e-05 1", "0.01409 1", "0.04209 1", "0.02818 2")
		for what, totals := range map[string]*cost.Totals{"run": &s.Run, "job": s.Job} {
			searches, fee := totals.SearchFees()
			cost, unknown := totals.CostUSD()
			// 6 queries: 0.084, and 5 attempts: 0.00045
			if searches != 6 || fee.String() != "0.084" || cost.String() != "0.08445" || unknown != 0 {
				t.Errorf("%s: %d searches for %s of %s, %d unknown", what, searches, fee, cost, unknown)
			}
		}
		view, err := View(f.spec, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer view.Close()
		totals, err := view.Export(filepath.Join(f.dir, "again.csv"), "", nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if n, fee := totals.SearchFees(); n != 6 || fee.String() != "0.084" {
			t.Errorf("from the journal: %d searches for %s", n, fee)
		}
		// A price that does not say what searches cost leaves the cost unknown.
		prices := filepath.Join(f.dir, "prices.json")
		if err := os.WriteFile(prices, []byte(`{"models":[{"id":"gemini-3.6-flash","periods":[{"tiers":[{"standard":{"input_text":1,"output_text":1}}]}]}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		f.spec.Prices = prices
		s = f.mustRun()
		jobtest.Equal(t, "costs without a fee", f.output("cost_usd"), "0.000104", "<nil>", "<nil>", "<nil>")
		if cost, unknown := s.Job.CostUSD(); unknown != 4 || cost.String() != "0.000104" {
			t.Errorf("%s, and %d calls of unknown price", cost, unknown)
		}
	})
}

// The note says what was done to get an answer.
func TestNoteColumn(t *testing.T) {
	f := newFixture(t)
	f.spec.Columns = spec.List{"q", "status", "note"}
	f.spec.Request = map[string]any{"generationConfig": map[string]any{"temperature": 0.5}}
	f.e.Reply = func(prompt string, n int) (int, string) {
		if prompt == "b" && n == 1 {
			return 200, `{"candidates":[{"finishReason":"RECITATION"}],"usageMetadata":{"promptTokenCount":1}}`
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	f.input("a", "b")
	f.inBubble(func(t *testing.T) {
		f.mustRun()
		jobtest.Equal(t, "notes", f.output("q", "status", "note"), "a ok <nil>", "b ok asked again after RECITATION, at temperature 0.8")
	})
}

// A slip in the name of a column that only columns: brings about is recognised.
func TestMisspeltColumnIsRecognised(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.spec.Prefix, f.spec.Columns = "x_", []string{"x_citation"}
	_, err := Open(f.spec, Options{Env: noEnv})
	if mistake := (*spec.Error)(nil); !errors.As(err, &mistake) || !strings.HasPrefix(mistake.Hint, `did you mean "x_citations"? there are `) {
		t.Errorf("Open returns %v, want a hint at x_citations", err)
	}
}
