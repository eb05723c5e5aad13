package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// failing returns outcomes as package batch/gemini classifies them.
func failing(kind string) Outcome {
	o := Outcome{Err: &Error{Message: kind}}
	switch kind {
	case "500", "502":
		o.Err.Kind, o.Err.HTTPStatus = KindServer, 500
	case "503":
		o.Consequence, o.Err.Kind, o.Err.HTTPStatus = SlowDown, KindOverload, 503
	case "429":
		o.Consequence, o.Err.Kind, o.Err.HTTPStatus = SlowDown, KindQuota, 429
	case "no channel":
		o.Err.Kind, o.Err.HTTPStatus, o.Refusal = KindModel, 503, "no channel"
	case "refused":
		o.Consequence, o.Err.Kind = SlowDown, KindTransport
	case "reset":
		o.Err.Kind, o.MaybeBilled = KindTransport, true
	case "time-out":
		o.Err.Kind, o.MaybeBilled = KindTimeout, true
	case "HTML":
		o.Err.Kind, o.Err.HTTPStatus, o.Refusal = KindConfig, 200, "HTML"
	}
	return o
}

var allFailing = []string{"500", "502", "503", "429", "no channel", "refused", "reset", "time-out", "HTML"}

// No row is failed for an outage of any kind, whatever it takes until it ends.
func TestOutageFailsNoRow(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 rows take long under the race detector: run it without -short")
	}
	const n = 9_000 // more than may wait, so that some are not begun
	for _, kind := range []string{"500", "502", "503", "429", "refused", "reset", "time-out"} {
		for _, lasts := range []time.Duration{time.Second, 20 * time.Minute} {
			t.Run(fmt.Sprint(kind, " for ", lasts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					m := newModel(func(ctx context.Context, row int64, n int) Outcome {
						if at := time.Since(begin); at >= 10*time.Second && at < 10*time.Second+lasts {
							time.Sleep(50 * time.Millisecond)
							return failing(kind)
						}
						time.Sleep(time.Second)
						return answer(ctx, row, n)
					})
					s := newSink(t)
					if err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 8}, rows(n)); err != nil {
						t.Fatal(err)
					}
					if s.count(OK) != n {
						t.Errorf("%d of %d rows are ok", s.count(OK), n)
					}
				})
			})
		}
	}
}

// Rows that fail although others are answered are failed, and those others are not. It does
// not matter whether they come in between or at the end, when nothing else is left.
func TestPoisonRowsAreFailed(t *testing.T) {
	tests := []struct {
		name   string
		kind   string
		poison func(row int64) bool
		after  time.Duration // which each failure takes
		failed int
	}{
		{"500", "500", func(row int64) bool { return row == 190 }, 0, 1},
		{"503", "503", func(row int64) bool { return row == 190 }, 0, 1},
		{"reset", "reset", func(row int64) bool { return row == 190 }, 0, 1},
		{"at the end", "500", func(row int64) bool { return row > 180 }, 2 * time.Second, 20},
	}
	const n = 200
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(func(ctx context.Context, row int64, n int) Outcome {
					if tt.poison(row) {
						time.Sleep(tt.after)
						return failing(tt.kind)
					}
					time.Sleep(time.Second)
					return answer(ctx, row, n)
				})
				s := newSink(t)
				begin := time.Now()
				if err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 8}, rows(n)); err != nil {
					t.Fatal(err)
				}
				if s.count(OK) != n-tt.failed || s.count(Failed) != tt.failed {
					t.Errorf("%d rows are ok, and %d failed; want %d and %d", s.count(OK), s.count(Failed), n-tt.failed, tt.failed)
				}
				if took := time.Since(begin); took > 20*time.Minute {
					t.Errorf("the run took %v", took)
				}
			})
		})
	}
}

// Where nothing was ever answered the run ends within about a minute. If rows are left that
// were not asked, none is failed.
func TestNeverAnswered(t *testing.T) {
	for _, n := range []int{1, outageRows, 100, 20_000} {
		for _, kind := range allFailing {
			if kind == "429" || n == 1 && kind != "refused" {
				continue
			}
			t.Run(fmt.Sprint(n, " rows, ", kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newModel(func(context.Context, int64, int) Outcome {
						time.Sleep(50 * time.Millisecond)
						return failing(kind)
					})
					s := newSink(t)
					begin := time.Now()
					err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 8, Endpoint: "http://127.0.0.1:9"}, rows(n))
					var stop *StopError
					if !errors.As(err, &stop) || !strings.Contains(err.Error(), kind) {
						t.Fatalf("the run ended with %v, want a StopError", err)
					}
					if stop.Unanswered > 0 && !strings.Contains(err.Error(), "127.0.0.1:9") {
						t.Errorf("%q does not name the endpoint", err)
					}
					if took := time.Since(begin); took > 2*time.Minute {
						t.Errorf("the run took %v", took)
					}
					if (n > 1000 || kind == "refused") && s.count(Failed) > 0 {
						t.Errorf("%d rows are failed", s.count(Failed))
					}
				})
			})
		}
	}
}

