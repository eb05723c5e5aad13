package tier

import (
	"context"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A model is the model whose attempts a tiering has chosen the tier of.
type model struct {
	batch.Model
	*Ladder
}

// found records whether a call of the tier found room in it. mu is held.
func (t *Ladder) recordRoom(tier int, room bool) {
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
func (t *Ladder) untilLastChance(ctx context.Context, tier int) (context.Context, func()) {
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
func (t *Ladder) warnIfOtherTier(r *batch.Request, o *batch.Outcome) {
	if o.Usage != nil && t.warn != nil && (o.Tier == "" && r.Tier != "standard" || cost.ServiceName(o.Tier) != r.Tier) {
		t.warn(r.Tier, o.Tier)
	}
}
