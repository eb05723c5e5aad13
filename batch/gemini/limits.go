package gemini

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	day       = 24 * time.Hour // the period of a daily quota
	maxLimits = 16             // bounds the limits taken from one refusal
)

var (
	quotaLine    = regexp.MustCompile(`(?i)quota exceeded for metric: ([^\s,]+), limit: (\d+)`)
	quotaOld     = regexp.MustCompile(`(?i)quota exceeded for quota metric '([^']+)' and limit '([^']+)'`)
	retryText    = regexp.MustCompile(`(?i)(?:retry|try again) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|h|m|s))+|\d+(?:\.\d+)? ?(?:seconds?|minutes?)\b)`)
	gatewayLimit = regexp.MustCompile(`(\d+)\s*分钟内最多请求\s*(\d+)\s*次`) // "at most M requests in N minutes"
	perDay       = regexp.MustCompile(`(?i)per ?_?day|daily (?:quota|limit|request)|requests today`)
	perMinute    = regexp.MustCompile(`(?i)per ?_?minute|/min\b`)
)

// quota adds a limit that the server names. If several details name the same limit, it
// is added once.
func (r *refusal) quota(id, metric, value string) {
	if id == "" && metric == "" {
		return
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err == nil && n == 0 {
		r.noQuota = true
	}
	name := id + " " + metric
	limit := batch.Limit{ID: id, Metric: metric, Value: max(n, 0), Tokens: strings.Contains(strings.ToLower(name), "token")}
	switch {
	case perDay.MatchString(name):
		limit.Per = day
	case perMinute.MatchString(name):
		limit.Per = time.Minute
	}
	for i := range r.limits {
		old := &r.limits[i]
		if (id == "" || old.ID == "" || id == old.ID) && metric == old.Metric {
			if old.Value == 0 {
				old.Value = limit.Value
			}
			return
		}
	}
	if len(r.limits) < maxLimits {
		r.limits = append(r.limits, limit)
	}
}

// quotaText reads limits and waits from the message. Gateways drop the details, and
// Google itself has sent bodies without them.
func (r *refusal) quotaText() {
	for _, m := range quotaLine.FindAllStringSubmatch(r.message, maxLimits) {
		r.quota("", m[1], m[2])
	}
	if m := quotaOld.FindStringSubmatch(r.message); m != nil && len(r.limits) == 0 {
		r.quota(m[2], m[1], "")
	}
	if m := gatewayLimit.FindStringSubmatch(r.message); m != nil && len(r.limits) < maxLimits {
		minutes, err1 := strconv.ParseInt(m[1], 10, 32)
		requests, err2 := strconv.ParseInt(m[2], 10, 64)
		if err1 == nil && err2 == nil && minutes > 0 && requests > 0 {
			r.limits = append(r.limits, batch.Limit{Value: max(1, requests/minutes), Per: time.Minute})
		}
	}
	if m := retryText.FindStringSubmatch(r.message); m != nil {
		r.retry = max(r.retry, wait(m[1]))
	}
}

// wait reads "39.84s", "1m30s", "20 seconds" or "2 minutes".
func wait(s string) time.Duration {
	s = strings.ToLower(s)
	if n, unit, ok := strings.Cut(s, " "); ok {
		s = n + unit
	}
	for _, word := range []string{"seconds", "second", "minutes", "minute"} {
		s = strings.TrimSuffix(s, word[1:]) // keeps the first letter, which time.ParseDuration knows as a unit
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}

// daily reports whether a quota of the day is used up. This outranks every wait that the
// server suggests: even then the server suggests only seconds.
func (r *refusal) daily() bool {
	for _, l := range r.limits {
		if l.Per == day {
			return true
		}
	}
	return perDay.MatchString(r.message)
}

// maxWait bounds what a Retry-After may ask for. A longer wait is a mistake.
const maxWait = day

// retryAfter reads the header Retry-After, which holds seconds or a date. A date is
// compared with the server's own clock if the answer has a Date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if s > 0 && s <= maxWait.Seconds() {
			return time.Duration(s * float64(time.Second))
		}
		return 0
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if server, err := http.ParseTime(h.Get("Date")); err == nil {
		now = server
	}
	if d := at.Sub(now); d > 0 && d <= maxWait {
		return d
	}
	return 0
}
