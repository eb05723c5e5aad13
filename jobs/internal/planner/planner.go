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
// A job can be run in several ways, by how many rows share a call. The calls of each are formed as
// a run would form them, in the same pass, and priced in each service tier. What pilots have asked
// in several ways tells how far their answers agree.
//
// Estimates of tokens are corrected by [TokenCounts], which compare estimates with what the
// API counted.
package planner

import (
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/pack"
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

	// Packer returns what has so many rows share a call. It may be nil if the list's rows do not,
	// and neither do those of Ways.
	Packer func(rowsPerCall int) *pack.Packer

	Compared
	Pilots

	Counted TokenCounts                    // prompts that the endpoint has counted; may be nil
	Quota   func(model string) quota.Known // what is known of a model's quota
}

// Compared are the ways that are compared with the one in which the list runs.
type Compared struct {
	Ways []int // rows a call; may be empty

	// Services are the tiers that the endpoint serves, and LeftOut says why it does not serve
	// others. The job's own tier is compared in any case.
	Services []price.Service
	LeftOut  []string
}

// Pilots are what pilots have asked.
type Pilots struct {
	Piloted []int // in rows a call; may be empty

	// Read returns what an answer says; it is required if there were pilots. Compares says whether
	// such answers can be compared.
	Read     func(*batch.Row, *batch.Result) Answer
	Compares bool
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
	b := newBuilder(c)
	defer b.close()
	for it, err := range c.List.Items() {
		if err == nil {
			err = b.add(&it)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, w := range b.ways {
		if err := w.end(); err != nil {
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
	elsewhere cost.Totals // of answers to them in other ways
	own       *way        // how the job runs as it stands
	ways      []*way      // all of them, by rows a call
	pilots    pilots
	places    map[*batch.Request]string // of the rows to be asked, until it is known which is the first
	known     map[string]quota.Known    // by model
}

func newBuilder(c Config) *builder {
	b := &builder{Config: c, now: time.Now(), places: make(map[*batch.Request]string), known: make(map[string]quota.Known)}
	b.pilots.builder = b
	own := max(1, c.List.RowsPerCall)
	for _, n := range slices.Compact(slices.Sorted(slices.Values(append([]int{own}, c.Ways...)))) {
		w := newWay(b, n)
		if b.ways = append(b.ways, w); n == own {
			b.own = w
		}
	}
	return b
}

// close ends what waits for rows.
func (b *builder) close() {
	for _, w := range b.ways {
		if w.former != nil {
			w.former.stop()
		}
	}
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
		b.own.answer(it.Request, r)
	case work.Again:
		p.Again++
		if _, err := b.Count(it, &b.spent); err != nil {
			return err
		}
	case work.New:
		p.New++
	}
	if it.Fate.Ask() {
		if p.First == nil {
			b.places[it.Request] = it.Row.Place()
		}
		if err := b.own.ask(it.Request); err != nil {
			return err
		}
	}
	if err := b.addToWays(it); err != nil {
		return err
	}
	if err := b.addElsewhere(it); err != nil {
		return err
	}
	return b.pilots.add(it)
}

// addElsewhere counts what the row has cost in other ways than the job's.
func (b *builder) addElsewhere(it *work.Item) error {
	for _, id := range b.List.Others(it) {
		b.plan.Elsewhere++
		e, _ := b.Journal.Lookup(id.Fingerprint, id.Occurrence)
		for _, e := range append(b.Journal.Superseded(id.Fingerprint, id.Occurrence), e) {
			r, err := b.Journal.Read(e)
			if err != nil {
				return err
			}
			amount, _ := b.elsewhere.AddResult(r, b.Prices)
			b.plan.ElsewherePrice += amount
		}
	}
	return nil
}

// addToWays adds a row to the other ways.
func (b *builder) addToWays(it *work.Item) error {
	for _, w := range b.ways {
		if w == b.own {
			continue
		}
		other := b.List.InWay(*it, w.rows)
		switch {
		case other.Fate == work.Settled:
			r, err := b.Journal.Read(other.Entry)
			if err != nil {
				return err
			}
			w.answer(other.Request, r)
		case other.Fate.Ask():
			if err := w.ask(other.Request); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteFirst notes the first call of the job.
func (b *builder) noteFirst(call *batch.Request) {
	p := &b.plan
	if p.First != nil {
		return
	}
	first := call
	if len(call.Rows) > 0 {
		first = call.Rows[0]
	}
	p.First, p.FirstModel, p.FirstAt, p.FirstRows = call.Body, call.Model, b.places[first], len(call.Rows)
	b.places = nil
}

// finish fills in what follows from all rows together.
func (b *builder) finish() {
	p := &b.plan
	p.Tier = b.tier()
	p.Price, p.Unpriced = b.spent.CostUSD()
	p.Simulated = b.spent.Simulated()
	p.Unpriced = max(p.Unpriced, b.spent.Bill.UnknownRows)
	for _, w := range b.ways {
		w.estimate(b.answeredLike(w))
	}
	own := b.own
	p.Forecast = own.forecast
	p.Standard, p.Flex, p.Batch = own.basis.in(price.Standard), own.basis.in(price.Flex), own.basis.in(price.Batch)
	p.PerCall = own.basis.perCall()
	p.Calls, p.InputTokens, p.OutputTokens, p.MaxOutputTokens = own.calls(), own.input, own.output, own.mostOutput()
	if own.like != nil {
		p.Answered = own.like.answered.total().calls
	}
	b.price()
	if b.tier() == string(price.Batch) {
		p.Batches = own.demands.batches(b.Limits)
	}
	p.Pace = b.pace(own)
	b.compareWays()
}

// answeredLike returns the way whose answers tell most of those in a way: itself, or else one
// that has answers at all. It is nil if there is none.
func (b *builder) answeredLike(w *way) *way {
	for _, other := range append([]*way{w, b.own}, b.ways...) {
		if other.answered.total().calls > 0 {
			return other
		}
	}
	return nil
}

// pace returns what a way would ask of each model.
func (b *builder) pace(w *way) (all []plan.Pace) {
	for _, d := range w.demands {
		known, ok := b.known[d.model]
		if !ok {
			known = b.Quota(d.model)
			b.known[d.model] = known
		}
		all = append(all, plan.Pace{Model: d.model, Rows: d.rows, Calls: d.calls, Tokens: d.input, Known: known})
	}
	return all
}
