package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// waits has n requests wait, and returns when each of them was sent, since the call. Their calls
// take no time.
func waits(t *testing.T, l *Limiter, n, tokens int) <-chan time.Duration {
	t.Helper()
	begin, sent := time.Now(), make(chan time.Duration, n)
	for range n {
		go func() {
			r := request(tokens)
			if l.Acquire(t.Context(), r) == nil {
				sent <- time.Since(begin)
				l.Release(r, usage(int64(tokens)))
			}
		}()
		synctest.Wait()
	}
	return sent
}

// A limit that is raised holds at once for those who wait: what was owed for the last request
// is owed at the new pace, and then the pace is even.
func TestRaisedLimitHoldsAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		old, raised Config
		tokens      int
	}{
		"requests": {Config{RPM: 6}, Config{RPM: 600}, 1},
		"tokens":   {Config{TPM: 6000}, Config{TPM: 600_000}, 1000},
	} {
		for _, shared := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				if shared {
					c.old.Store, _ = store(t.TempDir())
				}
				l := New(c.old)
				defer l.Close()
				sent := waits(t, l, 11, c.tokens)
				<-sent
				time.Sleep(5 * time.Second) // 5.2 s are owed still, of 10.2
				l.SetLimits(c.raised)
				even := 60 * time.Second / 588 // at 98 % of the limit
				due := 5*time.Second + 52*time.Millisecond
				for i := range 10 {
					at := <-sent
					if want := due + time.Duration(i)*even; at < want-10*time.Millisecond || at > want+250*time.Millisecond {
						t.Errorf("%s, shared %v: request %d is sent after %v, want %v", name, shared, i+2, at, want)
					}
				}
			})
		}
	}
}

// A limit that is lowered holds from the next request on.
func TestLoweredLimitHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 600})
		sent := waits(t, l, 40, 1)
		for range 30 {
			<-sent
		}
		l.SetLimits(Config{RPM: 6})
		last := <-sent
		for range 5 {
			at := <-sent
			if gap := at - last; gap < 10*time.Second || gap > 10500*time.Millisecond {
				t.Errorf("requests are %v apart at 6 a minute", gap)
			}
			last = at
		}
	})
}

// Whatever is set, and however often: the requests of any minute stay below the highest limit
// that was in force in it, by this process alone or by two.
func TestChangingLimitsHold(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			c := Config{RPM: 60}
			if seed%3 == 0 {
				c.Store, _ = store(t.TempDir())
			}
			l := New(c)
			defer l.Close()
			begin := time.Now()
			type force struct {
				from time.Duration
				rpm  int
			}
			set := []force{{0, 60}}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			done := make(chan []send)
			go func() {
				done <- drive(t, l, 10*time.Minute, 20*time.Millisecond, 30, func(int) int64 { return 1 }, exact)
			}()
			for ctx.Err() == nil {
				time.Sleep(time.Duration(1+r.IntN(70)) * time.Second)
				rpm := []int{1, 5, 6, 20, 60, 200, 600}[r.IntN(7)]
				l.SetLimits(Config{RPM: rpm})
				set = append(set, force{time.Since(begin), rpm})
			}
			sends := <-done
			for i, s := range sends {
				from, n := s.at.Sub(begin), 0
				for _, o := range sends[i:] {
					if o.at.Sub(s.at) < time.Minute {
						n++
					}
				}
				highest := 0
				for j, f := range set {
					ends := time.Hour
					if j+1 < len(set) {
						ends = set[j+1].from
					}
					if f.from < from+time.Minute && ends >= from {
						highest = max(highest, f.rpm)
					}
				}
				if n > highest {
					t.Fatalf("seed %d: %d requests in the minute from %v on, in which at most %d a minute were allowed: %v", seed, n, from, highest, set)
				}
			}
			if len(sends) < 50 {
				t.Errorf("seed %d: only %d requests were sent", seed, len(sends))
			}
		})
	}
}

