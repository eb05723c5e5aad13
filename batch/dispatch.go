package batch

import (
	"container/heap"
	"time"
)

// A call is a request on its way through the engine. It is owned by whoever
// received it last: feed, dispatch, or one worker.
type call struct {
	req      *Request
	body     []byte // what the next attempt sends; nil: req.Body
	changes  []Change
	attempts int            // made in this run
	slowed   int            // of these, refused for a quota
	patient  int            // of these, that do not count
	bounded  map[reason]int // retries made under an outcome's own MaxRetries; nil: none
	spent    []Spend

	due   time.Time // when the next attempt may be made
	ended bool
}

// waitingRows bounds the rows that wait for another attempt: while so many wait,
// no fresh row is begun.
func (r *run) waitingRows() int { return max(1024, 4*r.Concurrency) }

// waitingBytes bounds what those rows hold in memory: one of them may be megabytes
// of an image.
const waitingBytes = 256 << 20

// bytes is about what the call holds in memory.
func (c *call) bytes() (n int) {
	n = len(c.req.Body) + len(c.body)
	for i := range c.req.Media {
		n += len(c.req.Media[i].Data)
	}
	return n
}

// dispatch hands calls to workers: those whose wait is over first, then fresh
// ones. A call that waits holds no worker.
func (r *run) dispatch() {
	defer close(r.work)
	var (
		waiting retries
		holding int   // bytes, by the calls that wait
		open    int   // calls taken from fresh that have not ended
		held    *call // a fresh call that waits for a worker
		fresh   = r.fresh
	)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for fresh != nil || open > 0 {
		r.Gauges.Waiting.Store(int64(len(waiting)))
		next, size := held, 0
		timer.Stop()
		if len(waiting) > 0 {
			if wait := time.Until(waiting[0].due); wait <= 0 {
				next, size = waiting[0], waiting[0].bytes() // the worker's, once it has it
			} else {
				timer.Reset(wait)
			}
		}
		work := r.work
		if next == nil {
			work = nil
		}
		in := fresh
		if held != nil || len(waiting) >= r.waitingRows() || holding >= waitingBytes {
			in = nil
		}
		select {
		case work <- next:
			if next == held {
				held = nil
			} else {
				heap.Pop(&waiting)
				holding -= size
			}
		case c, ok := <-in:
			if !ok {
				fresh = nil
				continue
			}
			held = c
			open++
		case c := <-r.back:
			if c.ended {
				open--
			} else {
				heap.Push(&waiting, c)
				holding += c.bytes()
			}
		case <-timer.C:
		case <-r.soft.Done():
			// Rows that wait or are held have no outcome; what their attempts cost is
			// kept. Then the workers' last calls are awaited.
			for _, c := range waiting {
				r.abandon(c)
			}
			underWay := open - len(waiting)
			if held != nil {
				underWay--
			}
			for range underWay {
				if c := <-r.back; !c.ended {
					r.abandon(c)
				}
			}
			return
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
