package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// modelFunc is a Model whose outcome depends on the row's number and on the number of its
// attempt, from 1.
type fakeModel struct {
	attempt func(ctx context.Context, row int64, n int) Outcome

	mu    sync.Mutex
	tries map[int64]int
	times map[int64][]time.Duration
	begin time.Time
}

func newModel(f func(ctx context.Context, row int64, n int) Outcome) *fakeModel {
	return &fakeModel{attempt: f, tries: map[int64]int{}, times: map[int64][]time.Duration{}, begin: time.Now()}
}

func (m *fakeModel) Attempt(ctx context.Context, r *Request) Outcome {
	m.mu.Lock()
	m.tries[r.Row]++
	n := m.tries[r.Row]
	m.times[r.Row] = append(m.times[r.Row], time.Since(m.begin))
	m.mu.Unlock()
	return m.attempt(ctx, r.Row, n)
}

func (m *fakeModel) total() (n int) {
	for _, tries := range m.tries {
		n += tries
	}
	return n
}

// memSink is a Sink that keeps results in memory, and checks that its contract is kept.
type memSink struct {
	t       *testing.T
	err     error
	groups  [][]*Result
	at      []time.Time
	busy    bool
	results map[int64]*Result
}

func newSink(t *testing.T) *memSink { return &memSink{t: t, results: map[int64]*Result{}} }

func (s *memSink) Write(results []*Result) error {
	if s.busy || len(results) == 0 {
		s.t.Error("Write is called twice at a time, or without results")
	}
	s.busy = true
	defer func() { s.busy = false }()
	if s.err != nil {
		return s.err
	}
	for _, r := range results {
		if old := s.results[r.Row]; old != nil && old.Status.Settled() {
			s.t.Errorf("row %d has two results", r.Row)
		}
		s.results[r.Row] = r
	}
	s.groups = append(s.groups, slices.Clone(results))
	s.at = append(s.at, time.Now())
	return nil
}

func (s *memSink) count(status Status) (n int) {
	for _, r := range s.results {
		if r.Status == status {
			n++
		}
	}
	return n
}

func rows(n int) iter.Seq2[*Request, error] {
	return func(yield func(*Request, error) bool) {
		for i := range n {
			if !yield(&Request{Row: int64(i + 1), Model: "m", Body: []byte(`{}`)}, nil) {
				return
			}
		}
	}
}

func answer(context.Context, int64, int) Outcome {
	return Outcome{Consequence: Answered, Status: OK, Response: []byte(`{}`), Usage: &Usage{PromptTokenCount: 3}}
}

func TestRunAnswersEveryRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(time.Second)
			return answer(ctx, row, n)
		})
		s := newSink(t)
		var seen int
		c := Config{Model: m, Sink: s, Concurrency: 10, OnResult: func(*Result) { seen++ }}
		begin := time.Now()
		if err := Run(t.Context(), c, rows(100)); err != nil {
			t.Fatal(err)
		}
		if s.count(OK) != 100 || seen != 100 || m.total() != 100 {
			t.Errorf("%d ok, %d seen, %d attempts; want 100 each", s.count(OK), seen, m.total())
		}
		// Ten rounds of ten calls; the last group does not wait to fill.
		if got, want := time.Since(begin), 10*time.Second; got != want {
			t.Errorf("the run took %v, want %v", got, want)
		}
		// The engine is reusable, because all state belongs to the run.
		s2 := newSink(t)
		c.Sink = s2
		if err := Run(t.Context(), c, rows(3)); err != nil || s2.count(OK) != 3 {
			t.Errorf("second run: %v, %d ok", err, s2.count(OK))
		}
	})
}

func TestRunSkipsSettledRows(t *testing.T) {
	m, s := newModel(answer), newSink(t)
	c := Config{Model: m, Sink: s, Skip: func(r *Request) bool { return r.Row%2 == 0 }}
	if err := Run(t.Context(), c, rows(10)); err != nil {
		t.Fatal(err)
	}
	if len(s.results) != 5 || s.results[2] != nil {
		t.Errorf("%d results, want the 5 odd rows", len(s.results))
	}
}

func TestRunCommitsInGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(time.Duration(row) * 4 * time.Millisecond)
			return answer(ctx, row, n)
		})
		s := newSink(t)
		begin := time.Now()
		if err := Run(t.Context(), Config{Model: m, Sink: s}, rows(5)); err != nil {
			t.Fatal(err)
		}
		// Answers come at 4, 8, 12, 16 and 20 ms. The first group closes at 13 ms. The
		// second begins at 16 ms, and closes when the run is over, at 20 ms.
		var got []string
		for i, g := range s.groups {
			got = append(got, fmt.Sprint(len(g), " at ", s.at[i].Sub(begin)))
		}
		if want := []string{"3 at 13ms", "2 at 20ms"}; !slices.Equal(got, want) {
			t.Errorf("groups %v, want %v", got, want)
		}
	})
}

// A row that waits for its next attempt occupies no worker, and its attempts are made
// when the server allows them.
func TestRunRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(time.Second)
			if row == 1 && n < 3 {
				return Outcome{RetryAfter: 30 * time.Second, Err: &Error{Message: "busy"}, MaybeBilled: true}
			}
			return answer(ctx, row, n)
		})
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 1}, rows(5)); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 31 * time.Second, 62 * time.Second}
		if !slices.Equal(m.times[1], want) {
			t.Errorf("attempts at %v, want %v", m.times[1], want)
		}
		if m.times[5][0] != 4*time.Second {
			t.Errorf("row 5 was asked at %v: the waiting row held the worker", m.times[5][0])
		}
		r := s.results[1]
		if r.Status != OK || r.Attempts != 3 || len(r.Spent) != 3 || r.Spent[0].Usage != nil || r.Spent[2].Usage == nil {
			t.Errorf("row 1: %+v", r)
		}
	})
}

func TestRunGivesUp(t *testing.T) {
	tests := []struct {
		name     string
		outcome  Outcome
		attempts int
		status   Status
	}{
		{"retry", Outcome{}, 6, Failed},
		{"retry with its own bound and status", Outcome{Status: Empty, MaxRetries: 2}, 3, Empty},
		{"busy", Outcome{Consequence: SlowDown}, 6, Failed},
		{"quota", Outcome{Consequence: SlowDown, Err: &Error{Kind: KindQuota}}, 18, Failed},
		{"settled", Outcome{Consequence: Settled, Status: Blocked}, 1, Blocked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.outcome.Err == nil {
					tt.outcome.Err = &Error{}
				}
				tt.outcome.Err.Message = "why"
				m := newModel(func(context.Context, int64, int) Outcome { return tt.outcome })
				s := newSink(t)
				if err := Run(t.Context(), Config{Model: m, Sink: s}, rows(1)); err != nil {
					t.Fatal(err)
				}
				r := s.results[1]
				if r == nil || r.Status != tt.status || r.Attempts != tt.attempts || r.Error != "why" {
					t.Errorf("got %+v, want %s after %d attempts", r, tt.status, tt.attempts)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 20; n++ {
		limit := min(maxBackoff, firstBackoff*time.Duration(1<<(n-1)))
		for range 100 {
			if d := backoff(n, 0); d < 0 || d >= limit {
				t.Fatalf("backoff(%d) = %v, want below %v", n, d, limit)
			}
		}
	}
	if d := backoff(1, 40*time.Second); d != 40*time.Second {
		t.Errorf("backoff = %v, want the server's 40s", d)
	}
	if d := backoff(1, 9*time.Hour); d != maxRetryAfter {
		t.Errorf("backoff = %v, want at most %v", d, maxRetryAfter)
	}
}

// After the first interrupt, calls under way finish and count, nothing new is sent, and
// other rows stay untouched.
func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			if row == 1 {
				return Outcome{RetryAfter: time.Minute, MaybeBilled: true} // it is waiting when the end comes
			}
			time.Sleep(10 * time.Second)
			return answer(ctx, row, n)
		})
		s := newSink(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(15*time.Second, cancel)
		err := Run(ctx, Config{Model: m, Sink: s, Concurrency: 4}, rows(1000))
		if !errors.Is(err, ErrInterrupted) {
			t.Fatalf("error %v", err)
		}
		if s.count(OK) != 8 || s.count(Failed) != 0 {
			t.Errorf("%d ok, %d failed, want 8 and 0", s.count(OK), s.count(Failed))
		}
		if r := s.results[1]; r == nil || r.Status != Pending || len(r.Spent) != 1 {
			t.Errorf("the waiting row's cost was not recorded: %+v", r)
		}
		if len(s.results) != 9 {
			t.Errorf("%d rows were touched, want 9", len(s.results))
		}
	})
}

