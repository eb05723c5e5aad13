package batch

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// shared returns a call that rows share, by their numbers.
func shared(numbers ...int) *Request {
	var all []*Request
	for _, n := range numbers {
		all = append(all, &Request{Row: int64(n), Occurrence: n, Model: "m", Body: []byte(`{}`)})
	}
	if len(all) == 1 {
		return all[0]
	}
	call := *all[0]
	call.Rows = all
	return &call
}

func calls(list ...*Request) iter.Seq2[*Request, error] {
	return func(yield func(*Request, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// numbersOf returns the rows of a call.
func numbersOf(r *Request) (numbers []int) {
	if len(r.Rows) == 0 {
		return []int{int(r.Row)}
	}
	for _, row := range r.Rows {
		numbers = append(numbers, int(row.Row))
	}
	return numbers
}

// A sharingModel is a Model whose outcome depends on the rows of the call, and on how often
// these rows have been in one call, from 1.
type sharingModel struct {
	outcome func(r *Request, n int) Outcome

	mu    sync.Mutex
	tries map[string]int
	calls []string // the rows of each call
}

func (m *sharingModel) Attempt(_ context.Context, r *Request) Outcome {
	time.Sleep(time.Second)
	m.mu.Lock()
	if m.tries == nil {
		m.tries = make(map[string]int)
	}
	rows := fmt.Sprint(numbersOf(r))
	m.tries[rows]++
	n := m.tries[rows]
	m.calls = append(m.calls, rows)
	m.mu.Unlock()
	return m.outcome(r, n)
}

// answeredParts is an answer to all rows of a call but some, which are to be asked alone.
func answeredParts(r *Request, tokens int64, alone ...int) Outcome {
	o := Outcome{Consequence: Answered, Status: OK, Response: []byte(fmt.Sprintf(`{"to":"%v"}`, numbersOf(r))), Usage: &Usage{PromptTokenCount: tokens}}
	if len(r.Rows) == 0 {
		return o
	}
	for _, row := range r.Rows {
		part := Part{Request: row, Outcome: Outcome{Consequence: Answered, Status: OK, Response: o.Response, Part: fmt.Sprint("id", row.Row)}}
		if slices.Contains(alone, int(row.Row)) {
			part.Outcome = Outcome{Consequence: Retry, Err: &Error{Kind: KindValidation, Message: "left out"}}
		}
		o.Parts = append(o.Parts, part)
	}
	return o
}

// An answer settles each row of its call with its own part, and what the call used is divided
// over them. A row that it leaves out is asked alone, at once, and has paid its share of both.
func TestSharedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome { return answeredParts(r, 100, 2) }}
		s := newSink(t)
		begin := time.Now()
		if err := Run(t.Context(), Config{Model: m, Sink: s}, calls(shared(1, 2, 3), shared(4))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("the run took %v, want 2 s: the row that was left out waits for nothing", took)
		}
		slices.Sort(m.calls)
		if want := []string{"[1 2 3]", "[2]", "[4]"}; !slices.Equal(m.calls, want) {
			t.Errorf("calls %v, want %v", m.calls, want)
		}
		for row, want := range map[int64]string{
			1: `id1 of {"to":"[1 2 3]"}, 1 attempt, shares [33]`,
			2: `all of {"to":"[2]"}, 2 attempts, shares [33 100]`,
			3: `id3 of {"to":"[1 2 3]"}, 1 attempt, shares [34]`,
			4: `all of {"to":"[4]"}, 1 attempt, shares [100]`,
		} {
			if got := described(s.results[row]); got != want {
				t.Errorf("row %d: %s, want %s", row, got, want)
			}
		}
		for _, group := range s.groups {
			for i, r := range group {
				if r.Row == 3 && (i == 0 || group[i-1].Row != 1) {
					t.Error("the results of one answer are not committed side by side")
				}
			}
		}
	})
}

func described(r *Result) string {
	var shares []int64
	for i := range r.Spent {
		shares = append(shares, r.Spent[i].Own().PromptTokenCount)
	}
	attempts := "attempts"
	if r.Attempts == 1 {
		attempts = "attempt"
	}
	part := r.Part
	if part == "" {
		part = "all"
	}
	return fmt.Sprintf("%s of %s, %d %s, shares %v", part, r.Response, r.Attempts, attempts, shares)
}

