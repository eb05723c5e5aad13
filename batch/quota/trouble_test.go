package quota

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

var (
	busy    = batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindOverload, HTTPStatus: 503}}
	tooMany = batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindQuota, HTTPStatus: 429}}
)

// later returns an outcome with the time at which the server wants the row again.
func later(o batch.Outcome, after time.Duration) *batch.Outcome {
	o.RetryAfter = after
	return &o
}

// acquire returns the next call, and how long it had to wait.
func acquire(t *testing.T, l *Limiter) (*batch.Request, time.Duration) {
	t.Helper()
	r, begin := request(1), time.Now()
	if err := l.Acquire(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r, time.Since(begin)
}

// release ends all the calls with the outcome.
func release(l *Limiter, calls []*batch.Request, o *batch.Outcome) {
	for _, r := range calls {
		l.Release(r, o)
	}
}

// Calls that fail one after the other stop the model. It sends one probe at a time then,
// after waits that grow.
func TestTroubleProbes(t *testing.T) {
	s, minute := time.Second, time.Minute
	for _, tt := range []struct {
		name   string
		failed batch.Outcome
		after  []time.Duration // RetryAfter of the calls and then of each probe
		waits  []time.Duration // the longest, for each probe; the shortest is half of it
	}{
		{"busy", busy, make([]time.Duration, 7), []time.Duration{s / 2, s, 2 * s, 4 * s, 5 * s, 5 * s, 5 * s}},
		{"busy for long", busy, []time.Duration{minute, minute, minute, minute, minute}, []time.Duration{s / 2, s, 2 * s, 4 * s, 5 * s}},
		{"busy for a moment", busy, []time.Duration{1, 1, 1, 1, 1}, []time.Duration{s / 2, s, 2 * s, 4 * s, 5 * s}},
		{"unreachable", batch.Outcome{Err: &batch.Error{Kind: batch.KindTransport}}, make([]time.Duration, 5), []time.Duration{s / 2, s, 2 * s, 4 * s, 5 * s}},
		{"refused", tooMany, make([]time.Duration, 9), []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, minute, minute}},
		{"refused for long", tooMany, []time.Duration{10 * minute, 10 * minute, 10 * minute, 10 * minute}, []time.Duration{s / 2, s, 2 * s, 4 * s}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{})
				failed := later(tt.failed, tt.after[0])
				calls := fill(t, l)
				release(l, calls[:2], failed)
				more := fill(t, l)
				if len(more) != 2 {
					t.Errorf("%d calls go out after two failures, want 2", len(more))
				}
				l.Release(calls[2], failed)
				for i, longest := range tt.waits {
					probe, waited := acquire(t, l)
					if waited < longest/2 || waited > longest {
						t.Errorf("probe %d came after %v, want %v to %v", i, waited, longest/2, longest)
					}
					if n := len(fill(t, l)); n != 0 {
						t.Errorf("%d calls go out beside probe %d, want none", n, i)
					}
					if i == 0 { // what was sent before neither ends the trouble nor makes it worse
						l.Release(calls[3], failed)
						release(l, more, &answer)
						if n := len(fill(t, l)); n != 0 {
							t.Errorf("%d calls go out after answers to older ones, want none", n)
						}
					}
					l.Release(probe, later(tt.failed, tt.after[min(i+1, len(tt.after)-1)]))
				}
			})
		})
	}
}

// A time that the server names for a row shortens the wait of a probe, if the server
// refuses to be asked so much. It never lengthens it.
func TestTroubleRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		release(l, fill(t, l), &tooMany)
		for range 6 { // by now the wait is at least 16 s
			probe, _ := acquire(t, l)
			l.Release(probe, &tooMany)
		}
		probe, _ := acquire(t, l)
		l.Release(probe, later(tooMany, 3*time.Second))
		if _, waited := acquire(t, l); waited != 3*time.Second {
			t.Errorf("the probe came after %v, want the 3 s that the server asks for", waited)
		}
	})
}