// Calls that do not finish within Drain are cut, and their rows have no outcome.
func TestRunDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			<-ctx.Done()
			return Outcome{Err: &Error{Message: "cut"}}
		})
		s := newSink(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		err := Run(ctx, Config{Model: m, Sink: s, Drain: 20 * time.Second}, rows(100))
		if got := time.Since(begin); !errors.Is(err, ErrInterrupted) || got != 21*time.Second || len(s.results) != 0 {
			t.Errorf("error %v after %v with %d results", err, got, len(s.results))
		}
	})
}

func TestRunStops(t *testing.T) {
	refuse := func(c Consequence, text string) Outcome {
		return Outcome{Consequence: c, Status: Rejected, Refusal: text, Err: &Error{Message: text, Hint: "do this"}}
	}
	tests := []struct {
		name    string
		attempt func(ctx context.Context, row int64, n int) Outcome
		rows    int
		stops   string // text in the error; "" if the run finishes
		results int    // rows with a settled result
	}{
		{"unmistakable", func(ctx context.Context, row int64, n int) Outcome {
			if row == 5 {
				return Outcome{Consequence: Stop, Err: &Error{Message: "key not valid", Hint: "do this"}}
			}
			return answer(ctx, row, n)
		}, 1000, "key not valid; do this", 4},
		{"ten identical rejections", func(ctx context.Context, row int64, n int) Outcome {
			return refuse(Settled, "no such field")
		}, 1000, "10 identical refusals in a row: no such field; do this", 0},
		{"nine identical rejections", func(ctx context.Context, row int64, n int) Outcome {
			return refuse(Settled, "no such field")
		}, 9, "", 9},
		{"an answer between", func(ctx context.Context, row int64, n int) Outcome {
			if row%10 == 0 {
				return answer(ctx, row, n)
			}
			return refuse(Settled, "bad")
		}, 100, "", 100},
		{"another refusal between", func(ctx context.Context, row int64, n int) Outcome {
			return refuse(Settled, fmt.Sprint("bad ", row/9))
		}, 45, "", 45},
		{"identical refusals that would be retried", func(ctx context.Context, row int64, n int) Outcome {
			return refuse(Retry, "no channel")
		}, 1000, "10 identical refusals in a row: no channel", 0},
		{"a few odd refusals", func(ctx context.Context, row int64, n int) Outcome {
			if row%20 == 0 && n == 1 {
				return refuse(Retry, "no channel")
			}
			return answer(ctx, row, n)
		}, 100, "", 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, s := newModel(tt.attempt), newSink(t)
				err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 1}, rows(tt.rows))
				var stop *StopError
				switch {
				case tt.stops == "" && err != nil:
					t.Errorf("error %v", err)
				case tt.stops != "" && (!errors.As(err, &stop) || !strings.Contains(err.Error(), tt.stops)):
					t.Errorf("error %v, want a StopError with %q", err, tt.stops)
				}
				if len(s.results) != tt.results || s.count(Failed) > 0 {
					t.Errorf("%d results (%d failed), want %d (0)", len(s.results), s.count(Failed), tt.results)
				}
			})
		})
	}
}

// Refusals are counted as they come, even while the disk is slow.
func TestRunStopsWhileTheSinkIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(time.Duration(row) * 50 * time.Millisecond)
			if row == 1 {
				return answer(ctx, row, n)
			}
			return Outcome{Consequence: Settled, Status: Rejected, Refusal: "bad", Err: &Error{Message: "bad"}}
		})
		s := slowSink{newSink(t), 10 * time.Second}
		err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 4}, rows(1000))
		if _, ok := errors.AsType[*StopError](err); !ok {
			t.Errorf("error %v", err)
		}
		if n := m.total(); n > 1+maxRefusals+3 {
			t.Errorf("%d calls before the stop, want the answer, ten refusals and three under way", n)
		}
	})
}

type slowSink struct {
	*memSink
	sync time.Duration
}

func (s slowSink) Write(results []*Result) error {
	time.Sleep(s.sync)
	return s.memSink.Write(results)
}

