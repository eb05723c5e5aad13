package gemini

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A refusal is what an error body says, whoever wrote it: Google, a gateway in
// Google's, OpenAI's or its own form, or a proxy in HTML.
// https://google.aip.dev/193
type refusal struct {
	message string
	code    string // the body's own code: a number, or a gateway's word
	status  string // canonical: RESOURCE_EXHAUSTED
	typ     string // gateways: new_api_error, upstream_error
	html    bool
	extra   []string // reasons, field violations and other text that rules look at

	limits  []batch.Limit
	noQuota bool          // a quota is given as 0
	retry   time.Duration // how long it asks to wait
}

// parseRefusal never fails: what cannot be read becomes the message.
func parseRefusal(body []byte) refusal {
	var r refusal
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	d := split(body)
	switch {
	case d.form == formHTML:
		r.html = true
		r.message = htmlText(body)
	case len(d.chunks) > 0:
		// The last: a stream that fails ends in its error.
		r.read(decode(d.chunks[len(d.chunks)-1]), 0)
		r.message = cmp.Or(r.message, clip(d.chunks[len(d.chunks)-1]))
	default:
		r.read(decode(body), 0)
		r.message = cmp.Or(r.message, clip(body))
	}
	r.quotaText()
	return r
}

// maxText is the most of each text of a refusal that is looked at: dozens of
// patterns are matched against it, and nobody writes an explanation this long.
const maxText = 16 << 10

func clip[T ~string | ~[]byte](s T) string { return string(s[:min(len(s), maxText)]) }

// decode returns the JSON value, or nil.
func decode(b []byte) any {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// messageKeys are the fields in which servers put the message, or an object that
// has it.
var messageKeys = []string{"error", "message", "msg", "err", "error_msg", "error_message", "errorMessage", "detail", "errors", "title"}

// read takes from a JSON value what the refusal does not have yet. The innermost
// error is the most telling, so it is read first. Servers nest errors as JSON in
// strings; depth keeps that from going on.
func (r *refusal) read(v any, depth int) {
	if depth > 6 {
		return
	}
	switch v := v.(type) {
	case string:
		s := strings.TrimSpace(v)
		if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
			r.read(decode([]byte(s)), depth+1)
		}
		if r.message == "" {
			r.message = clip(s)
		}
	case []any:
		for _, x := range v {
			r.read(x, depth+1)
		}
	case map[string]any:
		for _, key := range messageKeys {
			if r.message == "" || key == "error" || key == "errors" {
				r.read(v[key], depth+1)
			}
		}
		r.code = cmp.Or(r.code, scalar(v["code"]))
		r.status = cmp.Or(r.status, scalar(v["status"]))
		r.typ = cmp.Or(r.typ, scalar(v["type"]))
		r.extra = append(r.extra, scalar(v["reason"]))
		details, _ := v["details"].([]any)
		for _, x := range details {
			if d, ok := x.(map[string]any); ok {
				r.detail(d)
			}
		}
	}
}

// detail reads one element of a google.rpc.Status' details. It goes by the
// fields and not by @type, which gateways drop.
func (r *refusal) detail(d map[string]any) {
	r.extra = append(r.extra, scalar(d["reason"]), scalar(d["message"]), scalar(d["detail"]))
	if delay, err := time.ParseDuration(scalar(d["retryDelay"])); err == nil && delay > 0 {
		r.retry = max(r.retry, delay)
	}
	if m, ok := d["metadata"].(map[string]any); ok {
		r.quota(scalar(m["quota_limit"]), scalar(m["quota_metric"]), scalar(m["quota_limit_value"]))
	}
	violations, _ := d["violations"].([]any)
	for _, x := range violations {
		if v, ok := x.(map[string]any); ok {
			r.quota(scalar(v["quotaId"]), scalar(v["quotaMetric"]), scalar(v["quotaValue"]))
			r.extra = append(r.extra, scalar(v["description"]), scalar(v["subject"]))
		}
	}
	fields, _ := d["fieldViolations"].([]any)
	for _, x := range fields {
		if v, ok := x.(map[string]any); ok {
			r.extra = append(r.extra, scalar(v["description"]))
		}
	}
}

// scalar returns a string or number as text, anything else as "".
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return clip(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// number returns the HTTP status that the body names, or 0.
func (r *refusal) number() int {
	for _, s := range []string{r.code, r.status} {
		if n, err := strconv.Atoi(s); err == nil && 400 <= n && n < 600 {
			return n
		}
	}
	return canonical[r.status]
}

// canonical maps google.rpc.Code names to HTTP statuses, for errors that come in
// the middle of a 200.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
var canonical = map[string]int{
	"CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
	"ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "RESOURCE_EXHAUSTED": 429,
	"FAILED_PRECONDITION": 400, "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500,
	"UNAVAILABLE": 503, "DATA_LOSS": 500,
}

// haystack is the text that rules are matched against, in lower case: the
// message first, so that a rule can ask for how it begins.
func (r *refusal) haystack() string {
	text := strings.Join(append([]string{r.message, r.code, r.status, r.typ}, r.extra...), "\n")
	return strings.ToLower(text[:min(len(text), 2*maxText)]) // lower case may be longer, by up to half
}

var (
	htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlSkip  = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>|<!--.*?-->|<[^>]*>`)
)

// htmlText is a page's title and the beginning of its text.
func htmlText(page []byte) string {
	page = page[:min(len(page), maxText)]
	plain := func(s string) string { return strings.Join(strings.Fields(html.UnescapeString(s)), " ") }
	var title string
	if m := htmlTitle.FindSubmatch(page); m != nil {
		title = plain(string(m[1]))
	}
	text := plain(htmlSkip.ReplaceAllString(string(page), " "))
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200])
	}
	switch {
	case title == "" || strings.HasPrefix(text, title):
		return text
	case text == "":
		return title
	}
	return title + ": " + text
}