// A probe that is answered lets all calls go on: half of them if the server was away for
// long enough to fail a probe, and then one more for each answer.
func TestTroubleEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		probes int // that fail
		window int
		want   int
	}{
		{"at the first probe", 0, 32, 32},
		{"at the second", 1, 32, 16},
		{"at the sixth", 5, 32, 16},
		{"few calls", 1, 5, startWindow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{Concurrency: tt.window})
				m := l.model(testModel)
				m.flight.window = tt.window
				release(l, fill(t, l), &busy)
				for range tt.probes {
					probe, _ := acquire(t, l)
					l.Release(probe, &busy)
				}
				// Probes that tell nothing are followed by others at once.
				for i, nothing := range []*batch.Outcome{nil, {Consequence: batch.Retry}} {
					probe, waited := acquire(t, l)
					if i > 0 && waited != 0 {
						t.Errorf("the next probe waited for %v", waited)
					}
					l.Release(probe, nothing)
				}
				probe, waited := acquire(t, l)
				if waited != 0 {
					t.Errorf("the last probe waited for %v", waited)
				}
				l.Release(probe, &answer)
				for want := tt.want; ; want = min(2*want, tt.window) {
					calls := fill(t, l)
					if len(calls) != want {
						t.Fatalf("%d calls go out, want %d", len(calls), want)
					}
					if want == tt.window {
						break
					}
					release(l, calls, &answer)
				}
				if c := m.snapshot(); c != ([3]ceiling{}) {
					t.Errorf("ceilings %+v, want none", c)
				}
			})
		})
	}
}

// Failures that stand between answers are no trouble, however many they are.
func TestNoTrouble(t *testing.T) {
	for name, failed := range map[string]*batch.Outcome{"busy": &busy, "refused": &tooMany, "refused for long": later(tooMany, time.Minute)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{})
				for i := range 300 {
					calls := fill(t, l) // in the order of sending, every third is answered
					if len(calls) < startWindow {
						t.Fatalf("round %d: %d calls go out, want at least %d", i, len(calls), startWindow)
					}
					for _, failing := range []bool{true, false} { // failures arrive first
						for j, r := range calls {
							if fails := j%3 != 0; fails == failing {
								o := &answer
								if fails {
									o = failed
								}
								l.Release(r, o)
							}
						}
					}
					if l.models[testModel].trouble.on {
						t.Fatalf("trouble in round %d", i)
					}
				}
			})
		})
	}
}

// Which limit explains the refusals shows when a probe is answered: one of the minute if
// less of it is used then, and else one of the calls in flight. If the server failed
// otherwise as well, none does.
func TestTroubleFindsLimit(t *testing.T) {
	const accepted = 10
	for _, tt := range []struct {
		name    string
		calls   []*batch.Outcome // of the calls that fail, in turns
		probes  []*batch.Outcome
		wait    time.Duration // before the last probe, which is answered
		ceiling [3]int64
	}{
		// All that was accepted has left the minute.
		{"of the minute", []*batch.Outcome{&tooMany}, nil, time.Minute, [3]int64{accepted, accepted, 0}},
		{"of the minute, late", []*batch.Outcome{&tooMany}, []*batch.Outcome{&tooMany, &tooMany}, time.Minute, [3]int64{accepted, accepted, 0}},
		// All of it is still in the minute, but the probe is alone in flight.
		{"in flight", []*batch.Outcome{&tooMany}, nil, 0, [3]int64{0, 0, 3}},
		{"in flight, late", []*batch.Outcome{&tooMany}, []*batch.Outcome{&tooMany}, 0, [3]int64{0, 0, 3}},
		// A server that fails otherwise has no limit.
		{"busy", []*batch.Outcome{&busy}, nil, time.Minute, [3]int64{}},
		{"refused and busy", []*batch.Outcome{&tooMany, &busy}, nil, time.Minute, [3]int64{}},
		{"refused and busy, in flight", []*batch.Outcome{&tooMany, &busy}, nil, 0, [3]int64{}},
		{"busy at last", []*batch.Outcome{&tooMany}, []*batch.Outcome{&busy}, time.Minute, [3]int64{}},
		{"busy once", []*batch.Outcome{&tooMany}, []*batch.Outcome{&tooMany, &busy, &tooMany}, time.Minute, [3]int64{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{})
				for range accepted - 3 {
					r, _ := acquire(t, l)
					l.Release(r, &answer)
				}
				var working []*batch.Request // the server does their work, and refuses all others
				for range 3 {
					r, _ := acquire(t, l)
					working = append(working, r)
				}
				for i, r := range fill(t, l) {
					l.Release(r, tt.calls[i%len(tt.calls)])
				}
				for _, o := range tt.probes {
					probe, _ := acquire(t, l)
					l.Release(probe, o)
				}
				release(l, working, &answer)
				time.Sleep(tt.wait)
				probe, _ := acquire(t, l)
				l.Release(probe, &answer)
				m := l.models[testModel]
				var got [3]int64
				for i, c := range m.ceilings() {
					got[i] = c.level
					if c.named {
						t.Errorf("ceiling %d is named, but no refusal has named it", i)
					}
				}
				if got != tt.ceiling || m.trouble.on {
					t.Errorf("ceilings %v, trouble %v; want %v and none", got, m.trouble.on, tt.ceiling)
				}
			})
		})
	}
}

