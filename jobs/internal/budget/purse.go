package budget

import (
	"context"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/record"
)

// purseWait is how long a request waits before it asks again for money that others hold.
const purseWait = 500 * time.Millisecond

// funds are where the money of a budget comes from.
type funds struct {
	drawing sync.Mutex   // held while the purse is asked
	purse   record.Purse // nil: the cap is all that there is
	before  price.USD    // what was spent before the purse was there
}

// Use has the budget spend what it draws from a purse, and nothing else. What earlier runs
// spent must have been added, and counts in the purse.
func (b *Budget) Use(p record.Purse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.purse, b.before = p, b.spent+b.most
	b.cap = b.before
}

// Settle gives back to the purse what was drawn and not spent. It is called once nothing is in
// flight, and does nothing without a purse.
func (b *Budget) Settle() error {
	b.mu.Lock()
	p, spent, drawn := b.purse, b.spent+b.most-b.before, b.cap-b.before
	b.purse = nil
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Settle(spent, drawn)
}

// draw asks the purse for what a request lacks under a cap that it has seen. If it drew
// nothing, others tells whether it may be worth asking again.
func (b *Budget) draw(ctx context.Context, seen, lacks price.USD) (drew, others bool, err error) {
	b.drawing.Lock() // one at a time, so that what one has drawn is seen by the next
	defer b.drawing.Unlock()
	b.mu.Lock()
	p, limit := b.purse, b.cap
	b.mu.Unlock()
	if p == nil || limit != seen {
		return limit != seen, false, nil
	}
	drawn, others, err := p.Draw(ctx, lacks)
	if err != nil || drawn <= 0 {
		return false, others, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cap += drawn
	b.freed.ring()
	return true, others, nil
}

// giveBack returns to the purse what was drawn and not spent, unless calls are in flight.
func (b *Budget) giveBack() error {
	b.drawing.Lock()
	defer b.drawing.Unlock()
	b.mu.Lock()
	p, spent, drawn := b.purse, b.spent+b.most-b.before, b.cap-b.before
	if p == nil || b.total > 0 || drawn == 0 && spent == 0 {
		b.mu.Unlock()
		return nil
	}
	b.before = b.spent + b.most
	b.cap = b.before
	b.mu.Unlock()
	return p.Settle(spent, drawn)
}
