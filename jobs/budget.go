package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
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

// A budget is a limiter that lets no request through that might take the cost of
// the job above its cap: each reserves the most that it can cost, and is settled by
// what it did cost. It is safe for concurrent use.
type budget struct {
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

// newBudgetOf returns a budget before any call, which passes on to l what it lets
// through.
func newBudgetOf(l batch.Limiter, prices *price.Table, limit price.USD) *budget {
	return &budget{
		Limiter: l, prices: prices, cap: limit,
		reserved: make(map[*batch.Request]price.USD),
	}
}

// AddPast counts a result of an earlier run. All of them are to be added before the
// first Acquire.
func (b *budget) AddPast(r *batch.Result) {
	var t Totals
	t.addResult(r, b.prices)
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
func (b *budget) Unpriced() int64 { return b.unpriced }

// newBudget returns the limiter that holds the job's cap; the one given, when it
// has none.
func (j *Job) newBudget(l batch.Limiter) (batch.Limiter, error) {
	if j.spec.MaxCost == "" {
		return l, nil
	}
	limit, err := parseCost(j.spec.MaxCost)
	if err != nil {
		return nil, err
	}
	b := newBudgetOf(l, j.prices, limit)
	for r, err := range j.journal.All() {
		if _, damaged := errors.AsType[*journal.Damage](err); damaged {
			continue // its row is asked again, and what it cost is not known
		}
		if err != nil {
			return nil, err
		}
		b.AddPast(r)
	}
	if n := b.Unpriced(); n > 0 {
		return nil, specErrorf("give their prices with --prices FILE, or run without --max-cost",
			"max_cost cannot be held: the price of %d calls in the journal is not known", n)
	}
	switch {
	case j.bodyBound() == 0:
		j.log.Warn("without --max-output-tokens the cap of --max-cost is soft: answers longer than any before can exceed it")
	case j.bringsInput():
		j.log.Warn("with media, cached content or tools the cap of --max-cost is soft: how many tokens they bring in is known only afterwards")
	}
	return b, nil
}

// parseCost reads max_cost.
func parseCost(text string) (price.USD, error) {
	limit, err := price.ParseUSD(text)
	if err == nil && limit <= 0 {
		err = errors.New("it must be above 0")
	}
	if err != nil {
		return 0, specErrorf("write --max-cost 5.00", "max_cost: %w", err)
	}
	return limit, nil
}

// checkBudget refuses a cap that could not be held.
func (j *Job) checkBudget() error {
	if j.spec.MaxCost == "" {
		return nil
	}
	if _, err := parseCost(j.spec.MaxCost); err != nil {
		return err
	}
	return j.checkPriced(j.spec.Model)
}

// checkPriced refuses a model whose cost could not be held below a cap.
func (j *Job) checkPriced(model string) error {
	for _, tier := range append([]string{""}, j.spec.tiers()...) {
		if _, ok := j.prices.Most(price.Query{Model: model, At: time.Now(), Tier: tier, Prompt: 1, Output: 1}); !ok {
			return specErrorf("give it with --prices FILE, or run without --max-cost", "max_cost cannot be held: the price of %s%s is not known", model, inTier(tier))
		}
	}
	return nil
}

// bodyBound is the maxOutputTokens that the job sets for all rows; 0: none.
func (j *Job) bodyBound() int64 {
	n, _ := j.maxOutputTokens()
	return n
}

// bringsInput reports whether the job's requests have input that their text does
// not hold. The first answers show how much it is.
func (j *Job) bringsInput() bool {
	request := withSet(j.spec.body(nil), j.spec.Set)
	return j.media != nil || field(request, "cachedContent") != nil ||
		grounded(request) || hasTool("urlContext")(request) || hasTool("codeExecution")(request)
}

// Acquire implements [batch.Limiter]. It waits while calls under way may leave
// enough, and returns a *BudgetError when there are none.
func (b *budget) Acquire(ctx context.Context, r *batch.Request) error {
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
func (b *budget) reserve(r *batch.Request, most batch.Usage, hard bool) (freed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !hard {
		most.CandidatesTokenCount = b.longest + b.longest/2
	}
	most.PromptTokenCount += b.unseen + b.unseen/2
	var need price.USD
	for _, model := range append([]string{r.Model}, b.models...) {
		q := mostQuery(&most, model, time.Now())
		q.Tier = askedTier(r)
		cost, ok := b.prices.Most(q)
		if !ok && model == r.Model {
			return nil, fmt.Errorf("max_cost cannot be held: the price of %s%s is not known", model, inTier(q.Tier))
		}
		need = max(need, cost)
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
func (b *budget) Release(r *batch.Request, o *batch.Outcome) {
	b.Limiter.Release(r, o)
	if o == nil { // it was not sent
		o = new(batch.Outcome)
	}
	b.mu.Lock()
	cost := b.reserved[r] // of what may have been billed and is not known
	if u := o.Usage; u != nil {
		model := cmp.Or(o.ModelVersion, r.Model)
		if c, ok := costOf(b.prices, &batch.Spend{At: time.Now(), Model: model, Tier: o.Tier, Usage: u}, r.Model); ok {
			cost = c
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
		cost = 0
	}
	b.mu.Unlock()
	b.settle(r, cost)
}

// settle puts what r cost in the place of what it reserved.
func (b *budget) settle(r *batch.Request, cost price.USD) {
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

// boundedModel says of an attempt that never reported what it used the most that
// it can have used.
type boundedModel struct {
	batch.Model
	prices *price.Table
}

// newBounded returns the model m whose outcomes say the most that they can have used.
func newBounded(m batch.Model, prices *price.Table) batch.Model { return boundedModel{m, prices} }

func (m boundedModel) Attempt(ctx context.Context, r *batch.Request) batch.Outcome {
	o := m.Model.Attempt(ctx, r)
	if o.MaybeBilled && o.Usage == nil {
		o.Most, _ = mostUsage(m.prices, r)
	}
	return o
}

// mostUsage is the most that a request can use: a token for each byte of its text,
// what its media are estimated at (see mediaInput and inlineInput), and the output that it allows. It is hard when the
// request itself sets the limit of that, and else the model's own.
func mostUsage(prices *price.Table, r *batch.Request) (most *batch.Usage, hard bool) {
	most = &batch.Usage{PromptTokenCount: int64(len(r.Body)), CandidatesTokenCount: outputLimit}
	if e, ok := prices.Lookup(r.Model, time.Now()); ok && e.OutputLimit > 0 {
		most.CandidatesTokenCount = e.OutputLimit
	}
	mediaInput(r, most)
	b, err := parseBody(r.Body)
	if err != nil {
		return most, false
	}
	inlineInput(r, &b, most)
	if n := wholeNumber(b.config["maxOutputTokens"]); n > 0 {
		most.CandidatesTokenCount, hard = n, true
	}
	maySearch(b.members, most)
	if n := wholeNumber(b.config["candidateCount"]); n > 1 {
		most.CandidatesTokenCount *= n
	}
	return most, hard
}

// mediaInput fills in the tokens of media, for which the body has only a name. A
// token of sound, also of a film's, costs more than one of text.
func mediaInput(r *batch.Request, most *batch.Usage) {
	if len(r.Media) == 0 && !bytes.Contains(r.Body, []byte(`"fileData":`)) {
		return
	}
	tokens := int64(r.InputTokens)
	most.PromptTokenCount += tokens
	sounds := func(kind string) bool { return strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") }
	if slices.ContainsFunc(r.Media, func(m batch.Media) bool { return sounds(m.MIMEType) }) {
		most.PromptTokensDetails = []batch.ModalityTokens{{Modality: "AUDIO", TokenCount: tokens}}
	}
}

// wholeNumber reads an int64 as the API does, as a number or a string; 0: it is none.
func wholeNumber(raw json.RawMessage) int64 {
	var n json.Number
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	i, _ := strconv.ParseInt(n.String(), 10, 64)
	return i
}

func mostQuery(most *batch.Usage, model string, at time.Time) price.Query {
	return price.Query{
		Model: model, At: at, Prompt: most.PromptTokenCount, Output: most.CandidatesTokenCount,
		Searches: most.Searches, MapSearches: most.MapSearches,
		PromptDetails: splitOf(most.PromptTokensDetails),
	}
}

// mostOf prices the most that an unreported attempt can have used; 0: not known.
func mostOf(prices *price.Table, s *batch.Spend, asked string) price.USD {
	if s.Most == nil {
		return 0
	}
	q := mostQuery(s.Most, pricedAs(prices, s.Model, asked, s.At), s.At)
	q.Tier = s.Tier
	cost, ok := prices.Most(q)
	if !ok {
		q.Model = asked
		cost, _ = prices.Most(q)
	}
	return cost
}
