package batch

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// An event is what a worker reports of an attempt: the results of its rows, a refusal that
// will be retried, or both.
type event struct {
	results  []*Result
	refusal  string // Outcome.Refusal
	rejected bool   // the refusal has rejected the rows, or the call that they are to share no longer
	err      *Error
}

// eventOf returns the event of an outcome that has settled or divided a call.
func eventOf(o *Outcome, results []*Result) event {
	return event{results: results, refusal: o.Refusal, rejected: o.Status == Rejected, err: o.Err}
}

// tell judges an event and hands on the results that may be committed. It runs in the
// worker and not in collect. Collect may be waiting for a slow disk while calls go on,
// and ten refusals must be noticed as soon as they have arrived.
func (r *run) tell(e event) {
	r.mu.Lock()
	results, stop := r.judge.take(e)
	r.mu.Unlock()
	if stop != nil {
		r.stop(stop)
	}
	if len(results) > 0 {
		r.commit <- results // together, since rows may share an answer
	}
}

// collect gathers results into groups and commits each group with one Sink.Write. That
// is the commit point.
//
// A group is complete commitWait after its first result ended, or when it has commitRows
// results or commitBytes. Results of rows that have shared a call are in one group. Time that
// results have waited during the previous write counts. So the write of a result begins within
// commitWait, or when the write under way ends, unless more than commitRows results have
// arrived meanwhile.
//
// After the Sink has failed, results are no longer written: the next run asks their
// rows again. The error is that of the Sink, which is a fault of the run even if it had ended for
// another reason: answers are lost.
func (r *run) collect() (fault error) {
	var (
		group []*Result
		size  int
	)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	add := func(res *Result) {
		if len(group) == 0 {
			timer.Reset(commitWait - time.Since(res.At))
		}
		group = append(group, res)
		size += len(res.Response)
	}
	commit := func() {
		timer.Stop()
		if len(group) > 0 && fault == nil {
			err := r.Sink.Write(group)
			if err != nil {
				fault = fmt.Errorf("%w: %w", ErrSink, err)
				r.stop(fault)
				r.kill() // no further answer could be kept
			}
			_, kept := errors.AsType[*KeptError](err)
			if r.OnResult != nil && (err == nil || kept) {
				for _, res := range group {
					r.OnResult(res)
				}
			}
		}
		clear(group)
		group, size = group[:0], 0
	}
	for {
		due := timer.C
		if len(r.commit) > 0 {
			due = nil // results that are here already join the group
		}
		select {
		case results, ok := <-r.commit:
			if !ok {
				held := r.judge.held // no worker is left that could change it
				if r.soft.Err() != nil {
					held = spentOnly(held)
				} // otherwise the input ended in a series of refusals too short to stop the run
				for _, res := range held {
					add(res)
				}
				commit()
				return fault
			}
			for _, res := range results {
				add(res)
			}
			if len(group) >= commitRows || size >= commitBytes {
				commit()
			}
		case <-due:
			commit()
		}
	}
}

// A judge decides when refusals and failures concern more than single rows.
type judge struct {
	limit  FailureLimit
	fed    atomic.Bool // no row is left that was not asked
	proven atomic.Bool // Skip skipped a request: such requests were answered before this run

	refusal string    // the last refusal
	times   int       // how often it came in a row
	held    []*Result // rows that ended with it, and may not be at fault themselves
	stopped bool      // identical refusals have stopped the run

	outage outage

	ended, failed int // numbers of rows
}

// take returns the results that may be committed now, and an error if the run must
// stop.
func (j *judge) take(e event) (commit []*Result, stop error) {
	if e.rejected && j.ownFault() {
		e.refusal = ""
	}
	if e.refusal == "" {
		if len(e.results) == 0 || e.results[0].Status == Pending {
			return e.results, nil
		}
		// An answer, or a refusal of this row alone: the endpoint works.
		commit = append(j.release(), e.results...)
		return commit, j.count(e.results)
	}
	if e.refusal != j.refusal {
		commit = j.release()
		j.refusal = e.refusal
	}
	j.times++
	if j.stopped {
		// The rows that were refused after the stop stay untouched too.
		return append(commit, spentOnly(e.results)...), nil
	}
	j.held = append(j.held, e.results...)
	stop = j.count(e.results)
	if j.times >= maxRefusals {
		j.stopped = true
		commit = append(commit, spentOnly(j.held)...)
		j.held = nil
		stop = &StopError{Err: e.err, Times: j.times}
	}
	return commit, stop
}

// ownFault reports whether a rejected row counts as rejected for its own fault. It does
// if rows of this job were answered in an earlier run, or if the user has set a limit
// of failures. Otherwise a few such rows at the end of a file could never be settled.
func (j *judge) ownFault() bool { return j.limit != FailureLimit{} || j.proven.Load() }

// spentOnly removes the outcome from results that must not count. What their attempts
// used is still recorded.
func spentOnly(results []*Result) (pending []*Result) {
	for _, r := range results {
		if len(r.Spent) > 0 {
			r.Status, r.Error, r.Response, r.Part = Pending, "", nil, ""
			pending = append(pending, r)
		}
	}
	return pending
}

// release ends a series of identical refusals. Its rows were refused for their own
// fault.
func (j *judge) release() []*Result {
	held := j.held
	j.held, j.refusal, j.times = nil, "", 0
	return held
}

// count counts results, and returns an error if too many are no answers.
func (j *judge) count(results []*Result) (stop error) {
	for _, r := range results {
		if err := j.countOne(r); stop == nil {
			stop = err
		}
	}
	return stop
}

func (j *judge) countOne(r *Result) error {
	j.ended++
	if r.Status != OK && r.Status != Truncated {
		j.failed++
	}
	l := j.limit
	switch {
	case l == FailureLimit{}:
		if j.ended == failureWindow && j.failed == j.ended {
			return fmt.Errorf("%w: the first %d rows all did, the last with: %s", ErrMaxFailures, j.ended, r.Error)
		}
	case l.Reached(int64(j.failed), int64(j.ended)):
		return fmt.Errorf("%w: %d of %d, the last with: %s", ErrMaxFailures, j.failed, j.ended, r.Error)
	}
	return nil
}
