package control

import (
	"context"
	"errors"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/tier"
)

// pauses are the pauses of a run. The mutex of its Control guards them.
type pauses struct {
	since   time.Time     // when the pause began; zero: there is none
	resumed chan struct{} // closed when it ends
	ended   time.Duration // how long earlier ones have lasted

	// What waits for a slot leaves the queue when a pause begins. All requests of a run wait
	// with the same context, so that one more, made of it, ends them all.
	of   context.Context // the run's
	open context.Context // made of it; ends when a pause begins
	shut context.CancelFunc
}

func (p *pauses) pause(now time.Time) {
	if !p.since.IsZero() {
		return
	}
	p.since, p.resumed = now, make(chan struct{})
	if p.shut != nil {
		p.shut()
		p.of, p.open, p.shut = nil, nil, nil
	}
}

// resume ends a pause, and returns for how long it has lasted.
func (p *pauses) resume(now time.Time) (lasted time.Duration) {
	if p.since.IsZero() {
		return 0
	}
	lasted = now.Sub(p.since)
	p.ended += lasted
	p.since = time.Time{}
	close(p.resumed)
	p.resumed = nil
	return lasted
}

// lasted is how long pauses have lasted by now.
func (p *pauses) lasted(now time.Time) time.Duration {
	if p.since.IsZero() {
		return p.ended
	}
	return p.ended + now.Sub(p.since)
}

// A gate lets no request to its limiter while the run is paused. Requests that wait there when a
// pause begins come back to the gate, so that they hold nothing: no slot, no quota, no money.
type gate struct {
	batch.Limiter
	control *Control
}

// Acquire implements [batch.Limiter].
func (g gate) Acquire(ctx context.Context, r *batch.Request) error {
	for {
		open, err := g.control.pass(ctx)
		if err != nil {
			return err
		}
		err = g.Limiter.Acquire(open, r)
		switch {
		case open.Err() == nil || ctx.Err() != nil:
			return err
		case err == nil: // the slot was granted in the moment in which the pause began
			g.Limiter.Release(r, nil)
		case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
			return err // and not that of a tier, whose time was over at the same moment
		}
	}
}

// pass waits until the run is not paused. It returns a context made of ctx that ends when the
// next pause begins.
func (c *Control) pass(ctx context.Context) (open context.Context, err error) {
	for {
		c.mu.Lock()
		p := &c.gate
		resumed := p.resumed
		if resumed == nil {
			if p.of != ctx {
				p.of = ctx
				p.open, p.shut = context.WithCancel(ctx)
			}
			open = p.open
		}
		c.mu.Unlock()
		if resumed == nil {
			return open, nil
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Held returns what is closed when the pause ends that is going on. It is nil if there is none.
func Held(c *Control) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gate.resumed
}

// Over returns the configuration of a run that the Control steers, with the quota and the
// ladder of the run, which may be nil.
func Over(c *Control, config batch.Config, q *quota.Limiter, ladder *tier.Ladder) batch.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts.quota, c.parts.ladder, c.parts.grow = q, ladder, make(chan int, 1)
	c.apply()
	config.Limiter = gate{config.Limiter, c}
	config.Grow = c.parts.grow
	config.Paused = func() time.Duration {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.gate.lasted(time.Now())
	}
	return config
}
