package spec

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// mistake fails the test unless err is an *Error that holds the text.
func mistake(t *testing.T, setting string, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want an *Error with %q", setting, err, want)
	}
}

func TestDeadlineFrom(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 30, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"":                     {},
		"6h":                   now.Add(6 * time.Hour),
		"18:00":                now.Add(30 * time.Minute),
		"17:30":                time.Date(2026, 11, 23, 17, 30, 0, 0, time.Local),
		"2026-12-24T18:00:00Z": time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC),
		"2026-12-24T18:00Z":    time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC),
		"2026-12-24t18:00z":    time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC),

		"2026-12-24T18:00:00+01:00": time.Date(2026, 12, 24, 17, 0, 0, 0, time.UTC),
		"2026-12-24 18:00+01:00":    time.Date(2026, 12, 24, 17, 0, 0, 0, time.UTC),
		"2026-12-24 18:00 +01:00":   time.Date(2026, 12, 24, 17, 0, 0, 0, time.UTC),
		"2026-12-24T18:00":          time.Date(2026, 12, 24, 18, 0, 0, 0, time.Local),
		"2026-12-24 18:00":          time.Date(2026, 12, 24, 18, 0, 0, 0, time.Local),
		"2026-12-24 18:00:30":       time.Date(2026, 12, 24, 18, 0, 30, 0, time.Local),
		"9:00":                      time.Date(2026, 11, 23, 9, 0, 0, 0, time.Local),
	} {
		s := Spec{Deadline: text}
		if at, err := s.DeadlineFrom(now); err != nil || !at.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, at, err, want)
		}
	}
	for text, want := range map[string]string{
		"soon": "--deadline 18:00", "-1h": "has passed", "0s": "has passed", "2026-11-22T00:00:00Z": "has passed", "25:00": "--deadline 6h",
		"2026-12-24": "2026-12-24T18:00", "90": "90s", "2 hours": "2h", "2026-12-24T25:00": "--deadline 6h",
	} {
		s := Spec{Deadline: text}
		_, err := s.DeadlineFrom(now)
		mistake(t, text, err, want)
	}
}

func TestCostLimit(t *testing.T) {
	for text, want := range map[string]price.USD{"": 0, "5": 5 * price.Dollar, "0.000001": price.Dollar / 1_000_000} {
		s := Spec{MaxCost: text}
		if got, err := s.CostLimit(); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"0": "above 0", "-1": "max_cost", "five": "--max-cost 5.00"} {
		s := Spec{MaxCost: text}
		_, err := s.CostLimit()
		mistake(t, text, err, want)
	}
}

func TestFailureLimit(t *testing.T) {
	for text, want := range map[string]batch.FailureLimit{"": {}, "100": {Rows: 100}, "5%": {Percent: 5}, "0.5%": {Percent: 0.5}} {
		s := Spec{MaxFailures: text}
		if got, err := s.FailureLimit(); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"some", "0", "-1", "0%", "101%", "%"} {
		s := Spec{MaxFailures: text}
		_, err := s.FailureLimit()
		mistake(t, text, err, "write --max-failures 100")
	}
}

func TestHTTPHeader(t *testing.T) {
	s := Spec{Header: List{"X-A=1", "x-a=2", "X-B=c=d"}}
	got, err := s.HTTPHeader()
	if err != nil || strings.Join(got["X-A"], ",") != "1,2" || got.Get("X-B") != "c=d" {
		t.Errorf("%v, %v", got, err)
	}
	for _, pair := range []string{"X-Secret: abc", "=abc", "X Y=abc", "X=abc\ndef", "X"} {
		s := Spec{Header: List{pair}}
		_, err := s.HTTPHeader()
		mistake(t, pair, err, "write --header NAME=VALUE")
		if strings.Contains(err.Error(), "abc") {
			t.Errorf("%q: error %v shows the value", pair, err)
		}
	}
}

func TestRetryStatuses(t *testing.T) {
	s := Spec{Retry: List{"blocked", "truncated"}}
	if got, err := s.RetryStatuses(); err != nil || !maps.Equal(got, map[batch.Status]bool{batch.Blocked: true, batch.Truncated: true}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, name := range []string{"pending", "skipped", "bad"} {
		s := Spec{Retry: List{name}}
		_, err := s.RetryStatuses()
		mistake(t, name, err, "use blocked")
	}
}

// A time of the day that has passed is that of tomorrow, and one can tell.
func TestDeadlineTomorrow(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 30, 0, 0, time.Local)
	for text, want := range map[string]bool{"": false, "09:00": true, "17:30": true, "18:00": false, "20h": false, "2026-11-23T09:00": false, "soon": false} {
		s := Spec{Deadline: text}
		at, got := s.DeadlineTomorrow(now)
		if got != want || got && at.Day() != 23 {
			t.Errorf("%q: %v, %v; want %v", text, at, got, want)
		}
	}
}
