package budget

import (
	"context"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/record"
)

// Hold reserves the most that a request of a batch job can cost, until Free. Nothing is
// waited for, since batches take hours. It returns a [*record.BudgetError] if too little is
// left.
func (b *Budget) Hold(job string, r *batch.Request) error { return b.hold(job, r, false) }

// Keep is Hold for a request that is at the endpoint already: it counts even if it takes the
// cost above the cap.
func (b *Budget) Keep(job string, r *batch.Request) error { return b.hold(job, r, true) }

func (b *Budget) hold(job string, r *batch.Request, always bool) error {
	most, hard := mostUsage(b.prices, r)
	tier := askedTier(r)
	b.mu.Lock()
	defer b.mu.Unlock()
	need, err := b.need(r, tier, *most, hard)
	switch {
	case err != nil:
		return err
	case always:
	case b.unpriced != "":
		return &record.BudgetError{Cap: b.cap, Unpriced: b.unpriced}
	case b.spent+b.most+b.total+need > b.cap:
		return &record.BudgetError{Cap: b.cap, Spent: b.spent, Next: need, Unknown: b.unknown, Most: b.most}
	}
	b.hard = b.hard || hard
	b.held[job] += need
	b.total += need
	return nil
}

// Free gives back what a batch job holds: its results have been counted, or it came to
// nothing.
func (b *Budget) Free(job string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total -= b.held[job]
	delete(b.held, job)
	b.freed.ring()
}

// SetCap changes the cap. What is reserved stays so, and what does not fit any more is not
// begun.
func (b *Budget) SetCap(limit price.USD) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cap = limit
	b.freed.ring()
}

// Standing returns the cap, and what counts against it without what is reserved: what is known
// to be spent, and the most that calls of unknown usage can have cost.
func (b *Budget) Standing() (limit, spent price.USD) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cap, b.spent + b.most
}

// Known reports whether it is known what answers cost: enough of them have come, or requests
// limit their output. Until then a batch job had better be small.
func (b *Budget) Known() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hard || b.answers >= softAnswers || b.longest > 0
}

// Spending returns the limiter of the calls that batch jobs have made. It lets all of them
// through, and counts what they cost.
func (b *Budget) Spending() batch.Limiter { return spending{b} }

type spending struct{ *Budget }

func (s spending) Acquire(ctx context.Context, _ *batch.Request) error { return ctx.Err() }
