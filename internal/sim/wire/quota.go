package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Violation is a limit that was reached. Metric and Limit may be empty: then the
// refusal does not tell them.
type Violation struct {
	Metric string
	ID     string
	Model  string
	Limit  string // how much is allowed
}

// QuotaExceeded is Google's 429, with the limits that were reached and the time to
// wait: https://ai.google.dev/gemini-api/docs/rate-limits
func QuotaExceeded(broken []Violation, wait time.Duration) *Error {
	var b strings.Builder
	b.WriteString("You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: https://ai.dev/rate-limit. ")
	for _, v := range broken {
		fmt.Fprintf(&b, "\n* Quota exceeded for metric: %s", v.Metric)
		if v.Limit != "" {
			fmt.Fprintf(&b, ", limit: %s", v.Limit)
		}
		fmt.Fprintf(&b, ", model: %s", v.Model)
	}
	fmt.Fprintf(&b, "\nPlease retry in %s.", seconds(wait))
	failure := quotaFailure{Type: rpcType + "QuotaFailure"}
	for _, v := range broken {
		failure.Violations = append(failure.Violations, quotaViolation{v.Metric, v.ID, dimensions{"global", v.Model}, v.Limit})
	}
	e := Errorf(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "%s", b.String())
	e.details = []any{
		help{rpcType + "Help", []helpLink{{"Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits"}}},
		failure,
		retryInfo{rpcType + "RetryInfo", seconds(wait)},
	}
	return e
}

// seconds renders a duration as Google's JSON does: "26s", "39.844676573s".
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}