// A quota that is used up by others needs more than a minute, and is waited for longer.
func TestQuotaNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			if time.Since(begin) < 2*time.Minute {
				return failing("429")
			}
			return answer(ctx, row, n)
		})
		s := newSink(t)
		if err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 8}, rows(100)); err != nil || s.count(OK) != 100 {
			t.Errorf("%d rows are ok: %v", s.count(OK), err)
		}
	})
}

// A run that was answered once waits long, but not for ever.
func TestOutageWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			if row == 1 {
				return answer(ctx, row, n)
			}
			time.Sleep(time.Second)
			return failing("503")
		})
		s := newSink(t)
		begin := time.Now()
		err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 4}, rows(10_000)) // more than may wait
		if _, ok := errors.AsType[*StopError](err); !ok {
			t.Errorf("the run ended with %v, want a StopError", err)
		}
		if took := time.Since(begin); took < patience || took > patience+5*time.Minute {
			t.Errorf("the run ended after %v, want %v", took, patience)
		}
		if s.count(Failed) > 0 {
			t.Errorf("%d rows are failed", s.count(Failed))
		}
	})
}

// Rows that the key or the API refuses stop the run as before: that is no outage.
func TestRefusalIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(func(ctx context.Context, row int64, n int) Outcome {
			if row <= 5 {
				return answer(ctx, row, n)
			}
			return Outcome{Err: &Error{Kind: KindKey, HTTPStatus: 401, Message: "no"}, Refusal: "no"}
		})
		s := newSink(t)
		err := Run(t.Context(), Config{Model: m, Sink: s, Concurrency: 1}, rows(100))
		stop, ok := errors.AsType[*StopError](err)
		if !ok || stop.Times != maxRefusals || stop.Unanswered != 0 {
			t.Errorf("the run ended with %v, want ten identical refusals", err)
		}
	})
}

// The gauges tell refusals from faults, and neither counts an attempt that the end of the run
// has cut.
func TestGaugesOfOutcomes(t *testing.T) {
	outcomes := map[int64][]Outcome{
		1: {{Consequence: Answered, Status: OK}},
		2: {{Consequence: SlowDown, Err: &Error{Kind: KindQuota}}, {Consequence: Answered, Status: OK}},
		3: {{Consequence: Retry, Err: &Error{Kind: KindOverload}}, {Consequence: Answered, Status: OK}},
		4: {{Consequence: Park, Err: &Error{Kind: KindDayQuota}}, {Consequence: Retry, Err: &Error{Kind: KindTimeout}}, {Consequence: Answered, Status: OK}},
		5: {{Consequence: Settled, Status: Blocked, Err: &Error{Kind: KindContent}}},
		6: {{Consequence: Retry, Err: &Error{Kind: KindValidation}}, {Consequence: Answered, Status: Truncated}},
	}
	synctest.Test(t, func(t *testing.T) {
		var g Gauges
		m := newModel(func(_ context.Context, row int64, n int) Outcome { return outcomes[row][n-1] })
		if err := Run(t.Context(), Config{Model: m, Sink: newSink(t), Gauges: &g}, rows(6)); err != nil {
			t.Fatal(err)
		}
		if a, r, f := g.Attempts.Load(), g.Refused.Load(), g.Faults.Load(); a != 11 || r != 3 || f != 3 {
			t.Errorf("%d attempts, %d refused, %d faults", a, r, f)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var g Gauges
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := newModel(func(ctx context.Context, _ int64, _ int) Outcome {
			<-ctx.Done()
			return Outcome{Err: &Error{Kind: KindTransport}}
		})
		if err := Run(ctx, Config{Model: m, Sink: newSink(t), Gauges: &g, Concurrency: 3}, rows(6)); err == nil {
			t.Fatal("no error")
		}
		if a, f := g.Attempts.Load(), g.Faults.Load(); a != 3 || f != 0 {
			t.Errorf("%d attempts, %d faults", a, f)
		}
	})
}
