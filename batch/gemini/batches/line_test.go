package batches

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

func TestParseLine(t *testing.T) {
	const answer = `{"candidates":[{"finishReason":"STOP"}]}`
	for _, c := range []struct {
		name, text string
		want       Line
	}{
		{"an answer", `{"key":"r1","response":` + answer + `}`, Line{Key: "r1", Response: json.RawMessage(answer)}},
		{"in another order", ` {"response": ` + answer + `, "key": "r1"} `, Line{Key: "r1", Response: json.RawMessage(answer)}},
		{"custom_id", `{"custom_id":"r1","response":` + answer + `}`, Line{Key: "r1", Response: json.RawMessage(answer)}},
		{"inline", `{"response":` + answer + `,"metadata":{"key":"r1"}}`, Line{Key: "r1", Response: json.RawMessage(answer)}},
		{"without a key", `{"response":` + answer + `}`, Line{Response: json.RawMessage(answer)}},
		{"a key that became a number", `{"key":12,"response":` + answer + `}`, Line{Key: "12", Response: json.RawMessage(answer)}},
		{"an odd separator", "{\"key\":\"r1\",\"response\":{\"x\":\"a\u2028b\u0085c\"}}", Line{Key: "r1", Response: json.RawMessage("{\"x\":\"a\u2028b\u0085c\"}")}},
		{"an error", `{"error":{"code":13,"message":"Internal error encountered."},"key":"r1"}`, Line{Key: "r1", Code: 13, Message: "Internal error encountered."}},
		{"a status", `{"key":"r1","status":{"code":8,"message":"full","details":[]}}`, Line{Key: "r1", Code: 8, Message: "full"}},
		{"a code as text", `{"key":"r1","error":{"code":"14","message":"later"}}`, Line{Key: "r1", Code: 14, Message: "later"}},
		{"a code by name", `{"key":"r1","error":{"status":"UNAVAILABLE","message":"later"}}`, Line{Key: "r1", Code: 14, Message: "later"}},
		{"an HTTP status", `{"key":"r1","error":{"code":429,"message":"later"}}`, Line{Key: "r1", Code: 8, Message: "later"}},
		{"an unusual HTTP status", `{"key":"r1","error":{"code":529}}`, Line{Key: "r1", Code: 13}},
		{"an error without anything", `{"key":"r1","error":{},"status":{},"response":` + answer + `}`, Line{Key: "r1", Response: json.RawMessage(answer)}},
		{"neither", `{"key":"r1"}`, Line{Key: "r1"}},
		{"nulls", `{"key":"r1","response":null,"error":null,"status":null}`, Line{Key: "r1"}},
		{"an empty answer", `{"key":"r1","response":{ }}`, Line{Key: "r1"}},
		{"Vertex AI", `{"genbatch_id":"r1","status":"","processed_time":"2026-11-20T08:00:00Z","request":{"contents":[]},"response":` + answer + `}`,
			Line{Key: "r1", Response: json.RawMessage(answer)}},
		{"Vertex AI, failed", `{"genbatch_id":"r1","status":"Bad Request: {\"error\": {\"code\": 400, \"message\": \"no such thing\", \"status\": \"INVALID_ARGUMENT\"}}","request":{},"response":{}}`,
			Line{Key: "r1", Code: 3, Message: "no such thing"}},
		{"Vertex AI, without JSON", `{"genbatch_id":"r1","status":"Too Many Requests: later"}`, Line{Key: "r1", Code: 8, Message: "Too Many Requests: later"}},
		{"Vertex AI, broken JSON", `{"genbatch_id":"r1","status":"Internal Server Error: {\"error\": {"}`, Line{Key: "r1", Code: 13, Message: `Internal Server Error: {"error": {`}},
		{"Vertex AI, other words", `{"genbatch_id":"r1","status":"it went wrong"}`, Line{Key: "r1", Message: "it went wrong"}},
	} {
		got, err := ParseLine([]byte(c.text))
		if err != nil || got.Key != c.want.Key || !bytes.Equal(got.Response, c.want.Response) || got.Code != c.want.Code || got.Message != c.want.Message {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	for _, text := range []string{"", " ", "[]", "null", `{"key":"r1","response":{"candi`, `{"key":"r1"}{"key":"r2"}`, "\x00"} {
		if l, err := ParseLine([]byte(text)); err == nil {
			t.Errorf("%q is %+v", text, l)
		}
	}
}

// TestOutcomeOfErrors checks what each code comes to, and that none stops or slows the run.
func TestOutcomeOfErrors(t *testing.T) {
	s, _ := newService(t, "google")
	for _, c := range []struct {
		line        Line
		consequence batch.Consequence
		status      batch.Status
		kind        batch.Kind
		message     string
	}{
		{Line{}, batch.Retry, batch.Failed, batch.KindAnswer, "the batch has neither an answer nor an error for the row"},
		{Line{Message: "it went wrong"}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: it went wrong"},
		{Line{Code: 1}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: CANCELLED"},
		{Line{Code: 2, Message: "?"}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: UNKNOWN: ?"},
		{Line{Code: 3, Message: "Unknown name"}, batch.Settled, batch.Rejected, batch.KindRequest, "the batch answered: INVALID_ARGUMENT: Unknown name"},
		{Line{Code: 4, Message: "late"}, batch.Retry, batch.Failed, batch.KindTimeout, "the batch answered: DEADLINE_EXCEEDED: late"},
		{Line{Code: 5, Message: "File x"}, batch.Retry, batch.Rejected, batch.KindRequest, "the batch answered: NOT_FOUND: File x"},
		{Line{Code: 7, Message: "not yours"}, batch.Retry, batch.Rejected, batch.KindKey, "the batch answered: PERMISSION_DENIED: not yours"},
		{Line{Code: 8, Message: "full"}, batch.Retry, batch.Failed, batch.KindQuota, "the batch answered: RESOURCE_EXHAUSTED: full"},
		{Line{Code: 9, Message: "not yet"}, batch.Retry, batch.Rejected, batch.KindRequest, "the batch answered: FAILED_PRECONDITION: not yet"},
		{Line{Code: 10, Message: "again"}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: ABORTED: again"},
		{Line{Code: 11, Message: "too much"}, batch.Settled, batch.Rejected, batch.KindRequest, "the batch answered: OUT_OF_RANGE: too much"},
		{Line{Code: 12, Message: "not here"}, batch.Settled, batch.Rejected, batch.KindRequest, "the batch answered: UNIMPLEMENTED: not here"},
		{Line{Code: 13, Message: "Internal error encountered."}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: INTERNAL: Internal error encountered."},
		{Line{Code: 14, Message: "busy"}, batch.Retry, batch.Failed, batch.KindOverload, "the batch answered: UNAVAILABLE: busy"},
		{Line{Code: 15, Message: "lost"}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: DATA_LOSS: lost"},
		{Line{Code: 16, Message: "who?"}, batch.Retry, batch.Failed, batch.KindKey, "the batch answered: UNAUTHENTICATED: who?"},
		{Line{Code: 99, Message: "new"}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: UNKNOWN: new"},
		{Line{Code: 503, Message: "busy"}, batch.Retry, batch.Failed, batch.KindOverload, "the batch answered: UNAVAILABLE: busy"},

		// The text says more than the code.
		{Line{Code: 13, Message: "The input token count exceeds the maximum number of tokens allowed (1048576)."}, batch.Settled, batch.Rejected, batch.KindRequest, "the batch answered: INTERNAL: The input token"},
		{Line{Code: 3, Message: "Request blocked due to safety"}, batch.Settled, batch.Blocked, batch.KindContent, "the batch answered: INVALID_ARGUMENT: Request blocked"},
		{Line{Code: 5, Message: "CachedContent not found (or permission denied)"}, batch.Retry, "", batch.KindCache, "the batch answered: NOT_FOUND: CachedContent"},
		{Line{Code: 3, Message: "API key not valid. Please pass a valid API key."}, batch.Retry, batch.Failed, batch.KindKey, "the batch answered: INVALID_ARGUMENT: API key not valid"},
		{Line{Code: 8, Message: "Your prepayment credits are depleted."}, batch.Retry, batch.Failed, batch.KindBilling, "the batch answered: RESOURCE_EXHAUSTED: Your prepayment"},
		{Line{Code: 13, Message: "for " + testKey}, batch.Retry, batch.Failed, batch.KindServer, "the batch answered: INTERNAL: for [redacted]"},
	} {
		o := s.Outcome(&c.line)
		if o.Consequence != c.consequence || o.Status != c.status || o.Err == nil || o.Err.Kind != c.kind || !strings.HasPrefix(o.Err.Message, c.message) {
			t.Errorf("%+v: %v %q %+v", c.line, o.Consequence, o.Status, o.Err)
		}
		if o.Refusal != "" || o.Limits != nil || o.RetryAfter != 0 || o.MaybeBilled != (c.line.Message == "" && c.line.Code == 0) || o.Tier != "batch" || o.Err.HTTPStatus != 0 || o.Err.InBody != 0 {
			t.Errorf("%+v: %+v %+v", c.line, o, o.Err)
		}
	}
}

func TestOutcomeOfAnswers(t *testing.T) {
	s, _ := newService(t, "google")
	usage := `"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"serviceTier":"standard"}`
	for _, c := range []struct {
		name, response string
		consequence    batch.Consequence
		status         batch.Status
		prompt         int64 // 0: no usage
	}{
		{"ok, without a total", `{"candidates":[{"content":{"parts":[{"text":"yes"}]},"finishReason":"STOP"}],` + usage + `}`, batch.Answered, batch.OK, 7},
		{"cut", `{"candidates":[{"content":{"parts":[{"text":"ye"}]},"finishReason":"MAX_TOKENS"}],` + usage + `}`, batch.Answered, batch.Truncated, 7},
		{"blocked", `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":7}}`, batch.Settled, batch.Blocked, 7},
		{"empty", `{"candidates":[{"content":{},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":1}}`, batch.Retry, batch.Empty, 7},
		{"an error inside", `{"error":{"code":401,"message":"API key not valid"}}`, batch.Retry, batch.Failed, 0},
		{"a quota inside", `{"error":{"code":429,"message":"Quota exceeded: limit: 10 per day","status":"RESOURCE_EXHAUSTED"}}`, batch.Retry, batch.Failed, 0},
	} {
		o := s.Outcome(&Line{Key: "r1", Response: json.RawMessage(c.response)})
		if o.Consequence != c.consequence || o.Status != c.status || o.Tier != "batch" || o.Refusal != "" || o.Limits != nil || o.RetryAfter > time.Duration(0) {
			t.Errorf("%s: %+v %+v", c.name, o, o.Err)
		}
		if (o.Usage != nil) != (c.prompt > 0) || o.Usage != nil && o.Usage.PromptTokenCount != c.prompt {
			t.Errorf("%s: usage %+v", c.name, o.Usage)
		}
	}
}
