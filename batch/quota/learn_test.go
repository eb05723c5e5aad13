package quota

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// fill acquires until the limiter lets nothing through at once.
func fill(t *testing.T, l *Limiter) []*batch.Request {
	t.Helper()
	var got []*batch.Request
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		r := request(1)
		err := l.Acquire(ctx, r)
		cancel()
		if err != nil {
			return got
		}
		got = append(got, r)
	}
}

func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Concurrency: 20})
		for _, want := range []int{4, 8, 16, 20, 20} {
			calls := fill(t, l)
			if len(calls) != want {
				t.Fatalf("%d at once, want %d", len(calls), want)
			}
			for _, r := range calls {
				l.Release(r, &answered)
			}
		}
		// What says nothing about the load changes nothing.
		for _, o := range []*batch.Outcome{nil, {Consequence: batch.Retry}, {Consequence: batch.Stop}} {
			calls := fill(t, l)
			for _, r := range calls {
				l.Release(r, o)
			}
			if len(calls) != 20 {
				t.Errorf("%d at once, want 20", len(calls))
			}
		}
	})
}

func TestOneCutABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Concurrency: 32})
		l.model(testModel).flight.window = 32
		refused := &batch.Outcome{Consequence: batch.SlowDown}

		calls := fill(t, l)
		for _, r := range calls[:20] {
			l.Release(r, refused)
		}
		if n := len(fill(t, l)); n != 4 { // 12 of the old ones are under way
			t.Fatalf("%d more after the cut, want 4: half of 32", n)
		}
		for _, r := range calls[20:26] { // still that burst
			l.Release(r, refused)
		}
		for _, r := range calls[26:] { // sent before the cut: teaches nothing
			l.Release(r, &answered)
		}
		if got := l.models[testModel].flight.window; got != 16 {
			t.Fatalf("window %d after the burst, want 16", got)
		}
	})
}

func TestCutsEndAtOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Concurrency: 8})
		l.model(testModel).flight.window = 8
		refused := &batch.Outcome{Consequence: batch.SlowDown}
		// Each burst in a row halves; from the second on the model also pauses, between
		// half of and all of 0.5 s, 1 s, 2 s ... up to a minute.
		wantWindow := []int{8, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1}
		for i, want := range wantWindow {
			start := time.Now()
			r := request(1)
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			got, longest := time.Since(start), time.Duration(0)
			if i >= 2 {
				longest = min(time.Minute, 500*time.Millisecond<<(i-2))
			}
			if got < longest/2-time.Nanosecond || got > longest {
				t.Errorf("refusal %d: the pause was %v, want between %v and %v", i, got, longest/2, longest)
			}
			calls := append(fill(t, l), r)
			if len(calls) != want {
				t.Errorf("refusal %d: %d at once, want %d", i, len(calls), want)
			}
			for _, r := range calls {
				l.Release(r, refused)
			}
		}
		// One answer ends the series.
		r := request(1)
		if err := l.Acquire(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		l.Release(r, &answered)
		for _, r := range fill(t, l) {
			l.Release(r, refused)
		}
		start := time.Now()
		if err := l.Acquire(t.Context(), request(1)); err != nil || time.Since(start) != 0 {
			t.Errorf("after an answer and a refusal: %v, %v", err, time.Since(start))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		after, low, high time.Duration
	}{
		{2 * time.Second, 2 * time.Second, 2100 * time.Millisecond},
		{26 * time.Second, 26 * time.Second, 27 * time.Second},
		{1801 * time.Second, 5 * time.Minute, 5*time.Minute + time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{RPM: 600})
			a, b := request(1), request(1)
			for _, r := range []*batch.Request{a, b} {
				if err := l.Acquire(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			start := time.Now()
			l.Release(a, &batch.Outcome{Consequence: batch.SlowDown, RetryAfter: tt.after})
			l.Release(b, &batch.Outcome{Consequence: batch.SlowDown, RetryAfter: time.Second}) // a shorter one shortens nothing
			// The whole model waits, then goes on at its pace.
			for i := range 3 {
				if err := l.Acquire(t.Context(), request(1)); err != nil {
					t.Fatal(err)
				}
				d := time.Since(start) - time.Duration(i)*102040817*time.Nanosecond
				if d < tt.low-slack || d > tt.high {
					t.Errorf("call %d after %v, want %v to %v and its place in the pace", i, d, tt.low, tt.high)
				}
			}
		})
	}
}

