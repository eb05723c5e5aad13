package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// answers is a Model that answers after a time, and knows when it was asked.
type answers struct {
	takes time.Duration
	begin time.Time
	asked chan time.Duration // has room for all
	now   atomic.Int64
}

func newAnswers(takes time.Duration, rows int) *answers {
	return &answers{takes: takes, begin: time.Now(), asked: make(chan time.Duration, rows)}
}

func (m *answers) Attempt(context.Context, *batch.Request) batch.Outcome {
	m.asked <- time.Since(m.begin)
	m.now.Add(1)
	time.Sleep(m.takes)
	m.now.Add(-1)
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Response: []byte(`{}`), Usage: &batch.Usage{PromptTokenCount: 1}}
}

type memory map[batch.Status]int

func (m memory) Write(rs []*batch.Result) error {
	for _, r := range rs {
		m[r.Status]++
	}
	return nil
}

// steered begins a run of rows that c steers, and returns what it will end with.
func steered(t *testing.T, c *Control, m batch.Model, l batch.Limiter, q *quota.Limiter, sink memory, rows int) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	ctx, end := Begin(t.Context(), c)
	config := Over(c, batch.Config{Model: m, Limiter: l, Sink: sink, Concurrency: 64}, q, nil)
	go func() {
		defer end()
		done <- batch.Run(ctx, config, func(yield func(*batch.Request, error) bool) {
			for i := range rows {
				r := &batch.Request{Row: int64(i + 1), Model: "gemini-2.5-flash", Body: []byte(`{"generationConfig":{"maxOutputTokens":10}}`), InputTokens: 1}
				r.Fingerprint[0], r.Fingerprint[1] = byte(i), byte(i>>8)
				if !yield(r, nil) {
					return
				}
			}
		})
	}()
	return done
}

// A pause begins at once, also for those who wait for a slot, holds nothing, fails nothing, and
// its end lets the run go on at its pace.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))) // when models have prices
		c := New(&spec.Spec{RPM: 60})
		q := quota.New(quota.Config{RPM: 60})
		b := budget.New(q, price.Default(), price.Dollar)
		m, sink := newAnswers(3*time.Second, 100), memory{}
		done := steered(t, c, m, b, q, sink, 100)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		sent := len(m.asked)
		c.Pause()
		c.Pause() // which changes nothing
		since := c.State().PausedSince
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(m.asked); n != sent || m.now.Load() != 0 {
			t.Errorf("%d calls are sent in the pause, and %d are in flight", n-sent, m.now.Load())
		}
		if s := q.State(); s.Waiting != 0 || s.InFlight != 0 {
			t.Errorf("in the pause the quota says %v", s)
		}
		if limit, spent := b.Standing(); limit != price.Dollar || spent == 0 {
			t.Errorf("%v of %v are spent", spent, limit)
		}
		time.Sleep(time.Hour)
		if !c.State().PausedSince.Equal(since) {
			t.Errorf("paused since %v, and was since %v", c.State().PausedSince, since)
		}
		resumed := time.Since(m.begin)
		c.Resume()
		c.Resume()
		if err := <-done; err != nil || sink[batch.OK] != 100 {
			t.Errorf("the run ends with %v, %v", err, sink)
		}
		for range sent {
			<-m.asked
		}
		// The rest goes at 58.8 a minute, and one more, for what was not asked in the hour.
		if first := <-m.asked; first != resumed {
			t.Errorf("the next call is sent at %v, and the run is resumed at %v", first, resumed)
		}
		if took, want := time.Since(m.begin)-resumed, time.Duration(100-sent-1)*60*time.Second/588*10+3*time.Second; took < want-time.Second || took > want+time.Second {
			t.Errorf("the other rows take %v, want %v", took, want)
		}
	})
}

// A run that is paused ends at once when it is stopped, or when its context ends.
func TestPausedRunEnds(t *testing.T) {
	for _, stop := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c, sink := New(&spec.Spec{}), memory{}
			q := quota.New(quota.Config{})
			c.Pause() // also before the run
			done := steered(t, c, newAnswers(time.Second, 10), q, q, sink, 10)
			time.Sleep(time.Minute)
			if stop {
				c.Stop()
			} else {
				c.cancel(errors.New("a signal"))
			}
			synctest.Wait()
			select {
			case err := <-done:
				if !errors.Is(err, batch.ErrInterrupted) || len(sink) > 0 || stop != strings.Contains(err.Error(), "genbatch ctl") {
					t.Errorf("the run ends with %v, %v", err, sink)
				}
			default:
				t.Error("the run goes on")
			}
		})
	}
}

// A stop before the run ends it when it begins, and is over with it.
func TestStopBefore(t *testing.T) {
	c := New(&spec.Spec{})
	c.Stop()
	ctx, end := Begin(t.Context(), c)
	if !errors.Is(context.Cause(ctx), errStopped) || !c.State().Stopping {
		t.Error("the run begins")
	}
	end()
	ctx, end = Begin(t.Context(), c)
	defer end()
	if ctx.Err() != nil {
		t.Error("the run after it is stopped as well")
	}
}

// What was set before a run holds in it, more workers included.
func TestSetBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, sink := New(&spec.Spec{RPM: 6}), memory{}
		if err := c.Set(record.Limits{RPM: new(600_000), Concurrency: new(100)}); err != nil {
			t.Fatal(err)
		}
		q := quota.New(quota.Config{RPM: 6})
		m := newAnswers(time.Minute, 300)
		if err := <-steered(t, c, m, q, q, sink, 300); err != nil || sink[batch.OK] != 300 {
			t.Errorf("%v, %v", err, sink)
		}
		if took := time.Since(m.begin); took > 3*time.Minute+time.Second {
			t.Errorf("300 calls of a minute take %v by 100 workers", took)
		}
		s := c.State()
		if s.RPM != (record.InForce{Value: 600_000, Source: "control"}) || s.Concurrency != (record.InForce{Value: 100, Source: "control"}) || s.TPM.Source != "none" {
			t.Errorf("in force are %+v", s)
		}
	})
}

