// Package tier chooses the service tier of each attempt, so that rows are answered as
// cheaply as the wait for a tier and the deadline of the run allow.
//
// A job names its tiers in the order in which they are tried: mostly flex, which is cheap
// and often has no room, and then standard. Every row begins with the first tier, and goes
// on to the next one when
//
//   - it has waited for a tier that has no room as long as it may, or
//   - the second tier needs all the time that is left until the deadline (pace.go).
//
// A [Ladder] has two sides. As the outermost limiter it sets the tier of an attempt, on
// which the price and the quota depend, and takes the row out of a queue when it is to
// leave the tier. As the outermost model it cuts a call for the same reason, and sees from
// the outcome whether the tier had room (model.go). [Ladder.Over] lays both around a run.
//
// Flex calls first pass a limiter of their own. If flex has no room, it slows down flex
// calls alone, and those of the other tiers go on as fast as before.
package tier

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
)

// retryFull is how often a row tries a tier that has had no room for long.
const retryFull = time.Minute

// A Config says what a ladder is made of.
type Config struct {
	Limiter     batch.Limiter // of all calls
	Tiers       []string      // at least one, the first to be tried first
	Wait        time.Duration // how long a row waits for a tier; as long as Deadline suggests if 0
	Begin       time.Time     // of the run
	Deadline    time.Time     // zero: none
	Concurrency int           // 0: the default of package quota
	Left        int64         // rows to be asked; it matters only with a deadline and two tiers
	RowsPerCall int           // how many rows share a call; 0: none

	RPM, TPM int            // the limits of a minute that are given, for a ladder without a Quota
	Quota    *quota.Limiter // of all calls; nil for a ladder that only says when to switch

	// Warn is called if another tier answers than the one that was asked, or if the
	// answer does not say which. It may be nil.
	Warn func(asked, served string)
}

// limits returns the limits of a minute, given or learned. 0 means that one is not known.
func (c *Config) limits() (rpm, tpm int64) {
	if c.Quota == nil {
		return int64(c.RPM), int64(c.TPM)
	}
	in := c.Quota.Limits()
	return in.RPM.Value, in.TPM.Value
}

// A Ladder chooses the service tier of each attempt of a run. It implements
// [batch.Limiter], and is safe for concurrent use.
type Ladder struct {
	batch.Limiter                // of all calls
	flex          *quota.Limiter // of flex calls as well; nil if flex is none of the tiers
	tiers         []string       // at least one
	wait          time.Duration  // how long a row waits for a tier
	deadline      time.Time      // zero: none
	concurrency   int
	config        Config // as it was given

	mu        sync.Mutex
	left      int64 // rows to be asked that have not ended
	rows      map[batch.ID]*stay
	refused   bool          // the first tier has had no room for some call
	fullSince time.Time     // since when the first tier has had no room for any call; zero if it has
	nextTry   time.Time     // when a row is to see whether it has room again
	pace      map[int]*pace // by place in tiers
}

// A stay is the time of one row in one tier.
type stay struct {
	tier   int           // place in tiers
	since  time.Time     // when it began to wait for the tier; zero if it does not wait
	queued time.Duration // how much of that it waited for the limiter of all calls
}

// errLeaveTier ends a call that the deadline leaves no more time in its tier.
var errLeaveTier = errors.New("the deadline leaves no more time for this tier")

// New returns the ladder of a run.
func New(c Config) *Ladder {
	t := &Ladder{
		Limiter: c.Limiter, tiers: c.Tiers, wait: c.Wait, deadline: c.Deadline, left: c.Left, config: c,
		concurrency: cmp.Or(c.Concurrency, quota.DefaultConcurrency),
		rows:        make(map[batch.ID]*stay), pace: make(map[int]*pace),
	}
	if slices.Contains(t.tiers, "flex") {
		t.flex = quota.New(quota.Config{Concurrency: t.concurrency, Flex: true})
	}
	if t.wait == 0 {
		t.wait = defaultTierWait
		if left := t.deadline.Sub(c.Begin); !t.deadline.IsZero() {
			t.wait = min(longestTierWait, left/2)
			if len(t.tiers) == 1 {
				t.wait = left // there is nothing else to wait for
			}
		}
	}
	return t
}

// SetConcurrency changes the most calls in flight; 0 is the default of package quota. The
// limiter of all calls is changed by others.
func (t *Ladder) SetConcurrency(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.concurrency = cmp.Or(n, quota.DefaultConcurrency)
	if t.flex != nil {
		t.flex.SetLimits(quota.Config{Concurrency: t.concurrency})
	}
}