// What the endpoint suffers is the call's as a whole: all of it is tried again, as one call.
func TestSharedCallRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			if n < 3 {
				return Outcome{MaybeBilled: true, Most: &Usage{PromptTokenCount: 7}, Err: &Error{Kind: KindTransport, Message: "cut"}}
			}
			return answeredParts(r, 100)
		}}
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s}, calls(shared(1, 2))); err != nil {
			t.Fatal(err)
		}
		if want := []string{"[1 2]", "[1 2]", "[1 2]"}; !slices.Equal(m.calls, want) {
			t.Errorf("calls %v, want %v", m.calls, want)
		}
		for i, row := range []int64{1, 2} {
			r := s.results[row]
			if r.Status != OK || r.Attempts != 3 || len(r.Spent) != 3 {
				t.Fatalf("row %d: %+v", row, r)
			}
			for _, spent := range r.Spent {
				if spent.Share != (Share{Row: i, Of: 2}) {
					t.Errorf("row %d has the share %+v", row, spent.Share)
				}
			}
		}
	})
}

// A call that fails until its attempts are used up goes apart: one of its rows may be the cause,
// and that one alone is failed in the end.
func TestSharedCallGoesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			if slices.Contains(numbersOf(r), 2) {
				return Outcome{Err: &Error{Kind: KindValidation, Message: "no"}}
			}
			return answeredParts(r, 1)
		}}
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s, MaxAttempts: 2}, calls(shared(1, 2, 3))); err != nil {
			t.Fatal(err)
		}
		slices.Sort(m.calls)
		if want := []string{"[1 2 3]", "[1 2 3]", "[1]", "[2]", "[2]", "[3]"}; !slices.Equal(m.calls, want) {
			t.Errorf("calls %v, want %v", m.calls, want)
		}
		if s.count(OK) != 2 || s.results[2].Status != Failed || s.results[2].Attempts != 4 || s.results[3].Attempts != 3 {
			t.Errorf("%d rows are ok, and row 2 is %s after %d attempts", s.count(OK), s.results[2].Status, s.results[2].Attempts)
		}
	})
}

// Each row of a call that waits for its next attempt is one that waits.
func TestSharedCallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			if n == 1 {
				return Outcome{Consequence: Retry, RetryAfter: time.Minute, Err: &Error{Kind: KindServer, Message: "busy"}}
			}
			return answeredParts(r, 100)
		}}
		var g Gauges
		ended := make(chan error)
		go func() {
			ended <- Run(t.Context(), Config{Model: m, Sink: newSink(t), Gauges: &g}, calls(shared(1, 2, 3), shared(4)))
		}()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := g.Waiting.Load(); n != 4 {
			t.Errorf("%d rows wait, want 4", n)
		}
		if err := <-ended; err != nil || g.Waiting.Load() != 0 {
			t.Errorf("%d rows wait at the end: %v", g.Waiting.Load(), err)
		}
	})
}

// A quota refuses calls for none of their rows: they do not become more calls for that.
func TestSharedCallRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(*Request, int) Outcome {
			return Outcome{Consequence: SlowDown, Err: &Error{Kind: KindQuota, HTTPStatus: 429, Message: "later"}}
		}}
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s, MaxAttempts: 2}, calls(shared(1, 2, 3))); err != nil {
			t.Fatal(err)
		}
		if s.count(Failed) != 3 || len(m.calls) != 2*quotaPerAttempt {
			t.Errorf("%d rows are failed after %d calls, want 3 after %d", s.count(Failed), len(m.calls), 2*quotaPerAttempt)
		}
	})
}

// A call is halved until the culprit stands alone. However often that is, it uses up none of a
// row's attempts.
func TestSharedCallIsHalved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const culprit = 6
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			rows := numbersOf(r)
			switch {
			case !slices.Contains(rows, culprit):
				return answeredParts(r, 100)
			case len(rows) == 1:
				return Outcome{Consequence: Settled, Status: Blocked, Err: &Error{Kind: KindContent, Message: "blocked"}}
			}
			o := Outcome{Consequence: Settled, Status: Blocked, Usage: &Usage{PromptTokenCount: 100}, Err: &Error{Kind: KindContent, Message: "blocked"}}
			for _, half := range [][]int{rows[:len(rows)/2], rows[len(rows)/2:]} {
				o.Parts = append(o.Parts, Part{Request: shared(half...), Outcome: Outcome{Consequence: Retry, Err: o.Err}})
			}
			return o
		}}
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s, MaxAttempts: 1}, calls(shared(1, 2, 3, 4, 5, 6, 7, 8))); err != nil {
			t.Fatal(err)
		}
		slices.Sort(m.calls)
		if want := []string{"[1 2 3 4 5 6 7 8]", "[1 2 3 4]", "[5 6 7 8]", "[5 6]", "[5]", "[6]", "[7 8]"}; !slices.Equal(m.calls, want) {
			t.Errorf("calls %v, want %v", m.calls, want)
		}
		if s.count(OK) != 7 || s.results[culprit].Status != Blocked {
			t.Errorf("%d rows are ok, and row %d is %s", s.count(OK), culprit, s.results[culprit].Status)
		}
		total := int64(0)
		for _, r := range s.results {
			for i := range r.Spent {
				total += r.Spent[i].Own().PromptTokenCount
			}
		}
		if want := int64(100 * (len(m.calls) - 1)); total != want { // all but the one that was blocked alone
			t.Errorf("the rows have paid for %d tokens, and the calls used %d", total, want)
		}
	})
}

