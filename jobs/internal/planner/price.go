package planner

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/plan"
)

// price fills in what the plan's tokens cost, each row's at the price of its own model. All
// calls to a model are taken to have the same output, since no more is known of any.
func (b *builder) price() {
	p := &b.plan
	p.Priced = true
	for _, d := range b.own.demands {
		input, known := b.priceOf(d, 0)
		expected, _ := b.priceOf(d, d.output)
		most, _ := b.priceOf(d, d.most)
		p.Priced = p.Priced && known
		p.InputCost += input
		p.OutputCost += expected - input
		p.MaxOutputCost += b.dearest(d, most) - input
	}
	if p.MaxOutputTokens == 0 {
		p.MaxOutputCost = 0
	}
	c := plan.Comparison{Of: b.own.of()}
	c.Standard, _ = b.costIn(b.own, price.Standard)
	c.Flex, _ = b.costIn(b.own, price.Flex)
	c.Batch, _ = b.costIn(b.own, price.Batch)
	if c.Standard != 0 || c.Flex != 0 || c.Batch != 0 {
		p.Compared = &c
	}
}

// costIn returns what the rows would cost in a way and a service, as far as the plan knows it: see
// [plan.Comparison]. It is false if the price is not known.
func (b *builder) costIn(w *way, service price.Service) (sum price.USD, known bool) {
	if w.forecast != nil {
		share := w.basis.in(service)
		if service == b.service() {
			share = 1
		}
		return price.USD(share * float64(w.forecast.Mean)), share > 0
	}
	for _, d := range w.demands {
		output := int64(0)
		switch w.of() {
		case ofCost:
			output = d.output
		case ofMost:
			output = d.most
		}
		amount, ok := b.priceIn(string(service), d, output)
		if !ok {
			return 0, false
		}
		sum += amount
	}
	return sum, true
}

// service returns the service that the job asks for first.
func (b *builder) service() price.Service {
	if s, known := price.ServiceOf(b.tier()); known && b.tier() != "" {
		return s
	}
	return price.Standard
}

// priceOf returns what a demand costs in the planned tier with so much output in all.
func (b *builder) priceOf(d *demand, output int64) (price.USD, bool) {
	return b.priceIn(b.tier(), d, output)
}

// priceIn returns what a demand costs in a tier with so much output in all. The size of a prompt can
// decide its price, so the mean call is priced, and not the sum: some calls as the mean
// rounded down, the others as the mean rounded up.
func (b *builder) priceIn(tier string, d *demand, output int64) (price.USD, bool) {
	mean := func(up int64) (price.USD, bool) {
		return cost.Of(b.Prices, b.call(d.model, tier, (d.input+up)/d.calls, (output+up)/d.calls), d.model)
	}
	low, ok := mean(0)
	high, _ := mean(d.calls - 1)
	part := float64(d.input%d.calls) / float64(d.calls)
	return low*price.USD(d.calls) + price.USD(part*float64((high-low)*price.USD(d.calls))), ok
}

// dearest returns the most that a demand can cost in any of the job's service tiers. First is
// what it costs in the first one.
func (b *builder) dearest(d *demand, first price.USD) price.USD {
	most := first
	for _, tier := range b.Tiers {
		// The prices of a tier are the same multiple of another's for all prompts of one size,
		// so the mean request stands for all.
		prompt, output := d.input/d.calls, max(1, d.most/d.calls)
		base, ok1 := cost.Most(b.Prices, b.call(d.model, b.tier(), prompt, output), d.model)
		other, ok2 := cost.Most(b.Prices, b.call(d.model, tier, prompt, output), d.model)
		if ok1 && ok2 && base > 0 {
			most = max(most, price.USD(float64(first)*(float64(other)/float64(base))))
		}
	}
	return most
}

// call returns a call of today with so many tokens, to be priced.
func (b *builder) call(model, tier string, prompt, output int64) *batch.Spend {
	u := &batch.Usage{PromptTokenCount: prompt, CandidatesTokenCount: output}
	return &batch.Spend{At: b.now, Model: model, Tier: tier, Usage: u, Most: u}
}

// boundOf returns the bound that a request body sets to its answer, or 0 if it sets none.
func boundOf(body []byte) int64 {
	b, err := apijson.Parse(body)
	if err != nil {
		return 0
	}
	return max(0, b.Object("generationConfig").Int("maxOutputTokens"))
}