// A limit that is taken away leaves what is learned, and a slow start if nothing is.
func TestLimitTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 6, Concurrency: 20})
		r, _ := acquire(t, l)
		waits(t, l, 30, 1)
		if in := l.Limits(); in.RPM != (Limit{Value: 6}) || in.Concurrency.Value != 20 {
			t.Errorf("in force are %+v", in)
		}
		l.SetLimits(Config{Concurrency: 20})
		synctest.Wait()
		if in := l.Limits(); in.RPM != (Limit{}) {
			t.Errorf("without a limit %+v is in force", in.RPM)
		}
		if s := l.State(); s.Waiting != 0 { // those that wait have gone on by answers
			t.Errorf("%v", s)
		}
		l.Release(r, &answer)
	})
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 600, Concurrency: 20})
		teach(t, l, 30, false)
		l.SetLimits(Config{Concurrency: 20})
		if in := l.Limits(); in.RPM != (Limit{Value: 30, Learned: true}) {
			t.Errorf("in force is %+v, and a refusal has named 30", in.RPM)
		}
		l.SetLimits(Config{RPM: 10, Concurrency: 20})
		if in := l.Limits(); in.RPM != (Limit{Value: 10}) {
			t.Errorf("in force is %+v, and 10 is given", in.RPM)
		}
	})
}

// Calls in flight follow their limit: up at once where the minute is limited, and down as calls
// end.
func TestConcurrencyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 1_000_000_000, Concurrency: 2})
		hold := make(chan struct{})
		for range 10 {
			go func() {
				r := request(1)
				if l.Acquire(t.Context(), r) == nil {
					<-hold
					l.Release(r, &answer)
				}
			}()
		}
		flight := func(want int) {
			t.Helper()
			if time.Sleep(time.Second); l.State().InFlight != want {
				t.Errorf("%d calls are in flight, want %d", l.State().InFlight, want)
			}
		}
		flight(2)
		l.SetLimits(Config{RPM: 1_000_000_000, Concurrency: 5})
		flight(5)
		l.SetLimits(Config{RPM: 1_000_000_000, Concurrency: 1})
		flight(5)
		for range 5 {
			hold <- struct{}{}
		}
		flight(1)
		close(hold)
		flight(0)
	})
}

// The quota of the day follows its number: what was sent counts, also if nothing counted it
// then, and a day that a lower number closed is open again.
func TestRequestsADayChange(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := Config{RPM: 1_000_000_000}
			if shared {
				c.Store, _ = store(t.TempDir())
			}
			l := New(c)
			defer l.Close()
			send := func() error {
				r := request(1)
				err := l.Acquire(t.Context(), r)
				if err == nil {
					l.Release(r, &answer)
				}
				return err
			}
			sent := 0
			until := func(want int) {
				t.Helper()
				for sent < 1000 {
					err := send()
					if _, over := errors.AsType[*DayError](err); over {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					sent++
				}
				if sent != want {
					t.Errorf("shared %v: the day ends after %d requests, want %d", shared, sent, want)
				}
			}
			for range 30 {
				if err := send(); err != nil {
					t.Fatal(err)
				}
				sent++
			}
			c.RPD = 50
			l.SetLimits(c)
			until(50)
			c.RPD = 700
			l.SetLimits(c)
			for range 50 { // a slice of 7 is reserved
				if err := send(); err != nil {
					t.Fatal(err)
				}
				sent++
			}
			c.RPD = 103
			l.SetLimits(c)
			until(103)
			c.RPD = 0
			l.SetLimits(c)
			until(1000)
		})
	}
}

// Before the first request the limits in force are those that are given.
func TestLimitsBeforeTheFirstRequest(t *testing.T) {
	l := New(Config{RPM: 5, RPD: 7})
	if got, want := fmt.Sprint(l.Limits()), fmt.Sprint(Limits{RPM: Limit{Value: 5}, RPD: Limit{Value: 7}, Concurrency: Limit{Value: 64}}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
