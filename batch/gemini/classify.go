package gemini

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/redact"
)

// maxMessage bounds an error message, in bytes.
const maxMessage = 500

// Classify says what a response came to, as Attempt does for its own. It is for one
// that arrived another way, such as a line of a batch's results. Header may be nil.
// Nothing is sent; secrets that the response repeats are removed.
func (c *Client) Classify(status int, header http.Header, body []byte) batch.Outcome {
	key := ""
	if c.config.Endpoint.Auth != AuthOAuth { // where asking for the token may be a call of its own
		key, _ = c.key() // without a key there is none to remove
	}
	x := c.exchange(key)
	x.status, x.header, x.body = status, header, body
	return x.classified()
}

// An exchange is one HTTP exchange whose body has been read, ready to be classified.
type exchange struct {
	sent   json.RawMessage // the body of the request; nil if it is not known
	status int
	header http.Header
	body   []byte
	limit  int64 // the largest body that is read, in bytes

	broke    error // why the body broke off; nil if it is complete
	oversize bool  // the body was larger than limit

	oauth   bool
	keyFrom string // where the key comes from, for hints
	secrets *redact.Redactor
}

// exchange begins an exchange in which the key is sent.
func (c *Client) exchange(key string) exchange {
	return exchange{
		limit:   c.config.MaxResponseBytes,
		oauth:   c.config.Endpoint.Auth == AuthOAuth,
		keyFrom: c.config.KeyFrom,
		secrets: c.redactor(key),
	}
}

// classified returns the outcome without the secrets that were sent. A server, or a
// model, that prints the key back must not put it into the journal.
func (x *exchange) classified() batch.Outcome {
	x.body = x.secrets.Body(x.body)
	o := x.outcome()
	o.Response = withoutSecrets(x.secrets, o.Response)
	return o
}

// outcome classifies the exchange. It is a pure function of the exchange, except that
// a Retry-After date is compared with the clock.
func (x *exchange) outcome() batch.Outcome {
	if x.status/100 == 2 {
		return x.answered()
	}
	r := parseRefusal(x.body)
	o := x.refused(x.status, &r)
	o.MaybeBilled = slices.Contains(billedAnyway, x.status)
	return o
}

// refused classifies an error. An answer with status 200 may hold one too.
func (x *exchange) refused(status int, r *refusal) batch.Outcome {
	if n := r.number(); n != 0 && status == http.StatusInternalServerError {
		status = n // a gateway wrapped the error that it received
	}
	v := verdictFor(status, r)
	limited := v.kind == batch.KindQuota || v.kind == batch.KindOverload && status == http.StatusTooManyRequests
	switch {
	case limited && r.noQuota:
		v = verdict{batch.Stop, "", batch.KindModel, "this key's tier has no quota for the model here: use another model or location, or enable billing", false, 0}
	case limited && r.daily():
		v = verdict{consequence: batch.Park, kind: batch.KindDayQuota}
	case x.oauth && status == http.StatusUnauthorized:
		// The token may have expired under way. The next attempt brings a new one.
		v = verdict{batch.Retry, "", batch.KindKey, hintKey, true, 2}
	}
	message := cmp.Or(r.message, http.StatusText(status), "no message")
	if canonical[r.status] != 0 && r.message != "" {
		message = r.status + ": " + message
	}
	if x.status/100 == 2 {
		message = fmt.Sprintf("error %d in a %d answer: %s", status, x.status, message)
	}
	if location := x.header.Get("Location"); status/100 == 3 && location != "" {
		message = "redirects to " + location
	}
	o := x.made(v, message)
	if x.status/100 == 2 {
		o.Err.InBody = status
	}
	o.Limits = r.limits
	o.RetryAfter = max(min(r.retry, maxWait), retryAfter(x.header, time.Now()))
	return o
}

// answered classifies an answer with status 200. That is a success only if the answer
// itself says so.
func (x *exchange) answered() batch.Outcome {
	if x.oversize {
		o := x.made(oversized, fmt.Sprintf("the answer is larger than %d bytes", x.limit))
		o.MaybeBilled = true
		return o
	}
	d := split(x.body)
	if d.form != formObject && d.form != formList && x.broke != nil {
		return x.half(x.broke)
	}
	if d.form == formHTML || d.form == formOther {
		r := parseRefusal(x.body)
		return x.made(notTheAPI, "the answer is not of this API: "+r.message)
	}
	a := d.answer()
	if a.FinishReason == "" && (d.cut || x.broke != nil) {
		a.Usage = nil // a running total, and the model went on
	}
	o := x.judge(&d, a)
	o.Usage, o.ModelVersion, o.ResponseID, o.FinishReason = a.Usage, a.ModelVersion, a.ResponseID, a.FinishReason
	o.MaybeBilled = a.unreported()
	o.Tier = a.usage.Tier()
	if a.Candidates > 0 || a.BlockReason != "" {
		o.Response = d.raw()
	}
	if a.objects > 0 && !a.known {
		o.Usage, o.ModelVersion, o.MaybeBilled = foreignUsage(&d)
	}
	return o
}

