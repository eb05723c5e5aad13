package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
)

const (
	// CopyEvery is how often what is new is copied.
	CopyEvery = 30 * time.Second
	// lookEvery is how often it is looked whether a segment has ended, which is copied at once: the
	// journal begins another one only when it has written much.
	lookEvery = time.Second
	// patience is how long the last round of a run may take to begin, with a store that is away.
	patience = time.Minute
	// lastPatience is how long giving the lease back may take.
	lastPatience = 20 * time.Second
)

// A Config says what is copied where. All fields but Warn are required.
type Config struct {
	Address string     // of the copy
	Dir     string     // the working folder, absolute, whose lock the caller holds
	FS      durable.FS // writes all files of the folder
	Warn    func(string)
}

// A Copy copies a working folder. It is safe for concurrent use. A nil Copy stands for a state
// without a copy: its methods do nothing.
type Copy struct {
	Config
	*copier
	stop chan struct{} // closed by Close
	done sync.WaitGroup
}

// Open takes the lease of a copy, brings the working folder up to date, and begins to copy. The
// error is a [*record.LeaseError] if another process works.
func Open(ctx context.Context, config Config) (*Copy, error) {
	p, err := findPlace(ctx, config.Address)
	if err != nil {
		return nil, err
	}
	if config.Warn == nil {
		config.Warn = func(string) {}
	}
	h, err := openHome(config.Dir, config.FS, p.address)
	if err != nil {
		return nil, err
	}
	l, err := hold(ctx, p, h.mark.Folder)
	if err != nil {
		return nil, fmt.Errorf("the state %s cannot be worked with: %w", p.address, err)
	}
	c := &Copy{Config: config, stop: make(chan struct{})}
	c.copier = &copier{lease: l, home: h, rounds: newTurn(), blobs: make(map[string]bool), long: make(map[string]fs.FileInfo), pieces: make(map[string][]piece)}
	base := l.last
	c.done.Go(c.keepLease)
	if err = h.restore(ctx, p, base); err == nil {
		err = c.listBlobs(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the state cannot be brought from %s: %w", p.address, err), c.giveBack(ctx))
	}
	_ = c.sweep(ctx) // the next one finds what stays
	c.done.Go(c.keepCopying)
	return c, nil
}

// keepLease gives signs of life until Close. With a store that is away it tries more often.
func (c *Copy) keepLease() {
	wait := time.NewTimer(renewEvery)
	defer wait.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.ctx.Done():
			return
		case <-wait.C:
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(c.ctx, renewEvery)
		err := c.renew(ctx, nil)
		cancel()
		c.tell(err)
		every := renewEvery
		if err != nil {
			every = againAfter
		}
		wait.Reset(every - time.Since(began))
	}
}

// keepCopying copies what is new until Close.
func (c *Copy) keepCopying() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, begun := time.Now(), max(1, countSegments(c.dir)) // the first one ends no other
	for {
		select {
		case <-c.stop:
			return
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		if now := countSegments(c.dir); now > begun || time.Since(last) >= CopyEvery {
			last, begun = time.Now(), max(1, now)
			c.tell(c.round(c.ctx, false))
		}
	}
}

// tell warns when the store is away, and says when it is there again.
func (c *Copy) tell(err error) {
	c.mu.Lock()
	was, over := c.away, c.lost != nil || c.ctx.Err() != nil
	c.away = err != nil
	c.mu.Unlock()
	switch {
	case over: // which the run says
	case err != nil && !was:
		c.Warn(fmt.Sprintf("the state is not copied to %s now: %v; the run goes on, and what is answered is in %s. If the store stays away for %v, the run ends", c.address, err, c.Dir, lapseAfter))
	case err == nil && was:
		c.Warn(fmt.Sprintf("the state is copied to %s again", c.address))
	}
}

// Context returns a context that ends with ctx, or when the lease is lost, with the
// [*record.LeaseError] as its cause. The caller must call cancel.
func (c *Copy) Context(ctx context.Context) (with context.Context, cancel context.CancelFunc) {
	if c == nil {
		return ctx, func() {}
	}
	with, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { end(context.Cause(c.ctx)) })
	return with, func() {
		stop()
		end(nil)
	}
}

// Err returns the [*record.LeaseError] by which the lease is lost, or nil.
func (c *Copy) Err() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lapsed()
}

// Sync copies what is new, now. What is in the folder when it is called is in the copy when it
// returns nil.
func (c *Copy) Sync(ctx context.Context) error {
	if c == nil {
		return nil
	}
	ctx, cancel := c.Context(ctx)
	defer cancel()
	if err := c.round(ctx, true); err != nil {
		if lost := c.Err(); lost != nil {
			return lost
		}
		return &record.NotCopiedError{Address: c.address, Dir: c.Dir, Err: err}
	}
	return nil
}

// SyncAtEnd is [Copy.Sync] at the end of a run, also of one whose context has ended. It waits for
// a store that is away for a minute.
func (c *Copy) SyncAtEnd(ctx context.Context) error {
	if c == nil {
		return nil
	}
	const pause = 5 * time.Second
	ctx = context.WithoutCancel(ctx)
	for begin := time.Now(); ; {
		err := c.Sync(ctx)
		if _, away := errors.AsType[*record.NotCopiedError](err); !away || time.Since(begin)+pause > patience {
			return err
		}
		time.Sleep(pause)
	}
}

// Address returns the address of the copy. It is empty if there is none.
func (c *Copy) Address() string {
	if c == nil {
		return ""
	}
	return c.address
}

// Close copies what is new, and gives the lease back, so that another machine can carry on at
// once. If that fails, another one has to wait until the lease is stale. The error is as that of
// Sync. The caller unlocks the folder afterwards.
func (c *Copy) Close() error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastPatience)
	defer cancel()
	err := c.Sync(ctx)
	if err == nil {
		_ = c.sweep(ctx) // the next one finds what stays
	}
	return errors.Join(err, c.giveBack(ctx))
}

// giveBack ends the copying, and says in a last commit that the process works no more.
func (c *Copy) giveBack(ctx context.Context) error {
	close(c.stop)
	err := c.renew(ctx, func(next *commit) { next.Ended = true })
	c.end(context.Canceled)
	c.done.Wait()
	c.lapse.Stop()
	if _, lost := errors.AsType[*record.LeaseError](err); lost {
		return nil // it is not ours, and who had to know was told
	}
	return err
}

// Guard returns a Sink that writes to s, and fails once the lease is lost. What was written counts
// even so, see [batch.KeptError].
func (c *Copy) Guard(s batch.Sink) batch.Sink {
	if c == nil {
		return s
	}
	return &guard{s, c}
}

// A guard is a Sink that stops the run once the lease does not protect it any more. The context
// does so, too, but not of a machine that has slept.
type guard struct {
	sink batch.Sink
	copy *Copy
}

// Write implements [batch.Sink].
func (g *guard) Write(rs []*batch.Result) error {
	if err := g.sink.Write(rs); err != nil {
		return err
	}
	if err := g.copy.Err(); err != nil {
		return &batch.KeptError{Err: err}
	}
	return nil
}
