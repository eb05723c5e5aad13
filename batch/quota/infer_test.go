package quota

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A hidden server enforces limits over a sliding minute.
type hidden struct {
	rpm, tpm int64
	atOnce   int                               // calls it works on at once; 0 = any number
	named    bool                              // its refusals name the limit and the time
	strict   bool                              // refused requests count as well
	fixed    bool                              // the minute is that of the clock and does not slide
	jitter   time.Duration                     // longest way of a call to the server
	faults   float64                           // the part of all calls that fails with a bare 503
	change   func(s *hidden, at time.Duration) // changes the limits as time passes
	row      func(r *rand.Rand) (in int64)     // tokens of the next row; nil = 100
	latency  time.Duration                     // of an answer, at least; up to twice that
	seed     uint64

	mu      *sync.Mutex
	rand    *rand.Rand
	start   time.Time
	window  []send
	calls   int64
	tokens  int64
	working int

	from time.Duration // what comes before is not measured
	sum  measured
}

type measured struct{ calls, tokens, refused int64 }

// call is a request of so many tokens, which the server counts when it accepts it.
func (s *hidden) call(tokens int64) batch.Outcome {
	s.mu.Lock()
	way := time.Duration(s.rand.Int64N(int64(s.jitter) + 1))
	s.mu.Unlock()
	time.Sleep(way)
	s.mu.Lock()
	now := time.Now()
	if s.change != nil {
		s.change(s, now.Sub(s.start))
	}
	for len(s.window) > 0 && s.gone(now, s.window[0].at) {
		s.calls--
		s.tokens -= s.window[0].tokens
		s.window = s.window[1:]
	}
	measure := now.Sub(s.start) >= s.from
	full := s.rpm > 0 && s.calls >= s.rpm
	long := s.tpm > 0 && s.tokens+tokens > s.tpm
	refuse := full || long || s.atOnce > 0 && s.working >= s.atOnce || s.rand.Float64() < s.faults
	if refuse {
		if measure {
			s.sum.refused++
		}
		o := batch.Outcome{Consequence: batch.SlowDown}
		if s.named && (full || long) {
			o.RetryAfter = s.window[0].at.Add(time.Minute).Sub(now)
			if full {
				o.Limits = append(o.Limits, batch.Limit{Value: s.rpm, Per: time.Minute})
			}
			if long {
				o.Limits = append(o.Limits, batch.Limit{Value: s.tpm, Per: time.Minute, Tokens: true})
			}
		}
		if s.strict {
			s.window = append(s.window, send{now, 0})
			s.calls++
		}
		s.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		return o
	}
	s.window = append(s.window, send{now, tokens})
	s.calls++
	s.tokens += tokens
	s.working++
	if measure {
		s.sum.calls++
		s.sum.tokens += tokens
	}
	d := s.latency + time.Duration(s.rand.Int64N(int64(s.latency)))
	s.mu.Unlock()
	time.Sleep(d)
	s.mu.Lock()
	s.working--
	s.mu.Unlock()
	return *usage(tokens)
}

// gone reports whether a call has left the minute.
func (s *hidden) gone(now, at time.Time) bool {
	if s.fixed {
		return now.Truncate(time.Minute).After(at)
	}
	return now.Sub(at) >= time.Minute
}

func (s *hidden) load(t *testing.T, l *Limiter, workers int, d time.Duration) {
	s.mu = new(sync.Mutex)
	s.rand, s.start = rand.New(rand.NewPCG(1, 2+s.seed)), time.Now()
	if s.latency == 0 {
		s.latency = time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				tokens := int64(100)
				s.mu.Lock()
				if s.row != nil {
					tokens = s.row(s.rand)
				}
				s.mu.Unlock()
				r := request(int(tokens))
				if l.Acquire(ctx, r) != nil {
					return
				}
				o := s.call(tokens)
				l.Release(r, &o)
			}
		})
	}
	wg.Wait()
}

