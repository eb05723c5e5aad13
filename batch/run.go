package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config configures [Run]. Model and Sink are required; the zero value of every
// other field is useful.
type Config struct {
	Model   Model
	Limiter Limiter // nil means that only Concurrency limits
	Sink    Sink

	// Skip reports whether a request is settled already and must not be asked. It is
	// called from one goroutine, once for each request, as soon as the sequence yields
	// it. A skipped request proves that the endpoint answers requests of this kind.
	// Nil means that none is skipped.
	Skip func(*Request) bool

	Endpoint    string        // named in each result
	Concurrency int           // the most calls under way; 0 means 64
	MaxAttempts int           // the most attempts of one row in one run; 0 means 6
	Drain       time.Duration // how long calls under way may go on after ctx ends; 0 means 30 s
	MaxFailures FailureLimit

	// OnResult, if not nil, is called from one goroutine with each result once it is
	// durable. This includes results of status pending, which record only what
	// attempts cost.
	OnResult func(*Result)

	// OnFed, if not nil, is called once when no request is left to begin: the sequence has
	// ended, or the run is about to. Calls that are under way, and further attempts, go on.
	OnFed func()

	// Later, if not nil, takes the rows that need another attempt, each of them with the
	// outcome of its last one. The request is as it is to be attempted next, and has the
	// row's History. Rows that have shared a call are handed on one by one, each with its own
	// request. The row is left pending, with what its attempts cost. So each request
	// is attempted once, and whether the endpoint as a whole is in trouble is for others to
	// judge. Later is called from several goroutines. Nil means that Run makes all attempts.
	Later func(*Request, *Outcome)

	// Gauges, if not nil, are kept up to date, for a display of progress.
	Gauges *Gauges

	// Grow, if not nil, raises Concurrency while the run goes on, to each number received that
	// is higher. To lower it again is up to the Limiter.
	Grow <-chan int

	// Paused, if not nil, returns for how long the Limiter has let nothing through because
	// somebody has paused the run. An endpoint is not blamed for that time. Paused is called
	// from several goroutines.
	Paused func() time.Duration
}

// Gauges count what is going on in a run. They are safe to read at any time.
type Gauges struct {
	Calls    atomic.Int64 // attempts under way
	Attempts atomic.Int64 // attempts made
	Refused  atomic.Int64 // of these, refused for a quota or an overload
	Faults   atomic.Int64 // of these, ended in another way than with an answer; none that the end of the run has cut
	Waiting  atomic.Int64 // rows waiting for their next attempt
}

// count counts an attempt that has ended.
func (g *Gauges) count(o *Outcome) {
	switch {
	case o.Refused():
		g.Refused.Add(1)
	case o.Consequence != Answered:
		g.Faults.Add(1)
	}
}

// A FailureLimit says after how many rows without an answer a run stops. The zero value
// stops the run if its first 50 rows all end without one.
type FailureLimit struct {
	Rows    int     // the number of rows; 0 means no limit by number
	Percent float64 // the share of the rows that have ended, from the 50th on; 0 means no limit by share
}

// Reached reports whether so many rows without an answer, of so many that have ended, stop a
// run by Rows or Percent.
func (l FailureLimit) Reached(failed, ended int64) bool {
	return l.Rows > 0 && failed >= int64(l.Rows) ||
		l.Percent > 0 && ended >= failureWindow && float64(failed)*100 >= l.Percent*float64(ended)
}

// These errors end a run before its last row. They are reasons, not faults: every
// answer that was received is in the Sink.
var (
	// ErrInterrupted means that ctx ended.
	ErrInterrupted = errors.New("interrupted")
	// ErrMaxFailures means that the FailureLimit was reached.
	ErrMaxFailures = errors.New("too many rows ended without an answer")
	// ErrSink wraps the Sink's error: results could not be made durable.
	ErrSink = errors.New("the journal cannot be written")
	// ErrSource wraps the error that the sequence of requests yielded.
	ErrSource = errors.New("the input cannot be read")
)

// A StopError ends a run because every other request would be refused too, or because
// the endpoint does not answer.
type StopError struct {
	Err   *Error
	Times int // how many identical refusals, or failed calls, it took; 1 if the text leaves no doubt

	Unanswered time.Duration // how long no call was answered; 0 = the endpoint refuses
	Endpoint   string        // named with Unanswered
}

func (e *StopError) Error() string {
	text := e.Err.Message
	if e.Unanswered > 0 {
		text = e.unanswered()
	} else if e.Times > 1 {
		text = fmt.Sprintf("%d identical refusals in a row: %s", e.Times, text)
	}
	if e.Err.Hint != "" {
		text += "; " + e.Err.Hint
	}
	return text
}

func (e *StopError) Unwrap() error { return e.Err }

const (
	maxRefusals   = 10 // identical refusals in a row that stop a run
	failureWindow = 50 // rows that must have ended before a share of them counts

	// commitWait is 1 ms less than the promised 10 ms, because timers fire up to 1 ms
	// late.
	commitWait = 9 * time.Millisecond
	// commitRows bounds a group, which is more by the other rows of its last call. The results
	// of as many calls may wait while it is written, so a crash costs at most twice as many.
	commitRows  = 128
	commitBytes = 4 << 20
)

