package quota

import (
	"testing"
	"testing/synctest"
	"time"
)

// Refusals that do not become fewer if less is asked for are random: a trial finds that
// out within seconds, and what was asked for before is asked for again.
func TestTrialFindsChance(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*server{
		"every tenth": {every: 10},
		"every fifth": {every: 5},
		"every third": {every: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const workers, minutes, warm = 32, 5, 1
				l := New(Config{Concurrency: workers})
				s.since = time.Now().Add(warm * time.Minute)
				trials, began := 0, time.Time{}
				s.until(t, l, minutes*time.Minute, func(m *model) bool {
					switch on := m.trial.on; {
					case on && began.IsZero():
						trials++
						began = time.Now()
					case !on && !began.IsZero():
						if d := time.Since(began); d > 10*time.Second {
							t.Errorf("trial %d took %v", trials, d)
						}
						began = time.Time{}
					}
					if c := m.snapshot(); !m.trial.on && c != ([3]ceiling{}) {
						t.Errorf("ceilings %+v, want none", c)
						return true
					}
					return false
				})
				if trials < 1 || trials > 8 {
					t.Errorf("%d trials in %d minutes, want 1 to 8", trials, minutes)
				}
				// A call takes 1.5 s, and a refusal before it 50 ms.
				refused := 1 / float64(s.every)
				best := workers * (minutes - warm) * 60 / (1.5 + refused/(1-refused)*0.05)
				if used := float64(s.answered) / best; used < 0.95 {
					t.Errorf("%.3f of what can be answered, want at least 0.95", used)
				}
			})
		})
	}
}

// The same of refusals that truly are at random.
func TestTrialRandom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers, minutes, warm = 32, 6, 1
		l := New(Config{Concurrency: workers})
		s := &server{random: 0.2, since: time.Now().Add(warm * time.Minute)}
		s.load(t, l, minutes*time.Minute)
		const best = workers * (minutes - warm) * 60 / (1.5 + 0.25*0.05)
		if used := float64(s.answered) / best; used < 0.85 {
			t.Errorf("%.3f of what can be answered, want at least 0.85", used)
		}
	})
}

// A server that takes one call in 100 ms, and refuses what comes sooner, refuses every
// second call of one who asks more often. A trial finds the rate that it answers.
func TestTrialFindsRate(t *testing.T) {
	for _, every := range []time.Duration{55 * time.Millisecond, 60 * time.Millisecond, 70 * time.Millisecond, 90 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			l := New(Config{})
			m := suppose(l, [3]int64{}) // the window is open
			begin, taken := time.Now(), time.Time{}
			var found time.Duration
			for found == 0 && time.Since(begin) < time.Minute {
				r, _ := acquire(t, l)
				o := &tooMany
				if time.Since(taken) >= 100*time.Millisecond {
					o, taken = &answer, time.Now()
				}
				on := m.trial.on
				l.Release(r, o)
				if on && !m.trial.on && m.rates.requests.level > 0 {
					found = time.Since(begin)
				}
				time.Sleep(every)
			}
			rate := int64(time.Minute / (2 * every)) // at which calls were answered before
			level := m.rates.requests.level
			if found == 0 || found > 30*time.Second || level < rate*90/100 || level > rate {
				t.Errorf("one call in %v: after %v the ceiling is %d rpm, want at most the %d that are answered, and 90 %% of them", every, found, level, rate)
			}
		})
	}
}

// A raise that exceeds nothing, because little is asked, does not keep a trial from finding
// that refusals are random.
func TestTrialDuringIdleRaise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		m := suppose(l, [3]int64{0, 0, 20})
		m.flight.window = DefaultConcurrency
		for i := range 6000 {
			r, _ := acquire(t, l)
			o := &answer
			if i > 600 && i%5%2 == 1 {
				o = &tooMany
			}
			l.Release(r, o)
			time.Sleep(100 * time.Millisecond)
		}
		if m.trial.random == 0 {
			t.Error("no trial has found that two of five calls are refused at random")
		}
	})
}
