package logprobs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/message"
)

// A Config says what a [Watch] watches.
type Config struct {
	Endpoint string // whose answers are looked at
	Dir      string // the folder in which it is remembered for a day; empty means nowhere
	Anew     bool   // find out again what is remembered
	FS       durable.FS
	Log      *slog.Logger
}

// A Watch finds out whether an endpoint serves log probabilities with the models of a run. It
// is safe for concurrent use. A nil Watch watches nothing.
type Watch struct {
	Config

	mu    sync.Mutex
	known map[place]*standing
	found atomic.Pointer[batch.Error] // the latest fault that an answer has shown
}

// A place is where log probabilities may be served, or not.
type place struct {
	model   string
	batches bool // in batch jobs, and not in calls
}

// A standing is what is known of a place.
type standing struct {
	turn   chan struct{}                 // has room for the one call that finds out
	asking atomic.Pointer[batch.Request] // that call
	silent atomic.Int64                  // rows that ended and showed nothing
	served atomic.Bool
	fault  atomic.Pointer[batch.Error] // why nothing more is to be sent
}

// mostSilent is how many rows may end and show nothing, such as blocked ones, before others
// are asked all at once. A model may block all of them.
const mostSilent = 10

// isOpen reports whether calls need not wait for one another.
func (s *standing) isOpen() bool {
	return s.served.Load() || s.fault.Load() != nil || s.silent.Load() >= mostSilent
}

// New returns a Watch that has seen no answer yet.
func New(c Config) *Watch { return &Watch{Config: c, known: make(map[place]*standing)} }

// Before returns l with calls let through one at a time until it is known whether their model
// serves log probabilities. A row that waits holds nothing of l: no slot, no quota, no money.
func (w *Watch) Before(l batch.Limiter) batch.Limiter {
	if w == nil {
		return l
	}
	return oneByOne{l, w}
}

// Over returns m with the run stopped once it is known that the model of a row serves no log
// probabilities. The answer that shows it is kept: it was paid for. Rows of batch jobs were all
// asked at once, and stay pending if they are refused; see [Watch.Fault].
func (w *Watch) Over(m batch.Model, batches bool) batch.Model {
	if w == nil {
		return m
	}
	return watched{m, w, batches}
}

// Fault returns why a model is not to be asked for log probabilities: an answer of this run, or
// of one in the last day, has shown that they are not served. It is nil if that is not known.
func (w *Watch) Fault(model string, batches bool) *batch.Error {
	if w == nil {
		return nil
	}
	return w.of(place{model, batches}).fault.Load()
}

// Found returns what an answer of this run has shown of a model that serves no log
// probabilities. It is nil if none has.
func (w *Watch) Found() *batch.Error {
	if w == nil {
		return nil
	}
	return w.found.Load()
}

func (w *Watch) of(p place) *standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.known[p]
	if s == nil {
		s = &standing{turn: make(chan struct{}, 1)}
		w.known[p] = s
		if r, ok := w.recall(p); ok && !w.Anew {
			e := w.fault(p, r.Why)
			e.Message += ", as a run found out at " + r.At.Local().Format("2006-01-02 15:04 MST")
			e.Hint += "; --no-preflight asks all the same"
			s.fault.Store(e)
		}
	}
	return s
}

// fault returns the error for a place that serves none. why is what the endpoint said, and
// empty if it said nothing.
func (w *Watch) fault(p place, why string) *batch.Error {
	e := &batch.Error{Kind: batch.KindModel, HTTPStatus: http.StatusBadRequest, Hint: "ask the model how sure it is, with confidence: said"}
	where := "serves no log probabilities"
	if p.batches {
		where += " in batch jobs"
		e.Hint += ", or ask by calls, with --tier standard"
	}
	if why == "" {
		e.HTTPStatus, why = http.StatusOK, "its answers come without them"
	}
	e.Message = fmt.Sprintf("%s at %s %s: %s", p.model, w.Endpoint, where, message.OneLine(why, 200))
	return e
}

// oneByOne is the limiter of [Watch.Before].
type oneByOne struct {
	batch.Limiter
	watch *Watch
}

// Acquire implements [batch.Limiter].
func (l oneByOne) Acquire(ctx context.Context, r *batch.Request) error {
	s := l.watch.of(place{model: r.Model})
	if !s.isOpen() {
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.asking.Store(r); s.isOpen() { // another row has found out meanwhile
			s.passOn(r)
		}
	}
	err := l.Limiter.Acquire(ctx, r)
	if err != nil {
		s.passOn(r)
	}
	return err
}

// Release implements [batch.Limiter].
func (l oneByOne) Release(r *batch.Request, o *batch.Outcome) {
	l.Limiter.Release(r, o)
	l.watch.of(place{model: r.Model}).passOn(r)
}

// passOn gives the turn to another call, if r has it.
func (s *standing) passOn(r *batch.Request) {
	if s.asking.CompareAndSwap(r, nil) {
		<-s.turn
	}
}

// A watched model looks at answers for log probabilities.
type watched struct {
	batch.Model
	watch   *Watch
	batches bool
}

// Attempt implements [batch.Model].
func (m watched) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	p := place{r.Model, m.batches}
	s := m.watch.of(p)
	if m.batches {
		o := m.Model.Attempt(ctx, r)
		if m.watch.note(p, s, &o) {
			o.Consequence, o.Status, o.Refusal = batch.Retry, "", ""
		}
		return o
	}
	if e := s.fault.Load(); e != nil {
		return batch.Outcome{Consequence: batch.Stop, Err: e}
	}
	o := m.Model.Attempt(ctx, r)
	if m.watch.note(p, s, &o) {
		o.Consequence, o.Status, o.Refusal, o.Err = batch.Stop, "", "", s.fault.Load()
	}
	return o
}

// note learns from an outcome. It reports whether log probabilities were refused.
func (w *Watch) note(p place, s *standing, o *batch.Outcome) (refused bool) {
	why := ""
	switch {
	case s.served.Load():
		return false
	case refuses(o):
		why, refused = o.Err.Message, true
	case o.Response != nil && len(TokensOf(gemini.ParseDetails(o.Response))) > 0:
		if !s.served.Swap(true) {
			w.forget(p)
		}
		return false
	case o.Consequence != batch.Answered || o.Status != batch.OK:
		if o.Consequence == batch.Answered || o.Consequence == batch.Settled {
			s.silent.Add(1)
		}
		return false
	}
	e := w.fault(p, why)
	w.found.Store(e)
	if s.fault.Swap(e) == nil {
		w.remember(p, why)
	}
	return refused
}

// refusal matches what Google AI and Vertex AI say where a model serves no log probabilities:
// "Logprobs is not enabled for models/gemini-2.5-flash", "Logprobs is not supported for this
// model", "... for the current model".
// https://github.com/googleapis/python-genai/issues/1921
// https://github.com/GoogleCloudPlatform/generative-ai/issues/2947
var refusal = regexp.MustCompile(`(?i)log_?prob\w*\b.{0,40}\bnot (?:enabled|supported|available)`)

// refuses reports whether an endpoint refuses a request for its log probabilities.
func refuses(o *batch.Outcome) bool {
	return o.Err != nil && o.Err.Kind == batch.KindRequest && o.Response == nil && refusal.MatchString(o.Err.Message)
}
