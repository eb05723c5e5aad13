package gemini

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/recordedtest"
)

// class is the part of an outcome that the engine acts on.
type class struct {
	consequence batch.Consequence
	status      batch.Status
	kind        batch.Kind
	everyRow    bool
}

func classOf(o *batch.Outcome) class {
	c := class{consequence: o.Consequence, status: o.Status, everyRow: o.Refusal != ""}
	if o.Err != nil {
		c.kind = o.Err.Kind
	}
	return c
}

var (
	okClass        = class{batch.Answered, batch.OK, "", false}
	blockedClass   = class{batch.Settled, batch.Blocked, batch.KindContent, false}
	emptyClass     = class{batch.Retry, batch.Empty, batch.KindAnswer, false}
	keyClass       = class{batch.Stop, "", batch.KindKey, false}
	balanceClass   = class{batch.Stop, "", batch.KindBilling, false}
	modelClass     = class{batch.Stop, "", batch.KindModel, false}
	channelClass   = class{batch.Retry, "", batch.KindModel, true}
	serverClass    = class{batch.Retry, "", batch.KindServer, false}
	overloadClass  = class{batch.SlowDown, "", batch.KindOverload, false}
	quotaClass     = class{batch.SlowDown, "", batch.KindQuota, false}
	oneRowClass    = class{batch.Settled, batch.Rejected, batch.KindRequest, false}
	everyRowClass  = class{batch.Settled, batch.Rejected, batch.KindRequest, true}
	retryFailClass = class{batch.Retry, batch.Failed, batch.KindAnswer, false}
)

// recordedClass returns what an exchange with these marks must come to. The marks say
// what was unusual about it when it was recorded.
func recordedClass(status int, message string, kinds []string) class {
	is := func(kind string) bool { return slices.Contains(kinds, kind) }
	says := func(text string) bool { return strings.Contains(message, text) }
	switch {
	case is("error_mid_stream"):
		return serverClass // 499 CANCELLED after two events
	case status == 400 && says("API key not valid"):
		return keyClass
	case status == 400 && says("User location is not supported"):
		return keyClass
	case status == 400 && says("Cannot fetch content"):
		return oneRowClass
	case status == 400 && says("Invalid CachedContent name"):
		return class{batch.Retry, "", batch.KindCache, true} // no row is given up for the cache of all
	case status == 400:
		return everyRowClass
	case status == 403:
		return keyClass
	case status == 404:
		return modelClass
	case status == 429 && says(`"quota_limit_value":"0"`):
		return modelClass
	case status == 429:
		return quotaClass
	case is("prompt_blocked"), is("finish_SAFETY"), is("finish_MODEL_ARMOR"):
		return blockedClass
	case is("finish_RECITATION"):
		return class{batch.Retry, batch.Blocked, batch.KindContent, false}
	case is("finish_UNEXPECTED_TOOL_CALL"), is("finish_OTHER"):
		return retryFailClass
	case is("finish_FAKE_ENUM"):
		return class{batch.Settled, batch.Invalid, batch.KindAnswer, false}
	case is("max_tokens_empty"), is("finish_2"):
		return class{batch.Settled, batch.Truncated, batch.KindAnswer, false}
	case is("finish_MAX_TOKENS"):
		return class{batch.Answered, batch.Truncated, batch.KindAnswer, false}
	case is("no_candidates"):
		return class{batch.Retry, "", batch.KindConfig, true} // {"this": ...}
	case is("missing_finish_reason") && is("content_no_parts"):
		return emptyClass
	case is("missing_finish_reason"):
		return class{batch.Retry, batch.Truncated, batch.KindAnswer, false}
	case is("no_visible_text") && !is("image_out"), is("content_no_parts") && !is("stream"):
		return emptyClass
	}
	return okClass
}

