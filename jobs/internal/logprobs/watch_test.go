package logprobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
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
	now      atomic.Int64 // calls under way
	most     atomic.Int64 // at a time, before the second outcome
}

func (e *endpoint) Attempt(context.Context, *batch.Request) batch.Outcome {
	n := e.sent.Add(1)
	if under := e.now.Add(1); n <= 2 {
		e.most.Store(max(e.most.Load(), under))
	}
	time.Sleep(e.latency)
	e.now.Add(-1)
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

// Until it is known, calls are made one at a time. What says nothing of it, such as an
// overload, leaves it to the next.
func TestFirstCallFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := batch.Outcome{Consequence: batch.SlowDown, Err: &batch.Error{HTTPStatus: http.StatusServiceUnavailable, Message: "overloaded"}}
		e := &endpoint{outcomes: []batch.Outcome{busy, answered(served)}, latency: time.Second}
		m := newWatch("").Over(e, false)
		begin := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { m.Attempt(t.Context(), &batch.Request{Model: "m"}) })
		}
		all.Wait()
		if e.most.Load() != 1 {
			t.Errorf("%d calls at a time before it was known", e.most.Load())
		}
		if took := time.Since(begin); took != 3*time.Second { // the second found out, and 8 were left
			t.Errorf("10 calls took %v", took)
		}
		begin = time.Now()
		for range 10 {
			all.Go(func() { m.Attempt(t.Context(), &batch.Request{Model: "m"}) })
		}
		all.Wait()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("10 calls took %v once it was known", took)
		}
	})
}

// A row that waits for its turn ends with the run.
func TestTurnEndsWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newWatch("").Over(&endpoint{outcomes: []batch.Outcome{answered(served)}, latency: time.Hour}, false)
		go m.Attempt(t.Context(), &batch.Request{Model: "m"})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if o := m.Attempt(ctx, &batch.Request{Model: "m"}); o.Consequence != batch.Retry || time.Since(begin) != time.Second {
			t.Errorf("%+v after %v", o, time.Since(begin))
		}
		time.Sleep(time.Hour)
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
}
