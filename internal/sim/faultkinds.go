package sim

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/answer"
	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/quota"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A damage is what the faults of an exchange do to its answer.
type damage struct {
	answer.Edits
	cut   bool          // the connection breaks half way
	short bool          // the answer ends half way, in order
	drip  time.Duration // the answer comes in pieces, so far apart

	failed bool // no caller can use the answer, so it does not count as one

	// tries has what the tries are counted by, and whether a fault has been at work there that
	// is over after some tries.
	tries map[[32]byte]bool
	row   *answer.RowEdits // of the row of a pack that the fault is about; nil for the whole answer
}

// A faultKind is a way to fail. run reports whether it has answered the exchange; if
// not, it has changed the damage, and the answer goes on. check says what is wrong with
// a value, and is nil for a kind that takes none.
type faultKind struct {
	name, help string
	check      func(string) error
	run        func(x *exchange, value string) (ended bool)
}

// plainFaults are the faults that depend on the exchange.
var plainFaults = []faultKind{
	{"400", "400 INVALID_ARGUMENT", nil, refusal(func(*exchange) *wire.Error { return wire.Invalid("Request contains an invalid argument.") })},
	{"401", "401, the key or token is not accepted", nil, refusal(func(x *exchange) *wire.Error {
		if x.server.config.Dialect.Gateway() {
			return wire.GatewayError(http.StatusUnauthorized, "", "Invalid token")
		}
		return wire.BadToken()
	})},
	{"402", "402 (403 from a gateway), the balance is used up", nil, refusal(func(x *exchange) *wire.Error { return wire.NoBalance(x.server.config.Dialect) })},
	{"403", "403 PERMISSION_DENIED CONSUMER_SUSPENDED, whose text prints the key", nil, refusal(func(x *exchange) *wire.Error { return wire.SuspendedKey(x.key) })},
	{"404", "404, the model is not found (503 model_not_found from a gateway)", nil, refusal(func(x *exchange) *wire.Error {
		return wire.UnknownModel(x.server.config.Dialect, x.at, x.model.Name, "generateContent")
	})},
	{"408", "408 with an HTML page", nil, page(http.StatusRequestTimeout, "Request Timeout")},
	{"429", "429 with QuotaFailure and RetryInfo, of =DURATION (1s)", faultvalue.CheckDuration, (*exchange).fault429},
	{"429bare", "429 that says neither which limit nor how long", nil, refusal(func(x *exchange) *wire.Error { return wire.BareQuota(x.server.config.Dialect) })},
	{"429day", "429, the quota of the day is used up", nil, refusal(func(x *exchange) *wire.Error {
		return wire.QuotaExceeded([]wire.Violation{{Metric: quota.MetricRequests, ID: quota.IDDay, Model: x.model.Name, Limit: "250"}}, 27*time.Second)
	})},
	{"429empty", "429 with an empty body", nil, func(x *exchange, _ string) bool {
		x.w.WriteHeader(http.StatusTooManyRequests)
		return true
	}},
	{"429zero", "429, limit: 0: the model is not on this tier", nil, refusal(func(x *exchange) *wire.Error {
		return wire.QuotaExceeded([]wire.Violation{{Metric: quota.MetricRequests, ID: quota.IDMinute, Model: x.model.Name, Limit: "0"}}, 20*time.Second)
	})},
	{"499", "499 CANCELLED", nil, refusal(func(*exchange) *wire.Error {
		return wire.Errorf(499, "CANCELLED", "The operation was cancelled.")
	})},
	{"500", "500 INTERNAL", nil, refusal(func(*exchange) *wire.Error { return wire.Internal() })},
	{"502", "502 with an HTML page", nil, page(http.StatusBadGateway, "502 Bad Gateway")},
	{"503", "503 UNAVAILABLE, the model is overloaded", nil, refusal(func(*exchange) *wire.Error { return wire.Overloaded() })},
	{"504", "504 DEADLINE_EXCEEDED", nil, refusal(func(*exchange) *wire.Error {
		return wire.Errorf(http.StatusGatewayTimeout, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
	})},
	{"524", "524, Cloudflare's page for a slow origin", nil, page(524, "524: A timeout occurred")},

	{"flexbusy", "503 UNAVAILABLE for what asks for the flex tier, which is shed first", nil, func(x *exchange, _ string) bool {
		if x.request.Tier() != "flex" {
			return false
		}
		x.fail(wire.Overloaded())
		return true
	}},
	{"downgrade", "the standard tier answers what asks for priority", nil, func(x *exchange, _ string) bool {
		if x.request.Tier() == "priority" {
			x.damage.Downgraded = true
		}
		return false
	}},

	{"slow", "answers =DURATION (2s) later", faultvalue.CheckDuration, func(x *exchange, value string) bool { return !x.sleep(faultvalue.Duration(value, 2*time.Second)) }},
	{"hang", "never answers", nil, func(x *exchange, _ string) bool {
		<-x.r.Context().Done()
		return true
	}},
	{"drip", "answers in 20 pieces, =DURATION (100ms) apart", faultvalue.CheckDuration, func(x *exchange, value string) bool {
		x.damage.drip = faultvalue.Duration(value, 100*time.Millisecond)
		return false
	}},
	{"cut", "breaks off half way through the answer, or after a stream's first event", nil, func(x *exchange, _ string) bool {
		x.damage.cut, x.damage.failed = true, true
		return false
	}},
	{"reset", "resets the connection without an answer", nil, (*exchange).faultReset},
	{"giant", "sends =BYTES (256 MiB) of one JSON string, or as much as is read", checkSize, (*exchange).faultGiant},

	{"html", "200 with an HTML page", nil, page(http.StatusOK, "Welcome to nginx!")},
	{"garbage", "200 that is no JSON", nil, func(x *exchange, _ string) bool {
		x.writeBody(http.StatusOK, x.contentType(), []byte("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\x00\xff\xfe}}{{"))
		return true
	}},
	{"nobody", "200 with an empty body", nil, func(x *exchange, _ string) bool {
		x.writeBody(http.StatusOK, x.contentType(), nil)
		return true
	}},
	{"nocandidates", "200 with {}", nil, func(x *exchange, _ string) bool { return x.sendRaw("{}") }},
	{"errorbody", "200 whose body, or the event after a stream's first, is an error 503", nil, (*exchange).faultErrorBody},
	{"empty", "STOP without any text", nil, func(x *exchange, _ string) bool {
		x.damage.Silent, x.damage.failed = true, true
		return false
	}},
	{"nousage", "an answer without usageMetadata", nil, func(x *exchange, _ string) bool {
		x.damage.Unmeasured = true
		return false
	}},
	{"nologprobs", "an answer without log probabilities, which some gateways drop", nil, func(x *exchange, _ string) bool {
		x.damage.NoLogprobs = true
		return false
	}},
	{"cached", "three quarters of the prompt, rounded down, were in the cache", nil, func(x *exchange, _ string) bool {
		x.damage.Cached = true
		return false
	}},
	{"fenced", "an answer in ```json fences", nil, func(x *exchange, _ string) bool {
		x.damage.Rewrite = func(s string) string { return "```json\n" + s + "\n```" }
		return false
	}},
	{"invalid", "an answer that breaks its schema or is none of the labels", nil, func(x *exchange, _ string) bool {
		x.damage.text().Rewrite = func(s string) string { return s[:len(s)/2] + " I am not sure" }
		return false
	}},
	{"trailing", "a JSON answer with more text after it", nil, func(x *exchange, _ string) bool {
		x.damage.Rewrite = func(s string) string { return s + "\n\nI hope this helps! " + wire.Clip(s, 20) }
		return false
	}},
	{"digest", "an answer that is the SHA-256 of what it would be", nil, func(x *exchange, _ string) bool {
		x.damage.text().Rewrite = wire.Digest
		return false
	}},
	{"badschema", "JSON that breaks its schema, until a correction; with =always, after it too", checkAny, func(x *exchange, value string) bool {
		if value == "always" || !x.request.Corrected() {
			x.damage.text().Rewrite = wire.BreakSchema
		}
		return false
	}},
	{"answer", "the answer =TEXT", checkAny, func(x *exchange, value string) bool {
		x.damage.text().Text = &value
		return false
	}},
	{"version", "another model answers, =MODEL (gemini-3.5-flash-lite)", checkAny, func(x *exchange, value string) bool {
		x.damage.Version = cmp.Or(value, "gemini-3.5-flash-lite")
		return false
	}},

	{"block", "the prompt is blocked for =REASON (PROHIBITED_CONTENT)", checkAny, func(x *exchange, value string) bool {
		x.damage.Block = cmp.Or(value, "PROHIBITED_CONTENT")
		return false
	}},
	{"safety", "finish reason SAFETY, without text", nil, func(x *exchange, _ string) bool {
		x.damage.Finish, x.damage.Silent = "SAFETY", true
		return false
	}},
	{"recitation", "finish reason RECITATION, after half the text", nil, func(x *exchange, _ string) bool {
		x.damage.Finish, x.damage.Message = "RECITATION", "The answer was too close to existing text."
		x.damage.Rewrite = func(s string) string { return wire.Clip(s, len(s)/2) }
		return false
	}},
	{"maxtokens", "finish reason MAX_TOKENS, all of it spent on thinking", nil, func(x *exchange, _ string) bool {
		x.damage.Finish, x.damage.Silent = "MAX_TOKENS", true
		return false
	}},
	{"finish", "any finish reason, =REASON (OTHER), after the text", checkAny, func(x *exchange, value string) bool {
		x.damage.Finish = cmp.Or(value, "OTHER")
		return false
	}},
}

// refusal makes a fault of an error.
func refusal(e func(*exchange) *wire.Error) func(*exchange, string) bool {
	return func(x *exchange, _ string) bool {
		x.fail(e(x))
		return true
	}
}

// page makes a fault of an HTML page.
func page(status int, title string) func(*exchange, string) bool {
	body := []byte(htmlPage(status, title))
	return func(x *exchange, _ string) bool {
		x.writeBody(status, "text/html; charset=UTF-8", body)
		return true
	}
}

// fault429 refuses for a limit, which it does not tell: a caller may take it for the
// real one.
func (x *exchange) fault429(value string) bool {
	if x.server.config.Dialect != Google {
		x.fail(wire.BareQuota(x.server.config.Dialect))
		return true
	}
	v := wire.Violation{Metric: quota.MetricRequests, ID: quota.IDMinute, Model: x.model.Name}
	x.fail(wire.QuotaExceeded([]wire.Violation{v}, faultvalue.Duration(value, time.Second)))
	return true
}

// sendRaw sends a JSON text as the only response of the call.
func (x *exchange) sendRaw(text string) bool {
	switch {
	case x.sse:
		text = "data: " + text + "\r\n\r\n"
	case x.stream:
		text = "[" + text + "]\n"
	}
	x.writeBody(http.StatusOK, x.contentType(), []byte(text))
	return true
}

// faultErrorBody sends an error with status 200, in a stream after the first event.
func (x *exchange) faultErrorBody(string) bool {
	const text = `{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}`
	if !x.stream {
		return x.sendRaw(text)
	}
	responses := x.compose()
	frames, err := x.frames(responses)
	if err != nil {
		x.fail(wire.Internal())
		return true
	}
	first := strings.TrimSuffix(strings.TrimSpace(string(frames[0])), "]")
	if x.sse {
		x.writeBody(http.StatusOK, x.contentType(), []byte(first+"\r\n\r\ndata: "+text+"\r\n\r\n"))
	} else {
		x.writeBody(http.StatusOK, x.contentType(), []byte(first+",\r\n"+text+"]\n"))
	}
	x.bill.BreakOff(responses[0].Output())
	return true
}

// faultReset closes the connection so that the other side sees a reset. Where the
// connection cannot be had, it breaks off.
func (x *exchange) faultReset(string) bool {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the documented way to break a connection
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the connection ends in order, which is a fault too
	}
	_ = conn.Close()
	return true
}

// faultGiant writes a JSON text of any size, out of a small buffer.
func (x *exchange) faultGiant(value string) bool {
	size, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		size = 256 << 20
	}
	x.w.Header().Set("Content-Type", x.contentType())
	if _, err := io.WriteString(x.w, `{"candidates":[{"content":{"parts":[{"text":"`); err != nil {
		return true
	}
	block := []byte(strings.Repeat("the same again and ", 1<<10))
	for size > 0 {
		n := min(size, int64(len(block)))
		if _, err := x.w.Write(block[:n]); err != nil {
			return true
		}
		size -= n
	}
	_, _ = io.WriteString(x.w, `"}],"role":"model"},"finishReason":"STOP"}]}`)
	return true
}
