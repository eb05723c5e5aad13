package batch

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// timedSink is a Sink whose sync takes a set time. It records when each write began.
type timedSink struct {
	*memSink
	sync  time.Duration
	begun []time.Time
}

func (s *timedSink) Write(results []*Result) error {
	s.begun = append(s.begun, time.Now())
	time.Sleep(s.sync)
	return s.memSink.Write(results)
}

// spread returns a latency between least and most that differs from row to row.
func spread(row int64, least, most time.Duration) time.Duration {
	return least + time.Duration(row*7919%1000)*(most-least)/1000
}

// The write of an answer begins within 10 ms, or when the write ends that was under way
// at its arrival, whichever is later. One sync later the answer is durable. That holds
// while at most commitRows answers arrive during a sync.
func TestCommitLatency(t *testing.T) {
	const promised = 10 * time.Millisecond
	for _, tt := range []struct{ sync, least, most time.Duration }{
		{0, time.Millisecond, 50 * time.Millisecond},
		{time.Millisecond, time.Millisecond, 50 * time.Millisecond},
		{8 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond},
		{50 * time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond},
		{5 * time.Second, 5 * time.Second, 60 * time.Second},
	} {
		t.Run(tt.sync.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 2000
				m := newModel(func(ctx context.Context, row int64, try int) Outcome {
					time.Sleep(spread(row, tt.least, tt.most))
					return answer(ctx, row, try)
				})
				s := &timedSink{memSink: newSink(t), sync: tt.sync}
				if err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 64}, rows(n)); err != nil || s.count(OK) != n {
					t.Fatalf("%d rows are ok: %v", s.count(OK), err)
				}
				var longest time.Duration
				for i, group := range s.groups {
					if len(group) > commitRows {
						t.Errorf("a group of %d", len(group))
					}
					for _, r := range group {
						by := r.At.Add(promised)
						if i > 0 && s.at[i-1].After(by) { // it arrived during that write
							by = s.at[i-1]
						}
						if s.begun[i].After(by) {
							t.Errorf("row %d came, and %v later its write begins: %v too late", r.Row, s.begun[i].Sub(r.At), s.begun[i].Sub(by))
						}
						longest = max(longest, s.at[i].Sub(r.At))
					}
				}
				if most := max(promised, tt.sync) + tt.sync; longest > most {
					t.Errorf("an answer was durable after %v, want at most %v", longest, most)
				}
				t.Logf("%d groups, durable after at most %v", len(s.groups), longest)
			})
		})
	}
}

// A sync delays no call. With the largest number of calls under way, a run whose commits
// take five seconds each is as fast as one whose commits take no time.
func TestCallsGoOnDuringCommit(t *testing.T) {
	const concurrency, n = 500, 3000
	took := func(sync time.Duration) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			m := newModel(func(ctx context.Context, row int64, try int) Outcome {
				time.Sleep(spread(row, 20*time.Second, 100*time.Second))
				return answer(ctx, row, try)
			})
			s := &timedSink{memSink: newSink(t), sync: sync}
			var gauges Gauges
			begin := time.Now()
			done := make(chan error)
			go func() {
				done <- Run(t.Context(), Config{Model: m, Sink: s, Concurrency: concurrency, Gauges: &gauges}, rows(n))
			}()
			for gauges.Attempts.Load() < n { // until the last row has been asked
				time.Sleep(time.Second)
				synctest.Wait()
				if calls := gauges.Calls.Load(); calls != concurrency && gauges.Attempts.Load() < n {
					t.Errorf("%d calls under way after %v, want %d", calls, time.Since(begin), concurrency)
					break
				}
			}
			if err := <-done; err != nil || s.count(OK) != n {
				t.Fatalf("%d rows are ok: %v", s.count(OK), err)
			}
			for _, times := range m.times {
				d = max(d, times[0])
			}
		})
		return d
	}
	if slow, fast := took(5*time.Second), took(0); slow != fast {
		t.Errorf("the last call begins after %v, and after %v where a commit takes no time", slow, fast)
	}
}

// What a crash may cost bounds how long calls go on during one sync. Answers arrive until
// commitRows of them wait beside the group that is written. Then each worker keeps the
// answer that it has. When the sync has ended, the workers go on.
func TestCallsGoOnUntilTooManyAnswersWait(t *testing.T) {
	for _, concurrency := range []int{1, 50, 1000} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const call, sync = 100 * time.Millisecond, 30 * time.Second
				n := 4*commitRows + 4*concurrency
				m := newModel(func(ctx context.Context, row int64, try int) Outcome {
					time.Sleep(call)
					return answer(ctx, row, try)
				})
				s := &timedSink{memSink: newSink(t), sync: sync}
				var gauges Gauges
				done := make(chan error)
				synced := time.Now().Add(call + commitWait + sync)
				go func() {
					done <- Run(t.Context(), Config{Model: m, Sink: s, Concurrency: concurrency, Gauges: &gauges}, rows(n))
				}()
				time.Sleep(call / 2) // halfway through each call
				for {
					synctest.Wait()
					calls, answers := gauges.Calls.Load(), gauges.Attempts.Load()-gauges.Calls.Load()
					if calls < int64(concurrency) && answers < commitRows {
						t.Errorf("%d calls under way, and only %d answers wait", calls, answers)
						break
					}
					if calls == 0 {
						if most := int64(2*commitRows + concurrency); answers > most {
							t.Errorf("%d answers wait for the first sync, want at most %d", answers, most)
						}
						t.Logf("%d answers wait", answers)
						break
					}
					time.Sleep(call)
				}
				if time.Now().After(synced) {
					t.Error("calls go on until the sync ends")
				}
				time.Sleep(time.Until(synced.Add(call / 2)))
				synctest.Wait()
				if gauges.Calls.Load() == 0 {
					t.Error("no calls are made after the sync")
				}
				if err := <-done; err != nil || s.count(OK) != n {
					t.Errorf("%d of %d rows are ok: %v", s.count(OK), n, err)
				}
			})
		})
	}
}
