package gemini

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// finished returns an answer with these parts and this finish reason, both as JSON.
func finished(parts, reason string) string {
	return `{"candidates":[{"content":{"parts":` + parts + `},"finishReason":` + reason + `}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}`
}

func TestFinish(t *testing.T) {
	const text = `[{"text":"hello"}]`
	answered := func(s batch.Status) class { return class{batch.Answered, s, batch.KindAnswer, false} }
	settled := func(s batch.Status) class { return class{batch.Settled, s, batch.KindAnswer, false} }
	again := func(s batch.Status, k batch.Kind) class { return class{batch.Retry, s, k, false} }
	config := class{batch.Retry, "", batch.KindConfig, true}
	tests := []struct {
		name, body string
		want       class
		retries    int
	}{
		{"text", finished(text, `"STOP"`), okClass, 0},
		{"number", finished(text, `1`), okClass, 0},
		{"function call", finished(`[{"functionCall":{"name":"f","args":{}}}]`, `"STOP"`), okClass, 0},
		{"image", finished(`[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]`, `"STOP"`), okClass, 0},
		{"data of the future", finished(`[{"holoData":{}}]`, `"STOP"`), okClass, 0},
		{"empty text", finished(`[{"text":""}]`, `"STOP"`), emptyClass, 3},
		{"empty part", finished(`[{}]`, `"STOP"`), emptyClass, 3},
		{"null data", finished(`[{"inlineData":null}]`, `"STOP"`), emptyClass, 3},
		{"signature alone", finished(`[{"thoughtSignature":"AA=="}]`, `"STOP"`), emptyClass, 3},
		{"thoughts alone", finished(`[{"text":"hm","thought":true}]`, `"STOP"`), emptyClass, 3},
		{"no parts", `{"candidates":[{"content":{"role":"model"},"finishReason":"STOP"}]}`, emptyClass, 3},
		{"no content", `{"candidates":[{"finishReason":"STOP"}]}`, emptyClass, 3},
		{"no candidates", `{"candidates":[]}`, emptyClass, 3},
		{"nothing", `{}`, emptyClass, 3},
		{"no body", "", emptyClass, 3},
		{"comments only", ": ping\n\n: ping\n\n", emptyClass, 3},
		{"done only", "data: [DONE]\n\n", emptyClass, 3},
		{"empty array", "[]", emptyClass, 3},
		{"cut at the limit", finished(text, `"MAX_TOKENS"`), answered(batch.Truncated), 0},
		{"all thought", finished(`[{"text":"hm","thought":true}]`, `"MAX_TOKENS"`), settled(batch.Truncated), 0},
		{"all thought, by number", finished(`[]`, `2`), settled(batch.Truncated), 0},
		{"continuation", finished(text, `"CONTINUATION"`), answered(batch.Truncated), 0},
		{"continuation of thoughts", finished(`[]`, `"CONTINUATION"`), settled(batch.Truncated), 0},
		{"safety", finished(text, `"SAFETY"`), blockedClass, 0},
		{"safety, by number", finished(`[]`, `3`), blockedClass, 0},
		{"prohibited", finished(text, `"PROHIBITED_CONTENT"`), blockedClass, 0},
		{"spii", finished(`[]`, `"SPII"`), blockedClass, 0},
		{"model armor", finished(`[]`, `"MODEL_ARMOR"`), blockedClass, 0},
		{"image safety", finished(`[]`, `"IMAGE_SAFETY"`), blockedClass, 0},
		{"language", finished(`[]`, `"LANGUAGE"`), blockedClass, 0},
		{"recitation", finished(text, `"RECITATION"`), again(batch.Blocked, batch.KindContent), 2},
		{"other", finished(`[]`, `"OTHER"`), again(batch.Failed, batch.KindAnswer), 2},
		{"malformed call", finished(`[]`, `"MALFORMED_FUNCTION_CALL"`), again(batch.Failed, batch.KindAnswer), 2},
		{"unexpected call", finished(`[{"functionCall":{"name":"f"}}]`, `"UNEXPECTED_TOOL_CALL"`), again(batch.Failed, batch.KindAnswer), 1},
		{"no image", finished(text, `"NO_IMAGE"`), again(batch.Failed, batch.KindAnswer), 2},
		{"signature missing", finished(`[]`, `"MISSING_THOUGHT_SIGNATURE"`), everyRowClass, 0},
		{"unspecified", finished(text, `"FINISH_REASON_UNSPECIFIED"`), again(batch.Truncated, batch.KindAnswer), 1},
		{"unspecified and empty", finished(`[]`, `0`), emptyClass, 3},
		{"absent", `{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}`, again(batch.Truncated, batch.KindAnswer), 1},
		{"of the future", finished(text, `"GOOD_ENOUGH"`), settled(batch.Invalid), 0},
		{"number that the two APIs use differently", finished(text, `6`), settled(batch.Invalid), 0},
		{"prompt blocked", `{"promptFeedback":{"blockReason":"SAFETY"}}`, blockedClass, 0},
		{"prompt blocked, by number", `{"promptFeedback":{"blockReason":4}}`, blockedClass, 0},
		{"prompt blocked, new reason", `{"promptFeedback":{"blockReason":"MOOD"}}`, blockedClass, 0},
		{"prompt blocked for other", `{"promptFeedback":{"blockReason":"OTHER"}}`, again(batch.Blocked, batch.KindContent), 1},
		{"prompt blocked, unspecified", `{"promptFeedback":{"blockReason":"BLOCK_REASON_UNSPECIFIED"}}`, blockedClass, 0},
		{"feedback without a block", `{"promptFeedback":{"safetyRatings":[]},` + finished(text, `"STOP"`)[1:], okClass, 0},
		{"error in a 200", `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`, overloadClass, 0},
		{"error by name", `{"error":{"message":"slow","status":"RESOURCE_EXHAUSTED"}}`, quotaClass, 0},
		{"error without a code", `{"error":"key sold out"}`, serverClass, 0},
		{"gateway's error", `{"code":401,"message":"无效的令牌"}`, keyClass, 0},
		{"error after text", "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\ndata: {\"error\":{\"code\":503,\"message\":\"x\"}}\n\n", overloadClass, 0},
		{"page", "<!DOCTYPE html><html><title>Welcome</title></html>", config, 0},
		{"words", "ok", config, 0},
		{"another API", `{"object":"list","data":[]}`, config, 0},
		{"half an object", `{"candidates":[{"content"`, class{batch.Retry, "", batch.KindTransport, false}, 0},
		{"half an array", "[" + `{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},` + "\n", class{batch.Retry, "", batch.KindTransport, false}, 0},
		{"whole array", "[" + `{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},` + "\n" + finished(text, `"STOP"`) + "\n]", okClass, 0},
		{"junk after the answer", finished(text, `"STOP"`) + " -- bye", okClass, 0},
		{"one object a line", finished(text, "null") + "\n" + finished(text, `"STOP"`), okClass, 0},
		{"BOM", "\ufeff" + finished(text, `"STOP"`), okClass, 0},
		{"CR lines", "data: " + finished(text, `"STOP"`) + "\r\r", okClass, 0},
		{"no blank line at the end", "event: x\nid: 1\ndata:" + finished(text, `"STOP"`), okClass, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := outcome(200, tt.body)
			if got := classOf(&o); got != tt.want || o.MaxRetries != tt.retries {
				t.Errorf("%+v, %d retries, want %+v, %d; %v", got, o.MaxRetries, tt.want, tt.retries, o.Err)
			}
			if strings.Contains(tt.body, "candidates\":[{") && !o.Status.Settled() && o.Status != batch.Failed && tt.want.kind == batch.KindAnswer && len(o.Response) == 0 {
				t.Error("the answer is not kept")
			}
			if len(o.Response) > 0 && !json.Valid(o.Response) {
				t.Errorf("kept %s", o.Response)
			}
		})
	}
}