// Rows that the API rejects for their own fault may be all that is left of a job. They are settled
// however many calls they share at first: see TestRejectedRowsOfAnAnsweredJob.
func TestSharedCallOfRejectedRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			o := Outcome{Consequence: Settled, Status: Rejected, Refusal: "bad text", Err: &Error{Message: "bad text"}}
			if rows := numbersOf(r); len(rows) > 1 {
				for _, half := range [][]int{rows[:len(rows)/2], rows[len(rows)/2:]} {
					o.Parts = append(o.Parts, Part{Request: shared(half...), Outcome: Outcome{Consequence: Retry, Err: o.Err}})
				}
			}
			return o
		}}
		s := newSink(t)
		rows := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
		c := Config{Model: m, Sink: s, Skip: func(r *Request) bool { return r.Row == 99 }}
		if err := Run(t.Context(), c, calls(shared(99), shared(rows...))); err != nil {
			t.Error(err)
		}
		if s.count(Rejected) != len(rows) {
			t.Errorf("%d of %d rows are rejected", s.count(Rejected), len(rows))
		}
	})
}

// Where a call was changed before it was answered, each of its rows is told of it.
func TestSharedCallIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			if len(r.Rows) > 0 && n == 1 {
				return Outcome{Consequence: Retry, Err: &Error{Message: "cut"}, Next: &Change{Why: "timeout", Note: "asked again as a stream", Stream: true}}
			}
			return answeredParts(r, 100, 2)
		}}
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s}, calls(shared(1, 2))); err != nil {
			t.Fatal(err)
		}
		if got := s.results[1].Note; got != "asked again as a stream" {
			t.Errorf("the row that the changed call has answered has the note %q", got)
		}
		if got := s.results[2].Note; got != "" {
			t.Errorf("the row that was asked alone has the note %q", got)
		}
	})
}

// When the run ends, rows of a call that were to be asked again stay untouched, but for their
// share of what it cost.
func TestSharedCallInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			cancel()
			return answeredParts(r, 100, 2)
		}}
		s := newSink(t)
		if err := Run(ctx, Config{Model: m, Sink: s}, calls(shared(1, 2, 3))); err == nil {
			t.Fatal("the run has ended well")
		}
		if s.count(OK) != 2 || s.results[2].Status != Pending || s.results[2].Spent[0].Own().PromptTokenCount != 33 {
			t.Errorf("%d rows are ok, and the one that was left out is %+v", s.count(OK), s.results[2])
		}
	})
}

// With Later each row is handed on by itself, with what attempts of it have come to. That it is
// to be asked alone has used up none of them.
func TestSharedCallLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sharingModel{outcome: func(r *Request, n int) Outcome {
			if numbersOf(r)[0] == 1 {
				return answeredParts(r, 100, 2)
			}
			return Outcome{MaybeBilled: true, Err: &Error{Kind: KindServer, Message: "no line"}}
		}}
		s := newSink(t)
		var mu sync.Mutex
		later := make(map[int64]*Request)
		c := Config{Model: m, Sink: s, Later: func(r *Request, _ *Outcome) {
			mu.Lock()
			defer mu.Unlock()
			later[r.Row] = r
		}}
		if err := Run(t.Context(), c, calls(shared(1, 2, 3), shared(4, 5))); err != nil {
			t.Fatal(err)
		}
		if len(later) != 3 || later[2] == nil || later[4] == nil || later[5] == nil {
			t.Fatalf("handed on: %v", later)
		}
		for row, tried := range map[int64]int{2: 0, 4: 1, 5: 1} {
			if r := later[row]; r.History.Tried() != tried || len(r.Rows) != 0 || r.Row != row {
				t.Errorf("row %d is handed on as %d with %d others, after %d attempts; want %d", row, r.Row, len(r.Rows), r.History.Tried(), tried)
			}
		}
		if s.count(OK) != 2 || s.count(Pending) != 3 {
			t.Errorf("%d ok and %d pending, want 2 and 3", s.count(OK), s.count(Pending))
		}
	})
}
