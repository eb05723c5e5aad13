package logprobs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	served  = `{"candidates":[{"content":{"parts":[{"text":"a"}]},"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.1}]}}]}`
	without = `{"candidates":[{"content":{"parts":[{"text":"a"}]},"avgLogprobs":-0.1}]}`
)

func answered(text string) batch.Outcome {
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Response: json.RawMessage(text)}
}

func refused(text string) batch.Outcome {
	return batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Refusal: "x", Err: &batch.Error{Kind: batch.KindRequest, HTTPStatus: http.StatusBadRequest, Message: text}}
}

// An endpoint comes to one outcome after the other, and to the last one again and again.
type endpoint struct {
	outcomes []batch.Outcome
	latency  time.Duration
	sent     atomic.Int64 // calls
}

func (e *endpoint) Attempt(context.Context, *batch.Request) batch.Outcome {
	n := e.sent.Add(1)
	time.Sleep(e.latency)
	return e.outcomes[min(int(n), len(e.outcomes))-1]
}

func newWatch(dir string) *Watch {
	return New(Config{Endpoint: "https://gateway.example", Dir: dir, Log: slog.New(slog.DiscardHandler)})
}

// What shows that log probabilities are not served ends the run, with no row failed for it. An
// answer is kept. It is remembered for a day, at this endpoint and of this model.
func TestNotServed(t *testing.T) {
	for _, tt := range []struct {
		name string
		answer
		sent int64
		want string
	}{
		{"refused", answer{refused("Logprobs is not enabled for models/gemini-3.5-flash"), batch.Stop}, 1, "m at https://gateway.example serves no log probabilities: Logprobs is not enabled for models/gemini-3.5-flash"},
		{"refused by Vertex AI", answer{refused("Unable to submit request because Logprobs is not supported for this model."), batch.Stop}, 1, "Logprobs is not supported"},
		{"left out", answer{answered(without), batch.Answered}, 1, "m at https://gateway.example serves no log probabilities: its answers come without them"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir() + "/served"
			e := &endpoint{outcomes: []batch.Outcome{tt.outcome}}
			w := newWatch(dir)
			m := w.Over(e, false)
			first := m.Attempt(t.Context(), &batch.Request{Model: "m"})
			if first.Consequence != tt.then || first.Consequence == batch.Answered && first.Response == nil {
				t.Errorf("the first row comes to %+v", first)
			}
			second := m.Attempt(t.Context(), &batch.Request{Model: "m"})
			if second.Consequence != batch.Stop || second.Status != "" || !strings.Contains(second.Err.Message, tt.want) || !strings.Contains(second.Err.Hint, "confidence: said") {
				t.Errorf("the second row comes to %+v, %v", second, second.Err)
			}
			if e.sent.Load() != tt.sent {
				t.Errorf("%d calls were sent", e.sent.Load())
			}

			next := newWatch(dir)
			if f := next.Fault("m", false); f == nil || !strings.Contains(f.Message, tt.want) || !strings.Contains(f.Message, "as a run found out") || !strings.Contains(f.Hint, "--no-preflight") {
				t.Errorf("the next run says %v", f)
			}
			if f := next.Fault("m", true); f != nil {
				t.Errorf("of batch jobs it says %v", f)
			}
			if f := next.Fault("other", false); f != nil {
				t.Errorf("of another model it says %v", f)
			}
			anew := newWatch(dir)
			anew.Anew = true
			if f := anew.Fault("m", false); f != nil {
				t.Errorf("a run that finds out anew says %v", f)
			}
			e.outcomes = []batch.Outcome{answered(served)}
			if o := anew.Over(e, false).Attempt(t.Context(), &batch.Request{Model: "m"}); o.Consequence != batch.Answered {
				t.Errorf("it comes to %+v", o)
			}
			if f := newWatch(dir).Fault("m", false); f != nil {
				t.Errorf("once it is served, the next run says %v", f)
			}
		})
	}
}

type answer struct {
	outcome batch.Outcome
	then    batch.Consequence
}

// What was seen counts for a day, and a file that cannot be read for nothing.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := newWatch(dir).Over(&endpoint{outcomes: []batch.Outcome{answered(without)}}, false)
		m.Attempt(t.Context(), &batch.Request{Model: "m"})
		time.Sleep(24*time.Hour - time.Second)
		if newWatch(dir).Fault("m", false) == nil {
			t.Error("forgotten within a day")
		}
		time.Sleep(time.Second)
		if f := newWatch(dir).Fault("m", false); f != nil {
			t.Errorf("after a day: %v", f)
		}
		m = newWatch(dir).Over(&endpoint{outcomes: []batch.Outcome{answered(without)}}, false)
		m.Attempt(t.Context(), &batch.Request{Model: "m"})
		if err := os.WriteFile(newWatch(dir).path(place{model: "m"}), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if f := newWatch(dir).Fault("m", false); f != nil {
			t.Errorf("from a damaged file: %v", f)
		}
	})
}

// A quota has slots, of which it counts those that are taken.
type quota struct{ taken atomic.Int64 }

func (q *quota) Acquire(ctx context.Context, _ *batch.Request) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	q.taken.Add(1)
	return nil
}

func (q *quota) Release(*batch.Request, *batch.Outcome) { q.taken.Add(-1) }

