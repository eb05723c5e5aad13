// Package planner says what a run would do and cost, without sending anything.
//
// [New] makes a [plan.Plan] in one pass over the rows of a job: it counts what is to become of
// them, estimates the tokens of the rows that are to be asked, and prices these. What the
// answers so far cost and how long they were is the basis of its outlook: the output to
// expect, and a forecast of the cost with its interval.
//
// A pilot's forecast is kept, so that the bill can be compared with it later; see
// [MarshalForecast] and [ParseForecast].
//
// Estimates of tokens are corrected by [TokenCounts], which compare estimates with what the
// API counted.
package planner

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/plan"
)

// A Config says what is planned. All fields but those that say otherwise are required.
type Config struct {
	List    *work.List       // it must have the Journal; see [work.List.Use]
	Journal *journal.Journal // the answers so far
	Prices  *price.Table

	// Count adds to the totals what the attempts of a row used and cost. It returns the
	// row's result, or nil if it has none.
	Count func(*work.Item, *cost.Totals) (*batch.Result, error)

	Tiers []string // the service tiers that the job names, in the order in which they are tried; may be empty

	MaxOutputTokens int64 // the bound that the job sets to each answer; 0 if none
	OwnBounds       bool  // whether rows may set bounds of their own, which count instead

	Limits func(model string) batches.Limits // of the jobs of the Batch API

	Counted TokenCounts                    // prompts that the endpoint has counted; may be nil
	Quota   func(model string) quota.Known // what is known of a model's quota
}

// tier returns the service tier that is planned for. It is empty if the job names none.
func (c *Config) tier() string {
	if len(c.Tiers) == 0 {
		return ""
	}
	return c.Tiers[0]
}

// New reads input and journal and says what a run would do. The error is a fault of either.
func New(c Config) (*plan.Plan, error) {
	b := builder{Config: c, now: time.Now(), answered: make(TokenCounts)}
	b.basis = basis{prices: c.Prices, tier: c.tier(), now: b.now}
	for it, err := range c.List.Items() {
		if err == nil {
			err = b.add(&it)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := b.countOrphans(); err != nil {
		return nil, err
	}
	b.finish()
	return &b.plan, nil
}

// A builder makes a plan, row by row.
type builder struct {
	Config
	now  time.Time // the time of all prices
	plan plan.Plan

	spent     cost.Totals // of the rows that were asked before
	basis     basis
	answered  TokenCounts
	demands   demands
	unbounded bool // whether nothing bounds the output of some row
}

// badRowsShown is the number of bad rows that a plan names.
const badRowsShown = 5

// add adds a row to the plan.
func (b *builder) add(it *work.Item) error {
	p := &b.plan
	p.Rows++
	switch it.Fate {
	case work.Copied:
		p.Copied++
	case work.Bad:
		p.Bad++
		if len(p.BadRows) < badRowsShown {
			p.BadRows = append(p.BadRows, it.Err.Error())
		}
	case work.Settled:
		p.Settled++
		r, err := b.Count(it, &b.spent)
		if err != nil {
			return err
		}
		b.basis.add(it.Request, r)
		b.answered.Add(it.Request, r)
	case work.Again:
		p.Again++
		if _, err := b.Count(it, &b.spent); err != nil {
			return err
		}
	case work.New:
		p.New++
	}
	if it.Fate.Ask() {
		b.ask(it)
	}
	return nil
}

// ask adds what a row that is to be asked demands.
func (b *builder) ask(it *work.Item) {
	p, input := &b.plan, int64(it.Request.InputTokens)
	bound := b.MaxOutputTokens
	if b.OwnBounds {
		bound = boundOf(it.Request.Body)
	}
	b.basis.tokens += float64(input)
	b.demands.of(it.Request.Model).add(input, bound, len(it.Request.Body))
	p.MaxOutputTokens += bound
	b.unbounded = b.unbounded || bound == 0
	if p.First == nil {
		p.First, p.FirstModel, p.FirstAt = it.Request.Body, it.Request.Model, it.Row.Place()
	}
}

// finish fills in what follows from all rows together.
func (b *builder) finish() {
	p := &b.plan
	p.Tier = b.tier()
	p.Price, p.Unpriced = b.spent.CostUSD()
	p.Simulated = b.spent.Simulated()
	p.Unpriced = max(p.Unpriced, b.spent.Bill.UnknownRows)
	b.basis.tell(p)
	if b.unbounded { // the bounds of the other rows bound nothing
		p.MaxOutputTokens = 0
	}
	if p.Answered = b.answered.total().calls; p.Answered > 0 {
		p.OutputTokens = b.demands.expect(b.answered)
	}
	p.InputTokens = b.demands.correct(b.answered, b.Counted)
	b.price()
	if b.tier() == string(price.Batch) {
		p.Batches = b.demands.batches(b.Limits)
	}
	for _, d := range b.demands {
		p.Pace = append(p.Pace, plan.Pace{Model: d.model, Rows: d.rows, Tokens: d.input, Known: b.Quota(d.model)})
	}
}