// TestInfer measures, from the second minute on, how much of what the server would
// have accepted is used, and how many calls it refuses: on average over some runs.
func TestInfer(t *testing.T) {
	t.Parallel()
	mixed := func(r *rand.Rand) int64 { return 50 + r.Int64N(101) } // 100 on average
	skewed := func(r *rand.Rand) int64 {                            // 100 on average, a few large ones
		return int64(min(20+r.ExpFloat64()*80, 1000))
	}
	phases := func(s *hidden, at time.Duration) { // now short rows, now long ones
		s.row = func(*rand.Rand) int64 { return []int64{50, 200}[at/(4*time.Minute)%2] }
	}
	spread := func(sigma float64) func(r *rand.Rand) int64 { // log-normal, 100 on average
		return func(r *rand.Rand) int64 { return int64(1 + 100*math.Exp(sigma*r.NormFloat64()-sigma*sigma/2)) }
	}
	// The quota is cut to a half after five minutes and quadrupled after ten.
	moves := func(s *hidden, at time.Duration) { s.rpm = []int64{600, 300, 1200, 1200}[min(3, at/(5*time.Minute))] }
	outages := func(s *hidden, at time.Duration) { // 30 s in every five minutes
		s.faults = 0
		if at%(5*time.Minute) >= 270*time.Second {
			s.faults = 1
		}
	}
	for _, tt := range []struct {
		name    string
		server  hidden
		config  Config
		best    float64 // calls a minute that a client who knows all could have answered; 0 = see knowing
		used    float64 // of that, at least
		refused float64 // of all calls, or one in ten minutes where that is more, at most
	}{
		{"5 rpm", hidden{rpm: 5}, Config{}, 5, 0.9, 0.01},
		{"60 rpm", hidden{rpm: 60}, Config{}, 60, 0.9, 0.01},
		{"600 rpm", hidden{rpm: 600}, Config{}, 600, 0.9, 0.01},
		{"4000 rpm", hidden{rpm: 4000}, Config{Concurrency: 300}, 4000, 0.9, 0.01},
		{"5 rpm, named", hidden{rpm: 5, named: true}, Config{}, 5, 0.9, 0.01},
		{"60 rpm, named", hidden{rpm: 60, named: true}, Config{}, 60, 0.9, 0.01},
		{"600 rpm, named", hidden{rpm: 600, named: true}, Config{}, 600, 0.9, 0.01},
		{"4000 rpm, named", hidden{rpm: 4000, named: true}, Config{Concurrency: 300}, 4000, 0.9, 0.01},
		{"5 rpm, refused count", hidden{rpm: 5, strict: true}, Config{}, 5, 0.9, 0.01},
		{"60 rpm, refused count", hidden{rpm: 60, strict: true}, Config{}, 60, 0.9, 0.01},
		{"600 rpm, refused count", hidden{rpm: 600, strict: true}, Config{}, 600, 0.9, 0.01},
		{"4000 rpm, refused count", hidden{rpm: 4000, strict: true}, Config{Concurrency: 300}, 4000, 0.9, 0.01},
		{"60 rpm, jitter", hidden{rpm: 60, jitter: 200 * time.Millisecond}, Config{}, 60, 0.9, 0.01},
		{"600 rpm, jitter", hidden{rpm: 600, jitter: 200 * time.Millisecond}, Config{}, 600, 0.9, 0.01},
		{"20 at once, jitter", hidden{atOnce: 20, jitter: 200 * time.Millisecond}, Config{}, 750, 0.9, 0.01},
		{"5 rpm, fixed minute", hidden{rpm: 5, fixed: true}, Config{}, 5, 0.9, 0.01},
		{"60 rpm, fixed minute", hidden{rpm: 60, fixed: true}, Config{}, 60, 0.9, 0.01},
		{"600 rpm, fixed minute", hidden{rpm: 600, fixed: true}, Config{}, 600, 0.9, 0.01},
		{"500 tpm", hidden{tpm: 500}, Config{}, 5, 0.9, 0.01},
		{"500 tpm, 10 to 30 % a row", hidden{tpm: 500, row: mixed}, Config{}, 0, 0.9, 0.01},
		{"6 000 tpm, mixed", hidden{tpm: 6000, row: mixed}, Config{}, 60, 0.9, 0.01},
		{"60 000 tpm, mixed", hidden{tpm: 60_000, row: mixed}, Config{}, 600, 0.9, 0.01},
		{"60 000 tpm, skewed", hidden{tpm: 60_000, row: skewed}, Config{}, 600, 0.9, 0.01},
		{"60 000 tpm, mixed, named", hidden{tpm: 60_000, row: mixed, named: true}, Config{}, 600, 0.9, 0.01},
		{"400 000 tpm, mixed", hidden{tpm: 400_000, row: mixed}, Config{Concurrency: 300}, 4000, 0.9, 0.01},
		{"600 rpm, mixed", hidden{rpm: 600, row: mixed}, Config{}, 600, 0.9, 0.01},
		{"600 rpm, skewed", hidden{rpm: 600, row: skewed}, Config{}, 600, 0.9, 0.01},
		{"both, tokens bind", hidden{rpm: 700, tpm: 60_000, row: mixed}, Config{}, 600, 0.9, 0.01},
		{"both, requests bind", hidden{rpm: 600, tpm: 70_000, row: mixed}, Config{}, 600, 0.9, 0.01},
		{"both, in turns", hidden{rpm: 600, tpm: 60_000, change: phases}, Config{}, 465, 0.9, 0.01},
		{"both, in turns, named", hidden{rpm: 600, tpm: 60_000, change: phases, named: true}, Config{}, 465, 0.9, 0.01},
		{"600 rpm given, tokens hidden", hidden{tpm: 30_000}, Config{RPM: 600}, 300, 0.9, 0.01},
		{"2 at once", hidden{atOnce: 2}, Config{}, 80, 0.9, 0.01},
		{"20 at once", hidden{atOnce: 20}, Config{}, 800, 0.9, 0.01},
		{"50 at once", hidden{atOnce: 50}, Config{}, 2000, 0.9, 0.01},
		{"20 at once, 600 rpm", hidden{atOnce: 20, rpm: 600}, Config{}, 600, 0.9, 0.01},
		{"1 call in 200 fails", hidden{faults: 0.005}, Config{Concurrency: 32}, 1280, 0.95, 0.01},
		{"1 call in 50 fails", hidden{faults: 0.02}, Config{Concurrency: 32}, 1280, 0.95, 0.03},
		{"1 call in 20 fails", hidden{faults: 0.05}, Config{Concurrency: 32}, 1280, 0.95, 0.06},
		{"1 call in 50 fails, 200 a minute", hidden{faults: 0.02}, Config{Concurrency: 5}, 200, 0.95, 0.03},
		{"1 call in 50 fails, 40 a minute", hidden{faults: 0.02, latency: 4 * time.Second}, Config{Concurrency: 4}, 40, 0.9, 0.04},
		{"1 call in 200 fails, 600 rpm", hidden{faults: 0.005, rpm: 600}, Config{}, 600, 0.9, 0.015},
		{"1 call in 100 fails, 600 rpm", hidden{faults: 0.01, rpm: 600}, Config{}, 600, 0.9, 0.02},
		{"1 call in 50 fails, 600 rpm", hidden{faults: 0.02, rpm: 600}, Config{}, 600, 0.8, 0.03},
		{"1 call in 100 fails, 60 rpm", hidden{faults: 0.01, rpm: 60}, Config{}, 60, 0.85, 0.02},
		{"1 call in 100 fails, 60 000 tpm", hidden{faults: 0.01, tpm: 60_000, row: mixed}, Config{}, 600, 0.8, 0.02},
		{"600, 300, 1200 rpm", hidden{change: moves}, Config{}, (5*600 + 5*300 + 11*1200) / 21.0, 0.55, 0.01},
		{"outages of 30 s", hidden{change: outages}, Config{Concurrency: 32}, 1280 * 0.9, 0.88, 0.01},
		{"2 000 tpm, log-normal 0.5", hidden{tpm: 2000, row: spread(0.5)}, Config{}, 0, 0.9, 0.025},
		{"6 000 tpm, log-normal 0.5", hidden{tpm: 6000, row: spread(0.5)}, Config{}, 0, 0.9, 0.01},
		{"6 000 tpm, log-normal 1", hidden{tpm: 6000, row: spread(1)}, Config{}, 0, 0.85, 0.01},
		{"20 000 tpm, log-normal 0.5", hidden{tpm: 20_000, row: spread(0.5)}, Config{}, 0, 0.9, 0.01},
		{"20 000 tpm, log-normal 1", hidden{tpm: 20_000, row: spread(1)}, Config{}, 0, 0.9, 0.01},
		{"60 000 tpm, log-normal 0.5", hidden{tpm: 60_000, row: spread(0.5)}, Config{}, 0, 0.9, 0.01},
		{"60 000 tpm, log-normal 1", hidden{tpm: 60_000, row: spread(1)}, Config{}, 0, 0.9, 0.01},
		{"200 000 tpm, log-normal 1.5", hidden{tpm: 200_000, row: spread(1.5)}, Config{Concurrency: 128}, 0, 0.9, 0.01},
		{"6 000 tpm given, log-normal 1", hidden{tpm: 6000, row: spread(1)}, Config{TPM: 6000}, 0, 0.9, 0},
		{"200 000 tpm, log-normal 1", hidden{tpm: 200_000, row: spread(1)}, Config{Concurrency: 128}, 0, 0.9, 0.01},
		{"both, log-normal 1", hidden{rpm: 700, tpm: 60_000, row: spread(1)}, Config{}, 0, 0.9, 0.01},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const minutes = 20
			seeds := 3
			if tt.best >= 1200 || tt.server.tpm >= 200_000 {
				seeds = 1 // so many calls leave little to chance
			}
			var used, calls, refused float64
			for seed := range seeds {
				s := tt.server
				synctest.Test(t, func(t *testing.T) {
					s.from, s.seed = time.Minute, uint64(seed)
					s.load(t, New(tt.config), max(100, 2*tt.config.Concurrency), (1+minutes)*time.Minute)
				})
				part := float64(s.sum.calls) / tt.best
				if tt.best == 0 {
					part = float64(s.sum.tokens) / knowing(&s)
				}
				t.Logf("seed %d: used %.3f, refused %d of %d", seed, part/minutes, s.sum.refused, s.sum.calls+s.sum.refused)
				used += part / float64(minutes*seeds)
				calls += float64(s.sum.calls + s.sum.refused)
				refused += float64(s.sum.refused)
			}
			t.Logf("%-35s used %.3f, refused %.4f", tt.name, used, refused/calls)
			if used < tt.used {
				t.Errorf("used %.3f, want at least %.3f", used, tt.used)
			}
			if refused > tt.refused*calls && refused > float64(minutes*seeds)/10 {
				t.Errorf("refused %.4f (%.0f), want at most %.4f", refused/calls, refused, tt.refused)
			}
		})
	}
}

