// Package budget holds the cap of a job's cost: no request is sent that might take the
// cost above it.
package budget

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A BudgetError ends a run because the next request might take the cost of the job
// above its max_cost.
type BudgetError struct {
	Cap   price.USD
	Spent price.USD // by all runs of the job; attempts that were cut count with the most they can have cost
	Next  price.USD // the most that the next request can cost
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("max_cost of $%s is reached: $%s is spent, and the next request may cost $%s", e.Cap, e.Spent.Format(6), e.Next.Format(6))
}

const (
	// A cap without maxOutputTokens is soft: few calls are in flight until so many
	// answers have shown how long they are, and each reserves somewhat more than the
	// longest so far.
	softCalls   = 4
	softAnswers = 20
)

// A Budget is a limiter that lets no request through that might take the cost of
// the job above its cap: each reserves the most that it can cost, and is settled by
// what it did cost. It is safe for concurrent use.
type Budget struct {
	batch.Limiter
	prices   *price.Table
	cap      price.USD
	unpriced int64 // past calls whose price is not known

	mu       sync.Mutex
	spent    price.USD
	reserved map[*batch.Request]price.USD
	total    price.USD // of reserved
	freed    bell      // rings when a call has ended
	models   []string  // that answered, and may be dearer than the one that is asked
	answers  int       // in this run
	longest  int64     // output tokens of an answer
	unseen   int64     // input tokens of an answer beyond those that its request reserved
}

// New returns a budget before any call, which passes on to l what it lets
// through.
func New(l batch.Limiter, prices *price.Table, limit price.USD) *Budget {
	return &Budget{
		Limiter: l, prices: prices, cap: limit,
		reserved: make(map[*batch.Request]price.USD),
	}
}

// AddPast counts a result of an earlier run. All of them are to be added before the
// first Acquire.
func (b *Budget) AddPast(r *batch.Result) {
	var t cost.Totals
	t.AddResult(r, b.prices)
	spent, unpriced := t.CostUSD()
	b.spent += spent + t.UnreportedMost
	b.unpriced += unpriced
	for i := range r.Spent { // the next run knows how long answers are before its first
		if u := r.Spent[i].Usage; u != nil {
			b.longest = max(b.longest, u.CandidatesTokenCount+u.Thoughts())
		}
	}
}

// Unpriced returns how many past calls are of unknown price. With any the cap cannot
// be held.
func (b *Budget) Unpriced() int64 { return b.unpriced }

// Acquire implements [batch.Limiter]. It waits while calls under way may leave
// enough, and returns a *BudgetError when there are none.
func (b *Budget) Acquire(ctx context.Context, r *batch.Request) error {
	most, hard := mostUsage(b.prices, r) // it reads the body: not while others wait
	for {
		freed, err := b.reserve(r, *most, hard)
		if err != nil {
			return err
		}
		if freed == nil {
			break
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := b.Limiter.Acquire(ctx, r)
	if err != nil {
		b.settle(r, 0)
	}
	return err
}

// reserve takes the most that r can cost. Where that does not fit now but may
// later, it returns what to wait for.
func (b *Budget) reserve(r *batch.Request, most batch.Usage, hard bool) (freed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !hard {
		most.CandidatesTokenCount = b.longest + b.longest/2
	}
	most.PromptTokenCount += b.unseen + b.unseen/2
	var need price.USD
	for _, model := range append([]string{r.Model}, b.models...) {
		tier := askedTier(r)
		amount, ok := cost.Most(b.prices, &batch.Spend{At: time.Now(), Model: model, Tier: tier, Most: &most}, model)
		if !ok && model == r.Model {
			return nil, fmt.Errorf("max_cost cannot be held: %w", cost.UnknownPrice(model, tier))
		}
		need = max(need, amount)
	}
	// The first answers also show which model answers, which need not be the one
	// that was asked, nor as cheap.
	known := b.answers >= softAnswers || hard && b.answers > 0
	fits := b.spent+b.total+need <= b.cap && (known || len(b.reserved) < softCalls)
	switch {
	case fits:
		b.reserved[r] = need
		b.total += need
		return nil, nil
	case len(b.reserved) > 0:
		return b.freed.wait(), nil
	}
	return nil, &BudgetError{Cap: b.cap, Spent: b.spent, Next: need}
}

// Release implements [batch.Limiter].
func (b *Budget) Release(r *batch.Request, o *batch.Outcome) {
	b.Limiter.Release(r, o)
	if o == nil { // it was not sent
		o = new(batch.Outcome)
	}
	b.mu.Lock()
	amount := b.reserved[r] // of what may have been billed and is not known
	if u := o.Usage; u != nil {
		model := cmp.Or(o.ModelVersion, r.Model)
		if c, ok := cost.Of(b.prices, &batch.Spend{At: time.Now(), Model: model, Tier: o.Tier, Usage: u}, r.Model); ok {
			amount = c
			if model != r.Model && !slices.Contains(b.models, model) && len(b.models) < 16 {
				b.models = append(b.models, model)
			}
		}
		b.answers++
		b.longest = max(b.longest, u.CandidatesTokenCount+u.Thoughts())
		if input := u.PromptTokenCount + u.ToolUsePromptTokenCount; input > int64(len(r.Body)) {
			most, _ := mostUsage(b.prices, r)
			b.unseen = max(b.unseen, input-most.PromptTokenCount)
		}
	} else if !o.MaybeBilled {
		amount = 0
	}
	b.mu.Unlock()
	b.settle(r, amount)
}

// settle puts what r cost in the place of what it reserved.
func (b *Budget) settle(r *batch.Request, cost price.USD) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total -= b.reserved[r]
	delete(b.reserved, r)
	b.spent += cost
	b.freed.ring()
}

// A bell wakes all who wait for it. The mutex of its owner guards it.
type bell struct {
	rung chan struct{} // nil: nobody waits
}

// wait returns a channel that is closed when the bell rings next.
func (b *bell) wait() <-chan struct{} {
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

func (m boundedModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.MaybeBilled && o.Usage == nil {
		o.Most, _ = mostUsage(m.prices, r)
	}
	return o
}
