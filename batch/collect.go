package batch

import (
	"fmt"
	"sync/atomic"
	"time"
)

// An event is what workers tell of an attempt: a result, a refusal that will be
// retried, or both.
type event struct {
	result  *Result
	refusal string // see Outcome.Refusal
	err     *Error
}

// tell judges an event and hands on what may be committed. It judges in the worker
// and not in collect: while that waits for a slow disk, calls go on, and ten
// refusals must be seen as soon as they have come.
func (r *run) tell(e event) {
	r.mu.Lock()
	results, stop := r.judge.take(e)
	r.mu.Unlock()
	if stop != nil {
		r.stop(stop)
	}
	for _, res := range results {
		r.results <- res
	}
}

// collect gathers results into groups and commits each with one Sink.Write: the
// commit point. A group is what has finished within commitWait of its first
// result, at most commitRows or commitBytes; what has come while another was written
// and has waited for that long does not wait any more. So it takes no longer until a
// result is written than commitWait, or until the write ends that was under way,
// unless more than commitRows have come meanwhile.
//
// After the Sink has failed, results are no longer written: their rows will be asked
// again.
func (r *run) collect() {
	var (
		group []*Result
		size  int
		fault error
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
			if fault = r.Sink.Write(group); fault != nil {
				r.stop(fmt.Errorf("%w: %w", ErrSink, fault))
				r.kill() // no answer can be kept any more
			} else if r.OnResult != nil {
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
		if len(r.results) > 0 {
			due = nil // what is here already goes with the group
		}
		select {
		case res, ok := <-r.results:
			if !ok {
				held := r.judge.held // no worker is left that could change it
				if r.soft.Err() != nil {
					held = spentOnly(held)
				} // else the rows were refused, and not all for one reason
				for _, res := range held {
					add(res)
				}
				commit()
				return
			}
			add(res)
			if len(group) >= commitRows || size >= commitBytes {
				commit()
			}
		case <-due:
			commit()
		}
	}
}

// A judge decides when refusals and failures are no longer single rows' matter.
type judge struct {
	limit  FailureLimit
	proven atomic.Bool // requests of this kind were answered before this run: Skip skipped one

	refusal string    // the last refusal
	times   int       // in a row
	held    []*Result // rows that ended with it; not yet known to be the rows' own fault
	stopped bool      // by identical refusals

	ended, failed int // rows
}

// take returns the results that may be committed now, and an error when the run
// must stop.
func (j *judge) take(e event) (commit []*Result, stop error) {
	if e.refusal != "" && e.result != nil && e.result.Status == Rejected && j.ownFault() {
		e.refusal = ""
	}
	if e.refusal == "" {
		if e.result == nil || e.result.Status == Pending {
			return keep(e.result), nil
		}
		// An answer, or a refusal of this row alone: the endpoint works.
		commit = append(j.release(), e.result)
		return commit, j.count(e.result)
	}
	if e.refusal != j.refusal {
		commit = j.release()
		j.refusal = e.refusal
	}
	j.times++
	if j.stopped {
		// The rows that it met last stay untouched too.
		return append(commit, spentOnly(keep(e.result))...), nil
	}
	if e.result != nil {
		j.held = append(j.held, e.result)
		stop = j.count(e.result)
	}
	if j.times >= maxRefusals {
		j.stopped = true
		commit = append(commit, spentOnly(j.held)...)
		j.held = nil
		stop = &StopError{Err: e.err, Times: j.times}
	}
	return commit, stop
}

// ownFault reports whether a rejected row is rejected for itself: where rows of
// this job are answered already, or where the user has said how many failures to
// bear. Otherwise a few such rows at the end of a file could never be settled.
func (j *judge) ownFault() bool { return j.limit != FailureLimit{} || j.proven.Load() }

// spentOnly takes the outcome from results that must not count. What their
// attempts have used is recorded all the same.
func spentOnly(results []*Result) (pending []*Result) {
	for _, r := range results {
		if len(r.Spent) > 0 {
			r.Status, r.Error, r.Response = Pending, "", nil
			pending = append(pending, r)
		}
	}
	return pending
}

func keep(r *Result) []*Result {
	if r == nil {
		return nil
	}
	return []*Result{r}
}

// release ends a series of identical refusals: its rows were refused for
// themselves.
func (j *judge) release() []*Result {
	held := j.held
	j.held, j.refusal, j.times = nil, "", 0
	return held
}

func (j *judge) count(r *Result) error {
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
	case l.Rows > 0 && j.failed >= l.Rows,
		l.Percent > 0 && j.ended >= failureWindow && float64(j.failed)*100 >= l.Percent*float64(j.ended):
		return fmt.Errorf("%w: %d of %d, the last with: %s", ErrMaxFailures, j.failed, j.ended, r.Error)
	}
	return nil
}
