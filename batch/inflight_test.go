package batch

import (
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

// While a commit takes its time, no more is answered than a crash may cost: the calls
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