// run is the state of one Run.
type run struct {
	Config
	soft context.Context // when it ends, nothing new is sent
	stop context.CancelCauseFunc
	hard context.Context // when it ends, calls under way are cut
	kill context.CancelFunc

	fresh  chan *call     // feed → workers
	back   chan *call     // workers → wait, to be attempted again at call.due; closed by Run
	due    chan *call     // wait → workers
	commit chan []*Result // workers, wait → collect, those of an attempt together; closed by Run

	open atomic.Int64    // calls without an outcome, plus 1 while feed runs
	all  context.Context // when it ends, workers return: soft has ended, or open is 0
	end  context.CancelFunc
	gate gate

	mu    sync.Mutex
	judge judge // guarded by mu, except for proven and fed
}

// Run asks every request of the sequence that Skip does not report as settled. It
// returns when everything that it started has ended. The error is nil if each row has a
// result in the Sink. Otherwise it says why the run ended early: it is one of the errors
// above, a [*StopError], or what the Limiter returned. If the Sink fails, it is [ErrSink], also
// when the run was about to end for another reason.
//
// When ctx ends, nothing new is sent, and calls under way have Drain to finish. Rows
// without an outcome are left untouched: the Sink gets no result for them, except a
// pending one if their attempts cost something.
//
// The sequence is ranged over once, from one goroutine. If it yields an error, the run
// ends.
//
// Run does not change c. The same Config may be used for several runs, even at the same
// time if its parts allow that.
func Run(ctx context.Context, c Config, requests iter.Seq2[*Request, error]) error {
	r := &run{
		Config: c,
		fresh:  make(chan *call),
		back:   make(chan *call),
		due:    make(chan *call),
		gate:   gate{opened: make(chan struct{}, 1)},
		commit: make(chan []*Result, commitRows), // together with the group, the answers of at most 256 calls wait
	}
	r.judge.limit = r.MaxFailures
	if r.Concurrency == 0 {
		r.Concurrency = 64
	}
	if r.MaxAttempts == 0 {
		r.MaxAttempts = 6
	}
	if r.Drain == 0 {
		r.Drain = 30 * time.Second
	}
	if r.Limiter == nil {
		r.Limiter = unlimited{}
	}
	if r.Gauges == nil {
		r.Gauges = new(Gauges)
	}
	r.soft, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	r.all, r.end = context.WithCancel(r.soft)
	defer r.end()
	r.open.Store(1)
	r.hard, r.kill = context.WithCancel(context.WithoutCancel(ctx))
	defer r.kill()
	// However the end begins, calls under way are cut when Drain has passed.
	undo := context.AfterFunc(r.soft, func() {
		timer := time.NewTimer(r.Drain)
		defer timer.Stop()
		select {
		case <-timer.C:
			r.kill()
		case <-r.hard.Done():
		}
	})
	defer undo()

	var senders errgroup.Group
	senders.Go(func() error { r.feed(requests); return nil })
	hire := func(n int) {
		for range n {
			senders.Go(func() error { r.worker(); return nil })
		}
	}
	hire(r.Concurrency)
	if r.Grow != nil {
		senders.Go(func() error { r.grow(hire); return nil })
	}
	var waiter, collector sync.WaitGroup
	var fault error // of the Sink
	waiter.Go(r.wait)
	collector.Go(func() { fault = r.collect() })
	senders.Wait()
	close(r.back) // every sender has returned
	waiter.Wait()
	close(r.commit)
	collector.Wait()

	if fault != nil {
		return fault
	}
	if cause := context.Cause(r.soft); cause != nil {
		if cause == context.Cause(ctx) {
			return fmt.Errorf("%w: %w", ErrInterrupted, cause)
		}
		if end, ok := cause.(limiterEnd); ok {
			return end.error
		}
		return cause
	}
	return nil
}

// grow hires more workers when Grow says so. Those who have nothing to do, since the Limiter
// allows fewer calls by now, wait in it.
func (r *run) grow(hire func(n int)) {
	for workers := r.Concurrency; ; {
		select {
		case n := <-r.Grow:
			hire(max(0, n-workers))
			workers = max(workers, n)
		case <-r.all.Done():
			return
		}
	}
}

// feed hands on the requests that are not settled. It begins none while too many calls
// wait.
func (r *run) feed(requests iter.Seq2[*Request, error]) {
	defer r.countOff()
	if r.OnFed != nil {
		defer r.OnFed()
	}
	defer r.judge.fed.Store(true)
	for req, err := range requests {
		if err != nil {
			r.stop(fmt.Errorf("%w: %w", ErrSource, err))
			return
		}
		if r.Skip != nil && r.Skip(req) {
			r.judge.proven.Store(true)
			if r.soft.Err() != nil {
				return
			}
			continue
		}
		r.gate.pass(r.soft)
		r.open.Add(1)
		select {
		case r.fresh <- newCall(req):
		case <-r.soft.Done():
			return
		}
	}
}

// countOff lowers open by one. The last one ends the workers.
func (r *run) countOff() {
	if r.open.Add(-1) == 0 {
		r.end()
	}
}

// unlimited is the Limiter of a run without one.
type unlimited struct{}

func (unlimited) Acquire(ctx context.Context, _ *Request) error { return ctx.Err() }
func (unlimited) Release(*Request, *Outcome)                    {}
