// Package budget holds the cost of a job below its cap: it lets no request through that
// might take the cost above it.
//
// What a call costs is known only afterwards. So a [Budget] reserves the most that it can
// cost before it is sent, and puts what it did cost in that place when it has ended. It is
// the limiter around that of the quota: a slot of the quota must not stay unused while its
// row waits for money. If no slot is granted, the money is returned.
//
// The most that a request can use is estimated from its body (bound.go), with media
// (inline.go) and searches (searches.go). If the request does not limit its output, the
// estimate would be the model's limit, and hardly a call would fit. Then the cap is soft:
// the longest answer so far counts, with a margin.
//
// An attempt that was cut may have been billed, and nobody says for how much; nor is it known
// what an answer cost whose model has no price. The model of [Bound] adds the most that such
// an attempt can have used to its outcome, so that this run and later ones count it. It stands outside the model that sends media, where a medium is
// a reference of some bytes and not its content.
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

// An Error ends a run because the next request might take the cost of the job
// above its max_cost.
type Error struct {
	Cap   price.USD
	Spent price.USD // by all runs; an attempt of unknown cost counts with the most that it can have cost
	Next  price.USD // the most that the next request can cost
}

func (e *Error) Error() string {
	return fmt.Sprintf("max_cost of $%s is reached: $%s is spent, and the next request may cost $%s", e.Cap, e.Spent.Format(6), e.Next.Format(6))
}

const (
	// softCalls is how many calls are in flight until answers have shown what they cost.
	softCalls = 4
	// softAnswers is how many answers show that if the cap is soft. One is enough if
	// requests limit their output.
	softAnswers = 20
)

// A Budget is a limiter that lets no request through that might take the cost of the job
// above its cap. It is safe for concurrent use.
type Budget struct {
	batch.Limiter
	prices   *price.Table
	cap      price.USD
	unpriced int64 // calls of earlier runs of which not even the most is known

	mu       sync.Mutex
	spent    price.USD
	reserved map[*batch.Request]price.USD
	total    price.USD // the sum of reserved
	freed    bell      // rings when a call has ended
	models   []string  // models that answered for others, and may be dearer
	answers  int       // in this run
	longest  int64     // the most output tokens of an answer
	unseen   int64     // the most input tokens of an answer beyond those that its request reserved
}

// New returns a budget of which nothing is spent. What it lets through it passes on to l.
func New(l batch.Limiter, prices *price.Table, limit price.USD) *Budget {
	return &Budget{
		Limiter: l, prices: prices, cap: limit,
		reserved: make(map[*batch.Request]price.USD),
	}
}

// AddPast counts a result of an earlier run. All of them must be added before the first
// Acquire. An attempt of unknown cost counts with the most that it can have cost.
func (b *Budget) AddPast(r *batch.Result) {
	for i := range r.Spent {
		s := &r.Spent[i]
		if u := s.Usage; u != nil {
			b.longest = max(b.longest, u.CandidatesTokenCount+u.Thoughts()) // known before the first answer of this run
			if c, ok := cost.Of(b.prices, s, r.Model); ok {
				b.spent += c
				continue
			}
		}
		most, ok := cost.Most(b.prices, s, r.Model)
		b.spent += most
		if !ok && s.Usage != nil {
			b.unpriced++
		}
	}
}

// Unpriced returns of how many calls of earlier runs neither the cost nor the most that it
// can be is known. If there are any, the cap cannot be held.
func (b *Budget) Unpriced() int64 { return b.unpriced }

// Acquire implements [batch.Limiter]. If too little is left, it waits for calls under way,
// which may cost less than they have reserved. It returns an [*Error] if there are none.
func (b *Budget) Acquire(ctx context.Context, r *batch.Request) error {
	// Before the lock, since these read the whole body.
	most, hard := mostUsage(b.prices, r)
	tier := askedTier(r)
	for {
		freed, err := b.reserve(r, tier, *most, hard)
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
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settle(r, 0)
	}
	return err
}

// reserve takes the most that r can cost in a tier. If that does not fit now but may fit later, it
// returns what to wait for.
func (b *Budget) reserve(r *batch.Request, tier string, most batch.Usage, hard bool) (freed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !hard {
		most.CandidatesTokenCount = b.longest + b.longest/2
	}
	most.PromptTokenCount += b.unseen + b.unseen/2
	var need price.USD
	for _, model := range append([]string{r.Model}, b.models...) {
		amount, ok := cost.Most(b.prices, &batch.Spend{At: time.Now(), Model: model, Tier: tier, Most: &most}, model)
		if !ok && model == r.Model {
			return nil, fmt.Errorf("max_cost cannot be held: %w", cost.UnknownPrice(model, tier))
		}
		need = max(need, amount)
	}
	// The first answers also show which model answers. It need not be the one that is
	// asked, nor as cheap.
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
	return nil, &Error{Cap: b.cap, Spent: b.spent, Next: need}
}

// Release implements [batch.Limiter].
func (b *Budget) Release(r *batch.Request, o *batch.Outcome) {
	b.Limiter.Release(r, o)
	if o == nil { // no attempt was made
		o = new(batch.Outcome)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := batch.Spend{At: time.Now(), Model: cmp.Or(o.ModelVersion, r.Model), Tier: o.Tier, Usage: o.Usage, Most: o.Most}
	most, _ := cost.Most(b.prices, &s, r.Model)
	amount := max(b.reserved[r], most) // if nobody says for what the attempt is billed, or at which price
	if u := o.Usage; u != nil {
		model := s.Model
		if c, ok := cost.Of(b.prices, &s, r.Model); ok {
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
	b.settle(r, amount)
}

// settle puts what r cost in the place of what it has reserved. mu is held.
func (b *Budget) settle(r *batch.Request, amount price.USD) {
	b.total -= b.reserved[r]
	delete(b.reserved, r)
	b.spent += amount
	b.freed.ring()
}