// knowing returns the tokens a minute of a client who knows the limit of tokens and
// sends row after row as soon as the server accepts it.
func knowing(s *hidden) float64 {
	r := rand.New(rand.NewPCG(3, s.seed))
	var window []send
	const minutes = 200
	now, all, sum := s.start, int64(0), int64(0)
	for now.Sub(s.start) < minutes*time.Minute {
		row := min(s.row(r), s.tpm)
		for len(window) > 0 && (sum+row > s.tpm || now.Sub(window[0].at) >= time.Minute) {
			if end := window[0].at.Add(time.Minute); end.After(now) {
				now = end
			}
			sum -= window[0].tokens
			window = window[1:]
		}
		window = append(window, send{now, row})
		sum += row
		all += row
	}
	return float64(all) / minutes
}

// TestInferChange follows a server whose quota is cut to a half, and one whose quota
// grows fivefold, in the tenth minute.
func TestInferChange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		from, to int64
		wait     time.Duration // until what is measured begins
		used     float64
	}{
		{"cut", 600, 300, 15 * time.Minute, 0.85},
		{"fivefold", 200, 1000, 30 * time.Minute, 0.85},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &hidden{rpm: tt.from, from: tt.wait, change: func(s *hidden, at time.Duration) {
					if at >= 10*time.Minute {
						s.rpm = tt.to
					}
				}}
				const minutes = 20
				s.load(t, New(Config{}), 100, tt.wait+minutes*time.Minute)
				used := float64(s.sum.calls) / float64(tt.to) / minutes
				refused := float64(s.sum.refused) / float64(s.sum.calls+s.sum.refused)
				t.Logf("%s: %.3f used, %.4f refused", tt.name, used, refused)
				if used < tt.used || refused > 0.01 {
					t.Errorf("used %.3f, want at least %.3f; refused %.4f, want at most 0.01", used, tt.used, refused)
				}
			})
		})
	}
}

// A server that is away for some seconds has no limit: neither at the start, when
// little was accepted, nor later.
func TestOutageIsNoLimit(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{2 * time.Second, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := &hidden{}
			s.change = func(s *hidden, d time.Duration) {
				s.faults = 0
				if d >= at && d < at+8*time.Second {
					s.faults = 1
				}
			}
			l := New(Config{})
			s.load(t, l, 100, at+time.Minute)
			m := l.models[testModel]
			if m.rates.limited() || m.flight.window < DefaultConcurrency/2 {
				t.Errorf("after an outage at %v: %d rpm, %d tpm, %d at once; want no limits", at, m.rates.requests.limit, m.rates.tokens.limit, m.flight.window)
			}
		})
	}
}
