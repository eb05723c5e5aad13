package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/objects"
)

const (
	// renewEvery is how often a sign of life is given.
	renewEvery = 20 * time.Second
	// againAfter is when it is tried again if the store is away.
	againAfter = 5 * time.Second
	// lapseAfter is how long a process may work without one, by its own clock.
	lapseAfter = 70 * time.Second
	// staleAfter is how old the last one must be, by the store's clock, before another process
	// may work. It is longer than lapseAfter by more than clocks and their seconds can differ.
	staleAfter = 90 * time.Second
)

// A lease is the right to work with a copy. It is safe for concurrent use.
type lease struct {
	place
	epoch int64

	ctx context.Context // ends when the lease is lost, with the reason as its cause
	end context.CancelCauseFunc

	making turn  // while a commit is made; it guards the number
	number int64 // of the last commit, whether it is there or not

	mu      sync.Mutex
	last    *commit
	renewed time.Time // when the making of the last commit began
	lost    error
	lapse   *time.Timer
	away    bool // the user was told that the store is away
}

// hold takes the lease for a folder, whose lock the caller holds.
func hold(ctx context.Context, p place, folder string) (*lease, error) {
	c := &lease{place: p, making: newTurn()}
	var err error
	if c.last, c.renewed, err = acquire(ctx, p, folder); err != nil {
		return nil, err
	}
	c.epoch, c.number = c.last.Epoch, c.last.Number
	c.ctx, c.end = context.WithCancelCause(context.Background())
	c.lapse = time.AfterFunc(lapseAfter-time.Since(c.renewed), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if time.Since(c.renewed) >= lapseAfter {
			_ = c.lose(c.silent())
		}
	})
	return c, nil
}

// holder returns this process as the holder of a lease.
func holder() durable.Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return durable.Owner{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second), Command: filepath.Base(os.Args[0])}
}

// acquire begins an epoch for a folder, whose lock the caller holds. It returns the first commit
// of the epoch, which names what the last one did, and when its making began. The error is a
// [*record.LeaseError] if another process works.
func acquire(ctx context.Context, p place, folder string) (c *commit, began time.Time, err error) {
	run := random()
	for {
		last, err := p.newest(ctx)
		if err != nil {
			return nil, time.Time{}, err
		}
		next := &commit{Source: folder}
		if last.commit == nil {
			if err := p.checkUnused(ctx); err != nil {
				return nil, time.Time{}, err
			}
		} else {
			if err := free(ctx, p, last, folder); err != nil {
				return nil, time.Time{}, err
			}
			next = last.clone()
		}
		next.Epoch, next.Number, next.Ended = next.Epoch+1, 1, false
		next.Run, next.Folder, next.Holder = run, folder, holder()
		began = time.Now()
		next.Renewed = began.UTC().Truncate(time.Second)
		_, err = p.write(ctx, next)
		if errors.Is(err, fs.ErrExist) {
			// Another process was faster, or the store has made it and has said that it did not.
			if now, err := p.newest(ctx); err == nil && now.commit != nil && now.Run == run {
				return now.commit, began, nil
			}
			continue
		}
		return next, began, err
	}
}

// checkUnused refuses a place without a commit in which there are objects that look like ours.
func (p place) checkUnused(ctx context.Context) error {
	for info, err := range p.bucket.List(ctx, p.prefix+"results-") {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s holds %s and no lease, so that it is no copy of a state, or no whole one: name a folder of its own for the state", p.address, strings.TrimPrefix(info.Key, p.prefix))
	}
	return nil
}

// free returns nil if the process that has made the last commit works no more.
func free(ctx context.Context, p place, last found, folder string) error {
	if last.Ended || last.Folder == folder {
		return nil
	}
	now, err := p.now(ctx)
	if err != nil {
		return err
	}
	age := now.Sub(last.at)
	if age >= staleAfter {
		return nil
	}
	return &record.LeaseError{Address: p.address, Holder: record.Owner(last.Holder), Seen: age}
}

// now returns the time by the clock of the store, which is that of an object made now.
func (p place) now(ctx context.Context) (time.Time, error) {
	key := p.prefix + probePrefix + random()
	info, err := p.bucket.Write(ctx, key, strings.NewReader("\n"), objects.WriteOptions{New: true, Size: 1})
	if err != nil {
		return time.Time{}, err
	}
	if info.ModTime.IsZero() {
		if info, err = p.bucket.Stat(ctx, key); err != nil {
			return time.Time{}, err
		}
	}
	return info.ModTime, p.bucket.Remove(ctx, key)
}

// renew makes a commit, which change has changed, and sees whether the lease is still ours. The
// error is a [*record.LeaseError] if it is not.
func (c *lease) renew(ctx context.Context, change func(*commit)) error {
	if err := c.making.take(ctx); err != nil {
		return err
	}
	defer c.making.give()
	next, err := c.current()
	if err != nil {
		return err
	}
	if change != nil {
		change(next)
	}
	began := time.Now()
	next.Renewed = began.UTC().Truncate(time.Second)
	for {
		// A number is used once, since a commit that the store has refused may be there.
		c.number++
		next.Number = c.number
		_, err := c.write(ctx, next)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	last, all, err := c.lastKey(ctx)
	if err != nil {
		return err
	}
	if epoch, _, _ := parseCommit(strings.TrimPrefix(last.Key, c.prefix)); epoch != next.Epoch {
		taken := &record.LeaseError{Address: c.address, Lost: true}
		if now, err := c.newest(ctx); err == nil && now.commit != nil {
			taken.Holder = record.Owner(now.Holder)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.lose(taken)
	}
	if err := c.made(next, began); err != nil {
		return err
	}
	c.removeOld(ctx, next, all)
	return nil
}

// made notes that a commit is there, whose making has begun at a time. If it took so long that
// another process may have taken the one before for the last sign of life, it does not count.
func (c *lease) made(next *commit, began time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lapsed(); err != nil {
		return err
	}
	c.last, c.renewed = next, began
	c.lapse.Reset(lapseAfter - time.Since(began))
	return nil
}

// removeOld removes commits that do not count any more. Who has just listed the one before can
// still read it.
func (c *lease) removeOld(ctx context.Context, now *commit, keys []string) {
	for _, key := range keys {
		if epoch, number, _ := parseCommit(strings.TrimPrefix(key, c.prefix)); epoch < now.Epoch || number < now.Number-1 {
			_ = c.bucket.Remove(ctx, key) // what stays is removed the next time
		}
	}
}

// current returns the last commit, or why the lease is not ours any more.
func (c *lease) current() (*commit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lapsed(); err != nil {
		return nil, err
	}
	return c.last.clone(), nil
}

// A turn is taken by one goroutine at a time. It is a lock for which one waits no longer than a
// context.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }

// lapsed returns why the lease is not ours any more, or nil. The caller holds c.mu. A machine
// that slept finds it by the time of day, since its timers have slept too.
func (c *lease) lapsed() error {
	if c.lost == nil && time.Now().Round(0).Sub(c.renewed.Round(0)) > lapseAfter {
		return c.lose(c.silent())
	}
	return c.lost
}

// silent is why a lease is lost that was not renewed.
func (c *lease) silent() error {
	return &record.LeaseError{Address: c.address, Lost: true, Seen: time.Now().Round(0).Sub(c.renewed.Round(0))}
}

// lose notes that the lease is lost, and returns why. The caller holds c.mu.
func (c *lease) lose(err error) error {
	if c.lost == nil {
		c.lost = err
		c.end(err)
	}
	return c.lost
}
