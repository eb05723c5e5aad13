package bus

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clockEvery = 10 * time.Second
	clockTries = 3

	// clockJitter is by how much two measurements of one difference may differ. Below it, the
	// difference stays as it was: what is booked is moved by it.
	clockJitter = 20 * time.Millisecond
)

// A clock knows how far the servers' clock is ahead of this machine's.
type clock struct {
	key         string     // of the record in which the servers note the time
	mu          sync.Mutex // one measurement at a time
	nanoseconds atomic.Int64
}

func (c *clock) ahead() time.Duration { return time.Duration(c.nanoseconds.Load()) }

// keep measures again and again until ctx ends.
func (c *clock) keep(ctx context.Context, b *Bus) {
	for {
		wait := clockEvery
		if err := c.measure(ctx, b); err != nil {
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// measure has the servers note the time, between two looks at ours.
func (c *clock) measure(ctx context.Context, b *Bus) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ahead, width time.Duration
	for i := range clockTries {
		last, err := b.Minute.Get(ctx, c.key)
		if err != nil {
			return err
		}
		sent := time.Now()
		revision, err := b.Minute.Put(ctx, c.key, []byte("now"), last.Revision)
		came := time.Now()
		if err != nil {
			return err
		}
		r, err := b.Minute.Get(ctx, c.key)
		if err != nil {
			return err
		}
		if r.Revision != revision {
			continue // a server that lags behind has answered
		}
		if w := came.Sub(sent); i == 0 || width == 0 || w < width {
			width = w
			ahead = r.Written.Sub(sent.Add(w / 2).Round(0))
		}
	}
	if width == 0 {
		return ErrAway
	}
	if d := ahead - c.ahead(); d.Abs() > clockJitter {
		c.nanoseconds.Store(int64(ahead))
	}
	return nil
}
