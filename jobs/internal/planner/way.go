package planner

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/plan"
)

// A way is a way to run the job: so many rows share a call. It adds up what a run would ask, and
// what answers in this way have cost so far.
type way struct {
	*builder
	rows   int
	packer *pack.Packer // nil: each row has a call of its own
	former *former

	asked     int64   // rows
	tokens    float64 // estimated input of the calls, not corrected
	demands   demands
	unbounded bool // whether nothing bounds the output of some call

	basis    basis
	answered TokenCounts

	like     *way // the one whose answers the estimates are made of; nil if none has any
	forecast *plan.Forecast
	input    int64 // estimated tokens
	output   int64 // expected tokens
}

func newWay(b *builder, rows int) *way {
	w := &way{builder: b, rows: rows, answered: make(TokenCounts)}
	w.basis = basis{prices: b.Prices, tier: b.tier(), now: b.now}
	if rows > 1 {
		w.packer = b.Packer(rows)
		w.basis.share = w.packer.EstimateShare
		w.former = newFormer(w.packer, w.take)
	}
	return w
}

// answer adds a settled row with its result, which may be nil.
func (w *way) answer(req *batch.Request, r *batch.Result) {
	w.basis.add(req, r)
	w.answered.add(req, r, w.basis.share)
}

// ask adds a row that is to be asked.
func (w *way) ask(req *batch.Request) error {
	w.asked++
	if w.former == nil {
		w.take(req)
		return nil
	}
	return w.former.add(req)
}

// end forms the last calls.
func (w *way) end() error {
	if w.former == nil {
		return nil
	}
	return w.former.end()
}

// take adds a call.
func (w *way) take(call *batch.Request) {
	bound := w.MaxOutputTokens
	if w.OwnBounds || bound > 0 && len(call.Rows) > 0 { // a pack's is that of its rows together
		bound = boundOf(call.Body)
	}
	w.tokens += float64(call.InputTokens)
	w.demands.of(call.Model).add(call, bound)
	w.unbounded = w.unbounded || bound == 0
	if w.builder.own == w {
		w.noteFirst(call)
	}
}

func (w *way) calls() (n int64) {
	for _, d := range w.demands {
		n += d.calls
	}
	return n
}

// mostOutput returns the most output of all calls. It is 0 if nothing bounds that of one.
func (w *way) mostOutput() (n int64) {
	if w.unbounded { // the bounds of the other calls bound nothing
		return 0
	}
	for _, d := range w.demands {
		n += d.most
	}
	return n
}

// estimate computes the estimates from the answers of a way like this one, which may be nil.
func (w *way) estimate(like *way) {
	w.like = like
	w.forecast = w.basis.forecast(float64(w.calls()), w.tokens)
	var answered TokenCounts
	if like != nil {
		answered = like.answered
		w.output = w.demands.expect(answered, like.rows == 1)
	}
	w.input = w.demands.correct(answered, w.Counted)
}

// What a cost is; see [plan.Comparison].
const (
	ofForecast = "forecast"
	ofCost     = "cost"
	ofMost     = "max_cost"
	ofInput    = "input_cost"
)

// of says what is known best of the cost of a way.
func (w *way) of() string {
	switch {
	case w.forecast != nil:
		return ofForecast
	case w.like != nil:
		return ofCost
	case w.mostOutput() > 0:
		return ofMost
	}
	return ofInput
}

// compareWays fills in the ways to run the job: those that have a price, and those of the job's
// own tier.
func (b *builder) compareWays() {
	p := &b.plan
	p.LeftOut, p.Compares = slices.Clone(b.LeftOut), b.Compares
	services := b.Services
	if !slices.Contains(services, b.service()) {
		services = append([]price.Service{b.service()}, services...)
	}
	unpriced := make(map[price.Service]bool)
	for _, w := range b.ways {
		for _, service := range services {
			amount, known := b.costIn(w, service)
			if !known && service != b.service() {
				unpriced[service] = true
				continue
			}
			p.Ways = append(p.Ways, w.in(service, amount, known))
		}
	}
	for _, service := range services {
		if unpriced[service] {
			p.LeftOut = append(p.LeftOut, string(service)+": its price is not known for this model")
		}
	}
}

// in returns the way in a service.
func (w *way) in(service price.Service, amount price.USD, known bool) plan.Way {
	x := plan.Way{
		RowsPerCall: w.rows, Tier: string(service), Chosen: w == w.builder.own && service == w.service(),
		Rows: w.asked, Calls: w.calls(), InputTokens: w.input, OutputTokens: w.output,
		Answered: w.answered.total().calls, Cost: amount, PerCall: w.basis.perCall(), Pace: w.pace(w), Measured: w.pilots.measured(w.rows),
	}
	if known {
		x.Of = w.of()
	}
	if w.forecast != nil && service == w.service() {
		x.Forecast = w.forecast
	}
	if service == price.Batch {
		x.Batches = w.demands.batches(w.Limits)
	}
	return x
}
