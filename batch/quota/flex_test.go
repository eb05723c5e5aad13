package quota

import (
	"context"
	"strings"
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
			l.Release(r, &answered)
		}
		if took := time.Since(begin); took < time.Minute {
			t.Errorf("61 calls took %v at 60 rpm", took)
		}
	})
}

// The limiter of flex calls alone begins with all of them, and is cut by what is shed.
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
		begin := time.Now()
		if err := l.Acquire(t.Context(), flexRequest()); err != nil || time.Since(begin) < time.Minute {
			t.Errorf("the next call waited for %v, want the minute that the server asks for: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go l.Acquire(ctx, flexRequest())
		synctest.Wait()
		if got, want := l.State().String(), "waiting: 20 calls at a time (learned 1 min ago) in the flex tier, 20 in flight, oldest "; !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
