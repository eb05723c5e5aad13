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

// A refusal is what an error body says. It may be written by Google, by a gateway in the
// form of Google, of OpenAI or of its own, or by a proxy in HTML.
// https://google.aip.dev/193
type refusal struct {
	message string
	code    string // the body's own code: a number, or a gateway's word
	status  string // the canonical code, such as RESOURCE_EXHAUSTED
	typ     string // a gateway's type, such as new_api_error or upstream_error
	html    bool
	extra   []string // reasons, field violations and other text that the rules look at

	limits  []batch.Limit
	noQuota bool          // a quota has the value 0
	retry   time.Duration // how long the server asks to wait
}

// parseRefusal never fails. A body that cannot be read becomes the message.
func parseRefusal(body []byte) refusal {
	var r refusal
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	d := split(body)
	switch {
	case d.form == formHTML:
		r.html = true
		r.message = htmlText(body)
	case len(d.chunks) > 0:
		// The last chunk is read, because a stream that fails ends with its error.
		r.read(decode(d.chunks[len(d.chunks)-1]), 0)
		r.message = cmp.Or(r.message, clip(d.chunks[len(d.chunks)-1]))
	default:
		r.read(decode(body), 0)
		r.message = cmp.Or(r.message, clip(body))
	}
	r.quotaText()
	return r
}

// maxText bounds how much of each text of a refusal is looked at. Dozens of patterns are
// matched against it, and no explanation is this long.
const maxText = 16 << 10

func clip[T ~string | ~[]byte](s T) string { return string(s[:min(len(s), maxText)]) }

// decode returns the decoded JSON value, or nil if b does not begin with one.
func decode(b []byte) any {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// messageKeys are the fields in which servers put the message, or an object that holds
// the message.
var messageKeys = []string{"error", "message", "msg", "err", "error_msg", "error_message", "errorMessage", "detail", "errors", "title"}

// read takes from a JSON value what the refusal does not have yet. It reads the
// innermost error first, because that says the most. Servers nest errors as JSON in
// strings, and depth bounds how far read follows them.
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

// detail reads one element of the details of a google.rpc.Status. It goes by the fields
// and not by @type, which gateways drop.
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

// scalar returns a string or a number as text, and "" for any other value.
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

// canonical maps the names of google.rpc.Code to HTTP statuses. It is for errors inside
// an answer with status 200.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
var canonical = map[string]int{
	"CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
	"ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "RESOURCE_EXHAUSTED": 429,
	"FAILED_PRECONDITION": 400, "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500,
	"UNAVAILABLE": 503, "DATA_LOSS": 500,
}

// haystack returns the text that rules are matched against, in lower case. The message
// comes first, so that a rule can match its beginning.
func (r *refusal) haystack() string {
	text := strings.Join(append([]string{r.message, r.code, r.status, r.typ}, r.extra...), "\n")
	return strings.ToLower(text[:min(len(text), 2*maxText)]) // in lower case, text may be up to half as long again
}

var (
	htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlSkip  = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>|<!--.*?-->|<[^>]*>`)
)

// htmlText returns a page's title and the beginning of its text.
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
