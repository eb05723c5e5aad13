package cluster

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/genbatch/genbatch/batch"
)

// A gate is the limiter around all others of an attempt. It lets a call through only while the
// claim holds, and only while few answers of the worker are on their way to the servers: what a
// crash costs is what is in flight, and an answer is in flight until it can be collected.
type gate struct {
	batch.Limiter
	hold  *hold
	calls *slots // which all shards of the worker share

	mu   sync.Mutex
	rows map[rowKey]bool // between Acquire and published; each has a slot
}

// slots are for the calls of a worker, in all its shards of a job.
type slots struct {
	*semaphore.Weighted

	mu     sync.Mutex
	flying int // calls in flight
	proven int // how many there were at once when one was answered; 0 since the last refusal
}

// begin counts a call.
func (s *slots) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying++
}

// end counts a call off that came to o, which may be nil.
func (s *slots) end(o *batch.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o == nil:
	case o.Refused():
		s.proven = 0
	case o.Consequence == batch.Answered:
		s.proven = max(s.proven, s.flying)
	}
	s.flying--
}

// A rowKey tells the rows of a shard apart.
type rowKey struct {
	fingerprint batch.Fingerprint
	occurrence  int
}

// claimWait is how soon a worker whose claim is in doubt looks again.
const claimWait = 50 * time.Millisecond

// Acquire implements [batch.Limiter].
func (g *gate) Acquire(ctx context.Context, r *batch.Request) error {
	key := rowKey{r.Fingerprint, r.Occurrence}
	if err := g.enter(ctx, key); err != nil {
		return err
	}
	for {
		err := g.Limiter.Acquire(ctx, r)
		if err != nil {
			g.leave(key)
			return err
		}
		// After the wait for a slot, and just before the call.
		if g.hold.valid() {
			g.calls.begin()
			return nil
		}
		g.Limiter.Release(r, nil)
		select {
		case <-time.After(claimWait):
		case <-ctx.Done():
			g.leave(key)
			return ctx.Err()
		}
	}
}

// enter waits for a slot, unless the row has one. Who came first is served first, whatever the
// shard.
func (g *gate) enter(ctx context.Context, key rowKey) error {
	g.mu.Lock()
	has := g.rows[key]
	g.mu.Unlock()
	if has {
		return nil
	}
	if err := g.calls.Acquire(ctx, 1); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rows[key] = true
	return nil
}

// leave gives the slots of rows back.
func (g *gate) leave(keys ...rowKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keys {
		if g.rows[key] {
			delete(g.rows, key)
			g.calls.Release(1)
		}
	}
}

// empty gives all slots back, once no row is being asked: those of answers that could not be
// sent, too. They are in the spool.
func (g *gate) empty() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls.Release(int64(len(g.rows)))
	clear(g.rows)
}

// Release implements [batch.Limiter]. A row that was answered is on its way from now on. The key
// says nothing of rows that have shared a call. A row that was refused cost nothing, and its
// result may wait for those of others.
func (g *gate) Release(r *batch.Request, o *batch.Outcome) {
	g.Limiter.Release(r, o)
	g.calls.end(o)
	if o == nil || len(r.Rows) > 0 || o.Consequence != batch.Answered {
		g.leave(rowKey{r.Fingerprint, r.Occurrence})
	}
}

// published ends the counting of rows whose results the servers have.
func (g *gate) published(rs []*batch.Result) {
	keys := make([]rowKey, len(rs))
	for i, r := range rs {
		keys[i] = rowKey{r.Fingerprint, r.Occurrence}
	}
	g.leave(keys...)
}