func TestRecorded(t *testing.T) {
	type recorded struct {
		File     string          `json:"file"`
		Status   int             `json:"status"`
		Kind     []string        `json:"kind"`
		Response json.RawMessage `json:"response"`
	}
	seen := map[class]int{}
	for i, r := range recordedtest.Lines[recorded](t, "recorded.jsonl") {
		body := []byte(r.Response)
		var text string
		if json.Unmarshal(body, &text) == nil {
			body = []byte(text) // events or a page, kept as they came
		}
		x := exchange{status: r.Status, header: http.Header{}, body: body, limit: 64 << 20}
		o := x.outcome()
		got := classOf(&o)
		if want := recordedClass(r.Status, strings.ReplaceAll(string(body), `": "`, `":"`), r.Kind); got != want {
			t.Errorf("line %d (%s, %v): %+v, want %+v; %v", i+1, r.File, r.Kind, got, want, o.Err)
		}
		seen[got]++
		checkOutcome(t, i+1, &o)

		if has := r.Status == 200 && strings.Contains(string(body), "usageMetadata"); has != (o.Usage != nil) {
			t.Errorf("line %d: usage %+v, want some: %v", i+1, o.Usage, has)
		}
		if slices.Contains(r.Kind, "usage_thoughts") && o.Usage.Thoughts() == 0 {
			t.Errorf("line %d: thinking tokens are lost: %+v", i+1, o.Usage)
		}
		if slices.Contains(r.Kind, "usage_cached") && o.Usage.CachedContentTokenCount == 0 {
			t.Errorf("line %d: cached tokens are lost: %+v", i+1, o.Usage)
		}
		if slices.Contains(r.Kind, "usage_tooluse") && o.Usage.ToolUsePromptTokenCount == 0 {
			t.Errorf("line %d: tool tokens are lost: %+v", i+1, o.Usage)
		}
		if slices.Contains(r.Kind, "thought_text") {
			if a, err := Parse(o.Response); err != nil || a.Thoughts == "" || strings.Contains(a.Text, a.Thoughts) {
				t.Errorf("line %d: thoughts are not kept apart: %v", i+1, err)
			}
		}
		if slices.Contains(r.Kind, "function_call") {
			if a, err := Parse(o.Response); err != nil || len(a.FunctionCalls) == 0 || a.FunctionCalls[0].Name == "" {
				t.Errorf("line %d: the function call is lost: %v", i+1, err)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d classes seen: %v", len(seen), seen)
	}
}

// checkOutcome checks what holds for every outcome.
func checkOutcome(t *testing.T, line int, o *batch.Outcome) {
	t.Helper()
	if o.Consequence == batch.Answered && len(o.Response) == 0 {
		t.Errorf("line %d: an answer without its response", line)
	}
	if len(o.Response) > 0 {
		if !json.Valid(o.Response) {
			t.Errorf("line %d: the response kept is not JSON", line)
		}
		a, err := Parse(o.Response)
		if err != nil {
			t.Errorf("line %d: %v", line, err)
		} else if a.FinishReason != o.FinishReason || a.ModelVersion != o.ModelVersion {
			t.Errorf("line %d: parsed again it says %q, %q", line, a.FinishReason, a.ModelVersion)
		}
	}
	if o.Status != batch.OK && (o.Err == nil || o.Err.Message == "") {
		t.Errorf("line %d: no message", line)
	}
	if o.Err != nil && (len(o.Err.Message) > maxMessage || strings.ContainsAny(o.Err.Message, "\r\n\t")) {
		t.Errorf("line %d: message %q", line, o.Err.Message)
	}
	if u := o.Usage; u != nil {
		if sum := u.PromptTokenCount + u.CandidatesTokenCount + u.ToolUsePromptTokenCount + u.Thoughts(); sum != u.TotalTokenCount && u.TotalTokenCount > 0 {
			t.Errorf("line %d: parts of the usage add up to %d, total %d", line, sum, u.TotalTokenCount)
		}
	}
}

// gatewayClasses says what each recorded answer of a gateway comes to, by case.
var gatewayClasses = map[string]class{
	"countTokens":                channelClass, // 404 {"error":{"message":"Not found"}}
	"batch":                      channelClass,
	"models":                     channelClass,
	"[[tool]]":                   {batch.Settled, batch.Invalid, batch.KindAnswer, false}, // finishReason FUNCTION_CALL
	"upstream [[tool]]":          {batch.Settled, batch.Invalid, batch.KindAnswer, false},
	"[[maxtok]]":                 {batch.Settled, batch.Truncated, batch.KindAnswer, false},
	"upstream [[maxtok]]":        {batch.Settled, batch.Truncated, batch.KindAnswer, false},
	"[[flaky]]":                  overloadClass,
	"no key":                     keyClass,
	"bad key":                    keyClass,
	"ip not allowed":             keyClass,
	"token quota 0":              balanceClass,
	"token quota 0 (2nd)":        balanceClass,
	"user balance tiny":          balanceClass,
	"poor token":                 balanceClass,
	"exhausted token":            keyClass, // it says no more than "Invalid token"
	"token without model":        modelClass,
	"unknown model":              channelClass,
	"upstream malformed json":    serverClass,
	"upstream disconnect stream": serverClass,
	"upstream refused":           serverClass,
	"upstream [[safety]]":        blockedClass,
	"upstream [[429]]":           quotaClass,
	"upstream [[500]]":           serverClass,
	"upstream [[503]]":           overloadClass,
	"upstream openai-shaped 429": quotaClass,
	"stream 429":                 quotaClass,
	"GET generateContent":        {batch.Retry, "", batch.KindConfig, true},
	"empty contents":             everyRowClass,
	"bad json":                   everyRowClass,
	"openai backend":             okClass,
}

func TestGatewayErrors(t *testing.T) {
	type recorded struct {
		Gateway    string  `json:"gateway"`
		Case       string  `json:"case"`
		Status     int     `json:"status"`
		RetryAfter *string `json:"retry_after"`
		Body       string  `json:"body"`
	}
	for i, r := range recordedtest.Lines[recorded](t, "gateway_errors.jsonl") {
		want, ok := gatewayClasses[r.Case]
		switch {
		case r.Status == 200 && r.Case == "countTokens":
			want = okClass // a gateway that answers an action it does not know
		case r.Case == "stream 429" && strings.HasPrefix(r.Gateway, "one-hub"):
			want = overloadClass // its text says so
		case r.Case == "upstream refused" && strings.HasPrefix(r.Gateway, "CLIProxyAPI"):
			want = channelClass // "unknown provider for model"
		case !ok:
			t.Errorf("line %d: no expectation for case %q", i+1, r.Case)
			continue
		}
		x := exchange{status: r.Status, header: http.Header{}, body: []byte(r.Body), limit: 64 << 20}
		o := x.outcome()
		if got := classOf(&o); got != want {
			t.Errorf("line %d (%s, %s): %+v, want %+v; %v", i+1, r.Gateway, r.Case, got, want, o.Err)
		}
		checkOutcome(t, i+1, &o)
		if o.Err != nil && strings.Contains(o.Err.Message, "sk-h6L") {
			t.Errorf("line %d: the key is in %q", i+1, o.Err.Message)
		}
	}
}