// A run asks rows by a watch, as package batch does: it acquires, attempts and releases.
type run struct {
	limiter batch.Limiter
	model   batch.Model
	quota   quota
}

func newRun(e *endpoint) *run {
	w, r := newWatch(""), new(run)
	r.limiter, r.model = w.Before(&r.quota), w.Over(e, false)
	return r
}

func (r *run) ask(ctx context.Context, model string) (batch.Outcome, error) {
	req := &batch.Request{Model: model}
	if err := r.limiter.Acquire(ctx, req); err != nil {
		return batch.Outcome{}, err
	}
	o := r.model.Attempt(ctx, req)
	r.limiter.Release(req, &o)
	return o, nil
}

// all asks so many rows at once, and returns how long they took.
func (r *run) all(t *testing.T, rows int) time.Duration {
	begin := time.Now()
	var all sync.WaitGroup
	for range rows {
		all.Go(func() { r.ask(t.Context(), "m") })
	}
	all.Wait()
	if r.quota.taken.Load() != 0 {
		t.Errorf("%d slots are never given back", r.quota.taken.Load())
	}
	return time.Since(begin)
}

var (
	busy    = batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{HTTPStatus: http.StatusServiceUnavailable, Message: "overloaded"}}
	blocked = batch.Outcome{Consequence: batch.Settled, Status: batch.Blocked, Response: json.RawMessage(`{"promptFeedback":{"blockReason":"SAFETY"}}`)}
	cut     = batch.Outcome{Consequence: batch.Answered, Status: batch.Truncated, Response: json.RawMessage(served)}
)

// Until it is known, calls are made one at a time, and the others hold no slot. What says
// nothing of it, such as an overload, leaves it to the next call.
func TestFirstCallFindsOut(t *testing.T) {
	for _, tt := range []struct {
		name     string
		outcomes []batch.Outcome
		took     time.Duration // of 30 rows
	}{
		{"overloaded first", []batch.Outcome{busy, answered(served)}, 3 * time.Second}, // the second found out, and 28 were left
		{"overloaded for long", append(slices.Repeat([]batch.Outcome{busy}, 20), answered(served)), 22 * time.Second},
		{"an answer that was cut shows it", []batch.Outcome{cut}, 2 * time.Second},
		{"blocked all of them", []batch.Outcome{blocked}, (mostSilent + 1) * time.Second},
		{"left out", []batch.Outcome{answered(without)}, time.Second}, // nothing more is sent
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRun(&endpoint{outcomes: tt.outcomes, latency: time.Second})
				go func() {
					time.Sleep(time.Second / 2)
					if n := r.quota.taken.Load(); n != 1 {
						t.Errorf("%d slots are taken before it is known", n)
					}
				}()
				if took := r.all(t, 30); took != tt.took {
					t.Errorf("30 calls took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// A row that waits for its turn ends with the run, and is not sent. Nor does it keep the turn
// if the run has ended when it gets it.
func TestTurnEndsWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{outcomes: []batch.Outcome{answered(served)}, latency: time.Hour}
		r := newRun(e)
		soft, end := context.WithCancel(t.Context())
		go r.ask(t.Context(), "m")
		synctest.Wait()
		var errs [3]error
		for i := range errs {
			go func() { _, errs[i] = r.ask(soft, "m") }()
		}
		time.Sleep(time.Second)
		end()
		synctest.Wait()
		for _, err := range errs {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a row that waited ended with %v", err)
			}
		}
		if _, err := r.ask(soft, "other"); !errors.Is(err, context.Canceled) {
			t.Errorf("a row after the end ended with %v", err)
		}
		if n := e.sent.Load(); n != 1 {
			t.Errorf("%d rows were sent", n)
		}
		time.Sleep(time.Hour)
		begin := time.Now()
		if o, err := r.ask(t.Context(), "other"); err != nil || o.Status != batch.OK || time.Since(begin) != time.Hour {
			t.Errorf("the turn is lost: %+v, %v", o, err)
		}
	})
}

// Rows of a batch job were all asked already: none of them ends the run, and those that were
// refused are asked again another time.
func TestBatchJobs(t *testing.T) {
	w := newWatch("")
	m := w.Over(&endpoint{outcomes: []batch.Outcome{refused("Logprobs is not enabled for this model"), answered(without)}}, true)
	if o := m.Attempt(t.Context(), &batch.Request{Model: "m"}); o.Consequence != batch.Retry || o.Status != "" {
		t.Errorf("the refused row comes to %+v", o)
	}
	if o := m.Attempt(t.Context(), &batch.Request{Model: "m"}); o.Consequence != batch.Answered {
		t.Errorf("the answered row comes to %+v", o)
	}
	if f := w.Fault("m", true); f == nil || !strings.Contains(f.Message, "in batch jobs") || !strings.Contains(f.Hint, "--tier standard") {
		t.Errorf("%v", f)
	}
}

// A job that asks for none has no Watch.
func TestNoWatch(t *testing.T) {
	var w *Watch
	e := &endpoint{outcomes: []batch.Outcome{answered(without)}}
	if m := w.Over(e, false); m != batch.Model(e) || w.Fault("m", false) != nil {
		t.Errorf("%v", m)
	}
	if l := w.Before(new(quota)); reflect.TypeOf(l) != reflect.TypeFor[*quota]() {
		t.Errorf("%v", l)
	}
}
