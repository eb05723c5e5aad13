package quota

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// suppose sets ceilings as estimates, in their order; 0 = none.
func suppose(l *Limiter, levels [3]int64) *model {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.model(testModel)
	m.openWindow()
	for i, n := range levels {
		if n > 0 {
			m.ceilings()[i].put(n, false, time.Now())
		}
	}
	m.applyPaces()
	return m
}

// until looks at a model every tenth of a second of a load, and returns when the condition
// was met first; 0 = it was not.
func (s *server) until(t *testing.T, l *Limiter, most time.Duration, met func(m *model) bool) (when time.Duration) {
	begin := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { s.load(t, l, most) })
	for time.Since(begin) < most {
		time.Sleep(100 * time.Millisecond)
		l.mu.Lock()
		if m := l.models[testModel]; when == 0 && met(m) {
			when = time.Since(begin)
		}
		l.mu.Unlock()
	}
	wg.Wait()
	return when
}

// A ceiling that the server does not have is exceeded for as long as nothing is refused,
// and gone within seconds. Calls that are refused for no reason do not change that.
func TestRaiseForgetsCeiling(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		levels [3]int64
		most   time.Duration
	}{
		{[3]int64{5}, 20 * time.Second},
		{[3]int64{60}, 40 * time.Second},
		{[3]int64{600}, time.Minute}, // half of which it takes to come near it
		{[3]int64{0, 60}, 40 * time.Second},
		{[3]int64{0, 0, 1}, 40 * time.Second},
		{[3]int64{0, 0, 20}, 40 * time.Second},
		{[3]int64{60, 60, 4}, 40 * time.Second},
	} {
		for _, every := range []int{0, 100, 20, 7, 4} {
			t.Run(fmt.Sprintf("%v, one in %d refused", tt.levels, every), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l, s := New(Config{}), &server{every: every}
					s.load(t, l, 30*time.Second) // it becomes known what is usual
					time.Sleep(time.Minute)
					suppose(l, tt.levels)
					gone := s.until(t, l, tt.most, func(m *model) bool { return m.snapshot() == ([3]ceiling{}) })
					if gone == 0 {
						t.Errorf("after %v there are ceilings %+v", tt.most, l.models[testModel].snapshot())
					}
				})
			})
		}
	}
}

// A ceiling that the server has costs few refusals whenever it is tested, and is tested no
// more often than their share of all calls allows. It stays what it is.
func TestRaiseCost(t *testing.T) {
	t.Parallel()
	for _, rpm := range []int{60, 600} {
		t.Run(fmt.Sprint(rpm), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const minutes = 20
				l, s := New(Config{}), &server{rpm: rpm}
				suppose(l, [3]int64{int64(rpm)})
				type test struct {
					first, last time.Duration // of the refusals
					refused     int
				}
				var tests []test
				begin, refused := time.Now(), 0
				s.until(t, l, minutes*time.Minute, func(m *model) bool {
					s.mu.Lock()
					n := s.refused - refused
					refused = s.refused
					s.mu.Unlock()
					if c := m.rates.requests.ceiling; c.level != int64(rpm) {
						t.Errorf("the ceiling is %d, want %d", c.level, rpm)
						return true
					}
					if n == 0 {
						return false
					}
					now := time.Since(begin)
					if len(tests) == 0 || now-tests[len(tests)-1].last > 5*time.Second {
						tests = append(tests, test{first: now})
					}
					last := &tests[len(tests)-1]
					last.last = now
					last.refused += n
					return false
				})
				// A refusal takes 50 ms. Those of other calls come meanwhile.
				costs := 2 + int(math.Ceil(4*float64(rpm)/60*0.05))
				for i, test := range tests {
					if test.refused > costs {
						t.Errorf("test %d costs %d refusals, want at most %d", i, test.refused, costs)
					}
					if i > 0 && test.first-tests[i-1].last < raiseBreak {
						t.Errorf("test %d comes %v after the one before, want at least %v", i, test.first-tests[i-1].last, raiseBreak)
					}
				}
				calls := s.answered + s.refused
				if most := mostSaved + 0.01*float64(calls) + float64(costs); float64(s.refused) > most {
					t.Errorf("%d of %d calls are refused, want at most %.1f", s.refused, calls, most)
				}
				if len(tests) < 5 {
					t.Errorf("the ceiling is tested %d times in %d minutes", len(tests), minutes)
				}
				if used := float64(s.answered) / float64(rpm*minutes); used < 0.95 {
					t.Errorf("%.3f of the limit used", used)
				}
			})
		})
	}
}