func TestAdoptLimits(t *testing.T) {
	perMinute := func(value int64, tokens bool) batch.Limit {
		return batch.Limit{Value: value, Tokens: tokens, Per: time.Minute}
	}
	for _, tt := range []struct {
		name    string
		config  Config
		limits  []batch.Limit
		rpm     int64
		tpm     int64
		learned bool
	}{
		{"rpm", Config{}, []batch.Limit{perMinute(5, false)}, 5, 0, true},
		{"tpm", Config{}, []batch.Limit{perMinute(250_000, true)}, 0, 250_000, true},
		{"both", Config{}, []batch.Limit{perMinute(250_000, true), perMinute(5, false)}, 5, 250_000, true},
		{"lower than given", Config{RPM: 10}, []batch.Limit{perMinute(5, false)}, 5, 0, true},
		{"higher than given", Config{RPM: 3}, []batch.Limit{perMinute(5, false)}, 3, 0, false},
		{"no value", Config{RPM: 3}, []batch.Limit{perMinute(0, false)}, 3, 0, false},
		{"of the day", Config{}, []batch.Limit{{Value: 20, Per: 24 * time.Hour}}, 0, 0, false},
		{"of no known time", Config{}, []batch.Limit{{Value: 20}}, 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(tt.config)
				r := request(10)
				if err := l.Acquire(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				l.Release(r, &batch.Outcome{Consequence: batch.SlowDown, Limits: tt.limits})
				m := l.models[testModel]
				if m.rates.requests.limit != tt.rpm || m.rates.tokens.limit != tt.tpm {
					t.Errorf("rpm %d, tpm %d; want %d, %d", m.rates.requests.limit, m.rates.tokens.limit, tt.rpm, tt.tpm)
				}
				if got := m.rates.requests.learned() || m.rates.tokens.learned(); got != tt.learned {
					t.Errorf("learned %v, want %v", got, tt.learned)
				}
			})
		})
	}
}

// A server is one with hidden limits: it counts what it accepted in the last minute.
type server struct {
	rpm     int
	atOnce  int  // calls it works on at once; 0 = any number
	details bool // its refusals name the limit and the time

	mu                sync.Mutex
	accepted          []time.Time // the last minute's
	working           int
	answered, refused int
	since             time.Time // what came before is not counted
}

func (s *server) call() batch.Outcome {
	s.mu.Lock()
	now := time.Now()
	for len(s.accepted) > 0 && now.Sub(s.accepted[0]) >= time.Minute {
		s.accepted = s.accepted[1:]
	}
	full := len(s.accepted) >= s.rpm
	if full || s.atOnce > 0 && s.working >= s.atOnce {
		if !now.Before(s.since) {
			s.refused++
		}
		o := batch.Outcome{Consequence: batch.SlowDown}
		if full && s.details {
			o.RetryAfter = s.accepted[0].Add(time.Minute).Sub(now)
			o.Limits = []batch.Limit{{Value: int64(s.rpm), Per: time.Minute}}
		}
		s.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		return o
	}
	s.accepted = append(s.accepted, now)
	s.working++
	if !now.Before(s.since) {
		s.answered++
	}
	s.mu.Unlock()
	time.Sleep(time.Second + rand.N(time.Second))
	s.mu.Lock()
	s.working--
	s.mu.Unlock()
	return answered
}

func (s *server) load(t *testing.T, l *Limiter, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for {
				r := request(1)
				if l.Acquire(ctx, r) != nil {
					return
				}
				o := s.call()
				l.Release(r, &o)
			}
		})
	}
	wg.Wait()
}

func TestHiddenLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		server  *server
		used    float64 // of the limit, from the third minute on, at least
		refused float64 // of all calls, from then on, at most
	}{
		{"5 rpm, named", &server{rpm: 5, details: true}, 0.9, 0.02},
		{"60 rpm, named", &server{rpm: 60, details: true}, 0.97, 0.01},
		{"600 rpm, named", &server{rpm: 600, details: true}, 0.97, 0.01},
		{"600 rpm, not named", &server{rpm: 600}, 0.95, 0.01},
		{"60 rpm, not named", &server{rpm: 60}, 0.95, 0.01},
		{"20 at once", &server{rpm: 1_000_000, atOnce: 20}, 0.85, 0.01},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := tt.server
				l := New(Config{})
				const warm, measured = 2, 20
				s.since = time.Now().Add(warm * time.Minute)
				s.load(t, l, (warm+measured)*time.Minute)
				limit := s.rpm
				if s.atOnce > 0 {
					limit = s.atOnce * 40 // a call takes 1.5 s
				}
				used := float64(s.answered) / float64(limit) / measured
				refused := float64(s.refused) / float64(s.answered+s.refused)
				t.Logf("%.3f of the limit used, %.3f refused", used, refused)
				if used < tt.used || refused > tt.refused {
					t.Errorf("used %.3f, want at least %.3f; refused %.3f, want at most %.3f", used, tt.used, refused, tt.refused)
				}
			})
		})
	}
}
