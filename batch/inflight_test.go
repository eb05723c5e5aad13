package batch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// stalledSink is a Sink whose disk takes an hour for its first write.
type stalledSink struct{ *memSink }

func (s stalledSink) Write(results []*Result) error {
	if len(s.groups) == 0 {
		time.Sleep(time.Hour)
	}
	return s.memSink.Write(results)
}

// While a commit is slow, no more rows are answered than a crash may cost: the calls
// under way, and 256 answers that wait for a commit.
func TestRunLimitsWhatWaitsForCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrency, n = 8, 2000
		m := newModel(answer)
		sink := stalledSink{newSink(t)}
		done := make(chan error)
		go func() { done <- Run(t.Context(), Config{Model: m, Sink: sink, Concurrency: concurrency}, rows(n)) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		m.mu.Lock()
		got := m.total()
		m.mu.Unlock()
		if got > concurrency+256 || got < 128 {
			t.Errorf("%d rows are answered while the first commit is under way, want at most %d", got, concurrency+256)
		}
		if err := <-done; err != nil || sink.count(OK) != n {
			t.Errorf("%d rows are ok in the end: %v", sink.count(OK), err)
		}
	})
}

// Rows that wait for their next attempt hold a bounded amount of memory, however large
// each of them is.
func TestRunLimitsWhatWaitingRowsHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrency, n = 8, 200
		film := make([]byte, 32<<20)
		m := newModel(func(_ context.Context, _ int64, try int) Outcome {
			if try == 1 {
				return Outcome{Consequence: Retry, RetryAfter: 10 * time.Minute}
			}
			return Outcome{Consequence: Answered, Status: OK}
		})
		sink := newSink(t)
		source := func(yield func(*Request, error) bool) {
			for r := range rows(n) {
				r.Media = []Media{{Data: film}}
				if !yield(r, nil) {
					return
				}
			}
		}
		done := make(chan error)
		go func() { done <- Run(t.Context(), Config{Model: m, Sink: sink, Concurrency: concurrency}, source) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		m.mu.Lock()
		got := len(m.tries)
		m.mu.Unlock()
		// One more may have passed the gate before the last one began to wait.
		if most := waitingBytes/len(film) + concurrency + 1; got > most || got < waitingBytes/len(film) {
			t.Errorf("%d rows of 32 MiB are under way, want at most %d", got, most)
		}
		if err := <-done; err != nil || sink.count(OK) != n {
			t.Errorf("%d rows are ok in the end: %v", sink.count(OK), err)
		}
	})
}
