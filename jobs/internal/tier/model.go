package tier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A model is the ladder's side of a model: it makes attempts in the tier that the ladder
// has chosen.
type model struct {
	batch.Model
	*Ladder
}

// Attempt implements [batch.Model].
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
		m.paceOf(tier).add(r.InputTokens) // with its time, so that no reader sees one of them alone
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
		w.since = time.Time{} // the tier had room, and another one would not have helped
	default:
		m.recordRoom(tier, false)
		end := w.since.Add(w.queued + m.wait)
		// In its last tier a row ends as any other row does. If that is flex, it first
		// waits as long as it may.
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

// recordRoom records whether a tier had room for a call. mu is held.
func (t *Ladder) recordRoom(tier int, room bool) {
	switch {
	case tier > 0:
	case room:
		t.fullSince = time.Time{}
	default:
		t.refused = true
		if t.fullSince.IsZero() {
			t.fullSince = time.Now()
		}
	}
}

// tierBusy reports whether a tier had no room for a call: the call was refused, or ended by
// its timeout. A refusal that names a quota is about all tiers.
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

// untilLastChance returns a context that ends when a call of the tier is to be given up for
// the deadline. That moment moves as rows end, so it is looked up again when it comes.
func (t *Ladder) untilLastChance(ctx context.Context, tier int) (context.Context, func()) {
	at := t.lastChance(tier)
	if at.IsZero() {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var timer *time.Timer
	ready := make(chan struct{}) // closed when timer is set
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

// warnIfOtherTier warns if another tier answered than the one that was asked, or if the
// answer does not say which: it is billed by what the answer says.
func (t *Ladder) warnIfOtherTier(r *batch.Request, o *batch.Outcome) {
	if o.Usage != nil && t.config.Warn != nil && (o.Tier == "" && r.Tier != "standard" || cost.ServiceName(o.Tier) != r.Tier) {
		t.config.Warn(r.Tier, o.Tier)
	}
}