func TestRunMaxFailures(t *testing.T) {
	every := func(k int64) func(context.Context, int64, int) Outcome {
		return func(ctx context.Context, row int64, n int) Outcome {
			if row%k == 0 {
				return Outcome{Consequence: Settled, Status: Invalid, Err: &Error{Message: "not a label"}}
			}
			return answer(ctx, row, n)
		}
	}
	tests := []struct {
		name  string
		limit FailureLimit
		model func(context.Context, int64, int) Outcome
		after int // rows that ended; 0 means all
	}{
		{"the first 50 rows", FailureLimit{}, every(1), 50},
		{"half of all rows", FailureLimit{}, every(2), 0},
		{"10 rows", FailureLimit{Rows: 10}, every(4), 40},
		{"20 %", FailureLimit{Percent: 20}, every(5), 50},
		{"more than 20 %", FailureLimit{Percent: 20.1}, every(5), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSink(t)
				c := Config{Model: newModel(tt.model), Sink: s, Concurrency: 1, MaxFailures: tt.limit}
				// A call takes longer than the judge, which so sees each row before the next.
				m := newModel(tt.model)
				m.attempt = func(ctx context.Context, row int64, n int) Outcome {
					time.Sleep(time.Second)
					return tt.model(ctx, row, n)
				}
				c.Model = m
				err := Run(t.Context(), c, rows(200))
				if tt.after == 0 {
					if err != nil {
						t.Errorf("error %v", err)
					}
				} else if !errors.Is(err, ErrMaxFailures) || !strings.Contains(err.Error(), "not a label") {
					t.Errorf("error %v", err)
				} else if n := len(s.results); n < tt.after || n > tt.after+1 {
					t.Errorf("stopped after %d rows, want %d", n, tt.after)
				}
			})
		})
	}
}

func TestRunSinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			select {
			case <-time.After(time.Duration(row) * time.Second):
				return answer(ctx, row, n)
			case <-ctx.Done():
				return Outcome{Err: &Error{Message: "cut"}}
			}
		})
		s := newSink(t)
		s.err = errors.New("no space left on device")
		begin := time.Now()
		err := Run(t.Context(), Config{Model: m, Sink: s}, rows(1000))
		if !errors.Is(err, ErrSink) || !strings.Contains(err.Error(), "no space") {
			t.Errorf("error %v", err)
		}
		if got, want := time.Since(begin), time.Second+commitWait; got != want {
			t.Errorf("the run ended after %v, want %v", got, want)
		}
	})
}

// A Sink that fails while a run that was interrupted waits for its last answers has lost them. So
// it is the Sink that the error tells of.
func TestRunSinkFailsAfterInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(10 * time.Second)
			return answer(ctx, row, n)
		})
		s := newSink(t)
		s.err = errors.New("no space left on device")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		if err := Run(ctx, Config{Model: m, Sink: s}, rows(100)); !errors.Is(err, ErrSink) || !strings.Contains(err.Error(), "no space") {
			t.Errorf("error %v", err)
		}
	})
}

// What a Sink has kept counts, though it can take no more.
func TestRunSinkKeepsAndFails(t *testing.T) {
	for _, kept := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSink(t)
			s.err = errors.New("the lock is lost")
			if kept {
				s.err = &KeptError{Err: s.err}
			}
			counted := 0
			err := Run(t.Context(), Config{Model: newModel(answer), Sink: s, OnResult: func(*Result) { counted++ }}, rows(10))
			if !errors.Is(err, ErrSink) || (counted > 0) != kept {
				t.Errorf("kept %v: %d results are counted after %v", kept, counted, err)
			}
		})
	}
}

func TestRunSourceFails(t *testing.T) {
	broken := errors.New("page 7 is corrupt")
	seq := func(yield func(*Request, error) bool) {
		for r := range rows(20) {
			if !yield(r, nil) {
				return
			}
		}
		time.Sleep(500 * time.Millisecond) // the calls are under way by now
		yield(nil, broken)
	}
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			time.Sleep(time.Second)
			return answer(ctx, row, n)
		})
		s := newSink(t)
		err := Run(t.Context(), Config{Model: m, Sink: s}, seq)
		if !errors.Is(err, ErrSource) || !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		if s.count(OK) != 20 {
			t.Errorf("%d answers are safe, want the 20 under way", s.count(OK))
		}
	})
}

// An error of the Limiter that is not the context's ends the run, and is returned
// unchanged.
func TestRunLimiterEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &countingLimiter{t: t, most: 7}
		s := newSink(t)
		err := Run(t.Context(), Config{Model: newModel(answer), Sink: s, Limiter: l}, rows(100))
		if err != errDay {
			t.Errorf("error %v", err)
		}
		if s.count(OK) != 7 || l.open != 0 {
			t.Errorf("%d ok, %d grants not released", s.count(OK), l.open)
		}
	})
}