// Excuse leaves the last d out of the time that rows have waited for a tier: the run was paused.
func (t *Ladder) Excuse(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	excuse := func(since *time.Time) {
		if !since.IsZero() {
			*since = since.Add(min(d, now.Sub(*since)))
		}
	}
	excuse(&t.fullSince)
	for _, s := range t.rows {
		excuse(&s.since)
	}
}

// FlexLimiter returns the limiter that flex calls pass before the one of all calls. It is
// nil if flex is none of the tiers.
func (t *Ladder) FlexLimiter() *quota.Limiter { return t.flex }

// Over returns the configuration of a run with the ladder around its model and limiter.
// The configuration must have an OnResult.
func (t *Ladder) Over(c batch.Config) batch.Config {
	c.Model, c.Limiter = model{c.Model, t}, t
	note := c.OnResult
	c.OnResult = func(r *batch.Result) {
		t.onResult(r)
		note(r)
	}
	return c
}

// onResult counts a row that is not asked again in this run.
func (t *Ladder) onResult(r *batch.Result) {
	if r.Status != batch.Pending {
		t.mu.Lock()
		t.left--
		delete(t.rows, r.ID()) // Release has kept that of a row which failed
		t.mu.Unlock()
	}
}

// Acquire implements [batch.Limiter]. It sets the tier of r.
func (t *Ladder) Acquire(ctx context.Context, r *batch.Request) error {
	for {
		tier, leave := t.choose(r)
		r.Tier = t.tiers[tier]
		err := t.acquire(ctx, r, tier, leave)
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// acquire waits for a slot of the tier. It returns context.DeadlineExceeded when the
// row is to leave the tier before it has one.
func (t *Ladder) acquire(ctx context.Context, r *batch.Request, tier int, leave time.Time) error {
	begin := time.Now()
	if t.usesFlex(r) {
		inTier, cancel := until(ctx, leave)
		err := t.flex.Acquire(inTier, r)
		cancel()
		if err != nil {
			return err
		}
	}
	// A limit of all tiers is no fault of this one, so only the deadline ends this wait.
	queued := time.Now()
	last, cancel := until(ctx, t.lastChance(tier))
	err := t.Limiter.Acquire(last, r)
	cancel()
	if err != nil && t.usesFlex(r) {
		t.flex.Release(r, nil)
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.rows[r.ID()]; w != nil {
		w.queued += now.Sub(queued)
	}
	t.occupy(tier, now.Sub(begin))
	return err
}

// usesFlex reports whether an attempt passes the limiter of flex calls.
func (t *Ladder) usesFlex(r *batch.Request) bool { return r.Tier == "flex" && t.flex != nil }

// until returns ctx with a deadline, if at is not zero.
func until(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, at)
}

// choose returns the tier that r is to ask for now, and when it is to leave that tier. A
// zero time means never.
func (t *Ladder) choose(r *batch.Request) (tier int, leave time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	w := t.rows[r.ID()]
	if w == nil {
		w = new(stay)
		t.rows[r.ID()] = w
	}
	if w.since.IsZero() {
		w.since, w.queued = now, 0
	}
	if w.tier == len(t.tiers)-1 {
		return w.tier, leave
	}
	leave = w.since.Add(w.queued + t.wait)
	if w.tier == 0 && !t.fullSince.IsZero() && t.fullSince.Add(t.wait).Before(leave) {
		// A tier that has had no room all that time has none now. If every row found that
		// out for itself, few would be answered an hour.
		leave = t.fullSince.Add(t.wait)
		if !now.Before(leave) && !now.Before(t.nextTry) {
			t.nextTry = now.Add(retryFull)
			leave = t.nextTry
		}
	}
	if !now.Before(leave) {
		*w = stay{tier: w.tier + 1, since: now}
		if w.tier == len(t.tiers)-1 {
			return w.tier, time.Time{}
		}
		leave = now.Add(t.wait)
	}
	if at := t.switchAt(); w.tier == 0 && !at.IsZero() {
		if !now.Add(t.expected()).Before(at) {
			return 1, leave
		}
		if at.Before(leave) {
			leave = at
		}
	}
	return w.tier, leave
}

// Release implements [batch.Limiter].
func (t *Ladder) Release(r *batch.Request, o *batch.Outcome) {
	if t.usesFlex(r) {
		own := o
		if o != nil && (o.Consequence == batch.Park || len(o.Limits) > 0) {
			own = new(batch.Outcome) // it is a quota of all tiers, and says nothing about flex
		}
		t.flex.Release(r, own)
	}
	t.Limiter.Release(r, o)
	if o == nil || o.Consequence != batch.Answered && o.Consequence != batch.Settled {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, r.ID())
}
