package batch

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = time.Minute
	// maxRetryAfter bounds how long a server can make a row wait between two attempts.
	maxRetryAfter = 10 * time.Minute
	// quotaPerAttempt is how many refusals for a quota are allowed for each attempt
	// that a row has. They are not the row's fault, but every row must end.
	quotaPerAttempt = 3
)

// A limiterEnd is the cause of a run that the Limiter ended.
type limiterEnd struct{ error }

// worker makes attempts, one at a time. Calls that are due again come before fresh ones.
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
		for _, c := range r.attempt(c) {
			if c.ended {
				r.countOff()
			} else {
				r.back <- c
			}
		}
	}
}

// attempt makes one attempt of the call. Then it settles the call, or sets when the next
// attempt is due. It returns the call, or the calls into which it was divided.
func (r *run) attempt(c *call) []*call {
	req := new(*c.req) // a copy: the limiter may set its tier
	if n := len(c.changes); n > 0 {
		if c.body != nil {
			req.Body = c.body
		}
		req.Stream, req.Changes = c.changes[n-1].Stream, c.changes
	}
	err := r.Limiter.Acquire(r.soft, req)
	if err != nil {
		r.stop(limiterEnd{err}) // without effect if the run is ending already
		c.due = time.Now()
		return []*call{c}
	}
	// The run may have ended at the very moment in which the slot was granted. Then
	// nothing is sent. The exception is a run that ended for lack of slots: this one
	// was granted before, and is the last.
	if cause := context.Cause(r.soft); cause != nil {
		if _, last := cause.(limiterEnd); !last {
			r.Limiter.Release(req, nil)
			c.due = time.Now()
			return []*call{c}
		}
	}
	begin := time.Now()
	r.Gauges.Calls.Add(1)
	r.Gauges.Attempts.Add(1)
	o := r.Model.Attempt(r.hard, req)
	r.Gauges.Calls.Add(-1)
	if r.hard.Err() == nil {
		r.Gauges.count(&o)
	}
	end := time.Now()
	r.Limiter.Release(req, &o)

	c.count()
	if o.Usage != nil || o.MaybeBilled {
		s := Spend{At: begin, Model: o.ModelVersion, Tier: o.Tier, Usage: o.Usage, Most: o.Most, Batch: req.Batch}
		if s.Model == "" {
			s.Model = req.Model
		}
		if o.Usage == nil && s.Tier == "" {
			s.Tier = req.Tier // the tier that would have served the attempt
		}
		c.spend(s)
	}

	theirs := r.judgeOutage(c, &o, begin, end)
	if o.Parts != nil {
		return r.divide(c, &o, begin, end)
	}
	switch {
	case o.Consequence == Answered || o.Consequence == Settled:
		r.settle(c, &o, begin, end)
	case o.Consequence == Stop:
		r.stop(&StopError{Err: o.Err, Times: 1})
		c.due = end
	case r.soft.Err() != nil:
		c.due = end // the run ends; the row stays untouched
	case o.Consequence == Park && c.slowed < quotaPerAttempt*r.MaxAttempts && r.Later == nil:
		// The limiter knows it from Release. It makes the row wait, or ends the run.
		c.slowed++
		c.due = end.Add(backoff(c.attempts-c.divided, 0)) // RetryAfter often belongs to the quota of a minute
	default:
		if r.retry(c, &o, theirs, begin, end) {
			o.Parts = apart(c, &o)
			return r.divide(c, &o, begin, end)
		}
		if r.Later != nil && !c.ended {
			r.later(c, &o)
		}
	}
	return []*call{c}
}

// apart has each row of a call asked alone.
func apart(c *call, o *Outcome) (parts []Part) {
	for _, row := range c.rows {
		alone := *row.Request
		alone.Changes = append(alone.Changes[:len(alone.Changes):len(alone.Changes)],
			Change{Why: "shared call", Note: "asked again alone: the call that it shared has failed each time", Stream: alone.Stream})
		parts = append(parts, Part{Request: &alone, Outcome: Outcome{Err: o.Err}})
	}
	return parts
}

// divide settles the rows that have shared the call, or makes them calls of their own. These
// are other calls than the one that did not serve them: they are due at once, and have all their
// attempts before them. Each has fewer rows, so that it comes to an end.
func (r *run) divide(c *call, o *Outcome, begin, end time.Time) (calls []*call) {
	r.open.Add(int64(len(o.Parts)) - 1)
	rows := make(map[ID]tally)
	for _, row := range c.rows {
		rows[row.ID()] = row
	}
	var results []*Result
	for i := range o.Parts {
		p := &o.Parts[i]
		part := newCall(p.Request)
		part.History = History{attempts: c.attempts, divided: c.attempts}
		for i := range part.rows {
			request := part.rows[i].Request // which may have been changed since
			part.rows[i] = rows[request.ID()]
			part.rows[i].Request = request
		}
		calls = append(calls, part)
		switch o := &p.Outcome; {
		case o.Consequence == Answered || o.Consequence == Settled:
			part.changes = slices.Concat(c.changes, part.changes)
			results = append(results, r.settled(part, o, begin, end)...)
		case r.Later != nil && r.soft.Err() == nil:
			r.later(part, o)
		default:
			part.due = end
		}
	}
	r.tell(eventOf(o, results))
	return calls
}

// later hands on the rows of a call that need another attempt, and leaves them pending.
func (r *run) later(c *call, o *Outcome) {
	c.ended = true
	if costs := r.results(c, Pending, func(res *Result) { res.Attempts, res.Shared = 0, 0 }); costs != nil { // the result that settles the row counts them all
		r.tell(event{results: costs})
	}
	for i := range c.rows {
		row := &c.rows[i]
		next := *row.Request
		if len(c.req.Rows) == 0 {
			next.Changes = c.changes
			if c.body != nil {
				next.Body = c.body
			}
			if n := len(c.changes); n > 0 {
				next.Stream = c.changes[n-1].Stream
			}
		}
		next.History = c.history(row)
		r.Later(&next, o)
	}
}