func TestMaybeBilledAnswers(t *testing.T) {
	tests := []struct {
		body string
		want bool
	}{
		{finished(`[{"text":"x"}]`, `"STOP"`), false},
		{`{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}`, true},
		{`{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{}}`, true},
		{`{"error":{"code":503,"message":"busy"}}`, false},
		{"", true},
		{"<html></html>", false},
		{`{"object":"list"}`, false},
		{`{"candidates":[{"con`, true},
	}
	for _, tt := range tests {
		if o := outcome(200, tt.body); o.MaybeBilled != tt.want {
			t.Errorf("%s: MaybeBilled %v", tt.body, o.MaybeBilled)
		}
	}
}

// TestUnknownUsage checks that an answer's usage is known whole or not at all, and that the
// attempt then counts as one that may have been billed.
func TestUnknownUsage(t *testing.T) {
	one := func(usage string) string {
		return `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":` + usage + `}`
	}
	chunk := func(text, finish, rest string) string {
		return `{"candidates":[{"content":{"parts":[{"text":"` + text + `"}]}` + finish + `}]` + rest + `}`
	}
	const (
		stop  = `,"finishReason":"STOP"`
		early = `,"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}`
		late  = `,"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11}`
	)
	for _, tt := range []struct {
		name, body string
		tokens     int64 // in all; 0 if they are not known
	}{
		{"camelCase", one(`{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11}`), 11},
		{"snake_case", `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finish_reason":"STOP"}],"usage_metadata":{"prompt_token_count":9,"candidates_token_count":2,"total_token_count":11}}`, 11},
		{"snake_case within", one(`{"prompt_token_count":9,"candidates_token_count":2,"total_token_count":11}`), 11},
		{"output by the total", one(`{"promptTokenCount":9,"totalTokenCount":11}`), 11},
		{"impossible", one(`{"promptTokenCount":9,"candidatesTokenCount":-2,"totalTokenCount":11}`), 0},
		{"twice", one(`{"promptTokenCount":9,"promptTokenCount":90000,"candidatesTokenCount":2,"totalTokenCount":11}`), 0},
		{"zeros", one(`{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0}`), 0},
		{"no prompt", one(`{"candidatesTokenCount":2}`), 0},
		{"nothing but the total", one(`{"totalTokenCount":11}`), 0},
		{"no output", one(`{"promptTokenCount":9,"totalTokenCount":9}`), 0},
		{"nothing but the tier", one(`{"trafficType":"ON_DEMAND"}`), 0},
		{"a stream", `[` + chunk("a", "", early) + `,` + chunk("b", stop, late) + `]`, 11},
		{"a stream that reports at last", `[` + chunk("a", stop, "") + `,{` + late[1:] + `}]`, 11},
		{"a stream that reports at first", `[` + chunk("a", "", late) + `,` + chunk("b", stop, "") + `]`, 0},
		{"a stream that never reports the output", `[` + chunk("a", "", early) + `,` + chunk("b", stop, early) + `]`, 0},
	} {
		o := outcome(200, tt.body)
		if o.Status != batch.OK {
			t.Errorf("%s: %s, %v", tt.name, o.Status, o.Err)
		}
		var tokens int64
		if o.Usage != nil {
			tokens = o.Usage.TotalTokenCount
		}
		if tokens != tt.tokens || o.MaybeBilled != (tt.tokens == 0) {
			t.Errorf("%s: %+v, maybe billed: %t; want %d tokens", tt.name, o.Usage, o.MaybeBilled, tt.tokens)
		}
	}
	blocked := outcome(200, `{"promptFeedback":{"blockReason":"MODEL_ARMOR"},"usageMetadata":{"trafficType":"ON_DEMAND"}}`)
	if blocked.Usage == nil || blocked.MaybeBilled {
		t.Errorf("a blocked prompt that used nothing: %+v, %t", blocked.Usage, blocked.MaybeBilled)
	}
	lower := outcome(200, `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"max_tokens"}],"modelVersion":null}`)
	if lower.Status != batch.Truncated || lower.FinishReason != "MAX_TOKENS" {
		t.Errorf("a finish reason in lower case: %+v", lower)
	}
}

