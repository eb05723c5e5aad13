package batch

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = time.Minute
	// maxRetryAfter bounds what a server can ask us to wait between two attempts of
	// one row.
	maxRetryAfter = 10 * time.Minute
	// quotaPerAttempt is how many refusals for a quota a row may meet for each
	// attempt that it has. They are no fault of the row's, but a row must end.
	quotaPerAttempt = 3
)

// A limiterEnd is the reason of a run that ends because the Limiter says so.
type limiterEnd struct{ error }

// worker makes attempts, one at a time: of calls that are due again, and else of fresh
// ones.
func (r *run) worker() {
	for {
		var c *call
		select {
		case c = <-r.due:
		default:
			select {
			case c = <-r.due:
			case c = <-r.fresh:
			case <-r.all.Done():
				return
			}
		}
		r.attempt(c)
		if c.ended {
			r.countOff()
		} else {
			r.back <- c
		}
	}
}

// attempt makes one attempt of the call and settles it, or sets when the next
// one is due.
func (r *run) attempt(c *call) {
	req := new(*c.req) // the limiter sets its tier
	if n := len(c.changes); n > 0 {
		if c.body != nil {
			req.Body = c.body
		}
		req.Stream, req.Changes = c.changes[n-1].Stream, c.changes
	}
	err := r.Limiter.Acquire(r.soft, req)
	if err != nil {
		r.stop(limiterEnd{err}) // no effect when the run is ending already
		c.due = time.Now()
		return
	}
	// The slot may be granted in the moment in which the run ends. Nothing is sent
	// after that, unless it ends because there are no more slots: this one is the last.
	if cause := context.Cause(r.soft); cause != nil {
		if _, last := cause.(limiterEnd); !last {
			r.Limiter.Release(req, nil)
			c.due = time.Now()
			return
		}
	}
	begin := time.Now()
	r.Gauges.Calls.Add(1)
	r.Gauges.Attempts.Add(1)
	o := r.Model.Attempt(r.hard, req)
	r.Gauges.Calls.Add(-1)
	end := time.Now()
	r.Limiter.Release(req, &o)

	c.attempts++
	if o.Usage != nil || o.MaybeBilled {
		s := Spend{At: begin, Model: o.ModelVersion, Tier: o.Tier, Usage: o.Usage}
		if s.Model == "" {
			s.Model = req.Model
		}
		if o.Usage == nil {
			s.Most = o.Most
			if s.Tier == "" {
				s.Tier = req.Tier // it would have served it
			}
		}
		c.spent = append(c.spent, s)
	}

	switch {
	case o.Consequence == Answered || o.Consequence == Settled:
		r.settle(c, &o, begin, end)
	case o.Consequence == Stop:
		r.stop(&StopError{Err: o.Err, Times: 1})
		c.due = end
	case r.soft.Err() != nil:
		c.due = end // the run ends; the row stays untouched
	case o.Consequence == Park && c.slowed < quotaPerAttempt*r.MaxAttempts:
		// The limiter knows; it makes the row wait or ends the run.
		c.slowed++
		c.due = end.Add(backoff(c.attempts, 0)) // RetryAfter is often of the minute's quota
	default:
		r.retry(c, &o, begin, end)
	}
}

// retry sets when the call's next attempt is due, or settles it when it has none
// left.
func (r *run) retry(c *call, o *Outcome, begin, end time.Time) {
	switch {
	case o.Uncounted:
		c.uncounted++
	case o.Err != nil && o.Err.Kind == KindQuota:
		c.slowed++
	}
	if o.Next != nil && o.Next.Free {
		c.slowed++
	}
	bounded := 0
	if o.MaxRetries > 0 {
		if c.bounded == nil {
			c.bounded = make(map[reason]int)
		}
		why := reasonOf(o)
		c.bounded[why]++
		bounded = c.bounded[why]
	}
	switch {
	case o.Uncounted:
	case c.attempts-c.slowed-c.uncounted >= r.MaxAttempts,
		c.slowed >= quotaPerAttempt*r.MaxAttempts,
		bounded > o.MaxRetries:
		if o.Status == "" {
			o.Status = Failed
		}
		r.settle(c, o, begin, end)
		return
	}
	if o.Refusal != "" {
		r.tell(event{refusal: o.Refusal, err: o.Err})
	}
	// Other faults, such as an overload, leave the change in force: without it the
	// row would only fail again for the reason that called for it.
	if o.Next != nil {
		c.changes = append(c.changes, *o.Next)
		if o.Next.Body != nil {
			c.body = o.Next.Body
		}
	}
	c.due = end.Add(backoff(c.attempts, o.RetryAfter))
}

// A reason is what sets retries with a bound of their own apart: an empty answer
// takes none of those that a wrong label may have.
type reason struct {
	kind   Kind
	status Status
	finish string
}

func reasonOf(o *Outcome) reason {
	r := reason{status: o.Status, finish: o.FinishReason}
	if o.Err != nil {
		r.kind = o.Err.Kind
	}
	return r
}

// backoff returns how long to wait after the n-th attempt: exponential with full
// jitter, or what the server asked for when that is more.
func backoff(n int, retryAfter time.Duration) time.Duration {
	limit := maxBackoff
	if n < 8 {
		limit = min(limit, firstBackoff<<(n-1))
	}
	return max(rand.N(limit), min(retryAfter, maxRetryAfter))
}

func (r *run) settle(c *call, o *Outcome, begin, end time.Time) {
	c.ended = true
	res := r.result(c, o.Status)
	res.FinishReason = o.FinishReason
	res.ModelVersion = o.ModelVersion
	res.ResponseID = o.ResponseID
	res.At = end
	res.LatencyMS = end.Sub(begin).Milliseconds()
	res.Response = o.Response
	e := event{result: res, refusal: o.Refusal, err: o.Err}
	if o.Err != nil {
		res.Error = o.Err.Message
		if o.Err.Hint != "" {
			res.Error += "; " + o.Err.Hint
		}
		if res.Note != "" && res.Status != OK {
			res.Error += "; " + res.Note
		}
	}
	r.tell(e)
}

// abandon leaves a row without outcome, because the run ends. What its attempts
// have cost is recorded all the same.
func (r *run) abandon(c *call) {
	if len(c.spent) > 0 {
		res := r.result(c, Pending)
		res.At = time.Now()
		r.tell(event{result: res})
	}
}

func (r *run) result(c *call, s Status) *Result {
	return &Result{
		Fingerprint: c.req.Fingerprint,
		Occurrence:  c.req.Occurrence,
		Row:         c.req.Row,
		Key:         c.req.Key,
		Status:      s,
		Endpoint:    r.Endpoint,
		Model:       c.req.Model,
		Attempts:    c.attempts,
		Spent:       c.spent,
		Note:        notes(c.changes),
	}
}

// notes says what was changed for a row.
func notes(changes []Change) string {
	var said []string
	for _, c := range changes {
		if c.Note != "" {
			said = append(said, c.Note)
		}
	}
	return strings.Join(said, "; ")
}
