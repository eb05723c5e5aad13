package gemini

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
)

func outcome(status int, body string) batch.Outcome {
	x := exchange{status: status, header: http.Header{}, body: []byte(body), limit: 1 << 20, keyFrom: "GEMINI_API_KEY"}
	return x.outcome()
}

// googleError returns an error body in Google's form.
func googleError(code int, status, message, details string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q,"details":[%s]}}`, code, message, status, details)
}

func reason(r string) string {
	return `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"` + r + `","domain":"googleapis.com"}`
}

// newAPI returns an error body of the new-api family of gateways.
func newAPI(code, message string) string {
	return fmt.Sprintf(`{"error":{"message":"%s (request id: 20261121215207830410237bSPSFq05)","type":"new_api_error","param":"","code":%q}}`, message, code)
}

func TestRefusals(t *testing.T) {
	timeoutClass := class{batch.Retry, "", batch.KindTimeout, false}
	configClass := class{batch.Retry, "", batch.KindConfig, true}
	parkClass := class{batch.Park, "", batch.KindDayQuota, false}
	maybeKeyClass := class{batch.Retry, "", batch.KindKey, true}
	cacheClass := class{batch.Retry, "", batch.KindCache, true}
	const exceeded = "You exceeded your current quota, please check your plan and billing details. "
	tests := []struct {
		name   string
		status int
		body   string
		want   class
	}{
		// Google, by 4.2 and 4.3 of the reference.
		{"invalid argument", 400, googleError(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", ""), everyRowClass},
		{"unknown field", 400, googleError(400, "INVALID_ARGUMENT", `Invalid JSON payload received. Unknown name "foo": Cannot find field.`, ""), everyRowClass},
		{"quotes the row", 400, googleError(400, "INVALID_ARGUMENT", `Invalid value at 'contents' (x), "API key not valid, insufficient balance"`, ""), everyRowClass},
		{"key by text", 400, googleError(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", ""), keyClass},
		{"key expired", 400, googleError(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", reason("API_KEY_INVALID")), keyClass},
		{"key by reason", 400, googleError(400, "INVALID_ARGUMENT", "Something new.", reason("API_KEY_INVALID")), keyClass},
		{"two keys", 400, googleError(400, "INVALID_ARGUMENT", "Multiple authentication credentials received.", ""), keyClass},
		{"location", 400, googleError(400, "FAILED_PRECONDITION", "User location is not supported for the API use.", ""), keyClass},
		{"token type", 401, googleError(401, "UNAUTHENTICATED", "Request is missing required authentication credential.", reason("ACCESS_TOKEN_TYPE_UNSUPPORTED")), keyClass},
		{"unknown 401", 401, googleError(401, "UNAUTHENTICATED", "No.", ""), maybeKeyClass},
		{"prepaid", 402, googleError(402, "RESOURCE_EXHAUSTED", "Payment required.", ""), balanceClass},
		{"leaked", 403, googleError(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key.", ""), keyClass},
		{"denied", 403, googleError(403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support.", ""), keyClass},
		{"suspended", 403, googleError(403, "PERMISSION_DENIED", "Permission denied.", reason("CONSUMER_SUSPENDED")), keyClass},
		{"service disabled", 403, googleError(403, "PERMISSION_DENIED", "x", reason("SERVICE_DISABLED")), keyClass},
		{"method blocked", 403, googleError(403, "PERMISSION_DENIED", "Requests to this API generativelanguage.googleapis.com method google.ai.X are blocked.", reason("API_KEY_SERVICE_BLOCKED")), keyClass},
		{"unknown 403", 403, googleError(403, "PERMISSION_DENIED", "The caller does not have permission", ""), maybeKeyClass},
		{"file of another project", 403, googleError(403, "PERMISSION_DENIED", "You do not have permission to access the File abc123 or it may not exist.", ""), oneRowClass},
		{"cache gone", 403, googleError(403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", ""), cacheClass},
		{"cache gone, 404", 404, googleError(404, "NOT_FOUND", "Requested cached_content cachedContents/abc was not found.", ""), cacheClass},
		{"cache of Vertex AI", 404, googleError(404, "NOT_FOUND", "Not found: cached content metadata for 6123.", ""), cacheClass},
		{"cache expired", 400, googleError(400, "INVALID_ARGUMENT", "Cache content 6123 is expired.", ""), cacheClass},
		{"cache name", 400, googleError(400, "INVALID_ARGUMENT", "Invalid CachedContent name: 1234567890.", ""), cacheClass},
		{"cache of another model", 400, googleError(400, "INVALID_ARGUMENT", "Model used by GenerateContent request (models/a) and CachedContent (models/b) has to be the same.", ""), cacheClass},
		{"cache beside tools", 400, googleError(400, "INVALID_ARGUMENT", "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.", ""), everyRowClass},
		{"states", 400, googleError(400, "INVALID_ARGUMENT", "The specified schema produces a constraint that has too many states for serving.", ""), everyRowClass},
		{"tokens", 400, googleError(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", ""), oneRowClass},
		{"tokens, spurious", 400, googleError(400, "INVALID_ARGUMENT", "The input token count (70000) exceeds the maximum number of tokens allowed (65536).", ""), class{batch.Retry, batch.Rejected, batch.KindRequest, false}},
		{"image", 400, googleError(400, "INVALID_ARGUMENT", "Unable to process input image. Please retry or report.", ""), oneRowClass},
		{"mime", 400, googleError(400, "INVALID_ARGUMENT", "Unsupported MIME type: text/x", ""), oneRowClass},
		{"recitation", 400, googleError(400, "INVALID_ARGUMENT", "Request blocked due to copyright/recitation content", ""), blockedClass},
		{"model", 404, googleError(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent.", ""), modelClass},
		{"model retired", 404, googleError(404, "NOT_FOUND", "This model models/x is no longer available to new users.", ""), modelClass},
		{"unknown 404", 404, googleError(404, "NOT_FOUND", "Requested entity was not found.", ""), channelClass},
		{"page 404", 404, "<!DOCTYPE html><html><title>Error 404 (Not Found)!!1</title></html>", configClass},
		{"automated queries", 403, "<html><body>We're sorry... but your computer may be sending automated queries.</body></html>", class{batch.SlowDown, "", batch.KindOverload, true}},
		{"408", 408, "", timeoutClass},
		{"413", 413, "<html><title>413 Request Entity Too Large</title></html>", oneRowClass},
		{"418", 418, "{}", everyRowClass},
		{"499", 499, googleError(499, "CANCELLED", "The operation was cancelled.", ""), serverClass},
		{"500", 500, googleError(500, "INTERNAL", "An internal error has occurred.", ""), serverClass},
		{"501", 501, "", configClass},
		{"502", 502, "<html><head><title>502 Bad Gateway</title></head></html>", serverClass},
		{"503", 503, googleError(503, "UNAVAILABLE", "This model is currently experiencing high demand.", ""), overloadClass},
		{"503 empty", 503, "", overloadClass},
		{"504", 504, googleError(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", ""), timeoutClass},
		{"522", 522, "<html><title>x | 522: Connection timed out</title></html>", serverClass},
		{"524", 524, "<html><title>x | 524: A timeout occurred</title></html>", timeoutClass},
		{"529", 529, "", overloadClass},

		// 429, by 4.4.
		{"bare 429", 429, googleError(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", ""), quotaClass},
		{"429 without a body", 429, "", quotaClass},
		{"429 page", 429, "<html><title>Too busy</title></html>", quotaClass},
		{"billing details in a plain 429", 429, googleError(429, "RESOURCE_EXHAUSTED", exceeded, ""), quotaClass},
		{"day by text", 429, googleError(429, "RESOURCE_EXHAUSTED", "Quota exceeded for requests per day.", ""), parkClass},
		{"limit 0", 429, googleError(429, "RESOURCE_EXHAUSTED", exceeded+"\n* Quota exceeded for metric: g/f, limit: 0, model: gemini-2.5-pro\nPlease retry in 20.04466179s.", ""), modelClass},
		{"limit 05 is not 0", 429, googleError(429, "RESOURCE_EXHAUSTED", exceeded+"\n* Quota exceeded for metric: g/f, limit: 50, model: m", ""), quotaClass},
		{"no free tier", 429, googleError(429, "RESOURCE_EXHAUSTED", "Gemini 2.5 Pro Preview doesn't have a free quota tier.", ""), modelClass},
		{"spending cap", 429, googleError(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap. See ai.studio/spend", ""), balanceClass},
		{"prepayment", 429, googleError(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to ai.studio/projects", ""), balanceClass},
		{"vertex shared", 429, `[{"error":{"code":429,"message":"Resource exhausted. Please try again later. Please refer to https://cloud.google.com/x/error-code-429 for more details.","errors":[{"message":"m","domain":"global","reason":"rateLimitExceeded"}],"status":"RESOURCE_EXHAUSTED"}}]`, overloadClass},

		// Gateways, by 4.5.
		{"balance 1", 403, newAPI("insufficient_user_quota", "用户额度不足"), balanceClass},
		{"balance 2", 403, newAPI("", "预扣费额度失败, 用户剩余额度: ＄0.1"), balanceClass},
		{"balance 3", 403, newAPI("pre_consume_token_quota_failed", "x"), balanceClass},
		{"balance 4", 401, newAPI("", "该令牌额度已用尽"), balanceClass},
		{"balance 5", 403, `{"error":"Insufficient account balance"}`, balanceClass},
		{"balance behind a 500", 500, newAPI("insufficient_user_quota", "x"), balanceClass},
		{"OpenAI balance", 429, `{"error":{"message":"` + exceeded + `","type":"insufficient_quota","code":"insufficient_quota"}}`, balanceClass},
		{"invalid token", 401, newAPI("", "Invalid token"), keyClass},
		{"a token of JSON is no key", 400, `{"error":{"message":"Invalid token at position 5"}}`, everyRowClass},
		{"group", 403, newAPI("access_denied", "无权访问 vip 分组"), keyClass},
		{"model access", 403, newAPI("", "This token has no access to model gemini-2.5-pro"), modelClass},
		{"no channel", 503, newAPI("model_not_found", "No available channel for model X under group Y"), channelClass},
		{"no channel, Chinese", 503, newAPI("", "分组 Y 下模型 X 的可用渠道不存在"), channelClass},
		{"cpu", 503, newAPI("system_cpu_overloaded", "x"), overloadClass},
		{"sensitive words", 500, newAPI("sensitive_words_detected", "user sensitive words detected: quota is not enough"), blockedClass},
		{"prompt blocked", 400, newAPI("prompt_blocked", "x"), blockedClass},
		{"gptproto content", 400, `{"error":{"message":"Content policy violation"}}`, blockedClass},
		{"hidden upstream", 500, newAPI("bad_response_status_code", "bad response status code 524"), serverClass},
		{"wrapped 429", 500, `{"error":{"code":429,"message":"upstream said no"}}`, quotaClass},
		{"wrapped 403", 500, `{"error":{"code":403,"message":"upstream said no"}}`, maybeKeyClass},
		{"nested JSON", 500, `{"error":{"code":500,"message":"{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":\"INVALID_ARGUMENT\"}}"}}`, keyClass},
		{"bare string", 401, `{"error":"Missing API key"}`, keyClass},
		{"code and message", 401, `{"code":"UNAUTHORIZED","message":"Authentication failed"}`, keyClass},
		{"FastAPI", 422, `{"detail":[{"loc":["body","x"],"msg":"field required"}]}`, everyRowClass},
		{"plain text", 500, "upstream connect error", serverClass},
		{"event", 429, "data: {\"error\":{\"code\":429,\"message\":\"slow\"}}\n\n", quotaClass},
		{"minutes limit", 429, newAPI("", "您已达到请求数限制：2分钟内最多请求60次"), quotaClass},
		{"rate limit with another status", 403, `{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}`, quotaClass},
		{"concurrency", 403, newAPI("token_concurrency_limit_reached", "x"), quotaClass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := outcome(tt.status, tt.body)
			if got := classOf(&o); got != tt.want {
				t.Errorf("%+v, want %+v; %v", got, tt.want, o.Err)
			}
			if tt.want.consequence == batch.Stop && o.Err.Hint == "" {
				t.Error("a run is stopped without a remedy")
			}
			if strings.Contains(o.Err.Hint, "{key}") {
				t.Errorf("hint %q", o.Err.Hint)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	tests := []struct {
		status int
		body   string
		want   string
	}{
		{404, googleError(404, "NOT_FOUND", "models/x is gone.\nSee the list.", ""), "HTTP 404: NOT_FOUND: models/x is gone. See the list."},
		{401, `{"error":"Missing API key"}`, "HTTP 401: Missing API key"},
		{500, `{"error":{"code":500,"message":"{\"error\":{\"code\":503,\"message\":\"inner\"}}"}}`, "HTTP 500: inner"},
		{502, "<html><head><title>502 Bad\nGateway</title><style>x{}</style></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>", "HTTP 502: 502 Bad Gateway nginx"},
		{503, "<title>Just a moment...</title><p>checking</p>", "HTTP 503: Just a moment... checking"},
		{422, `{"detail":[{"loc":["body"],"msg":"field required"}]}`, "HTTP 422: field required"},
		{400, `{"msg":"no"}`, "HTTP 400: no"},
		{400, `{"unknown":{"a":1}}`, `HTTP 400: {"unknown":{"a":1}}`},
		{429, "", "HTTP 429: Too Many Requests"},
		{429, " \n", "HTTP 429: Too Many Requests"},
		{598, "", "HTTP 598: no message"},
		{500, strings.Repeat("long ", 1000), "HTTP 500: " + strings.Repeat("long ", 97) + "lo…"},
	}
	for _, tt := range tests {
		o := outcome(tt.status, tt.body)
		if o.Err.Message != tt.want || o.Err.HTTPStatus != tt.status {
			t.Errorf("%d %.40q:\n got %q\nwant %q", tt.status, tt.body, o.Err.Message, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	violation := func(metric, id, value string) string {
		if value != "" {
			value = `,"quotaValue":"` + value + `"`
		}
		return fmt.Sprintf(`{"quotaMetric":"generativelanguage.googleapis.com/%s","quotaId":"%s","quotaDimensions":{"model":"m"}%s}`, metric, id, value)
	}
	quota := func(retry string, violations ...string) string {
		s := `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[` + strings.Join(violations, ",") + `]}`
		if retry != "" {
			s += `,{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"` + retry + `"}`
		}
		return s
	}
	const prefix = "generativelanguage.googleapis.com/"
	minute := violation("free_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "2")
	tokens := violation("free_input_token_count", "GenerateContentInputTokensPerModelPerMinute-FreeTier", "250000")
	daily := violation("free_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20")
	minuteLimit := batch.Limit{ID: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", Metric: prefix + "free_requests", Value: 2, Per: time.Minute}
	tokensLimit := batch.Limit{ID: "GenerateContentInputTokensPerModelPerMinute-FreeTier", Metric: prefix + "free_input_token_count", Value: 250000, Tokens: true, Per: time.Minute}
	dayLimit := batch.Limit{ID: "GenerateRequestsPerDayPerProjectPerModel-FreeTier", Metric: prefix + "free_requests", Value: 20, Per: 24 * time.Hour}
	tests := []struct {
		name          string
		body          string
		then          batch.Consequence
		limits        []batch.Limit
		retry         time.Duration
		retryAfterHdr string
	}{
		{name: "requests a minute", body: googleError(429, "RESOURCE_EXHAUSTED", "x", quota("31s", minute)),
			then: batch.SlowDown, limits: []batch.Limit{minuteLimit}, retry: 31 * time.Second},
		{name: "tokens a minute", body: googleError(429, "RESOURCE_EXHAUSTED", "x", quota("39.844676573s", tokens)),
			then: batch.SlowDown, limits: []batch.Limit{tokensLimit}, retry: 39844676573},
		{name: "three together", body: googleError(429, "RESOURCE_EXHAUSTED", "x", quota("44s", tokens, minute, daily)),
			then: batch.Park, limits: []batch.Limit{tokensLimit, minuteLimit, dayLimit}, retry: 44 * time.Second},
		{name: "a day, with a wait of seconds", body: googleError(429, "RESOURCE_EXHAUSTED", "x", quota("3s", daily)),
			then: batch.Park, limits: []batch.Limit{dayLimit}, retry: 3 * time.Second},
		{name: "value from the text", body: googleError(429, "RESOURCE_EXHAUSTED", "* Quota exceeded for metric: "+prefix+"free_requests, limit: 15, model: m\nPlease retry in 39.84s.",
			quota("", violation("free_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", ""))),
			then: batch.SlowDown, limits: []batch.Limit{{ID: minuteLimit.ID, Metric: minuteLimit.Metric, Value: 15, Per: time.Minute}}, retry: 39840 * time.Millisecond},
		{name: "text only", body: `{"error":{"message":"Quota exceeded for metric: g/generate_content_paid_tier_input_token_count, limit: 1000000, model: m. Please retry in 1m30s. (request id: 2026)","type":"upstream_error","code":429}}`,
			then: batch.SlowDown, limits: []batch.Limit{{Metric: "g/generate_content_paid_tier_input_token_count", Value: 1000000, Tokens: true}}, retry: 90 * time.Second},
		{name: "old form", body: googleError(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Generate Content API requests per minute' and limit 'GenerateContent request limit per minute for a region' of service 'g'.", ""),
			then: batch.SlowDown, limits: []batch.Limit{{ID: "GenerateContent request limit per minute for a region", Metric: "Generate Content API requests per minute", Per: time.Minute}}},
		{name: "ErrorInfo", body: googleError(429, "RESOURCE_EXHAUSTED", "x", `{"reason":"RATE_LIMIT_EXCEEDED","metadata":{"quota_limit":"GenerateContentRequestsPerMinutePerProjectPerRegion","quota_limit_value":"60","quota_metric":"g/r"}}`),
			then: batch.SlowDown, limits: []batch.Limit{{ID: "GenerateContentRequestsPerMinutePerProjectPerRegion", Metric: "g/r", Value: 60, Per: time.Minute}}},
		{name: "no quota", body: googleError(429, "RESOURCE_EXHAUSTED", "x", quota("", violation("r", "GenerateRequestsPerMinutePerProjectPerModel", "0"))),
			then: batch.Stop, limits: []batch.Limit{{ID: "GenerateRequestsPerMinutePerProjectPerModel", Metric: prefix + "r", Per: time.Minute}}},
		{name: "gateway's own limit", body: newAPI("", "您已达到请求数限制：2分钟内最多请求60次"),
			then: batch.SlowDown, limits: []batch.Limit{{Value: 30, Per: time.Minute}}},
		{name: "seconds in the header", then: batch.SlowDown, retryAfterHdr: "17", retry: 17 * time.Second},
		{name: "the longer wait counts", body: googleError(429, "RESOURCE_EXHAUSTED", "x", quota("31s", minute)), retryAfterHdr: "60",
			then: batch.SlowDown, limits: []batch.Limit{minuteLimit}, retry: time.Minute},
		{name: "a date in the header, by the server's clock", then: batch.SlowDown, retryAfterHdr: "Wed, 21 Oct 2026 07:28:30 GMT", retry: 30 * time.Second},
		{name: "a date that is past", then: batch.SlowDown, retryAfterHdr: "Wed, 21 Oct 2026 07:27:30 GMT"},
		{name: "nonsense in the header", then: batch.SlowDown, retryAfterHdr: "soon"},
		{name: "more than a day", then: batch.SlowDown, retryAfterHdr: "1e300"},
		{name: "words", body: `{"error":"Too many requests, try again in 20 seconds"}`, then: batch.SlowDown, retry: 20 * time.Second},
		{name: "minutes in words", body: `{"error":"Please retry after 2 minutes"}`, then: batch.SlowDown, retry: 2 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange{status: 429, header: http.Header{}, body: []byte(tt.body)}
			if tt.retryAfterHdr != "" {
				x.header.Set("Retry-After", tt.retryAfterHdr)
				x.header.Set("Date", "Wed, 21 Oct 2026 07:28:00 GMT")
			}
			o := x.outcome()
			if o.Consequence != tt.then || o.RetryAfter != tt.retry || !reflect.DeepEqual(o.Limits, tt.limits) {
				t.Errorf("consequence %d, after %v, limits %+v\nwant %d, %v, %+v", o.Consequence, o.RetryAfter, o.Limits, tt.then, tt.retry, tt.limits)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	same := [][2]string{
		{newAPI("", "分组 Y 下模型 X 的可用渠道不存在"), strings.ReplaceAll(newAPI("", "分组 Y 下模型 X 的可用渠道不存在"), "20261121215207830410237bSPSFq05", "20261122000000999999999zzzzzzz")},
		{`{"error":"no, trace id: abc-123"}`, `{"error":"no, trace id: def-456"}`},
		{`{"error":"no 0123456789abcdef0123"}`, `{"error":"no fedcba9876543210ffff"}`},
		{`{"error":"at contents[3]"}`, `{"error":"at contents[17]"}`},
	}
	for _, s := range same {
		a, b := outcome(403, s[0]), outcome(403, s[1])
		if a.Refusal == "" || a.Refusal != b.Refusal {
			t.Errorf("%q and %q are the same refusal", a.Refusal, b.Refusal)
		}
	}
	a, b := outcome(403, `{"error":"no"}`), outcome(401, `{"error":"no"}`)
	if a.Refusal == b.Refusal {
		t.Errorf("%q stands for two statuses", a.Refusal)
	}
	if a, b := outcome(403, `{"error":"no"}`), outcome(403, `{"error":"never"}`); a.Refusal == b.Refusal {
		t.Errorf("%q stands for two messages", a.Refusal)
	}
}

func TestMaybeBilled(t *testing.T) {
	for status, want := range map[int]bool{400: false, 401: false, 408: true, 429: false, 499: true, 500: false, 502: true, 503: false, 504: true, 520: true, 522: false, 524: true} {
		if o := outcome(status, ""); o.MaybeBilled != want {
			t.Errorf("%d: %v", status, o.MaybeBilled)
		}
	}
}

// TestHugeRefusals checks that a huge body is classified quickly. Dozens of patterns are
// matched against a refusal, so what they look at is bounded.
func TestHugeRefusals(t *testing.T) {
	repeat := func(s string) string { return strings.Repeat(s, maxErrorBytes/len(s)) }
	violation := `{"quotaId":"a","quotaMetric":"%d","description":"` + strings.Repeat("x", 100) + `"},`
	var violations strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&violations, violation, i)
	}
	for _, body := range []string{
		repeat("<script "), repeat("<!-- "), repeat("[") + "]", repeat(`{"error":`), repeat("data: {\n"),
		`{"error":{"message":"` + repeat("insufficient ") + `"}}`,
		`{"error":{"message":"x","details":[{"violations":[` + strings.TrimSuffix(violations.String(), ",") + `]}]}}`,
	} {
		r := parseRefusal([]byte(body))
		if n := len(r.haystack()); n > 4*maxText || n == 0 {
			t.Errorf("%.20q: %d bytes are searched", body, n)
		}
		if len(r.limits) > maxLimits {
			t.Errorf("%.20q: %d limits", body, len(r.limits))
		}
		if o := outcome(429, body); o.Consequence != batch.SlowDown || len(o.Err.Message) > maxMessage {
			t.Errorf("%.20q: %+v", body, o)
		}
	}
}

// An error inside a 200 keeps its own status, because others act on it.
func TestErrorInsideOK(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   int
	}{
		{200, googleError(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", ""), 504},
		{200, "data: " + googleError(524, "", "A timeout occurred", "") + "\n\n", 524},
		{200, `{"error":{"message":"no number"}}`, 500},
		{504, googleError(503, "UNAVAILABLE", "x", ""), 0},
	} {
		if o := outcome(tt.status, tt.body); o.Err == nil || o.Err.InBody != tt.want || o.Err.HTTPStatus != tt.status {
			t.Errorf("%d %s: %+v, want %d in the body", tt.status, tt.body, o.Err, tt.want)
		}
	}
}

// The refusal of a context cache names the cache that the request uses.
func TestRefusedCacheIsNamed(t *testing.T) {
	for sent, want := range map[string]string{
		`{"cachedContent":"cachedContents/abc123"}`:  "the context cache cachedContents/abc123 has expired",
		`{"cached_content":"cachedContents/abc123"}`: "the context cache cachedContents/abc123 has expired",
		``: "the context cache has expired",
	} {
		x := exchange{sent: []byte(sent), status: 403, body: []byte(googleError(403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", ""))}
		if o := x.outcome(); !strings.Contains(o.Err.Hint, want) || strings.Contains(o.Err.Hint, "key") {
			t.Errorf("%s: the hint is %q, want %q", sent, o.Err.Hint, want)
		}
	}
}

// An answer of another API is no answer, and what it says that it used was paid for.
func TestForeignAnswersCost(t *testing.T) {
	for body, want := range map[string]string{
		`{"object":"chat.completion","model":"gpt-x","choices":[{"message":{"content":"yes"}}],"usage":{"prompt_tokens":20,"completion_tokens":2,"total_tokens":22}}`: "20 2 gpt-x",
		`{"type":"message","content":[{"type":"text","text":"yes"}],"usage":{"input_tokens":7,"output_tokens":3}}`:                                                    "7 3 ",
		`{"code":200,"data":` + answer200(someText, "STOP") + `}`:                                                                                                     "9 2 m",
		`{"choices":[{"message":{"content":"yes"}}]}`:                                                                                                                 "unknown",
		`{"choices":[],"usage":{"prompt_tokens":-4,"completion_tokens":2}}`:                                                                                           "unknown",
		`{"choices":[],"usage":{"prompt_tokens":"many"}}`:                                                                                                             "unknown",
		`{"choices":[],"usage":{"prompt_tokens":"20","completion_tokens":2}}`:                                                                                         "20 2 ",
		`{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9000000000}}`:                                                                                  "unknown",
		`{"error":{"code":503,"message":"overloaded"}}`:                                                                                                               "nothing",
	} {
		o := outcome(200, body)
		got := "nothing"
		if u := o.Usage; u != nil {
			got = fmt.Sprint(u.PromptTokenCount, u.CandidatesTokenCount) + " " + o.ModelVersion
		} else if o.MaybeBilled {
			got = "unknown"
		}
		if got != want || o.Response != nil || o.Status != "" {
			t.Errorf("%s used %s, want %s; %+v", body, got, want, o)
		}
	}
}

// Gateways write finish reasons in lower case, or in the words of another API.
func TestFinishReasonsOfGateways(t *testing.T) {
	for reason, want := range map[string]batch.Status{
		"stop": batch.OK, "Stop": batch.OK, "end_turn": batch.OK, "length": batch.Truncated, "max_tokens": batch.Truncated,
		"safety": batch.Blocked, "content_filter": batch.Blocked, "whatever": batch.Invalid,
	} {
		if o := outcome(200, answer200(someText, reason)); o.Status != want {
			t.Errorf("%s: %s, want %s", reason, o.Status, want)
		}
	}
}
