package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A gate is the limiter around all others of a worker. It lets a call through only while the
// worker's claim holds, and only while few answers are on their way to the servers: what a
// crash costs is what is in flight, and an answer is in flight until it can be collected.
type gate struct {
	batch.Limiter
	hold *hold
	most int // rows between Acquire and published

	mu    sync.Mutex
	rows  map[rowKey]bool
	freed chan struct{} // closed when rows has become smaller; nil: nobody waits
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
	for {
		freed := g.enter(key)
		if freed == nil {
			break
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		err := g.Limiter.Acquire(ctx, r)
		if err != nil {
			g.leave(key)
			return err
		}
		// After the wait for a slot, and just before the call.
		if g.hold.valid() {
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

// enter counts a row, unless too many are under way: then it returns what to wait for.
func (g *gate) enter(key rowKey) (freed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rows[key] || len(g.rows) < g.most {
		g.rows[key] = true
		return nil
	}
	if g.freed == nil {
		g.freed = make(chan struct{})
	}
	return g.freed
}

// leave ends the counting of rows.
func (g *gate) leave(keys ...rowKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keys {
		delete(g.rows, key)
	}
	if g.freed != nil && len(g.rows) < g.most {
		close(g.freed)
		g.freed = nil
	}
}

// Release implements [batch.Limiter]. A row that was answered is on its way from now on. The key
// says nothing of rows that have shared a call. A row that was refused cost nothing, and its
// result may wait for those of others.
func (g *gate) Release(r *batch.Request, o *batch.Outcome) {
	g.Limiter.Release(r, o)
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
