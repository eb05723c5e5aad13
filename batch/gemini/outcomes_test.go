package gemini

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/clock"
)

var update = flag.Bool("update", false, "write docs/outcomes.md anew")

// outcomesDoc holds prose, and tables between marks that are made from the
// classifier's own outcomes for the examples below.
const outcomesDoc = "../../docs/outcomes.md"

// An example is an answer of one kind. Its rule is the one that must recognise it. If it
// is empty, none does, and the status decides.
type example struct {
	rule   string
	what   string // a description for people
	status int
	body   string
}

// text returns a refusal in Google's form with only this message.
func text(status int, message string) string { return googleError(status, "", message, "") }

// refusals has an example of every rule and of every status of byStatus.
var refusals = []example{
	{"quotes a value of the request", "400 `Invalid JSON payload received. Unknown name …`, `Invalid value at …`", 400, text(400, "Invalid JSON payload received. Unknown name \\\"foo\\\": Cannot find field.")},
	{"context cache", "403, 404 and 400 that name cached content: `CachedContent not found (or permission denied)`, `Cache content X is expired`; the message names the cache", 403, text(403, "CachedContent not found (or permission denied)")},
	{"content filter", "`content policy`, `sensitive_words_detected`, `prompt_blocked`, `Request blocked due to copyright/recitation`, whatever the status", 500, newAPI("sensitive_words_detected", "sensitive words detected")},
	{"balance", "`insufficient_user_quota`, `quota is not enough`, `insufficient balance`, 额度不足, 余额不足, 额度已用尽, `TokenStatusExhausted`, whatever the status", 403, newAPI("insufficient_user_quota", "user quota is not enough")},
	{"prepaid credit", "`prepayment credits are depleted` (402 or 429)", 429, text(429, "Your prepayment credits are depleted.")},
	{"spending cap", "429 `exceeded its monthly spending cap`", 429, text(429, "Your project has exceeded its monthly spending cap.")},
	{"payment required", "any other 402", 402, text(402, "Payment required.")},
	{"billing off", "`requires billing to be enabled`, `BILLING_DISABLED`", 403, text(403, "This API method requires billing to be enabled.")},
	{"no quota for the model", "429 `limit: 0`, `doesn't have a free quota tier`", 429, text(429, "Quota exceeded for metric: x, limit: 0, model: gemini-2.5-pro")},
	{"no access to the model", "`no access to model`, 无权访问模型, `model_price_error`, `no longer available to new users`", 403, newAPI("", "This token has no access to model gemini-2.5-pro")},
	{"input too long, by a wrong limit", "400 `exceeds the maximum number of tokens allowed (65536)`, or 131072: said at times by models with a window of a million", 400, text(400, "The input token count (70000) exceeds the maximum number of tokens allowed (65536).")},
	{"input too long", "`exceeds the maximum number of tokens`, `payload size exceeds`, `request entity too large`", 400, text(400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")},
	{"schema too complex", "400 `too many states for serving`, `exceeds the maximum allowed nesting depth`; where answers are checked, the row is asked again without the schema", 400, text(400, "The specified schema produces a constraint that has too many states for serving.")},
	{"media", "`Unable to process input image`, `Unsupported MIME type`, a file that is gone, bad base64", 400, text(400, "Unable to process input image.")},
	{"key", "`API key not valid`, `API key expired`, `API_KEY_INVALID`, `reported as leaked`, `ACCESS_TOKEN_TYPE_UNSUPPORTED`, 无效的令牌", 400, text(400, "API key not valid. Please pass a valid API key.")},
	{"token", "401 and 403 `Invalid token`, `invalid authentication`, 令牌已过期", 401, newAPI("", "Invalid token")},
	{"project", "`project has been denied access`, `CONSUMER_SUSPENDED`", 403, text(403, "Your project has been denied access. Please contact support.")},
	{"service off", "`SERVICE_DISABLED`, `Requests to this API method … are blocked`", 403, googleError(403, "PERMISSION_DENIED", "x", reason("SERVICE_DISABLED"))},
	{"permission", "`IAM_PERMISSION_DENIED`, `ACCESS_TOKEN_SCOPE_INSUFFICIENT` (Vertex AI)", 403, googleError(403, "PERMISSION_DENIED", "x", reason("IAM_PERMISSION_DENIED"))},
	{"gateway access", "`access_denied`, 无权访问 … 分组, an IP address that the key does not allow, a banned user", 403, newAPI("access_denied", "no")},
	{"region", "400 `User location is not supported`", 400, text(400, "User location is not supported for the API use.")},
	{"front end block", "Google's page about `automated queries` (403, 429)", 429, "<html><title>Sorry...</title><p>your computer may be sending automated queries</p></html>"},
	{"unknown model", "404 `models/X is not found for API version …`, `Publisher Model … was not found`", 404, text(404, "models/x is not found for API version v1beta, or is not supported for generateContent.")},
	{"no channel for the model", "503 `model_not_found`, `No available channel for model X`, 无可用渠道: a gateway has nobody to ask", 503, newAPI("model_not_found", "No available channel for model x under group default")},
	{"malformed for a gateway", "500 `invalid_request`, `convert_request_failed`", 500, newAPI("convert_request_failed", "x")},
	{"wrong path", "`Invalid URL (POST /…)`", 404, newAPI("", "Invalid URL (POST /v2/x)")},
	{"overload", "`overloaded`, `high demand`, 上游负载已饱和, `system_cpu_overloaded`, Vertex AI's `Please refer to …error-code-429`", 503, text(503, "The model is overloaded. Please try again later.")},
	{"rate", "`RESOURCE_EXHAUSTED`, `exceeded your current quota`, `rate limit`, `too many requests`, 请求数限制; limits that it names are adopted, `retryDelay`, Retry-After and `retry in 20s` are heeded", 429, googleError(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", "")},

	{"rate", "the same, naming a quota of the day (`PerDay`, `per day`), whatever `retryDelay` says", 429, googleError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaValue":"20"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"8s"}`)},
	{"rate", "the same, naming a `quotaValue` of 0", 429, googleError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinute","quotaMetric":"m","quotaValue":"0"}]}`)},

	{"", "400 of any other text", 400, text(400, "Request contains an invalid argument.")},
	{"", "401 of any other text", 401, text(401, "No.")},
	{"", "403 of any other text", 403, text(403, "The caller does not have permission")},
	{"", "404 of any other text", 404, text(404, "Not here.")},
	{"", "404 (and any other 4xx but 429) with a page in HTML", 404, "<html><title>404</title></html>"},
	{"", "405", 405, ""},
	{"", "407", 407, ""},
	{"", "408", 408, ""},
	{"", "409", 409, ""},
	{"", "410", 410, ""},
	{"", "413", 413, ""},
	{"", "425", 425, ""},
	{"", "429 with an empty body, or of any other text", 429, ""},
	{"", "499", 499, ""},
	{"", "501", 501, ""},
	{"", "503 of any other text", 503, "<html><title>503</title></html>"},
	{"", "504", 504, ""},
	{"", "524 (Cloudflare: 100 s without an answer)", 524, "<html><title>524</title></html>"},
	{"", "529", 529, ""},
	{"", "any 3xx", 302, ""},
	{"", "any other 4xx", 418, text(418, "x")},
	{"", "502, 520 (pages of proxies)", 502, "<html><title>502 Bad Gateway</title></html>"},
	{"", "500 and any other 5xx", 500, text(500, "An internal error has occurred.")},
}

// firstRule returns the name of the rule that decides about a refusal.
func firstRule(status int, body string) string {
	r := parseRefusal([]byte(body))
	haystack := r.haystack()
	for _, r := range rules() {
		if (r.status == nil || slices.Contains(r.status, status)) && r.text.MatchString(haystack) {
			return r.name
		}
	}
	return ""
}

// shapes are the forms in which the same refusal comes.
var shapes = []struct {
	name, body string
	status     int
}{
	{"Google: `{\"error\":{\"code\",\"message\",\"status\",\"details\"}}`", googleError(503, "UNAVAILABLE", "The model is overloaded.", ""), 503},
	{"the same in an array, as streams without SSE end", "[" + googleError(503, "UNAVAILABLE", "The model is overloaded.", "") + "]", 503},
	{"the same as a text in `message`", fmt.Sprintf(`{"error":{"message":%q,"code":500}}`, googleError(503, "UNAVAILABLE", "The model is overloaded.", "")), 500},
	{"new-api, one-hub: `{\"error\":{\"message\",\"type\",\"param\",\"code\"}}`", newAPI("x", "The model is overloaded."), 500},
	{"a gateway's own: `{\"code\",\"msg\"}`", `{"code":500,"msg":"The model is overloaded."}`, 500},
	{"FastAPI: `{\"detail\":\"…\"}`", `{"detail":"The model is overloaded."}`, 500},
	{"`{\"error\":\"…\"}`", `{"error":"The model is overloaded."}`, 500},
	{"OpenAI: `\"code\": null`", `{"error":{"message":"The model is overloaded.","type":"server_error","param":null,"code":null}}`, 500},
	{"an event of a stream: `data: {\"error\":…}`", "data: " + googleError(503, "UNAVAILABLE", "The model is overloaded.", "") + "\n\n", 503},
	{"HTML", "<html><head><title>Sorry</title></head><body>The model is overloaded.</body></html>", 503},
	{"plain text", "The model is overloaded.", 500},
	{"any of these with status 200", googleError(503, "UNAVAILABLE", "The model is overloaded.", ""), 200},
}

// answer200 returns an answer with these parts and this finish reason.
func answer200(parts, finish string) string {
	if finish != "" {
		finish = `,"finishReason":"` + finish + `"`
	}
	return `{"candidates":[{"content":{"role":"model","parts":[` + parts + `]}` + finish + `}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11},"modelVersion":"m"}`
}

const someText = `{"text":"yes"}`

// answers200 are the answers with status 200 that no finish reason settles.
var answers200 = []example{
	{what: "STOP with text, a function call, or an image", body: answer200(someText, "STOP")},
	{what: "STOP without content, with an empty text, an empty part, or nothing but thoughts", body: answer200("", "STOP")},
	{what: "`{}`, no candidates, an empty body, a stream of nothing but comments or `[DONE]`", body: "{}"},
	{what: "MAX_TOKENS with text", body: answer200(someText, "MAX_TOKENS")},
	{what: "MAX_TOKENS without text: thinking has used it up", body: answer200("", "MAX_TOKENS")},
	{what: "CONTINUATION with text", body: answer200(someText, "CONTINUATION")},
	{what: "CONTINUATION without text", body: answer200("", "CONTINUATION")},
	{what: "text without finishReason, or FINISH_REASON_UNSPECIFIED", body: answer200(someText, "")},
	{what: "JSON or a stream that breaks off", body: `{"candidates":[{"content":{"parts":[{"te`},
	{what: "an error as body, or as event of a stream after text", body: googleError(503, "UNAVAILABLE", "The model is overloaded.", "")},
	{what: "HTML, plain text, or JSON of another API", body: "<html><title>Welcome to nginx!</title></html>"},
}

// blockReasons are the reasons that the API knows, and one that it does not.
var blockReasons = []string{"SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "OTHER", "MODEL_ARMOR", "JAILBREAK", "any other"}

// failures are the ways in which an exchange ends without a complete answer.
var failures = []struct {
	what string
	err  error
	head bool // whether the answer had begun
}{
	{"nobody listens, no such host, no route", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
	{"this process has no file left for a connection", &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, false},
	{"likewise for looking up the host's name", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "dial udp 127.0.0.1:53: socket: " + syscall.EMFILE.Error(), Name: "example.com"}}, false},
	{"no connection within 20 s", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, false},
	{"a certificate of an unknown authority: a proxy that opens TLS", x509.UnknownAuthorityError{}, false},
	{"a certificate of another host, or an expired one", x509.HostnameError{Certificate: &x509.Certificate{}}, false},
	{"no TLS where there should be", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, false},
	{"the connection is reset or closed before an answer", syscall.ECONNRESET, false},
	{"no whole answer within `--timeout`", clock.ErrTotal, false},
	{"the answer breaks off", io.ErrUnexpectedEOF, true},
	{"the answer falls silent for 2 minutes", clock.ErrIdle, true},
}

// consequences are the columns that say what follows from an outcome.
func consequences(o *batch.Outcome) string {
	status, retried := string(o.Status), "no"
	switch o.Consequence {
	case batch.Retry, batch.SlowDown:
		status = string(cmp.Or(o.Status, batch.Failed)) + " at last"
		switch o.MaxRetries {
		case 0:
			retried = "yes"
		case 1:
			retried = "once"
		default:
			retried = fmt.Sprintf("%d times", o.MaxRetries)
		}
	case batch.Park:
		status, retried = "stays pending", "tomorrow"
	case batch.Stop:
		status = "stays pending"
	}
	var run []string
	switch o.Consequence {
	case batch.SlowDown:
		run = append(run, "slows down")
	case batch.Park:
		run = append(run, "exit 5, or waits with `--on-daily-quota wait`")
	case batch.Stop:
		run = append(run, "stops, exit 4")
	}
	if o.Refusal != "" {
		run = append(run, "ten alike: exit 4")
	}
	hint := ""
	if o.Err != nil {
		hint = strings.ReplaceAll(o.Err.Hint, "|", `\|`)
	}
	charged := ""
	if o.MaybeBilled {
		charged = "maybe"
	}
	return fmt.Sprintf("%s | %s | %s | %s | %s |", status, retried, strings.Join(run, "; "), charged, hint)
}

const header = "| row | asked again | run | charged | remedy |\n|---|---|---|---|---|---|\n"

// outcomeTables returns the tables of the document, keyed by the names of their marks.
func outcomeTables() map[string]string {
	tables := map[string]string{}
	var b strings.Builder
	done := func(name, first string) {
		tables[name] = "| " + first + " " + header + b.String()
		b.Reset()
	}
	row := func(what string, o batch.Outcome) { fmt.Fprintf(&b, "| %s | %s\n", what, consequences(&o)) }

	for _, e := range refusals {
		row(e.what, outcome(e.status, e.body))
	}
	done("refusals", "answer")
	for _, e := range answers200 {
		row(e.what, outcome(200, e.body))
	}
	done("answers", "answer with status 200")
	for _, name := range slices.Sorted(maps.Keys(finishes)) {
		row(name, outcome(200, answer200(someText, name)))
	}
	row("any other", outcome(200, answer200(someText, "SOMETHING_NEW")))
	done("finishes", "finishReason")
	for _, name := range blockReasons {
		row(name, outcome(200, `{"promptFeedback":{"blockReason":"`+name+`"},"usageMetadata":{"promptTokenCount":9}}`))
	}
	done("blocks", "blockReason")
	for _, f := range failures {
		x := exchange{header: http.Header{}, limit: 1 << 20}
		if f.head {
			x.status, x.body, x.broke = 200, []byte(`{"candidates":[`), f.err
			row(f.what, x.outcome())
			continue
		}
		// The request counts as sent, unless the failure shows that it cannot have been.
		dial := (*net.OpError)(nil)
		row(f.what, x.unsent(context.Background(), f.err, !errors.As(f.err, &dial) && !strings.Contains(f.what, "TLS") && !strings.Contains(f.what, "certificate")))
	}
	x := exchange{status: 200, header: http.Header{}, limit: 1, oversize: true}
	row("more than 64 MiB", x.outcome())
	done("failures", "exchange")
	return tables
}

// The document for people says what the classifier does. This command writes it anew:
//
//	go test ./batch/gemini -run OutcomesDocument -update
func TestOutcomesDocument(t *testing.T) {
	old, err := os.ReadFile(outcomesDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(old)
	for name, table := range outcomeTables() {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
		before, rest, ok := strings.Cut(doc, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			t.Fatalf("%s has no table %s between its marks", outcomesDoc, name)
		}
		doc = before + begin + table + end + after
	}
	if doc == string(old) {
		return
	}
	if *update {
		if err := os.WriteFile(outcomesDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, got := strings.Split(doc, "\n"), strings.Split(string(old), "\n")
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("line %d of %s is out of date:\nhas  %q\nwant %q\nwrite it anew with -update", i+1, outcomesDoc, got[min(i, len(got)-1)], want[i])
		}
	}
	t.Fatalf("%s has lines that it should not have; write it anew with -update", outcomesDoc)
}

// The document leaves out no rule, status or reason.
func TestOutcomesAreComplete(t *testing.T) {
	shown, statuses := map[string]bool{}, map[int]bool{}
	for _, e := range refusals {
		if got := firstRule(e.status, e.body); got != e.rule {
			t.Errorf("the example %q is decided by the rule %q, want %q", e.what, got, e.rule)
		}
		shown[e.rule] = true
		if e.rule == "" {
			statuses[e.status] = true
		}
	}
	for _, r := range rules() {
		if !shown[r.name] {
			t.Errorf("the rule %q has no example", r.name)
		}
	}
	for status := range byStatus {
		if !statuses[status] {
			t.Errorf("the status %d has no example", status)
		}
	}
	for reason := range blockedPrompt {
		if !slices.Contains(blockReasons, reason) {
			t.Errorf("the block reason %s is not shown", reason)
		}
	}
	doc, err := os.ReadFile(outcomesDoc)
	if err != nil {
		t.Fatal(err)
	}
	want := consequences(new(outcome(503, shapes[0].body)))
	for _, s := range shapes {
		if got := consequences(new(outcome(s.status, s.body))); got != want {
			t.Errorf("%s: %s, want %s", s.name, got, want)
		}
		if !strings.Contains(string(doc), "- "+s.name+"\n") {
			t.Errorf("%s does not name the shape %q", outcomesDoc, s.name)
		}
	}
}
