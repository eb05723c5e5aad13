package batch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A run has as many workers as Grow said at most, from the moment in which it says so.
func TestGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(10 * time.Second)
			return answer(ctx, row, n)
		})
		grow := make(chan int)
		s := newSink(t)
		begin := time.Now()
		done := make(chan error)
		go func() {
			done <- Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 2, Grow: grow}, rows(100))
		}()
		time.Sleep(5 * time.Second)
		for _, n := range []int{1, 10, 4, 20} { // lower ones change nothing
			grow <- n
		}
		if err := <-done; err != nil || s.count(OK) != 100 {
			t.Fatalf("%v, %d ok", err, s.count(OK))
		}
		// 2 rows begin at 0 s and 18 at 5 s; each of the 20 workers makes five calls in all.
		if took := time.Since(begin); took != 55*time.Second {
			t.Errorf("the run took %v, want 55 s", took)
		}
	})
}

// For how long a run was paused does not count against an endpoint that does not answer.
func TestPauseIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pause = 5 * time.Hour
		m := newModel(func(context.Context, int64, int) Outcome {
			time.Sleep(time.Second)
			return failing("503")
		})
		begin := time.Now()
		paused := func() time.Duration { return min(max(0, time.Since(begin)-20*time.Second), pause) }
		err := Run(t.Context(), Config{Model: m, Sink: newSink(t), Limiter: pausedLimiter{begin, pause}, Concurrency: 4, Paused: paused}, rows(100))
		if stop, ok := errors.AsType[*StopError](err); !ok || stop.Unanswered < patienceAtFirst || stop.Unanswered > 2*patienceAtFirst {
			t.Errorf("the run ended with %v, want a StopError after a minute without an answer", err)
		}
		if took := time.Since(begin); took < pause+patienceAtFirst {
			t.Errorf("the run ended after %v, and was paused for %v of it", took, pause)
		}
	})
}

// A pausedLimiter lets nothing through for a time, after 20 seconds.
type pausedLimiter struct {
	begin time.Time
	pause time.Duration
}

func (l pausedLimiter) Acquire(ctx context.Context, _ *Request) error {
	if since := time.Since(l.begin); since > 20*time.Second && since < l.pause+20*time.Second {
		time.Sleep(l.pause + 20*time.Second - since)
	}
	return ctx.Err()
}

func (pausedLimiter) Release(*Request, *Outcome) {}
