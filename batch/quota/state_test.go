package quota

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

func TestState(t *testing.T) {
	wait := func(t *testing.T, l *Limiter, n int) {
		for range n {
			go func() { _ = l.Acquire(t.Context(), request(1)) }() // t.Context ends it
		}
		synctest.Wait()
	}
	for _, tt := range []struct {
		name   string
		config Config
		first  *batch.Outcome // of a first call
		wait   time.Duration
		limits Limits
		want   string
	}{
		{"idle", Config{}, nil, 0, Limits{Concurrency: Limit{Value: 4, Estimated: true}}, "4 in flight, oldest 0 s"},
		{"given", Config{RPM: 5}, nil, 4 * time.Second, Limits{RPM: Limit{Value: 5}, Concurrency: Limit{Value: 64}}, "waiting: 5 rpm, next slot 8.2 s, 1 in flight, oldest 4 s"},
		{"tokens", Config{TPM: 10}, nil, 0, Limits{TPM: Limit{Value: 10}, Concurrency: Limit{Value: 64}}, "waiting: 10 tpm, next slot 6.1 s, 1 in flight, oldest 0 s"},
		{"concurrency", Config{RPM: 1e12, Concurrency: 2}, nil, 3 * time.Second, Limits{RPM: Limit{Value: 1e12}, Concurrency: Limit{Value: 2}}, "waiting: 2 calls at a time, 2 in flight, oldest 3 s"},
		{
			"learned", Config{},
			&batch.Outcome{Consequence: batch.SlowDown, Limits: []batch.Limit{{Value: 5, Per: time.Minute}}},
			10 * time.Second, Limits{RPM: Limit{Value: 5, Learned: true}, Concurrency: Limit{Value: 64}}, "waiting: 5 rpm (learned 10 s ago), next slot 2.2 s, 0 in flight",
		},
		{
			"day", Config{OnDailyQuota: DayWait}, &batch.Outcome{Consequence: batch.Park},
			time.Hour, Limits{Concurrency: Limit{Value: 4, Estimated: true}}, "waiting: quota of the day (learned 1 h ago), next slot 7h0m0s, 0 in flight",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(tt.config)
				if tt.first != nil {
					r := request(1)
					if err := l.Acquire(t.Context(), r); err != nil {
						t.Fatal(err)
					}
					l.Release(r, tt.first)
				}
				n := 10
				if tt.name == "idle" {
					n = 4
				}
				wait(t, l, n)
				time.Sleep(tt.wait)
				s := l.State()
				if got := s.String(); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
				if got := l.Limits(); got != tt.limits {
					t.Errorf("limits %+v, want %+v", got, tt.limits)
				}
				if s.Model != testModel || s.InFlight+s.Waiting != n {
					t.Errorf("%+v", s)
				}
			})
		})
	}
	t.Run("slow start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{})
			wait(t, l, 10)
			if s := l.State(); s.Limit != LimitConcurrency || s.Value != startWindow || s.Next != 0 || s.InFlight != startWindow || s.Waiting != 6 {
				t.Errorf("state %+v, want %d calls at a time and 6 waiting", s, startWindow)
			}
		})
	})
	t.Run("pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{})
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &batch.Outcome{
				Consequence: batch.SlowDown,
				RetryAfter:  20 * time.Second,
				Limits:      []batch.Limit{{Value: 5, Per: time.Minute}},
				Err:         &batch.Error{Kind: batch.KindQuota, Message: "HTTP 429: 5 a minute"},
			})
			wait(t, l, 1)
			refused := time.Now()
			time.Sleep(3 * time.Second)
			s := l.State()
			if s.Limit != LimitPause || s.Next < 17*time.Second || s.Next > 18*time.Second || !s.Since.Equal(refused) || s.Age != 3*time.Second || s.Why != "HTTP 429: 5 a minute" {
				t.Errorf("state %+v, want a pause of 17 s more", s)
			}
		})
	})
	t.Run("trouble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{})
			for _, r := range fill(t, l) {
				l.Release(r, &batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindOverload, HTTPStatus: 503, Message: "busy"}})
			}
			wait(t, l, 1)
			if s := l.State(); s.Limit != LimitPause || s.Next <= 0 || s.Next > firstPause || s.Why != "busy" || s.InFlight != 0 {
				t.Errorf("state %+v, want a pause until the first probe", s)
			}
		})
	})
	if got := New(Config{}).State().String(); got != "0 in flight" {
		t.Errorf("before anything: %q", got)
	}
}
