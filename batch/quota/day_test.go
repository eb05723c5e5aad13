package quota

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// at moves the bubble's clock, which begins at 2000-01-01 UTC.
func at(t *testing.T, when string) {
	t.Helper()
	to, err := time.Parse(time.RFC3339, when)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(to))
}

func TestParkUntilMidnight(t *testing.T) {
	for _, tt := range []struct{ name, now, until string }{
		{"winter", "2000-01-15T12:00:00Z", "2000-01-16T08:00:00Z"},
		{"summer", "2000-07-15T12:00:00Z", "2000-07-16T07:00:00Z"},
		{"a day of 23 hours", "2000-04-02T08:00:00Z", "2000-04-03T07:00:00Z"},
		{"a day of 25 hours", "2000-10-29T07:00:00Z", "2000-10-30T08:00:00Z"},
		{"a second before midnight", "2000-07-15T06:59:59Z", "2000-07-15T07:00:00Z"},
		{"the end of a year", "2000-12-31T20:00:00Z", "2001-01-01T08:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			park := &batch.Outcome{
				Consequence: batch.Park,
				RetryAfter:  7 * time.Second, // the day outranks it
				Limits:      []batch.Limit{{Value: 20, Per: 24 * time.Hour}},
			}
			synctest.Test(t, func(t *testing.T) { // stop
				at(t, tt.now)
				l := New(Config{Concurrency: 1})
				r := request(1)
				if err := l.Acquire(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						day, ok := errors.AsType[*DayError](l.Acquire(t.Context(), request(1)))
						if !ok || day.Until.UTC().Format(time.RFC3339) != tt.until || day.Model != testModel {
							t.Errorf("a waiter got %v", day)
						}
					})
				}
				synctest.Wait()
				l.Release(r, park)
				wg.Wait()
				if _, ok := errors.AsType[*DayError](l.Acquire(t.Context(), request(1))); !ok {
					t.Error("the parked model lets a request through")
				}
				if err := l.Acquire(t.Context(), &batch.Request{Model: "other"}); err != nil {
					t.Errorf("another model: %v", err)
				}
				at(t, tt.until)
				if err := l.Acquire(t.Context(), request(1)); err != nil {
					t.Errorf("after the reset: %v", err)
				}
			})
			synctest.Test(t, func(t *testing.T) { // wait
				at(t, tt.now)
				l := New(Config{OnDailyQuota: DayWait})
				r := request(1)
				if err := l.Acquire(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				l.Release(r, park)
				if err := l.Acquire(t.Context(), request(1)); err != nil {
					t.Fatal(err)
				}
				if got := time.Now().UTC().Format(time.RFC3339); got != tt.until {
					t.Errorf("went on at %s, want %s", got, tt.until)
				}
			})
		})
	}
}

// A refusal for yesterday's quota that arrives after midnight closes nothing.
func TestLatePark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T06:59:50Z")
		l := New(Config{})
		r := request(1)
		if err := l.Acquire(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		l.Release(r, &batch.Outcome{Consequence: batch.Park})
		if err := l.Acquire(t.Context(), request(1)); err != nil {
			t.Error(err)
		}
	})
}

func TestRequestsPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		l := New(Config{RPD: 3})
		for range 3 {
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &answer)
		}
		err := l.Acquire(t.Context(), request(1))
		const want = "model gemini-2.5-flash: the given quota of 3 requests a day is used up until 2000-07-16 00:00 PDT;" +
			" run again after that, or wait for it with --on-daily-quota wait"
		if day, ok := errors.AsType[*DayError](err); !ok || day.RPD != 3 || err.Error() != want {
			t.Errorf("the fourth: %v\nwant %s", err, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		at(t, "2000-07-15T12:00:00Z")
		l := New(Config{RPD: 3, OnDailyQuota: DayWait})
		var days []string
		for range 7 {
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			days = append(days, time.Now().UTC().Format("02T15"))
			l.Release(r, &answer)
		}
		if got, want := days[2]+days[3]+days[5]+days[6], "15T1216T0716T0717T07"; got != want {
			t.Errorf("days %v", days)
		}
	})
}
