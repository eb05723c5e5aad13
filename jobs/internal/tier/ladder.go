// Package tier chooses the service tier of each attempt, so that rows are answered as
// cheaply as the wait for a tier and the deadline of the run allow.
package tier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
)

const (
	// assumedCall is how long a call of the standard tier is taken to occupy its
	// worker before one was made, and assumedCalls is how many measured ones that counts as.
	assumedCall  = time.Minute
	assumedCalls = 4
	// assumedFlex is the same for the flex tier.
	assumedFlex = 5 * time.Minute
	// lookEvery is how often a row tries a tier that had no room for long.
	lookEvery = time.Minute
	// reserveFactor is what the reserve for the standard tier has beyond what the pace so far
	// makes of it.
	reserveFactor = 1.25
	// decay stands for a mean over the last 64 calls or so.
	decay = 1 - 1.0/64
)

// A Ladder chooses the service tier of each attempt. Every row begins with the
// first tier; one that has no room for it is asked again, until the row has waited
// for as long as it may, and then the next one is. Where there is a deadline, rows
// leave the first tier as soon as the second one needs all the time that is left.
//
// It is a Limiter, since a row may have to leave a tier while it waits for a slot in
// it. It is safe for concurrent use.
type Ladder struct {
	batch.Limiter                // of all calls
	gate          *quota.Limiter // of flex calls as well; nil: there are none
	tiers         []string       // at least one
	wait          time.Duration  // how long a row waits for a tier
	deadline      time.Time      // zero: none
	concurrency   int
	limits        func() (rpm, tpm int64) // that are known; 0: none. nil: none are
	warn          func(asked, served string)

	mu   sync.Mutex
	left int64 // rows to be asked that have not ended
	rows map[batch.ID]*waited
	shed bool          // the first tier has refused a call
	dry  time.Time     // since when the first tier has had no room for any call; zero: it has
	look time.Time     // when a row is to see whether it has again
	pace map[int]*pace // by place in tiers
}

// waited is how long one row has waited for a tier.
type waited struct {
	tier   int           // place in tiers
	since  time.Time     // zero: it has not begun to
	queued time.Duration // of that, what a limit of the minute or the cost made it wait
}

var errLeaveTier = errors.New("the deadline leaves no more time for this tier")

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
	if t.gated(r) {
		gated, cancel := until(ctx, leave)
		err := t.gate.Acquire(gated, r)
		cancel()
		if err != nil {
			return err
		}
	}
	// What binds all tiers is no fault of this one: only the deadline ends this wait.
	queued := time.Now()
	last, cancel := until(ctx, t.lastChance(tier))
	err := t.Limiter.Acquire(last, r)
	cancel()
	if err != nil && t.gated(r) {
		t.gate.Release(r, nil)
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

func (t *Ladder) gated(r *batch.Request) bool { return r.Tier == "flex" && t.gate != nil }

// until returns ctx with the deadline, where there is one.
func until(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, at)
}