// foreignUsage returns what an answer of another API says that it used, and its model: an
// answer of OpenAI's or Anthropic's form, or one of this API in a gateway's envelope. Nobody
// can use such an answer, and it was paid for all the same. unreported says that there is an
// answer, and not what it used.
func foreignUsage(d *document) (u *batch.Usage, model string, unreported bool) {
	for _, raw := range d.chunks {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			continue
		}
		for name, m := range members {
			unreported = unreported || slices.Contains([]string{"choices", "content", "output", "completion"}, name)
			inner := split(m)
			if inner.form != formObject {
				continue
			}
			if a := inner.answer(); a.known {
				return a.Usage, a.ModelVersion, a.Usage == nil
			}
		}
		var v struct {
			Model string
			Usage struct {
				Prompt     wire.Count `json:"prompt_tokens"`
				Completion wire.Count `json:"completion_tokens"`
				Input      wire.Count `json:"input_tokens"`
				Output     wire.Count `json:"output_tokens"`
			}
		}
		_ = json.Unmarshal(raw, &v) // it is valid: an error says that a value has another type
		model = cmp.Or(v.Model, model)
		in, out := cmp.Or(v.Usage.Prompt, v.Usage.Input), cmp.Or(v.Usage.Completion, v.Usage.Output)
		if in > 0 && out >= 0 { // an impossible one is below 0
			u = &batch.Usage{PromptTokenCount: int64(in), CandidatesTokenCount: int64(out), TotalTokenCount: int64(in + out)}
		}
	}
	return u, model, u == nil && unreported
}

// judge decides what an answer amounts to.
func (x *exchange) judge(d *document, a *reading) batch.Outcome {
	if a.refusal != nil {
		r := parseRefusal(a.refusal)
		return x.refused(cmp.Or(r.number(), http.StatusInternalServerError), &r)
	}
	if a.BlockReason != "" && (a.Candidates == 0 || a.BlockReason != blockNumbers[0]) {
		v, ok := blockedPrompt[a.BlockReason]
		if !ok {
			v = blocked
		}
		return x.made(v, "the prompt was blocked: "+joined(a.BlockReason, a.BlockMessage))
	}
	if a.FinishReason == "" && (d.cut || x.broke != nil) {
		return x.half(x.broke)
	}
	if a.objects > 0 && !a.known {
		return x.made(notTheAPI, "the answer is not of this API: "+string(d.chunks[0]))
	}
	switch a.FinishReason {
	case "STOP":
		if a.content() {
			return batch.Outcome{Consequence: batch.Answered, Status: batch.OK}
		}
		return x.made(noContent, "the answer is empty (finishReason STOP)")
	case "MAX_TOKENS":
		if a.content() {
			return x.made(truncated, "the answer was cut at the token limit")
		}
		return x.made(allThought, "the token limit was reached before any answer: thinking used it up")
	case "CONTINUATION":
		if a.content() {
			return x.made(continuation, "the answer goes on beyond this response (finishReason CONTINUATION)")
		}
		return x.made(allThought, "the response ended before any answer (finishReason CONTINUATION)")
	case "", finishNumbers[0]:
		if a.content() {
			return x.made(unfinished, "the answer has no finishReason: it may be incomplete")
		}
		return x.made(noContent, "the answer is empty")
	}
	v, ok := finishes[a.FinishReason]
	if !ok {
		return x.made(unknownFinish, "unknown finishReason "+joined(a.FinishReason, a.FinishMessage)+": the answer is kept, but not counted as ok")
	}
	return x.made(v, "no usable answer: finishReason "+joined(a.FinishReason, a.FinishMessage))
}

// half returns the outcome of an answer that broke off before it was complete.
func (x *exchange) half(cause error) batch.Outcome {
	message := "the answer broke off"
	v := broken
	if cause != nil {
		message += ": " + cause.Error()
		v.kind, v.hint = transportKind(cause)
	}
	o := x.made(v, message)
	o.MaybeBilled = true
	return o
}

// made makes the outcome that a verdict asks for.
func (x *exchange) made(v verdict, message string) batch.Outcome {
	if x.status != 0 && x.status/100 != 2 {
		message = fmt.Sprintf("HTTP %d: %s", x.status, message)
	}
	o := batch.Outcome{
		Consequence: v.consequence,
		Status:      v.status,
		MaxRetries:  v.retries,
		Err: &batch.Error{
			Kind:       v.kind,
			HTTPStatus: x.status,
			Message:    x.secrets.Line(message, maxMessage),
			Hint:       strings.ReplaceAll(strings.ReplaceAll(v.hint, "{key}", x.keyFrom), "{cache} ", x.cache()),
		},
	}
	if v.everyRow {
		o.Refusal = identity(o.Err.Message)
	}
	return o
}

// cache returns the name of the context cache that the request uses, with a space after it.
func (x *exchange) cache() (name string) {
	body, err := apijson.Parse(x.sent)
	if err != nil || json.Unmarshal(body["cachedContent"], &name) != nil || name == "" {
		return ""
	}
	return x.secrets.Line(name, 200) + " "
}

var (
	requestID = regexp.MustCompile(`(?i)\(?\b(?:request|trace|ray)[ _-]?id\b[:= ]+[\w-]+\)?`)
	longWord  = regexp.MustCompile(`[\w-]{12,}`)
	digits    = regexp.MustCompile(`\d+`)
)

// identity reduces a message to the text that stays the same if the same refusal comes
// again. The HTTP status is kept. Request ids, other ids and numbers are removed.
func identity(message string) string {
	status, rest, found := strings.Cut(message, ": ")
	if !found || !strings.HasPrefix(status, "HTTP ") {
		status, rest = "", message
	}
	rest = requestID.ReplaceAllString(rest, "")
	rest = longWord.ReplaceAllStringFunc(rest, func(w string) string {
		if strings.ContainsAny(w, "0123456789") {
			return "#"
		}
		return w
	})
	return strings.TrimSpace(status + " " + strings.TrimSpace(digits.ReplaceAllString(rest, "#")))
}

// joined returns an enum's name with the server's explanation after it.
func joined(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + " (" + message + ")"
}