// Limits that cannot be change nothing, not even those beside them.
func TestSetRefuses(t *testing.T) {
	for text, l := range map[string]record.Limits{
		"rpm is -1; it cannot be negative":         {RPM: new(-1), TPM: new(5)},
		"concurrency is 1000000":                   {Concurrency: new(1_000_000), TPM: new(5)},
		"max_cost is empty; write dollars":         {MaxCost: new(" "), TPM: new(5)},
		"max_cost: 0 is not above 0":               {MaxCost: new("0"), TPM: new(5)},
		`max_cost: "five" is not a decimal number`: {MaxCost: new("five"), TPM: new(5)},
	} {
		c := New(&spec.Spec{MaxCost: "3"})
		err := c.Set(l)
		if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
		if c.limits != (record.Limits{}) || c.State().TPM.Value != 0 {
			t.Errorf("%s: set is %+v", text, c.limits)
		}
	}
	c := New(&spec.Spec{})
	if err := c.Set(record.Limits{MaxCost: new("5")}); err == nil || !strings.Contains(err.Error(), "--max-cost") {
		t.Errorf("a cap of a run without one: %v", err)
	}
}

// Failed rows can be asked again until all rows were asked.
func TestRetryComesInTime(t *testing.T) {
	c := New(&spec.Spec{})
	_, end := Begin(t.Context(), c)
	if err := c.RetryFailed(); err != nil || !c.State().RetryAsked || !TakeRetry(c) || c.State().RetryAsked {
		t.Errorf("%v, %+v", err, c.State())
	}
	if TakeRetry(c) {
		t.Error("it is asked for twice")
	}
	if err := c.RetryFailed(); err == nil {
		t.Error("it comes too late, and is not refused")
	}
	end()
	Begin(t.Context(), c)
	if err := c.RetryFailed(); err != nil {
		t.Errorf("the next run: %v", err)
	}
}

// The last hundred failures are remembered, and none of the run before.
func TestFailures(t *testing.T) {
	c := New(&spec.Spec{})
	Begin(t.Context(), c)
	for i := range 250 {
		Note(c, &batch.Result{Row: int64(i + 1), Status: []batch.Status{batch.OK, batch.Failed, batch.Pending, batch.Blocked}[i%4], Error: fmt.Sprint("why ", i+1)})
	}
	f := c.Failures()
	if len(f) != 100 || f[0].Seq != 26 || f[0].Row != 52 || f[99].Seq != 125 || f[99].Row != 250 || f[99].Error != "why 250" || f[99].Status != "failed" {
		t.Errorf("%d failures, from %+v to %+v", len(f), f[0], f[len(f)-1])
	}
	Begin(t.Context(), c)
	if len(c.Failures()) != 0 {
		t.Error("they are of the run before")
	}
}

// A row does not leave its tier, for a dearer one, because the run was paused.
func TestPauseIsNoWaitForTheTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
		begin := time.Now()
		q := quota.New(quota.Config{})
		ladder := tier.New(tier.Config{Limiter: q, Tiers: []string{"flex", "standard"}, Wait: 10 * time.Minute, Quota: q})
		var asked []string
		m := modelFunc(func(r *batch.Request) batch.Outcome {
			asked = append(asked, r.Tier)
			if time.Since(begin) < 2*time.Hour {
				return batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{Kind: batch.KindOverload, HTTPStatus: 503, Message: "no room"}}
			}
			return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Tier: r.Tier, Response: []byte(`{}`), Usage: &batch.Usage{PromptTokenCount: 1}}
		})
		c, sink := New(&spec.Spec{}), memory{}
		config := ladder.Over(batch.Config{Model: m, Limiter: q, Sink: sink, Concurrency: 1, OnResult: func(*batch.Result) {}})
		config = Over(c, config, q, ladder)
		time.AfterFunc(30*time.Second, c.Pause)
		time.AfterFunc(3*time.Hour, c.Resume)
		err := batch.Run(t.Context(), config, func(yield func(*batch.Request, error) bool) {
			yield(&batch.Request{Row: 1, Model: "m", Body: []byte(`{}`), InputTokens: 1}, nil)
		})
		if err != nil || sink[batch.OK] != 1 || len(asked) < 3 || strings.Contains(strings.Join(asked, " "), "standard") {
			t.Errorf("%v, %v, asked %v", err, sink, asked)
		}
	})
}

// The time of a row in its tier may be over at the moment in which a pause begins. The ladder
// then leaves it at that, since its context has ended, and the run goes on all the same.
func TestPauseAtTheEndOfATier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := New(&spec.Spec{}), 0
		g := gate{limiterFunc(func(ctx context.Context) error {
			if asked++; asked > 1 {
				return nil
			}
			c.Pause()
			return context.DeadlineExceeded
		}), c}
		time.AfterFunc(time.Minute, c.Resume)
		if err := g.Acquire(t.Context(), new(batch.Request)); err != nil || asked != 2 {
			t.Errorf("%v, asked %d times", err, asked)
		}
	})
}

type limiterFunc func(context.Context) error

func (f limiterFunc) Acquire(ctx context.Context, _ *batch.Request) error { return f(ctx) }
func (limiterFunc) Release(*batch.Request, *batch.Outcome)                {}

type modelFunc func(*batch.Request) batch.Outcome

func (f modelFunc) Attempt(_ context.Context, r *batch.Request) batch.Outcome { return f(r) }
