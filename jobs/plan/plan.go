// Package plan says what a run would do and cost: a fold over the rows of a job and the
// answers that it has so far. Nothing is sent for it.
package plan

import (
	"encoding/json"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/work"
)

// A Plan says what a run would do. Nothing was sent for it.
type Plan struct {
	Rows    int64 // of the input
	New     int64 // never asked, and not taken for changed ones
	Changed int64 // to be asked anew, for what they ask is another thing than before; see Plan
	Again   int64 // asked before, and to be asked again: failed, or named by retry
	Settled int64 // need no call
	Bad     int64 // cannot be read or rendered
	Copied  int64 // share the call of an identical row, with dedupe

	// Orphaned counts answers in the journal that no row of the input asks for any
	// more. They stay, and are used again if their rows come back.
	Orphaned int64

	BadRows []string // the first of them, with place and cause

	InputTokens int64     // of the rows to be asked, estimated
	InputCost   price.USD // of them
	Priced      bool      // whether the model's price is known

	Outlook

	// MaxOutputTokens is the most that the rows to be asked can put out; 0: nothing
	// bounds them.
	MaxOutputTokens int64
	MaxOutputCost   price.USD

	First      json.RawMessage // the first request to be sent
	FirstModel string          // to which model
	FirstAt    string          // the place of its row

	Price    price.USD // spent so far on the rows of the input
	Unpriced int64     // calls of unknown price among those

	Tier string // that costs are foretold for, the first of the job's; empty: it names none
}

// An Outlook is what a plan takes from the answers of this job so far.
type Outlook struct {
	// Answered is how many answers are known, the basis of OutputTokens, the expected
	// output of the rows to be asked, thinking included. 0: none is known yet, and
	// OutputTokens is 0.
	Answered     int64
	OutputTokens int64
	OutputCost   price.USD

	// Forecast is what the rows to be asked will cost; nil: too few answers are known.
	Forecast *Forecast
	// Standard, Flex and Batch are what the same answers would cost at the prices of
	// these services, as shares of what Forecast takes them to cost; 0: not known.
	Standard, Flex, Batch float64

	PerCall time.Duration // how long calls took on the average; 0: none was made

	Pace []Pace // of the models to be asked
}

// Ask returns how many rows would be asked.
func (p *Plan) Ask() int64 { return p.New + p.Changed + p.Again }

const badRowsShown = 5

// A Pace is what a plan would ask one model, and what is known of its quota.
type Pace struct {
	Model  string
	Rows   int64
	Tokens int64 // of their input, estimated

	quota.Known
}

// A Config says what is planned, and by what.
type Config struct {
	List    *work.List
	Journal *journal.Journal
	Prices  *price.Table

	// Count adds what a row's attempts used and cost, and returns its result; nil: it
	// has none.
	Count func(*work.Item, *cost.Totals) (*batch.Result, error)

	Tiers []string // the service tiers that the job names, the first to be tried first

	MaxOutputTokens int64 // the bound of each answer; 0: none
	OwnBounds       bool  // rows may set bounds of their own

	Counted Seen                           // prompts whose tokens the endpoint has counted; may be nil
	Known   func(model string) quota.Known // what is known of a model's quota
}

// tier is the service tier that is planned for; empty: the job names none.
func (c *Config) tier() string {
	if len(c.Tiers) == 0 {
		return ""
	}
	return c.Tiers[0]
}

// New reads input and journal and says what a run would do.
//
// A new row is called changed when it stands in the place of an orphaned answer: when
// that answer was for a row with the same key, or, in a job without a key, for the row
// with the same number. By number it is a guess, which takes a row that was put in the
// place of a deleted one for that row. It bears on these counts alone, never on what
// is asked.
func New(c Config) (*Plan, error) {
	var (
		p        Plan
		known    cost.Totals // of settled rows
		again    cost.Totals // of the others that were asked before
		basis    = basis{tier: c.tier()}
		answered = make(Seen)

		shares    shares
		unbounded bool
	)
	for it, err := range c.List.Items() {
		if err != nil {
			return nil, err
		}
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
			r, err := c.Count(&it, &known)
			if err != nil {
				return nil, err
			}
			basis.add(c.Prices, it.Request, r)
			answered.Add(it.Request, r)
		case work.Again:
			p.Again++
			if _, err := c.Count(&it, &again); err != nil {
				return nil, err
			}
		case work.New:
			p.New++
		}
		if !it.Fate.Ask() {
			continue
		}
		basis.tokens += float64(it.Request.InputTokens)
		most := c.MaxOutputTokens
		if c.OwnBounds {
			most = boundOf(it.Request.Body)
		}
		p.InputTokens += int64(it.Request.InputTokens)
		p.MaxOutputTokens += most
		unbounded = unbounded || most == 0
		shares.of(it.Request.Model).add(int64(it.Request.InputTokens), most)
		if p.First == nil {
			p.First, p.FirstModel, p.FirstAt = it.Request.Body, it.Request.Model, it.Row.Place()
		}
	}
	if err := c.countOrphans(&p); err != nil {
		return nil, err
	}
	basis.tell(&p)
	if unbounded { // the bound of the others bounds nothing
		p.MaxOutputTokens = 0
	}
	p.Tier = c.tier()
	spent, unpriced := known.CostUSD()
	more, unpricedToo := again.CostUSD()
	p.Price, p.Unpriced = spent+more, unpriced+unpricedToo
	if p.Answered = answered[""].calls; p.Answered > 0 {
		p.OutputTokens = shares.expect(answered)
	}
	p.InputTokens = shares.correct(answered, c.Counted)
	c.priceOf(&p, shares)
	for _, s := range shares {
		p.Pace = append(p.Pace, Pace{Model: s.model, Rows: s.rows, Tokens: s.input, Known: c.Known(s.model)})
	}
	return &p, nil
}
