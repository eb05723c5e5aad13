package batch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// OnFed is called as soon as the last row was begun, and before the last rows end. Rows that are
// skipped, and rows that are attempted again, make no difference.
func TestOnFed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(10 * time.Second)
			if row == 9 && n == 1 {
				return failing("503")
			}
			return answer(ctx, row, n)
		})
		s := newSink(t)
		begin := time.Now()
		var fed []time.Duration
		c := Config{
			Model: m, Sink: s, Concurrency: 4, OnFed: func() { fed = append(fed, time.Since(begin)) },
			Skip: func(r *Request) bool { return r.Row == 10 },
		}
		if err := Run(t.Context(), c, rows(10)); err != nil || s.count(OK) != 9 {
			t.Fatalf("%v, %d ok", err, s.count(OK))
		}
		if len(fed) != 1 || fed[0] != 20*time.Second {
			t.Errorf("OnFed was called after %v, want once after 20 s", fed)
		}
	})
}

// OnFed is also called when the run ends before its last row.
func TestOnFedInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(10 * time.Second)
			return answer(ctx, row, n)
		})
		calls := 0
		err := Run(ctx, Config{Model: m, Sink: newSink(t), Concurrency: 4, OnFed: func() { calls++ }}, rows(100))
		if err == nil || calls != 1 {
			t.Errorf("the run ended with %v, and OnFed was called %d times, want once", err, calls)
		}
	})
}
