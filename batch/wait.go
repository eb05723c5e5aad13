package batch

import (
	"container/heap"
	"context"
	"maps"
	"sync/atomic"
	"time"
)

// A call is a request on its way through the engine. It belongs to whoever received it
// last: feed, a worker, or wait.
type call struct {
	req     *Request
	body    []byte // what the next attempt sends; nil means req.Body
	changes []Change
	History
	rows []tally // of each of the rows that it is for, in their order

	due   time.Time // when the next attempt may be made
	ended bool      // the call has an outcome

	unanswered bool // an attempt failed because the endpoint did not answer it
}

// A History is what the attempts of a row have come to in a run. It is read-only once
// [Config].Later has it.
type History struct {
	attempts  int            // attempts made
	slowed    int            // of these, those refused for a quota
	uncounted int            // of these, those marked as Outcome.Uncounted, and those lost to an outage
	shared    int            // of these, those by which another row is counted
	divided   int            // of these, those of calls that were divided: the row's call now is another one
	bounded   map[reason]int // retries made under an outcome's own MaxRetries
}

// Tried returns how many of the attempts that a row may have in one run are used up. A nil
// History has used none.
func (h *History) Tried() int {
	if h == nil {
		return 0
	}
	return h.attempts - h.divided - h.slowed - h.uncounted
}

// A tally is what the attempts of one row have come to that a call is for.
type tally struct {
	*Request
	attempts int
	shared   int     // of these, those by which another row is counted
	spent    []Spend // its shares
}

// newCall returns the call of a request, which may have been attempted before.
func newCall(req *Request) *call {
	c := &call{req: req, changes: req.Changes, rows: []tally{{Request: req}}}
	if h := req.History; h != nil {
		c.History = *h
		c.bounded = maps.Clone(h.bounded)
	}
	if n := len(req.Rows); n > 0 {
		c.rows = make([]tally, n)
		for i, row := range req.Rows {
			c.rows[i].Request = row
		}
	}
	for i := range c.rows {
		if t := &c.rows[i]; t.History != nil {
			t.attempts, t.shared = t.History.attempts, t.History.shared
		}
	}
	return c
}

// history returns what the attempts of one row of the call have come to.
func (c *call) history(row *tally) *History {
	h := c.History
	h.divided += row.attempts - h.attempts // which may have been made in an earlier call
	h.attempts, h.shared = row.attempts, row.shared
	return &h
}

// count counts an attempt. The first of its rows is the one by which it is counted.
func (c *call) count() {
	c.attempts++
	for i := range c.rows {
		c.rows[i].attempts++
		if i > 0 {
			c.rows[i].shared++
		}
	}
}

// spend notes what an attempt used, for each row its share.
func (c *call) spend(s Spend) {
	for i := range c.rows {
		if n := len(c.rows); n > 1 {
			s.Share = Share{Row: i, Of: n}
		}
		c.rows[i].spent = append(c.rows[i].spent, s)
	}
}

// waitingCalls bounds the calls that wait for another attempt. While so many wait, no
// fresh one is begun.
func (r *run) waitingCalls() int { return max(8192, 4*r.Concurrency) }

// waitingBytes bounds the memory that those rows hold. A single row may hold an image
// of several megabytes.
const waitingBytes = 256 << 20

// bytes returns roughly how much memory the call holds.
func (c *call) bytes() (n int) {
	n = len(c.req.Body) + len(c.body)
	for i := range c.req.Media {
		n += len(c.req.Media[i].Data)
	}
	for _, row := range c.req.Rows {
		n += len(row.Body)
	}
	return n
}

// wait keeps the calls that will be attempted again until they are due. A call that
// waits occupies no worker.
func (r *run) wait() {
	var (
		waiting retries
		rows    int // of the calls that wait
		holding int // bytes held by them
	)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		r.Gauges.Waiting.Store(int64(rows))
		r.gate.set(len(waiting) >= r.waitingCalls() || holding >= waitingBytes)
		var (
			next *call
			of   int // rows
			size int
			due  chan<- *call
		)
		timer.Stop()
		if len(waiting) > 0 {
			if left := time.Until(waiting[0].due); left <= 0 {
				next, due = waiting[0], r.due
				of, size = len(next.rows), next.bytes() // taken now: after the send, the call is the worker's
			} else {
				timer.Reset(left)
			}
		}
		select {
		case due <- next:
			heap.Pop(&waiting)
			rows -= of
			holding -= size
		case c, ok := <-r.back:
			if !ok {
				return
			}
			heap.Push(&waiting, c)
			rows += len(c.rows)
			holding += c.bytes()
		case <-timer.C:
		case <-r.soft.Done():
			// These rows have no outcome, but what their attempts cost is recorded. The
			// second loop waits for the workers' last calls.
			for _, c := range waiting {
				r.abandon(c)
			}
			for c := range r.back {
				r.abandon(c)
			}
			return
		}
	}
}

// A gate holds feed back while too many calls wait.
type gate struct {
	shut   atomic.Bool
	opened chan struct{} // its buffer holds one
}

func (g *gate) set(shut bool) {
	if g.shut.Swap(shut) && !shut {
		select {
		case g.opened <- struct{}{}:
		default: // an earlier opening has not been noticed yet
		}
	}
}

// pass waits until the gate is open or ctx has ended.
func (g *gate) pass(ctx context.Context) {
	for g.shut.Load() && ctx.Err() == nil {
		select {
		case <-g.opened:
		case <-ctx.Done():
		}
	}
}

// retries is a heap of calls by due time.
type retries []*call

func (h retries) Len() int           { return len(h) }
func (h retries) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h retries) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *retries) Push(x any)        { *h = append(*h, x.(*call)) }

func (h *retries) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}
