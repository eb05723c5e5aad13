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
				l.Release(r, &answer)
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

// A refusal that names its limit speaks for the model, and all calls wait as long as it
// says. Any other speaks for its row, which waits by itself, and the model goes on.
func TestRetryAfter(t *testing.T) {
	const step = 102040817 * time.Nanosecond // of 600 rpm
	named := []batch.Limit{{Value: 1000, Per: time.Minute}}
	for _, tt := range []struct {
		name      string
		outcome   batch.Outcome
		low, high time.Duration // of the pause
	}{
		{"named", batch.Outcome{RetryAfter: 2 * time.Second, Limits: named}, 2 * time.Second, 2100*time.Millisecond + 1},
		{"named, longer", batch.Outcome{RetryAfter: 26 * time.Second, Limits: named}, 26 * time.Second, 27*time.Second + 1},
		{"named, too long", batch.Outcome{RetryAfter: 1801 * time.Second, Limits: named}, 5 * time.Minute, 5*time.Minute + time.Second + 1},
		{"named, without a time", batch.Outcome{Limits: named}, 0, 0},
		{"unnamed", batch.Outcome{RetryAfter: 26 * time.Second}, 0, 0},
		{"without a number", batch.Outcome{RetryAfter: 26 * time.Second, Limits: []batch.Limit{{Per: time.Minute}}}, 0, 0},
		{"of no known time", batch.Outcome{RetryAfter: 26 * time.Second, Limits: []batch.Limit{{Value: 20}}}, 0, 0},
		{"busy", batch.Outcome{RetryAfter: 26 * time.Second, Err: &batch.Error{Kind: batch.KindOverload, HTTPStatus: 503}}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{RPM: 600})
				a, b := request(1), request(1)
				for _, r := range []*batch.Request{a, b} {
					if err := l.Acquire(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
				start := time.Now()
				tt.outcome.Consequence = batch.SlowDown
				l.Release(a, &tt.outcome)
				shorter := tt.outcome
				shorter.RetryAfter = min(shorter.RetryAfter, time.Second)
				l.Release(b, &shorter) // shortens nothing
				// After the pause the model goes on at its pace, in which its next slot is a
				// step away.
				low, high := max(tt.low-slack, step), max(tt.high, step)
				for i := range 3 {
					if err := l.Acquire(t.Context(), request(1)); err != nil {
						t.Fatal(err)
					}
					if d := time.Since(start) - time.Duration(i)*step; d < low || d > high {
						t.Errorf("call %d after %v and its place in the pace, want %v to %v", i, d, low, high)
					}
				}
			})
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
				if got := len(m.learned()) > 0; got != tt.learned {
					t.Errorf("learned %v, want %v", got, tt.learned)
				}
			})
		})
	}
}

// A server is one with hidden limits: it counts what it accepted in the last minute. Its
// refusals name none of them.
type server struct {
	rpm    int     // 0 = any number
	every  int     // of so many calls one is refused for no reason; 0 = none is
	random float64 // share of the calls that are refused for no reason

	mu                sync.Mutex
	accepted          []time.Time // the last minute's
	calls             int
	answered, refused int
	since             time.Time // what came before is not counted
}

func (s *server) call() batch.Outcome {
	s.mu.Lock()
	now := time.Now()
	for len(s.accepted) > 0 && now.Sub(s.accepted[0]) >= time.Minute {
		s.accepted = s.accepted[1:]
	}
	s.calls++
	chance := s.every > 0 && s.calls%s.every == 0 || rand.Float64() < s.random
	if chance || s.rpm > 0 && len(s.accepted) >= s.rpm {
		if !chance && !now.Before(s.since) {
			s.refused++
		}
		s.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		return tooMany
	}
	s.accepted = append(s.accepted, now)
	if !now.Before(s.since) {
		s.answered++
	}
	s.mu.Unlock()
	time.Sleep(time.Second + rand.N(time.Second))
	return answer
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

// Calls that were sent before a refusal named its limit do not refute it.
func TestNamedLimitOutlivesOldCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		l.model(testModel).openWindow()
		calls := fill(t, l)
		l.Release(calls[0], &batch.Outcome{Consequence: batch.SlowDown, Limits: []batch.Limit{{Value: 5, Per: time.Minute}}})
		for _, r := range calls[1:] {
			l.Release(r, &answer)
		}
		if got := l.Learned(); len(got) != 1 || got[0].Value != 5 || got[0].Estimated {
			t.Errorf("learned %v, want the 5 rpm that were named", got)
		}
	})
}
