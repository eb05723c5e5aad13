package jobs

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
	// spare is what the reserve for the standard tier has beyond what the pace so far
	// makes of it.
	spare = 1.25
	// forget stands for a mean over the last 64 calls or so.
	forget = 1 - 1.0/64
)

// A tiering chooses the service tier of each attempt. Every row begins with the
// first tier; one that has no room for it is asked again, until the row has waited
// for as long as it may, and then the next one is. Where there is a deadline, rows
// leave the first tier as soon as the second one needs all the time that is left.
//
// It is a Limiter, since a row may have to leave a tier while it waits for a slot in
// it. It is safe for concurrent use.
type tiering struct {
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

// A pace is how calls of one tier went, recent ones first in weight.
type pace struct {
	ended    float64 // rows
	occupied float64 // seconds for which a worker had a call of theirs, waiting for a slot included
	tokens   float64 // of input
}

var errLeaveTier = errors.New("the deadline leaves no more time for this tier")

// Acquire implements [batch.Limiter]. It sets the tier of r.
func (t *tiering) Acquire(ctx context.Context, r *batch.Request) error {
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
func (t *tiering) acquire(ctx context.Context, r *batch.Request, tier int, leave time.Time) error {
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

func (t *tiering) gated(r *batch.Request) bool { return r.Tier == "flex" && t.gate != nil }

// until returns ctx with the deadline, where there is one.
func until(ctx context.Context, at time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, at)
}

// choose returns the tier that r is to ask for now, and when it is to leave it; zero:
// never.
func (t *tiering) choose(r *batch.Request) (tier int, leave time.Time) {
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

// switchAt is when rows have to leave the first tier, so that the second can do what
// is left by the deadline; zero: never. mu is held.
func (t *tiering) switchAt() time.Time {
	if t.deadline.IsZero() || len(t.tiers) == 1 {
		return time.Time{}
	}
	need := assumedCall.Seconds()
	if p := t.pace[0]; p != nil && p.ended > 0 {
		need = min(need, p.occupied/p.ended) // the dearer tier is not the slower one
	}
	if p := t.pace[1]; p != nil && p.ended > 0 {
		need = (assumedCalls*need + p.occupied) / (assumedCalls + p.ended)
	}
	each := need / float64(max(1, t.concurrency))
	if t.limits != nil {
		rpm, tpm := t.limits()
		if rpm > 0 {
			each = max(each, 60/float64(rpm))
		}
		if p := t.pace[0]; tpm > 0 && p != nil && p.ended > 0 {
			each = max(each, 60*p.tokens/p.ended/float64(tpm))
		}
		if p := t.pace[1]; tpm > 0 && p != nil && p.ended > 0 {
			each = max(each, 60*p.tokens/p.ended/float64(tpm))
		}
	}
	reserve := time.Duration((spare*each*float64(t.left) + 2*need) * float64(time.Second))
	if t.shed {
		reserve += time.Minute // rows that wait for another attempt come as late as that
	}
	return t.deadline.Add(-reserve)
}

// expected is how long a row takes in the first tier, at most as long as one call may.
// A row that would be cut off later is better not begun: cut calls may be billed.
// mu is held.
func (t *tiering) expected() time.Duration {
	mean := assumedCall
	if t.tiers[0] == "flex" {
		mean = assumedFlex
	}
	if p := t.pace[0]; p != nil {
		mean = time.Duration((assumedCalls*mean.Seconds() + p.occupied) / (assumedCalls + p.ended) * float64(time.Second))
	}
	return min(mean, defaultTierWait)
}

// lastChance is when calls of the tier are to be given up for the deadline; zero:
// never.
func (t *tiering) lastChance(tier int) time.Time {
	if tier > 0 {
		return time.Time{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.switchAt()
}

// Release implements [batch.Limiter].
func (t *tiering) Release(r *batch.Request, o *batch.Outcome) {
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
		p.ended, p.occupied, p.tokens = p.ended*forget, p.occupied*forget, p.tokens*forget
	}
}

// occupy counts time for which a worker had a call of the tier. mu is held.
func (t *tiering) occupy(tier int, d time.Duration) { t.paceOf(tier).occupied += d.Seconds() }

func (t *tiering) paceOf(tier int) *pace {
	p := t.pace[tier]
	if p == nil {
		p = new(pace)
		t.pace[tier] = p
	}
	return p
}

// ended counts a row that is not asked again in this run.
func (t *tiering) ended(r *batch.Result) {
	if r.Status != batch.Pending {
		t.mu.Lock()
		t.left--
		delete(t.rows, r.ID()) // of one that failed
		t.mu.Unlock()
	}
}

// over returns the configuration of a run with the tiering laid over it.
func (t *tiering) over(c batch.Config) batch.Config {
	c.Model, c.Limiter = tieredModel{c.Model, t}, t
	note := c.OnResult
	c.OnResult = func(r *batch.Result) {
		t.ended(r)
		note(r)
	}
	return c
}

// A tieredModel is the model whose attempts a tiering has chosen the tier of.
type tieredModel struct {
	batch.Model
	*tiering
}

func (m tieredModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	tier := slices.Index(m.tiers, r.Tier)
	attempt, stop := m.untilLastChance(ctx, tier)
	begin := time.Now()
	o := m.Model.Attempt(attempt, r)
	cause := context.Cause(attempt)
	stop()
	m.told(r, &o)

	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.occupy(tier, now.Sub(begin))
	if o.Consequence == batch.Answered || o.Consequence == batch.Settled {
		m.found(tier, true)
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
		m.found(tier, true)
		w.since = time.Time{} // the tier had room: what went wrong is nothing that another one mends
	default:
		m.found(tier, false)
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

// found records whether a call of the tier found room in it. mu is held.
func (t *tiering) found(tier int, room bool) {
	switch {
	case tier > 0:
	case room:
		t.dry = time.Time{}
	default:
		t.shed = true
		if t.dry.IsZero() {
			t.dry = time.Now()
		}
	}
}

// tierBusy reports whether a tier had no room for a call: it was shed, or waited for
// longer than its timeout. A quota that the refusal names is not the tier's.
func tierBusy(o *batch.Outcome) bool {
	if o.Err == nil || len(o.Limits) > 0 || o.Consequence != batch.Retry && o.Consequence != batch.SlowDown {
		return false
	}
	switch o.Err.Kind {
	case batch.KindOverload, batch.KindTimeout, batch.KindQuota:
		return true
	}
	return false
}

// untilLastChance returns a context that ends when a call of the tier is to be given
// up for the deadline. That moment moves as rows end.
func (t *tiering) untilLastChance(ctx context.Context, tier int) (context.Context, func()) {
	at := t.lastChance(tier)
	if at.IsZero() {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(time.Until(at), func() {
		<-ready
		if ctx.Err() != nil {
			return
		}
		if d := time.Until(t.lastChance(tier)); d > 0 {
			timer.Reset(d)
			return
		}
		cancel(errLeaveTier)
	})
	close(ready)
	return ctx, func() { timer.Stop(); cancel(nil) }
}

// told warns of an answer by another tier than the one that was asked, or of an
// unknown one: it is billed by what the answer says.
func (t *tiering) told(r *batch.Request, o *batch.Outcome) {
	if o.Usage != nil && t.warn != nil && (o.Tier == "" && r.Tier != "standard" || service(o.Tier) != r.Tier) {
		t.warn(r.Tier, o.Tier)
	}
}

// A ladderConfig is what a ladder needs to know.
type ladderConfig struct {
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

// newLadder returns the ladder of a run.
func newLadder(c ladderConfig) *tiering {
	t := &tiering{
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
func (c *ladderConfig) limits() (rpm, tpm int64) {
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
func (t *tiering) Gate() *quota.Limiter { return t.gate }

// newTiering returns what chooses the tiers of a run; nil: the job names none.
func (j *Job) newTiering(l batch.Limiter, shared *quota.Limiter, begin, deadline time.Time) (*tiering, error) {
	if len(j.spec.Tier) == 0 {
		return nil, nil
	}
	c := ladderConfig{
		Limiter: l, Tiers: j.spec.tiers(), Wait: j.spec.TierWait, Begin: begin, Deadline: deadline, Concurrency: j.spec.Concurrency,
		RPM: j.spec.RPM, TPM: j.spec.TPM, Quota: shared, Warn: j.warnTier,
	}
	if deadline.IsZero() || len(c.Tiers) == 1 {
		return newLadder(c), nil
	}
	// The deadline needs to know what is left to do.
	for it, err := range j.items() {
		if err != nil {
			return nil, err
		}
		if it.req != nil && !it.copied && !(it.known && j.settled(it.entry)) {
			c.Left++
		}
	}
	return newLadder(c), nil
}
