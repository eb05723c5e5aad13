package batch

import (
	"fmt"
	"time"
)

// An event is what workers tell collect: a result, a refusal that will be
// retried, or both.
type event struct {
	result  *Result
	refusal string // see Outcome.Refusal
	err     *Error
}

// collect gathers results into groups and commits each with one Sink.Write: the
// commit point. A group is what has finished within commitWait of its first
// result, at most commitRows or commitBytes.
//
// After the Sink has failed, collect only empties the channel: those results are
// lost, and their rows will be asked again.
func (r *run) collect() {
	var (
		j     judge
		group []*Result
		size  int
		fault error
	)
	j.limit = r.MaxFailures
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	add := func(results []*Result) {
		for _, res := range results {
			if len(group) == 0 {
				timer.Reset(commitWait)
			}
			group = append(group, res)
			size += len(res.Response)
		}
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
		select {
		case e, ok := <-r.events:
			if !ok {
				if r.soft.Err() == nil {
					add(j.held) // the rows were refused, and not all for one reason
				}
				commit()
				return
			}
			results, err := j.take(e)
			add(results)
			if err != nil {
				r.stop(err)
			}
			if len(group) >= commitRows || size >= commitBytes {
				commit()
			}
		case <-timer.C:
			commit()
		}
	}
}

// A judge decides when refusals and failures are no longer single rows' matter.
type judge struct {
	limit FailureLimit

	refusal string    // the last refusal
	times   int       // in a row
	held    []*Result // rows that ended with it; not yet known to be the rows' own fault
	stopped bool      // by identical refusals

	ended, failed int // rows
}

// take returns the results that may be committed now, and an error when the run
// must stop.
func (j *judge) take(e event) (commit []*Result, stop error) {
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
		return commit, nil // the rows that it met last stay untouched too
	}
	if e.result != nil {
		j.held = append(j.held, e.result)
		stop = j.count(e.result)
	}
	if j.times >= maxRefusals {
		j.stopped = true
		j.held = nil
		stop = &StopError{Err: e.err, Times: j.times}
	}
	return commit, stop
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
	if j.stopped {
		held = nil
	}
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
