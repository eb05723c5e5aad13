package batchjob

import (
	"sync"

	"github.com/genbatch/genbatch/batch"
)

// rows is what a run knows of rows, beyond what the journal says of them.
type rows struct {
	last bool // no other tier follows

	live   map[batch.ID]bool // rows that belong to jobs
	passed map[batch.ID]bool // rows that no batch is to ask in this run: the next tier does, or none

	mu     sync.Mutex
	again  map[batch.ID]*batch.Request // what the attempts of rows have come to; guarded by mu
	over   map[batch.ID]bool           // rows that ended otherwise than well; guarded by mu
	counts counts                      // guarded by mu
}

// counts count rows and answers.
type counts struct {
	ends    int64 // rows that have ended
	bad     int64 // of these, those without an answer
	invalid int64 // answers that failed their check
}

// Next returns the request of a row as its next attempt is to send it: as it is, unless
// attempts were made in this run.
func (r *rows) Next(req *batch.Request) *batch.Request {
	before := r.attempts(req.ID())
	if before == nil {
		return req
	}
	next := *req
	next.History, next.Changes, next.Stream = before.History, before.Changes, before.Stream
	if before.Body != nil {
		next.Body, next.Media = before.Body, nil
	}
	return &next
}

// attempts returns the request that an attempt of the row has left; nil if none was made. Its
// Body is nil if it is the row's own.
func (r *rows) attempts(id batch.ID) *batch.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.again[id]
}

// Over reports whether the row has ended in this run, and not well. It is not asked again
// before the next one.
func (r *rows) Over(id batch.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over[id]
}

// Live reports whether the row belongs to a job.
func (r *rows) Live(id batch.ID) bool { return r.live[id] }

// later keeps what the attempts of a row have come to.
func (r *rows) later(req *batch.Request, o *batch.Outcome) {
	kept := *req // of one row
	kept.Batch, kept.Tier, kept.Source = "", "", nil
	changed := false
	for _, c := range kept.Changes {
		changed = changed || c.Body != nil
	}
	if !changed {
		kept.Body = nil // the row has it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again[req.ID()] = &kept
	if !r.last {
		r.passed[req.ID()] = true
	}
	if o.Err != nil && o.Err.Kind == batch.KindValidation {
		r.counts.invalid++
	}
}

// ended counts a result.
func (r *rows) ended(res *batch.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if res.Status != batch.Pending {
		r.counts.ends++
		if res.Status != batch.OK && res.Status != batch.Truncated {
			r.counts.bad++
		}
	}
	switch res.Status {
	case batch.OK, batch.Pending:
		return
	case batch.Invalid:
		r.counts.invalid++
	}
	r.over[res.ID()] = true // a run that is told to retry such rows does so once
}

// counted returns the counts of the run so far.
func (r *rows) counted() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}