func TestParse(t *testing.T) {
	const call = `{"functionCall":{"id":"7","name":"f","args":{"b":1,"a":1.50}}}`
	tests := []struct {
		name, raw string
		want      Answer
	}{
		{"parts", `{"candidates":[{"content":{"parts":[{"text":"think","thought":true},{"text":"a","thoughtSignature":"x"},` + call + `,{"text":"b"},{"text":""},{"inlineData":{"data":"AA=="}}]},"finishReason":"STOP","finishMessage":"fine"}],"modelVersion":"m","responseId":"r","new":{"x":1}}`,
			Answer{Text: "ab", Thoughts: "think", FunctionCalls: []FunctionCall{{"7", "f", json.RawMessage(`{"b":1,"a":1.50}`)}},
				Parts: []string{"thought", "text", "functionCall", "text", "inlineData"}, FinishReason: "STOP", FinishMessage: "fine", ModelVersion: "m", ResponseID: "r", Candidates: 1}},
		{"numbers for names, strings for numbers", `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":1}],"usageMetadata":{"promptTokenCount":"12","candidatesTokenCount":3.0,"thoughtsTokenCount":null,"totalTokenCount":"15","trafficType":1,"promptTokensDetails":[{"modality":1,"tokenCount":"12"}]}}`,
			Answer{Text: "a", Parts: []string{"text"}, FinishReason: "STOP", Candidates: 1,
				Usage: &batch.Usage{PromptTokenCount: 12, CandidatesTokenCount: 3, TotalTokenCount: 15, TrafficType: "ON_DEMAND", PromptTokensDetails: []batch.ModalityTokens{{Modality: "TEXT", TokenCount: 12}}}}},
		{"wrong types", `{"candidates":[{"content":{"parts":[{"text":5},{"text":"a"},null,"x"],"role":9},"finishReason":"STOP","index":"zero"},7],"modelVersion":5,"responseId":"r","usageMetadata":[]}`,
			Answer{Text: "a", Parts: []string{"text"}, FinishReason: "STOP", ResponseID: "r", Candidates: 2}},
		{"stream", `[{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":0}],"usageMetadata":{"promptTokenCount":9,"thoughtsTokenCount":5}},{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2}},{"usageMetadata":{"totalTokenCount":11}}]`,
			Answer{Text: "ab", Parts: []string{"text", "text"}, FinishReason: "STOP", Candidates: 1,
				Usage: &batch.Usage{PromptTokenCount: 4, CandidatesTokenCount: 2, ThoughtsTokenCount: 5, TotalTokenCount: 11}}},
		{"several candidates", `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},{"content":{"parts":[{"text":"b"}]},"finishReason":"SAFETY"}]}`,
			Answer{Text: "a", Parts: []string{"text"}, FinishReason: "STOP", Candidates: 2}},
		{"several candidates in a stream", `[{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":0}]},{"candidates":[{"content":{"parts":[{"text":"X"}]},"index":1}]},{"candidates":[{"content":{"parts":[{"text":"b"}]},"index":0,"finishReason":"STOP"}]}]`,
			Answer{Text: "ab", Parts: []string{"text", "text"}, FinishReason: "STOP", Candidates: 2}},
		{"blocked", `{"promptFeedback":{"blockReason":1,"blockReasonMessage":"bad"}}`, Answer{BlockReason: "SAFETY", BlockMessage: "bad"}},
		{"nothing", `{}`, Answer{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(json.RawMessage(tt.raw))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, &tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, &tt.want)
			}
		})
	}
	for _, raw := range []string{"", "x", "<html>", `"text"`, "{", "[{}", "5"} {
		if a, err := Parse(json.RawMessage(raw)); err == nil {
			t.Errorf("Parse(%q) = %+v", raw, a)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	o := outcome(200, finished("[{\"text\":\"a\xffb\"}]", `"STOP"`))
	if want := "a\ufffdb"; o.Status != batch.OK || !strings.Contains(string(o.Response), want) {
		t.Errorf("%+v: %s", o, o.Response)
	}
}

// FuzzParse checks three things, whatever a server sends. Nothing panics, the response
// that is kept is JSON that reads the same again, and an answer is ok only if it has STOP
// and content.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		stopAnswer, "[" + stopAnswer + "," + stopAnswer + "]", "data: " + stopAnswer + "\r\n\r\ndata: [DONE]\r\n\r\n",
		finished(`[{"text":"x","thought":true},{"functionCall":{"name":"f","args":{"a":[1]}}}]`, `2`),
		`{"promptFeedback":{"blockReason":"SAFETY"}}`, `{"error":{"code":429,"message":"{\"error\":\"retry in 5s, limit: 0\"}","details":[{"retryDelay":"1.5s"},{"violations":[{"quotaId":"PerDay","quotaValue":"x"}]}]}}`,
		"<html><title>x</title>", "data: {\n\n{\"error\":{}}", `[{"a":1},`, "", "\ufeff{}", `{"candidates":{"content":[]}}`, `{"usageMetadata":{"promptTokenCount":1e400}}`,
	} {
		f.Add(200, s)
		f.Add(429, s)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		o := outcome(status, body)
		if o.Consequence == batch.Answered && o.Status == batch.OK && (o.FinishReason != "STOP" || o.Response == nil) {
			t.Fatalf("ok by %q: %s", o.FinishReason, body)
		}
		if o.RetryAfter < 0 || o.RetryAfter > maxWait || (o.Err != nil && len(o.Err.Message) > maxMessage) {
			t.Fatalf("%+v %v", o, o.Err)
		}
		if o.Response == nil {
			return
		}
		if !json.Valid(o.Response) {
			t.Fatalf("kept %s", o.Response)
		}
		a, err := Parse(o.Response)
		if err != nil || a.FinishReason != o.FinishReason || !reflect.DeepEqual(a.Usage, o.Usage) {
			t.Fatalf("read again: %+v, %v; first %+v", a, err, o)
		}
	})
}