// choose returns the tier that r is to ask for now, and when it is to leave it; zero:
// never.
func (t *Ladder) choose(r *batch.Request) (tier int, leave time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	w := t.rows[r.ID()]
	if w == nil {
		w = new(waited)
		t.rows[r.ID()] = w
	}
	if w.since.IsZero() {
		w.since, w.queued = now, 0
	}
	if w.tier == len(t.tiers)-1 {
		return w.tier, leave
	}
	leave = w.since.Add(w.queued + t.wait)
	if w.tier == 0 && !t.dry.IsZero() && t.dry.Add(t.wait).Before(leave) {
		// What the tier had no room for all that time it has none for now: if every row
		// found that out for itself, few would be answered an hour.
		leave = t.dry.Add(t.wait)
		if !now.Before(leave) && !now.Before(t.look) {
			t.look = now.Add(lookEvery)
			leave = t.look
		}
	}
	if !now.Before(leave) {
		*w = waited{tier: w.tier + 1, since: now}
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
	if t.gated(r) {
		own := o
		if o != nil && (o.Consequence == batch.Park || len(o.Limits) > 0) {
			own = new(batch.Outcome) // a quota of all tiers, which says nothing of this one
		}
		t.gate.Release(r, own)
	}
	t.Limiter.Release(r, o)
	if o == nil || o.Consequence != batch.Answered && o.Consequence != batch.Settled {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, r.ID())
	p := t.paceOf(slices.Index(t.tiers, r.Tier))
	p.ended++
	p.tokens += float64(r.InputTokens)
	if p.ended > 64 {
		p.ended, p.occupied, p.tokens = p.ended*decay, p.occupied*decay, p.tokens*decay
	}
}

// ended counts a row that is not asked again in this run.
func (t *Ladder) onResult(r *batch.Result) {
	if r.Status != batch.Pending {
		t.mu.Lock()
		t.left--
		delete(t.rows, r.ID()) // of one that failed
		t.mu.Unlock()
	}
}

// over returns the configuration of a run with the tiering laid over it.
func (t *Ladder) Over(c batch.Config) batch.Config {
	c.Model, c.Limiter = model{c.Model, t}, t
	note := c.OnResult
	c.OnResult = func(r *batch.Result) {
		t.onResult(r)
		note(r)
	}
	return c
}

func (m model) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	tier := slices.Index(m.tiers, r.Tier)
	attempt, stop := m.untilLastChance(ctx, tier)
	begin := time.Now()
	o := m.Model.Attempt(attempt, r)
	cause := context.Cause(attempt)
	stop()
	m.warnIfOtherTier(r, &o)

	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.occupy(tier, now.Sub(begin))
	if o.Consequence == batch.Answered || o.Consequence == batch.Settled {
		m.recordRoom(tier, true)
		return o
	}
	if errors.Is(cause, errLeaveTier) && ctx.Err() == nil {
		o.Consequence, o.Status, o.Uncounted, o.RetryAfter = batch.Retry, "", true, 0
		o.Err = &batch.Error{Kind: batch.KindTimeout, Message: fmt.Sprintf("no answer in the %s tier, and the deadline leaves it no more time", r.Tier)}
		return o
	}
	w := m.rows[r.ID()]
	switch {
	case w == nil:
	case !tierBusy(&o):
		m.recordRoom(tier, true)
		w.since = time.Time{} // the tier had room: what went wrong is nothing that another one mends
	default:
		m.recordRoom(tier, false)
		end := w.since.Add(w.queued + m.wait)
		// A row in its last tier ends as any other does, but for one that is to have
		// the cheap tier and no other.
		last := tier == len(m.tiers)-1
		o.Uncounted = !last || r.Tier == "flex" && now.Before(end)
		if at := m.switchAt(); tier == 0 && !at.IsZero() && at.Before(end) {
			end = at
		}
		if !last {
			o.RetryAfter = min(o.RetryAfter, max(0, end.Sub(now)))
		}
	}
	return o
}

// A Config is what a ladder needs to know.
type Config struct {
	Limiter     batch.Limiter // of all calls
	Tiers       []string      // at least one, the first to be tried first
	Wait        time.Duration // how long a row waits for a tier; 0: chosen by Deadline
	Begin       time.Time     // of the run
	Deadline    time.Time     // zero: none
	Concurrency int           // 0: the default of package quota
	Left        int64         // rows to be asked; it matters only with a deadline and two tiers

	RPM, TPM int            // the limits of a minute that are given; 0: what Quota has learned
	Quota    *quota.Limiter // of all calls

	// Warn is called when another tier answers than the one that was asked, or the
	// answer does not say which. It may be nil.
	Warn func(asked, served string)
}

// New returns the ladder of a run.
func New(c Config) *Ladder {
	t := &Ladder{
		Limiter: c.Limiter, tiers: c.Tiers, wait: c.Wait, deadline: c.Deadline, left: c.Left,
		concurrency: cmp.Or(c.Concurrency, quota.DefaultConcurrency), limits: c.limits, warn: c.Warn,
		rows: make(map[batch.ID]*waited), pace: make(map[int]*pace),
	}
	if slices.Contains(t.tiers, "flex") {
		t.gate = quota.New(quota.Config{Concurrency: t.concurrency, Flex: true})
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

// limits returns the limits of a minute, given or learned; 0: not known.
func (c *Config) limits() (rpm, tpm int64) {
	rpm, tpm = int64(c.RPM), int64(c.TPM)
	for _, l := range c.Quota.Learned() {
		switch {
		case l.Limit == quota.LimitRPM && rpm == 0:
			rpm = l.Value
		case l.Limit == quota.LimitTPM && tpm == 0:
			tpm = l.Value
		}
	}
	return rpm, tpm
}

// Gate returns the limiter of flex calls, which they pass before the one of all
// calls; nil: flex is none of the tiers.
func (t *Ladder) Gate() *quota.Limiter { return t.gate }
