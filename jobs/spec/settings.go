package spec

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
)

// The settings that are written as text are read here. Each method returns the zero value
// for a setting that is not given, and an [*Error] for one that cannot be read.

// Guards returns the keys that may not be left empty, and what is to be written for each. Most
// of them keep a job from costing more or running longer than is meant, so that an empty one
// would take the guard away. An empty delimiter is a mistake: YAML takes a vertical bar without
// quotes for the beginning of a text.
func Guards() map[string]string {
	return map[string]string{
		"max_cost": "dollars", "max_failures": "a number or a percentage", "deadline": "a time", "shard": "which part of the rows", "quota_share": "a part",
		"delimiter": "a character, in YAML in quotes", "output_delimiter": "a character, in YAML in quotes",
	}
}

// Blank reports whether the value of one of the Guards is empty. A delimiter can be a space.
func Blank(key, value string) bool {
	if strings.HasSuffix(key, "delimiter") {
		return value == ""
	}
	return strings.TrimSpace(value) == ""
}

// CostLimit returns what max_cost allows the job to cost. It is 0 if nothing limits the cost.
func (s *Spec) CostLimit() (price.USD, error) {
	if s.MaxCost == "" {
		return 0, nil
	}
	limit, err := price.ParseUSD(strings.TrimSpace(s.MaxCost))
	if err == nil && limit <= 0 {
		err = fmt.Errorf("%s is not above 0", s.MaxCost)
	}
	if err != nil {
		return 0, Errorf(moneyHint(s.MaxCost), "max_cost: %w", err)
	}
	return limit, nil
}

// PriceTable returns the prices that the job is billed by: those of its price file over the
// list prices of its endpoint.
func (s *Spec) PriceTable() (*price.Table, error) {
	t := price.Default()
	if s.Prices != "" {
		var err error
		if t, err = price.LoadFile(s.Prices); err != nil {
			return nil, &Error{Err: err}
		}
	}
	if (gemini.EndpointOptions{Name: s.Endpoint, BaseURL: s.BaseURL}).Dialect() == gemini.VertexDialect {
		t = t.Vertex()
	}
	return t, nil
}

// moneyHint says what to write for an amount of dollars that cannot be read.
func moneyHint(text string) string {
	const write = "rite dollars with a decimal point, as in --max-cost 5.00"
	if n, ok := message.MeantNumber(text); ok && n > 0 && n < 1e7 {
		return "did you mean --max-cost " + strconv.FormatFloat(n, 'f', -1, 64) + "? W" + write
	}
	return "w" + write
}

// FailureLimit returns the number or percentage of failures at which max_failures stops a
// run.
func (s *Spec) FailureLimit() (batch.FailureLimit, error) {
	if s.MaxFailures == "" {
		return batch.FailureLimit{}, nil
	}
	hint := "write --max-failures 100, or --max-failures 5%"
	text := strings.TrimSpace(s.MaxFailures)
	if share, ok := strings.CutSuffix(text, "%"); ok {
		if p, err := strconv.ParseFloat(strings.TrimSpace(share), 64); err == nil && p > 0 && p <= 100 {
			return batch.FailureLimit{Percent: p}, nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return batch.FailureLimit{Rows: n}, nil
	} else if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 && n < 1 {
		hint = fmt.Sprintf("did you mean %s%%? %s%s", strconv.FormatFloat(100*n, 'f', -1, 64), strings.ToUpper(hint[:1]), hint[1:])
	}
	return batch.FailureLimit{}, Errorf(hint, "max_failures is %q", message.OneLine(s.MaxFailures, 80))
}

// HTTPHeader returns the header fields that are sent with each call. A mistake is reported
// without the field's value, which may be secret.
func (s *Spec) HTTPHeader() (http.Header, error) {
	header := make(http.Header)
	for _, pair := range s.Header {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " :\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, Errorf("write --header NAME=VALUE", "the header %q is not of that form", pair[:strings.IndexAny(pair+"=", "=: ")])
		}
		header.Add(name, value)
	}
	return header, nil
}

