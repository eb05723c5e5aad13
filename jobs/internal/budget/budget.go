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
// An attempt that was cut may have been billed, and nobody says for how much. The model of
// [Bound] adds the most that such an attempt can have used to its outcome, so that this run and
// later ones count it. It stands outside the model that sends media, where a medium is a
// reference of some bytes and not its content. An answer of a model without a price ends the
// run, because nothing bounds its cost.
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
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/record"
)

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
	prices *price.Table

	mu       sync.Mutex
	cap      price.USD
	spent    price.USD // what is known to be spent
	most     price.USD // the most that calls of unknown usage can have cost
	unknown  int64     // those calls
	unpriced string    // the first that answered without a known price; empty: none did
	reserved map[*batch.Request]price.USD
	held     map[string]price.USD // by batch job, whose calls are not in reserved
	total    price.USD            // the sum of reserved and held
	freed    bell                 // rings when a call has ended
	models   []string             // models that answered for others, and may be dearer
	shown
	funds
}

// shown is what answers and requests have shown of the cost of others.
type shown struct {
	answers int   // in this run
	longest int64 // the most output tokens of an answer
	unseen  int64 // the most input tokens of an answer beyond those that its request reserved
	hard    bool  // whether a request of a batch job has limited its output
}

// New returns a budget of which nothing is spent. What it lets through it passes on to l, which
// is nil for a budget of batch jobs alone.
func New(l batch.Limiter, prices *price.Table, limit price.USD) *Budget {
	return &Budget{
		Limiter: l, prices: prices, cap: limit,
		reserved: make(map[*batch.Request]price.USD), held: make(map[string]price.USD),
	}
}

// AddPast counts a result of an earlier run. All of them must be added before the first
// Acquire. An attempt of unknown cost counts with the most that it can have cost. Of one that rows
// have shared each counts its share of the cost, and the length of the whole answer.
func (b *Budget) AddPast(r *batch.Result) {
	for i := range r.Spent {
		s := &r.Spent[i]
		if u := s.Usage; u != nil {
			b.longest = max(b.longest, u.CandidatesTokenCount+u.Thoughts()) // known before the first answer of this run
			c, ok := cost.Of(b.prices, s, r.Model)
			if !ok {
				b.noteUnpriced(s)
			}
			b.spent += c
			continue
		}
		most, _ := cost.Most(b.prices, s, r.Model)
		b.most += most
		if s.Counts() {
			b.unknown++
		}
	}
}

// Unpriced returns the first model that answered without a known price, with its tier if
// that is why. It is empty if none did. What a dearer model used says nothing of the cost, so
// that the cap cannot be held from then on.
func (b *Budget) Unpriced() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unpriced
}

// noteUnpriced notes what answered without a known price. mu is held, or not yet needed.
func (b *Budget) noteUnpriced(s *batch.Spend) {
	if b.unpriced != "" {
		return
	}
	b.unpriced = message.OneLine(s.Model, 100)
	if cost.Known(b.prices, s.Model, "", s.At) && s.Tier != "" {
		b.unpriced += " in the " + message.OneLine(s.Tier, 40) + " tier"
	}
}

// Acquire implements [batch.Limiter]. If too little is left, it waits for calls under way,
// which may cost less than they have reserved. It returns an [*record.BudgetError] if there are none.
func (b *Budget) Acquire(ctx context.Context, r *batch.Request) error {
	// Before the lock, since these read the whole body.
	most, hard := mostUsage(b.prices, r)
	tier := askedTier(r)
	for {
		freed, lacks, seen, err := b.reserve(r, tier, *most, hard)
		var again <-chan time.Time
		if lacks > 0 {
			drew, others, failed := b.draw(ctx, seen, lacks)
			switch {
			case failed != nil:
				return failed
			case drew:
				continue
			case others:
				if freed == nil { // else processes that lack a little could wait for each other's little for ever
					if err := b.giveBack(); err != nil {
						return err
					}
				}
				again, err = time.After(purseWait), nil
			}
		}
		if err != nil {
			return err
		}
		if freed == nil && again == nil {
			break
		}
		select {
		case <-freed:
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := b.Limiter.Acquire(ctx, r)
	if err == nil && b.Unpriced() != "" { // known since r began to wait for its slot
		b.Limiter.Release(r, nil)
		limit, _ := b.Standing()
		err = &record.BudgetError{Cap: limit, Unpriced: b.Unpriced()}
	}
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settle(r, 0)
	}
	return err
}

// reserve takes the most that r can cost in a tier. If that does not fit now but may fit later, it
// returns what to wait for. lacks is how much more than the cap that it has seen it would take; 0 if
// more would not help.
func (b *Budget) reserve(r *batch.Request, tier string, most batch.Usage, hard bool) (freed <-chan struct{}, lacks, seen price.USD, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unpriced != "" {
		return nil, 0, b.cap, &record.BudgetError{Cap: b.cap, Unpriced: b.unpriced}
	}
	need, err := b.need(r, tier, most, hard)
	if err != nil {
		return nil, 0, b.cap, err
	}
	// The first answers also show which model answers. It need not be the one that is
	// asked, nor as cheap.
	known := b.answers >= softAnswers || hard && b.answers > 0
	lacks = max(0, b.spent+b.most+b.total+need-b.cap)
	switch {
	case lacks == 0 && (known || len(b.reserved) < softCalls):
		b.reserved[r] = need
		b.total += need
		return nil, 0, b.cap, nil
	case b.purse == nil:
		lacks = 0
	}
	if len(b.reserved) > 0 {
		return b.freed.wait(), lacks, b.cap, nil
	}
	return nil, lacks, b.cap, &record.BudgetError{Cap: b.cap, Spent: b.spent, Next: need, Unknown: b.unknown, Most: b.most}
}

// need returns the most that r can cost in a tier. mu is held.
func (b *Budget) need(r *batch.Request, tier string, most batch.Usage, hard bool) (need price.USD, err error) {
	if !hard {
		most.CandidatesTokenCount = b.longest + b.longest/2
	}
	most.PromptTokenCount += b.unseen + b.unseen/2
	for _, model := range append([]string{r.Model}, b.models...) {
		amount, ok := cost.Most(b.prices, &batch.Spend{At: time.Now(), Model: model, Tier: tier, Most: &most}, model)
		if !ok && model == r.Model {
			return 0, fmt.Errorf("max_cost cannot be held: %w", cost.UnknownPrice(model, tier))
		}
		need = max(need, amount)
	}
	return need, nil
}

// Release implements [batch.Limiter].
func (b *Budget) Release(r *batch.Request, o *batch.Outcome) {
	if b.Limiter != nil {
		b.Limiter.Release(r, o)
	}
	if o == nil { // no attempt was made
		o = new(batch.Outcome)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := batch.Spend{At: time.Now(), Model: cmp.Or(o.ModelVersion, r.Model), Tier: o.Tier, Usage: o.Usage, Most: o.Most}
	var amount price.USD
	if u := o.Usage; u != nil {
		model := s.Model
		if c, ok := cost.Of(b.prices, &s, r.Model); !ok {
			b.noteUnpriced(&s)
		} else {
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
	} else if o.MaybeBilled { // and nobody says for what
		most, _ := cost.Most(b.prices, &s, r.Model)
		b.most += max(b.reserved[r], most)
		b.unknown++
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
