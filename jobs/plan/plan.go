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

// A Plan says what a run would do and cost. Amounts are at the prices of the day on which it
// was made.
type Plan struct {
	Rows    int64 // all rows of the job
	New     int64 // rows to be asked that were never asked, as far as can be told; see New
	Changed int64 // rows to be asked anew, because they ask something else than before; see New
	Again   int64 // rows to be asked again, because they failed or retry names their status
	Settled int64 // rows whose result counts; they need no call
	Bad     int64 // rows that cannot be read or rendered, or are known to be refused
	Copied  int64 // rows that share the call of an identical row

	// Orphaned counts answers in the journal that no row of the input asks for any more.
	// They stay, and count again if their rows come back.
	Orphaned int64

	BadRows []string // the first five bad rows, with place and cause

	InputTokens int64     // estimated input of the rows to be asked
	InputCost   price.USD // its cost
	Priced      bool      // whether all models to be asked have a known price; otherwise costs are too low

	Outlook

	// MaxOutputTokens is the most output that the rows to be asked can have. It is 0 if
	// nothing bounds one of them.
	MaxOutputTokens int64
	MaxOutputCost   price.USD // the most that this output can cost, in the dearest tier of the job

	First      json.RawMessage // the body of the first request; nil if no row is to be asked
	FirstModel string          // the model that it is sent to
	FirstAt    string          // the place of its row in the input

	Price    price.USD // what the rows of the input have cost so far
	Unpriced int64     // calls for them without a known price

	Tier string // the service tier that all costs are for, the job's first; empty if it names none
}

// An Outlook is what a plan takes from the answers that the job has so far.
type Outlook struct {
	// Answered is the number of calls that reported their output. It is the basis of
	// OutputTokens, the output that is expected of the rows to be asked, thinking included,
	// and of its cost. Without any, both are 0.
	Answered     int64
	Simulated    bool // they were made up by the simulator
	OutputTokens int64
	OutputCost   price.USD

	// Forecast is what the rows to be asked will cost. It is nil if too few rows were
	// answered.
	Forecast *Forecast
	// Standard, Flex and Batch are what the same answers would cost in these services, in
	// proportion to what Forecast takes them to cost. They are 0 if that is not known.
	Standard, Flex, Batch float64

	PerCall time.Duration // the mean duration of a row's last attempt; 0 if none was made

	Pace []Pace // by model, in the order in which rows name them
}

// Ask returns the number of rows that a run would ask.
func (p *Plan) Ask() int64 { return p.New + p.Changed + p.Again }

// A Pace is what a run would ask of one model, with what is known of the model's quota.
type Pace struct {
	Model  string
	Rows   int64
	Tokens int64 // estimated input of these rows

	quota.Known
}

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

// New reads input and journal and says what a run would do.
//
// A new row is called changed if it stands in the place of an orphaned answer: that answer
// was for a row with the same key or, in a job without a key, with the same number. By
// number this is a guess: a row that was put in the place of a deleted one counts as the
// deleted row, changed. Only these counts depend on it, never what is asked.
func New(c Config) (*Plan, error) {
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
	plan Plan

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
	b.demands.of(it.Request.Model).add(input, bound)
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
	for _, d := range b.demands {
		p.Pace = append(p.Pace, Pace{Model: d.model, Rows: d.rows, Tokens: d.input, Known: b.Quota(d.model)})
	}
}