// A server that counts its calls is found to have exactly its limit.
func TestTroubleFindsLimitOfServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{rpm: 10}
		l := New(Config{})
		for s.refused == 0 || s.answered <= s.rpm { // until one is answered after the refusals
			r, _ := acquire(t, l)
			o := s.call()
			l.Release(r, &o)
		}
		m := l.models[testModel]
		if p := &m.rates.requests; p.level != 10 || p.source() != estimate || m.flight.ceiling.level != 0 {
			t.Errorf("%d rpm from source %d, %d in flight; want 10 rpm, estimated, and no other", p.level, p.source(), m.flight.ceiling.level)
		}
		if got := l.Learned(); len(got) == 0 || got[0].String() != "10 rpm, estimated" {
			t.Errorf("learned %v, want 10 rpm", got)
		}
	})
}

// A refusal that names its limit ends the trouble: what the server wants is known.
func TestTroubleNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		release(l, fill(t, l), &tooMany)
		probe, _ := acquire(t, l)
		l.Release(probe, &batch.Outcome{Consequence: batch.SlowDown, RetryAfter: 20 * time.Second, Limits: []batch.Limit{{Value: 60, Per: time.Minute}}})
		if _, waited := acquire(t, l); waited < 20*time.Second || waited > 21*time.Second+1 {
			t.Errorf("the next call waited for %v, want the 20 s that the server asks for", waited)
		}
		m := l.models[testModel]
		if p := &m.rates.requests; m.trouble.on || p.limit != 60 || p.source() != named || m.flight.ceiling.level != 0 {
			t.Errorf("trouble %v, %d rpm from source %d, %d in flight; want 60 rpm, named", m.trouble.on, p.limit, p.source(), m.flight.ceiling.level)
		}
	})
}

// A probe that takes much longer than the failures took was not refused. It is worked on.
func TestProbeOutlivesFailures(t *testing.T) {
	for _, tt := range []struct{ failure, outlives time.Duration }{
		{50 * time.Millisecond, shortest},
		{2 * time.Second, 6 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{})
			calls := fill(t, l)
			begin := time.Now()
			time.Sleep(tt.failure)
			took := time.Since(begin)
			release(l, calls, &busy)
			probe, _ := acquire(t, l)
			second, waited := acquire(t, l)
			if over := waited - tt.outlives; over < 0 || over > 3*(took-tt.failure)+time.Microsecond {
				t.Errorf("the second call went out after %v, want %v", waited, tt.outlives)
			}
			if n := len(fill(t, l)); n != startWindow-2 {
				t.Errorf("%d more calls go out, want %d", n, startWindow-2)
			}
			l.Release(probe, &busy) // it has failed after all, which is nothing new
			l.Release(second, &answer)
			if m := l.models[testModel]; m.trouble.on || m.flight.window != startWindow+1 {
				t.Errorf("trouble %v, window %d; want no trouble and %d", m.trouble.on, m.flight.window, startWindow+1)
			}
		})
	}
}

// Calls that were sent before or in the trouble teach nothing once it has ended: neither a
// new trouble, nor a limit, nor how many may be in flight.
func TestTroubleEndsForOldCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		m := l.model(testModel)
		m.flight.window = 32
		calls := fill(t, l)
		release(l, calls[:10], &busy)
		for _, o := range []*batch.Outcome{&busy, &answer} {
			probe, _ := acquire(t, l)
			l.Release(probe, o)
		}
		release(l, calls[10:20], &tooMany)
		release(l, calls[20:25], &busy)
		release(l, calls[25:], &answer)
		if c := m.snapshot(); m.trouble.on || m.flight.window != 16 || c != ([3]ceiling{}) {
			t.Errorf("trouble %v, window %d, ceilings %+v; want none, 16, and none", m.trouble.on, m.flight.window, c)
		}
		if n := len(fill(t, l)); n != 16 {
			t.Errorf("%d calls go out, want 16", n)
		}
	})
}