// Slots that the limiter granted before it said that there are no more are used, however
// late their workers come. Slots that it grants when a run is interrupted are not.
func TestLastGrants(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			l := &lateLimiter{grants: 5, end: func() error { return errDay }}
			if interrupted {
				l.end = func() error { cancel(); return nil }
			}
			s, m := newSink(t), newModel(answer)
			err := Run(ctx, Config{Model: m, Sink: s, Limiter: l, Concurrency: 6}, rows(6))
			want, wantErr := 5, errDay
			if interrupted {
				want, wantErr = 0, ErrInterrupted
			}
			if m.total() != want || s.count(OK) != want || !errors.Is(err, wantErr) {
				t.Errorf("interrupted %v: %d sent, %d ok, want %d; error %v", interrupted, m.total(), s.count(OK), want, err)
			}
			if l.unused != l.grants-want+l.extra {
				t.Errorf("interrupted %v: %d grants given back unused", interrupted, l.unused)
			}
			cancel()
		})
	}
}

// A lateLimiter grants a number of slots. Their workers see them only after the run has
// ended.
type lateLimiter struct {
	grants int
	end    func() error // called for the first worker that gets none

	mu                   sync.Mutex
	asked, unused, extra int
}

func (l *lateLimiter) Acquire(ctx context.Context, _ *Request) error {
	l.mu.Lock()
	l.asked++
	n := l.asked
	l.mu.Unlock()
	if n > l.grants {
		time.Sleep(time.Second)
		err := l.end()
		if err == nil {
			l.mu.Lock()
			l.extra++
			l.mu.Unlock()
		}
		return err
	}
	<-ctx.Done()
	return nil
}

func (l *lateLimiter) Release(_ *Request, o *Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o == nil {
		l.unused++
	}
}

var errDay = errors.New("the day is over")

type countingLimiter struct {
	t          *testing.T
	mu         sync.Mutex
	most, open int
}

func (l *countingLimiter) Acquire(context.Context, *Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		return errDay
	}
	l.most--
	l.open++
	return nil
}

func (l *countingLimiter) Release(*Request, *Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// Rows that the API rejects for their own fault can stand together at the end of a file.
// If other rows of the job were answered, they are settled, and not asked again forever.
func TestRejectedRowsOfAnAnsweredJob(t *testing.T) {
	reject := func(context.Context, int64, int) Outcome {
		return Outcome{Consequence: Settled, Status: Rejected, Refusal: "bad image", Err: &Error{Message: "bad image"}}
	}
	for name, change := range map[string]func(*Config){
		"answered before":       func(c *Config) { c.Skip = func(r *Request) bool { return r.Row <= 30 } },
		"failures to be borne":  func(c *Config) { c.MaxFailures = FailureLimit{Rows: 1000} },
		"neither, and it stops": func(c *Config) {},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSink(t)
			c := Config{Model: newModel(reject), Sink: s}
			change(&c)
			err := Run(t.Context(), c, rows(42))
			var stop *StopError
			if stops := errors.As(err, &stop); stops != (name == "neither, and it stops") || !stops && s.count(Rejected) < 12 {
				t.Errorf("%s: error %v, %d rejected", name, err, s.count(Rejected))
			}
		})
	}
}

// What attempts have used counts, even for rows that are left untouched because refusals
// stop the run.
func TestStopKeepsWhatWasSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(context.Context, int64, int) Outcome {
			time.Sleep(time.Second)
			return Outcome{Consequence: Settled, Status: Rejected, Refusal: "no", Err: &Error{Message: "no"}, Usage: &Usage{PromptTokenCount: 5}}
		})
		s := newSink(t)
		var stop *StopError
		if err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 20}, rows(20)); !errors.As(err, &stop) {
			t.Errorf("error %v", err)
		}
		if s.count(Pending) != 20 || len(s.results) != 20 {
			t.Errorf("%d of 20 paid attempts are recorded as pending, %d in all", s.count(Pending), len(s.results))
		}
	})
}

func TestParkWithoutLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(context.Context, int64, int) Outcome {
			return Outcome{Consequence: Park, Err: &Error{Kind: KindDayQuota, Message: "the day"}}
		})
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s}, rows(1)); err != nil {
			t.Error(err)
		}
		if s.count(Failed) != 1 || m.total() > 30 {
			t.Errorf("%d failed after %d attempts", s.count(Failed), m.total())
		}
	})
}
