package batch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// No fresh row is begun while the largest number of rows waits for another attempt.
func TestRunLimitsWaitingRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrency, most, n = 8, 8192, 20_000
		m := newModel(func(ctx context.Context, row int64, try int) Outcome {
			if try == 1 {
				return Outcome{Consequence: Retry, RetryAfter: 10 * time.Minute}
			}
			return answer(ctx, row, try)
		})
		s, done := newSink(t), make(chan error)
		go func() { done <- Run(t.Context(), Config{Model: m, Sink: s, Concurrency: concurrency}, rows(n)) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		m.mu.Lock()
		got := len(m.tries)
		m.mu.Unlock()
		if got < most || got > most+concurrency+1 {
			t.Errorf("%d rows are begun, want about %d", got, most)
		}
		if err := <-done; err != nil || s.count(OK) != n {
			t.Errorf("%d rows are ok in the end: %v", s.count(OK), err)
		}
	})
}

// What a row has cost is recorded even if its next attempt is under way when the run ends.
func TestRunInterruptedKeepsCostOfCallsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, try int) Outcome {
			if try == 1 {
				return Outcome{Consequence: Retry, Usage: &Usage{TotalTokenCount: 7}}
			}
			<-ctx.Done()
			return Outcome{Consequence: Retry}
		})
		s := newSink(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if err := Run(ctx, Config{Model: m, Sink: s}, rows(3)); err == nil || s.count(Pending) != 3 {
			t.Errorf("%d rows have their cost kept: %v", s.count(Pending), err)
		}
	})
}

// A row that is due again comes before fresh ones, however many of those there are.
func TestRunPrefersRowsThatAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		m := newModel(func(ctx context.Context, row int64, try int) Outcome {
			time.Sleep(time.Second)
			if row%200 == 1 && try < 6 {
				return Outcome{Consequence: Retry, RetryAfter: 90 * time.Second}
			}
			return answer(ctx, row, try)
		})
		if err := Run(t.Context(), Config{Model: m, Sink: newSink(t), Concurrency: 1}, rows(n)); err != nil {
			t.Fatal(err)
		}
		for row, times := range m.times {
			for i := 1; i < len(times); i++ { // 1 s for the call, 90 s until the next is due, and 1 s for a call that is under way then
				if d := times[i] - times[i-1]; d > 93*time.Second {
					t.Errorf("attempt %d of row %d comes after %v", i+1, row, d)
				}
			}
		}
	})
}
