package quota

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

func flexRequest() *batch.Request {
	return &batch.Request{Model: testModel, InputTokens: 1, Tier: "flex"}
}

var shed = batch.Outcome{Consequence: batch.SlowDown, RetryAfter: time.Minute, Err: &batch.Error{Kind: batch.KindOverload, HTTPStatus: 503}}

// Flex calls, which take minutes, do not fill the window, and when they are shed the
// others go on as before.
func TestFlexCallsStandApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		begin := time.Now()
		var flights []*batch.Request
		for range 50 {
			r := flexRequest()
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			flights = append(flights, r)
		}
		for range 3 { // of the 4 of slow start
			if err := l.Acquire(t.Context(), request(1)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range flights {
			l.Release(r, &shed)
		}
		if err := l.Acquire(t.Context(), request(1)); err != nil || time.Since(begin) > 0 {
			t.Errorf("the fourth call waited for %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Acquire(ctx, request(1)); err == nil {
			t.Error("a fifth call is under way")
		}
	})
}

// A minute's limit is of all tiers.
func TestFlexSharesTheMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{RPM: 60})
		begin := time.Now()
		for i := range 61 {
			r := request(1)
			if i%2 == 0 {
				r = flexRequest()
			}
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			l.Release(r, &answer)
		}
		if took := time.Since(begin); took < time.Minute {
			t.Errorf("61 calls took %v at 60 rpm", took)
		}
	})
}

// The limiter of flex calls alone begins with all of them. When calls are shed one after
// the other it probes with one at a time, and goes on with half as many once one is
// answered.
func TestFlexGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Concurrency: 40, Flex: true})
		var flights []*batch.Request
		for range 40 {
			r := flexRequest()
			if err := l.Acquire(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			flights = append(flights, r)
		}
		for _, r := range flights[:21] {
			l.Release(r, &shed)
		}
		var probe *batch.Request
		for _, longest := range []time.Duration{firstPause, 2 * firstPause} {
			if probe != nil {
				l.Release(probe, &shed)
			}
			begin := time.Now()
			probe = flexRequest()
			if err := l.Acquire(t.Context(), probe); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(begin); d < longest/2 || d > longest {
				t.Errorf("the probe waited for %v, want %v to %v", d, longest/2, longest)
			}
		}
		if n := len(fill(t, l)); n != 0 {
			t.Errorf("%d calls go out beside the probe, want none", n)
		}
		l.Release(probe, &answer)
		if n := len(fill(t, l)); n != 1 { // 19 of the old ones are under way
			t.Errorf("%d calls go out after the probe, want 1, which makes half of 40", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go l.Acquire(ctx, flexRequest())
		synctest.Wait()
		if s := l.State(); s.Limit != LimitConcurrency || s.Value != 20 || s.Tier != "flex" || s.InFlight != 20 {
			t.Errorf("state %+v, want 20 calls at a time of the flex tier", s)
		}
	})
}
