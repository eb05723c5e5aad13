package batch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// tierLimiter sets a tier for each attempt, and remembers the requests.
type tierLimiter struct{ seen map[*Request]bool }

func (l *tierLimiter) Acquire(_ context.Context, r *Request) error {
	r.Tier = "flex"
	l.seen[r] = true
	return nil
}

func (l *tierLimiter) Release(r *Request, _ *Outcome) {
	if !l.seen[r] {
		panic("Release of another request than Acquire's")
	}
}

// Uncounted attempts do not use up a row's attempts. Each attempt has a request of its
// own, whose tier the limiter sets. An attempt that was cut is recorded with the tier
// that it asked for.
func TestUncountedAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(_ context.Context, _ int64, n int) Outcome {
			if n <= 20 {
				return Outcome{Consequence: SlowDown, Uncounted: true, MaybeBilled: n == 7, Err: &Error{Kind: KindQuota, Message: "busy"}}
			}
			return Outcome{Consequence: Retry, Err: &Error{Kind: KindServer, Message: "broken"}}
		})
		sink := newSink(t)
		l := &tierLimiter{seen: map[*Request]bool{}}
		original := &Request{Row: 1, Model: "m"}
		begin := time.Now()
		err := Run(t.Context(), Config{Model: m, Limiter: l, Sink: sink, MaxAttempts: 3, Concurrency: 1, Skip: func(r *Request) bool { return r.Row == 0 }},
			func(yield func(*Request, error) bool) { _ = yield(&Request{}, nil) && yield(original, nil) }) // the skipped row proves that the endpoint answers
		r := sink.results[1]
		if err != nil || r == nil || r.Status != Failed || r.Attempts != 23 || m.total() != 23 {
			t.Fatalf("%+v, %d attempts, %v; want failed after 20 uncounted attempts and 3", r, m.total(), err)
		}
		if len(r.Spent) != 1 || r.Spent[0].Tier != "flex" {
			t.Errorf("spent %+v", r.Spent)
		}
		if original.Tier != "" || len(l.seen) != 23 {
			t.Errorf("the row's own request asks for %q; %d requests for 23 attempts", original.Tier, len(l.seen))
		}
		if time.Since(begin) < time.Minute {
			t.Errorf("23 attempts within %v: nothing was backed off", time.Since(begin))
		}
	})
}
