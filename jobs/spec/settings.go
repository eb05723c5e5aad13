package spec

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
)

// The settings that are written as text are read here. Each method returns the zero value
// for a setting that is not given, and an [*Error] for one that cannot be read.

// CostLimit returns what max_cost allows the job to cost. It is 0 if nothing limits the cost.
func (s *Spec) CostLimit() (price.USD, error) {
	if s.MaxCost == "" {
		return 0, nil
	}
	limit, err := price.ParseUSD(s.MaxCost)
	if err == nil && limit <= 0 {
		err = errors.New("it must be above 0")
	}
	if err != nil {
		return 0, Errorf("write --max-cost 5.00", "max_cost: %w", err)
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

// FailureLimit returns the number or percentage of failures at which max_failures stops a
// run.
func (s *Spec) FailureLimit() (batch.FailureLimit, error) {
	if s.MaxFailures == "" {
		return batch.FailureLimit{}, nil
	}
	if share, ok := strings.CutSuffix(s.MaxFailures, "%"); ok {
		if p, err := strconv.ParseFloat(share, 64); err == nil && p > 0 && p <= 100 {
			return batch.FailureLimit{Percent: p}, nil
		}
	} else if n, err := strconv.Atoi(s.MaxFailures); err == nil && n > 0 {
		return batch.FailureLimit{Rows: n}, nil
	}
	return batch.FailureLimit{}, Errorf("write --max-failures 100, or --max-failures 5%", "max_failures is %q", s.MaxFailures)
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
		if !slices.Contains(batch.Statuses, status) || status == batch.Skipped || status == batch.Pending {
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
	if clock, err := time.Parse("15:04", text); err == nil {
		local := now.Local()
		at := time.Date(local.Year(), local.Month(), local.Day(), clock.Hour(), clock.Minute(), 0, 0, time.Local)
		if !at.After(now) {
			at = time.Date(local.Year(), local.Month(), local.Day()+1, clock.Hour(), clock.Minute(), 0, 0, time.Local)
		}
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, Errorf("write --deadline 6h, --deadline 18:00 or --deadline 2027-01-31T18:00:00+01:00", "deadline is %q", text)
	}
	return at, nil
}
