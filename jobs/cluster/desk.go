package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/genbatch/genbatch/batch"
)

const (
	// mostHeld is how many shards a worker holds at once: one whose rows it begins, one with
	// its last calls under way, and one that waits for the collector.
	mostHeld = 3

	// giveWay is how long a worker that has calls under way leaves an open shard to those that
	// have none. They look for one every lookEvery.
	giveWay = 2 * lookEvery
)

// A desk is what a worker has in hand. Its shards share one limit of calls under way, so that
// the first rows of one are asked beside the last ones of another. Those that it asks are of one
// job at any time, because another job has another limit.
type desk struct {
	mu      sync.Mutex
	held    int // shards
	asking  int // of these, with rows that are being asked
	feeding int // of these, with rows that were not begun yet
	job     string
	calls   *slots // of job; nil until it is known how many there may be
	failed  error  // the first that says what this worker cannot do

	changed chan struct{} // holds a token if there may be room, or if an attempt has failed
}

func newDesk() *desk { return &desk{changed: make(chan struct{}, 1)} }

// A room is what a worker may claim now.
type room struct {
	none     bool
	job      string        // empty = any
	patience time.Duration // how long a shard must have been open for it
}

// room returns what may be claimed. A worker that has nothing to ask may claim any shard. One
// that has begun all of its rows and has slots for more calls may claim another shard of the job.
func (d *desk) room() room {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.held >= mostHeld || d.feeding > 0:
		return room{none: true}
	case d.asking == 0:
		return room{}
	case d.calls == nil || !d.calls.TryAcquire(1): // which also fails while a row waits for a slot
		return room{none: true}
	}
	d.calls.Release(1)
	return room{job: d.job, patience: giveWay}
}

// begin takes a shard of a job in hand.
func (d *desk) begin(job string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.job != job {
		d.job, d.calls = job, nil
	}
	d.held++
	d.asking++
	d.feeding++
}

// slots returns the slots for calls of the shards in hand.
func (d *desk) slots(most int) *slots {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls == nil {
		d.calls = &slots{Weighted: semaphore.NewWeighted(int64(most))}
	}
	return d.calls
}

// proven returns how many calls in flight the endpoint has answered. The next shard need not find
// out once more.
func (d *desk) proven() int {
	d.mu.Lock()
	calls := d.calls
	d.mu.Unlock()
	if calls == nil {
		return 0
	}
	calls.mu.Lock()
	defer calls.mu.Unlock()
	return calls.proven
}

// fed says that a shard has no row left that was not begun.
func (d *desk) fed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.feeding--
	d.ring()
}

// asked says that a shard has no row left that is being asked, and why this worker cannot ask its
// rows, if so. It reports whether that is to be logged: other shards are in hand, or the worker ends
// with an earlier error.
func (d *desk) asked(err error) (more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asking--
	if d.failed == nil {
		d.failed = err
	}
	d.ring()
	return d.held > 1 || d.failed != err
}

// end says that a shard is no longer in hand.
func (d *desk) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held--
	d.ring()
}

// ring has work look whether there is room. mu is held.
func (d *desk) ring() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *desk) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// work claims shards, each as soon as there is room for it. When one cannot be asked, it claims
// no other, and returns once those in hand have ended.
func (w *worker) work(ctx context.Context) error {
	worked := false
	var attempts sync.WaitGroup
	defer attempts.Wait()
	for {
		if err := w.desk.failure(); err != nil {
			attempts.Wait()
			return err
		}
		if room := w.desk.room(); !room.none && ctx.Err() == nil {
			h, j, ids, err := w.find(ctx, room)
			if err == nil && len(ids) == 0 && worked && !w.Stay {
				attempts.Wait() // they end, since their job has
				if err = w.desk.failure(); err == nil {
					w.Log.Info("no job is left")
				}
				return err
			}
			worked = worked || len(ids) > 0
			if h != nil {
				w.desk.begin(h.board.job)
				attempts.Go(func() {
					defer w.desk.end()
					w.attempt(ctx, h, j)
				})
				continue
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
		case <-w.desk.changed:
		case <-time.After(lookEvery):
		}
	}
}

// find claims a shard, if one is open, and returns the jobs that are.
func (w *worker) find(ctx context.Context, room room) (h *hold, j *jobRecord, ids []string, err error) {
	ids, err = w.jobs(ctx)
	for _, id := range ids {
		if room.job != "" && room.job != id {
			continue
		}
		if h, j = w.claim(ctx, id, room.patience); h != nil {
			break
		}
	}
	return h, j, ids, err
}
