package repair

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// oneOutcome is a Model whose attempts all come to the same.
type oneOutcome batch.Outcome

func (o oneOutcome) Attempt(context.Context, *batch.Request) batch.Outcome { return batch.Outcome(o) }

// noRoom is an empty MAX_TOKENS answer, after so many tokens of thinking.
func noRoom(thoughts int64) oneOutcome {
	return oneOutcome{
		Consequence: batch.Settled, Status: batch.Truncated, FinishReason: "MAX_TOKENS",
		Err: &batch.Error{Kind: batch.KindAnswer, HTTPStatus: 200, Message: "no room"}, Usage: &batch.Usage{ThoughtsTokenCount: thoughts},
	}
}

var recited = oneOutcome{
	Consequence: batch.Retry, Status: batch.Blocked, FinishReason: "RECITATION", MaxRetries: 2,
	Err: &batch.Error{Kind: batch.KindContent, HTTPStatus: 200, Message: "recited"},
}

func TestChangedBody(t *testing.T) {
	for _, tt := range []struct {
		name   string
		model  string
		config string // the request's generationConfig
		o      oneOutcome
		want   string // generationConfig of the next attempt; empty: no change
	}{
		{"thinking off", "gemini-2.5-flash", `{"maxOutputTokens":100}`, noRoom(96), `{"maxOutputTokens":100,"thinkingConfig":{"thinkingBudget":0}}`},
		{"no limit of its own", "gemini-2.5-flash", `{}`, noRoom(65535), `{"thinkingConfig":{"thinkingBudget":0}}`},
		{"summaries are kept", "models/gemini-2.5-flash-preview-09-2025", `{"thinkingConfig":{"includeThoughts":true}}`, noRoom(9),
			`{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":0}}`},
		{"never off", "gemini-2.5-pro", `{"maxOutputTokens":100}`, noRoom(96), `{"maxOutputTokens":1124,"thinkingConfig":{"thinkingBudget":128}}`},
		{"never off, no limit", "gemini-3.7-flash", `{"temperature":0}`, noRoom(65535), `{"temperature":0,"thinkingConfig":{"thinkingLevel":"low"}}`},
		{"by level", "publishers/google/models/gemini-3.5-flash", `{"maxOutputTokens":2000}`, noRoom(2000),
			`{"maxOutputTokens":8000,"thinkingConfig":{"thinkingLevel":"minimal"}}`},
		{"usage not reported", "gemini-2.5-flash", `{"maxOutputTokens":9}`,
			oneOutcome{Consequence: batch.Settled, Status: batch.Truncated, FinishReason: "MAX_TOKENS"}, `{"maxOutputTokens":9,"thinkingConfig":{"thinkingBudget":0}}`},
		{"not for thinking", "gemini-2.5-flash", `{"maxOutputTokens":1}`, noRoom(0), `{"maxOutputTokens":1025}`},
		{"off by default", "gemini-2.5-flash-lite", `{"maxOutputTokens":1}`, noRoom(1), `{"maxOutputTokens":1025}`},
		{"the user's own thinking", "gemini-2.5-flash", `{"maxOutputTokens":500,"thinkingConfig":{"thinkingBudget":-1}}`, noRoom(500),
			`{"maxOutputTokens":2000,"thinkingConfig":{"thinkingBudget":-1}}`},
		{"snake case", "gemini-3.6-flash", `{"max_output_tokens":"500","thinking_config":{"thinking_level":"high"}}`, noRoom(500),
			`{"maxOutputTokens":2000,"thinkingConfig":{"thinking_level":"high"}}`},
		{"up to the model's limit", "gemini-2.0-flash", `{"maxOutputTokens":8000}`, noRoom(1), `{"maxOutputTokens":8192}`},
		{"of one unary answer", "gemini-4-argon", `{"maxOutputTokens":32000}`, noRoom(32000),
			`{"maxOutputTokens":32768,"thinkingConfig":{"thinkingLevel":"low"}}`},
		{"an unknown model", "house-model", `{"maxOutputTokens":60000}`, noRoom(60000), `{"maxOutputTokens":65536}`},
		{"an alias that says it", "gemini-2.5-flash-thinking", `{"maxOutputTokens":100}`, noRoom(100), `{"maxOutputTokens":1124}`},
		{"an image model", "gemini-2.5-flash-image", `{}`, noRoom(1), ""},
		{"at the limit", "house-model", `{"maxOutputTokens":65536}`, noRoom(65536), ""},
		{"nothing to change", "gemini-2.5-flash", `{"thinkingConfig":{"thinkingBudget":100}}`, noRoom(100), ""},

		{"warmer", "gemini-2.5-flash", `{"temperature":0,"seed":12345678901234567}`, recited, `{"seed":12345678901234567,"temperature":0.3}`},
		{"warmer than the default", "gemini-3-flash-preview", `{}`, recited, `{"temperature":1.3}`},
		{"no hotter than that", "gemini-2.5-flash", `{"temperature":1.4}`, recited, `{"temperature":1.5}`},
		{"hot already", "gemini-2.5-flash", `{"temperature":1.5}`, recited, ""},
		{"ignored by the model", "gemini-3.6-flash", `{"temperature":0}`, recited, ""},
		{"perhaps refused by the model", "house-model", `{}`, recited, ""},
		{"set by the request", "house-model", `{"temperature":0.2}`, recited, `{"temperature":0.5}`},

		{"malformed call", "gemini-2.5-flash", `{}`, oneOutcome{Consequence: batch.Retry, FinishReason: "MALFORMED_FUNCTION_CALL", MaxRetries: 2}, ""},
		{"empty", "gemini-2.5-flash", `{"maxOutputTokens":5}`, oneOutcome{Consequence: batch.Retry, Status: batch.Empty, FinishReason: "STOP"}, ""},
		{"cut in the text", "gemini-2.5-flash", `{"maxOutputTokens":5}`,
			oneOutcome{Consequence: batch.Answered, Status: batch.Truncated, FinishReason: "MAX_TOKENS"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"contents":[{"parts":[{"text":"a < b"}]}],"generationConfig":` + tt.config + `}`
			r := &batch.Request{Model: tt.model, Body: json.RawMessage(body)}
			o := changingModel{tt.o, price.Default(), false}.Attempt(t.Context(), r)
			if tt.want == "" {
				if o.Next != nil || o.Consequence != tt.o.Consequence {
					t.Errorf("%+v, changed to %+v", o, o.Next)
				}
				return
			}
			want := `{"contents":[{"parts":[{"text":"a < b"}]}],"generationConfig":` + tt.want + `}`
			if o.Next == nil || o.Consequence != batch.Retry {
				t.Fatalf("no change: %+v", o)
			}
			if got := string(o.Next.Body); got != want {
				t.Errorf("the next body is\n%s, want\n%s", got, want)
			}
			if string(r.Body) != body {
				t.Error("the row's own body was changed")
			}
			if tt.o.FinishReason == "MAX_TOKENS" { // once
				r.Changes = []batch.Change{*o.Next}
				if o := (changingModel{tt.o, price.Default(), false}).Attempt(t.Context(), r); o.Next != nil || o.Consequence != batch.Settled {
					t.Errorf("changed a second time: %+v", o)
				}
			}
		})
	}
}

// Models behind a name of the endpoint's own are known by what they answer with.
func TestControlsOfTheModelThatAnswers(t *testing.T) {
	o := noRoom(10)
	o.ModelVersion = "gemini-3.8-flash"
	r := &batch.Request{Model: "gemini-flash-latest", Body: json.RawMessage(`{}`)}
	got := changingModel{o, price.Default(), false}.Attempt(t.Context(), r)
	if got.Next == nil || !strings.Contains(string(got.Next.Body), `"thinkingLevel":"low"`) {
		t.Errorf("%+v", got.Next)
	}
}

// A cut call goes on as a stream, unless all calls are streams.
func TestStreamAfterCut(t *testing.T) {
	cut := func(status int, kind batch.Kind) oneOutcome {
		return oneOutcome{Consequence: batch.Retry, Err: &batch.Error{Kind: kind, HTTPStatus: status}}
	}
	for _, tt := range []struct {
		o             oneOutcome
		stream, wants bool
	}{
		{cut(524, batch.KindTimeout), false, true},
		{cut(504, batch.KindTimeout), false, true},
		{cut(504, batch.KindTimeout), true, false},
		{cut(408, batch.KindTimeout), false, false},
		{cut(0, batch.KindTimeout), false, false}, // our own deadline
		{cut(502, batch.KindServer), false, false},
		{cut(200, batch.KindTimeout), false, false}, // our own deadline, in mid-answer
		{oneOutcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindTimeout, HTTPStatus: 200, InBody: 524}}, false, true},
		{oneOutcome{Consequence: batch.Retry, Err: &batch.Error{Kind: batch.KindTimeout, HTTPStatus: 200, InBody: 408}}, false, false},
	} {
		r := &batch.Request{Model: "gemini-2.5-flash", Body: json.RawMessage(`{}`)}
		o := changingModel{tt.o, price.Default(), tt.stream}.Attempt(t.Context(), r)
		if got := o.Next != nil && o.Next.Stream; got != tt.wants {
			t.Errorf("%+v, stream %t: goes on as a stream: %t", tt.o.Err, tt.stream, got)
		}
	}
}

// An endpoint without streams must not stop the run for refusing them, even each
// time: no row was meant to be streamed.
func TestNoStreamsDoNotStopTheRun(t *testing.T) {
	cut := batch.Change{Why: whyTimeout, Stream: true}
	r := &batch.Request{Model: "gemini-2.5-flash", Body: json.RawMessage(`{}`), Stream: true, Changes: []batch.Change{cut}}
	for _, refusal := range []oneOutcome{
		{Consequence: batch.Retry, Refusal: "404", Err: &batch.Error{Kind: batch.KindModel, HTTPStatus: 404}},
		{Consequence: batch.Stop, Err: &batch.Error{Kind: batch.KindModel, HTTPStatus: 404}},
		{Consequence: batch.Settled, Status: batch.Rejected, Refusal: "400", Err: &batch.Error{Kind: batch.KindRequest, HTTPStatus: 400}},
	} {
		o := changingModel{refusal, price.Default(), false}.Attempt(t.Context(), r)
		if o.Consequence != batch.Retry || o.Refusal != "" || o.Status != "" || o.Next == nil || o.Next.Stream {
			t.Errorf("%+v becomes %+v", refusal.Err, o)
		}
	}
	key := oneOutcome{Consequence: batch.Stop, Err: &batch.Error{Kind: batch.KindKey, HTTPStatus: 403}}
	if o := (changingModel{key, price.Default(), false}).Attempt(t.Context(), r); o.Consequence != batch.Stop || o.Next != nil {
		t.Errorf("a refused key becomes %+v", o)
	}
}
