package batch

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
)

// requestFunc is a Model that sees the request.
type requestFunc func(r *Request) Outcome

func (f requestFunc) Attempt(_ context.Context, r *Request) Outcome { return f(r) }

// A change stays in force through other faults, and is no part of the row itself.
func TestChangeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newSink(t)
		n := 0
		err := Run(t.Context(), Config{
			Sink: sink, Concurrency: 1,
			Model: requestFunc(func(r *Request) Outcome {
				n++
				what := string(r.Body)
				if r.Stream {
					what += " stream"
				}
				want := []string{`"own"`, `"own" stream`, `"other" stream`, `"other" stream`}[n-1]
				if what != want || len(r.Changes) != min(n-1, 2) {
					t.Errorf("attempt %d sends %s after %d changes, want %s", n, what, len(r.Changes), want)
				}
				switch n {
				case 1:
					return Outcome{Next: &Change{Note: "one", Stream: true}}
				case 2:
					return Outcome{Next: &Change{Note: "two", Stream: true, Body: json.RawMessage(`"other"`)}}
				case 3:
					return Outcome{Consequence: SlowDown, Err: &Error{Kind: KindOverload, Message: "busy"}}
				}
				return Outcome{Consequence: Answered, Status: Truncated, Err: &Error{Message: "cut", Hint: "raise it"}}
			}),
		}, func(yield func(*Request, error) bool) {
			yield(&Request{Row: 1, Fingerprint: Fingerprint{1}, Body: json.RawMessage(`"own"`)}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		r := sink.results[1]
		if r == nil || r.Note != "one; two" || r.Error != "cut; raise it; one; two" || r.Attempts != 4 || r.Fingerprint != (Fingerprint{1}) {
			t.Errorf("result %+v", r)
		}
	})
}