// judgeOutage reports whether a call failed for the endpoint's trouble, and ends the run if
// that has lasted for too long.
func (r *run) judgeOutage(c *call, o *Outcome, begin, end time.Time) (theirs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.Later != nil:
	case len(o.Limits) > 0 || o.Uncounted || o.Consequence == Park || o.Consequence == Stop:
	case o.Unanswered():
		var stop error
		if theirs, stop = r.judge.outage.failed(c, o, begin, end, r.paused(), r.Endpoint); stop != nil {
			r.stop(stop)
		}
		if r.judge.fed.Load() && (r.judge.outage.answered || r.judge.proven.Load()) {
			theirs = false // the last rows may be those that always fail: no other is left to tell
		}
	default:
		r.judge.outage.answer()
	}
	return theirs
}

// paused is for how long the run has been paused.
func (r *run) paused() time.Duration {
	if r.Paused == nil {
		return 0
	}
	return r.Paused()
}

// retry sets when the call's next attempt is due. If none is left, it settles the call, or
// reports that its rows are to go apart, since any of them may be the cause. theirs says that the
// endpoint is in trouble: then the attempt is none of the row's.
func (r *run) retry(c *call, o *Outcome, theirs bool, begin, end time.Time) (goApart bool) {
	theirs = theirs || o.Uncounted
	switch {
	case theirs:
		c.uncounted++
	case o.Err != nil && o.Err.Kind == KindQuota:
		c.slowed++
	}
	if o.Next != nil && o.Next.Free {
		c.slowed++
	}
	bounded := 0
	if o.MaxRetries > 0 && !theirs {
		if c.bounded == nil {
			c.bounded = make(map[reason]int)
		}
		why := reasonOf(o)
		c.bounded[why]++
		bounded = c.bounded[why]
	}
	spent := !theirs && (c.Tried() >= r.MaxAttempts || bounded > o.MaxRetries)
	refused := !theirs && c.slowed >= quotaPerAttempt*r.MaxAttempts // for which no row can be the cause
	switch {
	case spent && !refused && len(c.rows) > 1:
		return true
	case spent || refused:
		if o.Status == "" {
			o.Status = Failed
		}
		r.settle(c, o, begin, end)
		return false
	}
	if o.Refusal != "" {
		r.tell(event{refusal: o.Refusal, err: o.Err})
	}
	// A change stays in force after other faults, such as an overload. Without it the
	// row would only fail again for the reason that called for the change.
	if o.Next != nil {
		c.changes = append(c.changes, *o.Next)
		if o.Next.Body != nil {
			c.body = o.Next.Body
		}
	}
	c.due = end.Add(backoff(c.attempts-c.divided, o.RetryAfter))
	return false
}

// A reason tells apart the retries that have a bound of their own. An empty answer
// must not use up the retries that a wrong label may have.
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

// backoff returns how long to wait after the n-th attempt. It is exponential with full
// jitter, or what the server asked for if that is longer.
func backoff(n int, retryAfter time.Duration) time.Duration {
	limit := maxBackoff
	if n < 8 {
		limit = min(limit, firstBackoff<<(n-1))
	}
	return max(rand.N(limit), min(retryAfter, maxRetryAfter))
}

// settle settles the rows of the call with an outcome.
func (r *run) settle(c *call, o *Outcome, begin, end time.Time) {
	r.tell(eventOf(o, r.settled(c, o, begin, end)))
}

// settled ends the call, and returns the results of its rows.
func (r *run) settled(c *call, o *Outcome, begin, end time.Time) []*Result {
	c.ended = true
	return r.results(c, o.Status, func(res *Result) {
		res.FinishReason = o.FinishReason
		res.ModelVersion = o.ModelVersion
		res.ResponseID = o.ResponseID
		res.At = end
		res.LatencyMS = end.Sub(begin).Milliseconds()
		res.Response, res.Part = o.Response, o.Part
		if o.Err != nil {
			res.Error = o.Err.Message
			if o.Err.Hint != "" {
				res.Error += "; " + o.Err.Hint
			}
			if res.Note != "" && res.Status != OK {
				res.Error += "; " + res.Note
			}
		}
	})
}

// abandon leaves the rows of a call without an outcome because the run ends. What their
// attempts cost is still recorded.
func (r *run) abandon(c *call) {
	if costs := r.results(c, Pending, func(*Result) {}); costs != nil {
		r.tell(event{results: costs})
	}
}

// results returns the results of the rows of a call, each completed by a function. Rows that
// stay pending have one only if they cost something.
func (r *run) results(c *call, s Status, complete func(*Result)) (all []*Result) {
	for i := range c.rows {
		row := &c.rows[i]
		if s == Pending && len(row.spent) == 0 {
			continue
		}
		res := &Result{
			Fingerprint: row.Fingerprint,
			Occurrence:  row.Occurrence,
			Row:         row.Row,
			Key:         row.Key,
			Status:      s,
			Endpoint:    r.Endpoint,
			Model:       row.Model,
			At:          time.Now(),
			Attempts:    row.attempts,
			Shared:      row.shared,
			Spent:       row.spent,
			Note:        notes(c.changes),
		}
		complete(res)
		all = append(all, res)
	}
	return all
}

// notes joins what people are told of the changes made for a row.
func notes(changes []Change) string {
	var said []string
	for _, c := range changes {
		if c.Note != "" {
			said = append(said, c.Note)
		}
	}
	return strings.Join(said, "; ")
}