// RetryStatuses returns the statuses that retry names: rows that ended in them are asked
// again.
func (s *Spec) RetryStatuses() (map[batch.Status]bool, error) {
	retry := make(map[batch.Status]bool)
	for _, name := range s.Retry {
		status := batch.Status(name)
		if !slices.Contains(batch.Statuses, status) || status == batch.Skipped || status == batch.Pending || status == batch.OK {
			return nil, Errorf("use blocked, truncated, empty, invalid, rejected or failed", "retry names the status %q", name)
		}
		retry[status] = true
	}
	return retry, nil
}

// DeadlineFrom returns when a run that begins at a time must end. It is the zero time if
// there is no deadline. A deadline that has passed is an [*Error].
func (s *Spec) DeadlineFrom(begin time.Time) (time.Time, error) {
	at, err := parseDeadline(s.Deadline, begin)
	if err == nil && !at.IsZero() && !at.After(begin) {
		return at, Errorf("write a later one", "the deadline %s has passed", s.Deadline)
	}
	return at, err
}

// dayLayouts are the dates that a deadline may have beside those of RFC 3339. They are local
// times.
var dayLayouts = []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// zonedLayouts are those with a zone.
var zonedLayouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02 15:04 Z07:00", "2006-01-02 15:04:05 Z07:00"}

// parseDeadline reads a duration, a local time of the day, or a date with time. A time of the
// day is the next one after now.
func parseDeadline(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	if clock, ok := clockTime(text); ok {
		local := now.Local()
		at := time.Date(local.Year(), local.Month(), local.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.Local)
		if !at.After(now) {
			at = time.Date(local.Year(), local.Month(), local.Day()+1, clock.Hour(), clock.Minute(), clock.Second(), 0, time.Local)
		}
		return at, nil
	}
	for _, layout := range zonedLayouts {
		if at, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return at, nil
		}
	}
	for _, layout := range dayLayouts {
		if at, err := time.ParseInLocation(layout, strings.ToUpper(text), time.Local); err == nil {
			return at, nil
		}
	}
	hint := "write --deadline 6h, --deadline 18:00 or --deadline 2027-01-31T18:00"
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		hint = "say at what time, as in --deadline " + text + "T18:00"
	} else if near := message.Duration(text); near != message.AnyDuration {
		hint = near
	}
	return time.Time{}, Errorf(hint, "deadline is %q", message.OneLine(text, 80))
}

// clockTime reads a time of the day.
func clockTime(text string) (time.Time, bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, text); err == nil {
			return clock, true
		}
	}
	return time.Time{}, false
}

// DeadlineTomorrow reports whether the deadline is a time of the day that has passed today, so
// that it means the one of tomorrow.
func (s *Spec) DeadlineTomorrow(begin time.Time) (at time.Time, tomorrow bool) {
	if _, ok := clockTime(strings.TrimSpace(s.Deadline)); !ok {
		return time.Time{}, false
	}
	at, err := parseDeadline(s.Deadline, begin)
	return at, err == nil && at.Local().YearDay() != begin.Local().YearDay()
}

// MetricsForm is the form of metrics, as a regular expression: HOST:PORT, :PORT or PORT.
const MetricsForm = `(?:(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?:)?` +
	`(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])`

var metricsForm = regexp.MustCompile("^(?:" + MetricsForm + ")$")

// MetricsAddress returns the address at which a run serves its metrics; it is empty if it
// serves none. Without a host it is one of this machine alone, and loopback reports whether it
// is. Port 0 is one that is free.
func MetricsAddress(s *Spec) (address string, loopback bool, err error) {
	if s.Metrics == "" {
		return "", false, nil
	}
	if !metricsForm.MatchString(s.Metrics) {
		return "", false, Errorf("write a port, such as 9090, or an address with one, such as 127.0.0.1:9090", "metrics is %q", s.Metrics)
	}
	host, port := "", s.Metrics
	if strings.Contains(s.Metrics, ":") {
		if host, port, err = net.SplitHostPort(s.Metrics); err != nil {
			return "", false, Errorf("write 127.0.0.1:9090, or for IPv6 [::1]:9090", "metrics is %q: %w", s.Metrics, err)
		}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	return net.JoinHostPort(host, port), host == "localhost" || ip != nil && ip.IsLoopback(), nil
}
