package planner

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/plan"
)

// price fills in what the plan's tokens cost, each row's at the price of its own model. All
// rows of a model are taken to have the same output, since no more is known of any.
func (b *builder) price() {
	p := &b.plan
	p.Priced = true
	for _, d := range b.demands {
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
	p.Compared = b.compare()
}

// compare returns what the rows would cost in each service; nil if that is not known of any.
func (b *builder) compare() *plan.Comparison {
	p := &b.plan
	c, output := new(plan.Comparison), func(*demand) int64 { return 0 }
	switch {
	case p.Forecast != nil:
		in := func(share float64) price.USD { return price.USD(share * float64(p.Forecast.Mean)) }
		return &plan.Comparison{Of: "forecast", Standard: in(p.Standard), Flex: in(p.Flex), Batch: in(p.Batch)}
	case p.Answered > 0:
		c.Of, output = "cost", func(d *demand) int64 { return d.output }
	case p.MaxOutputTokens > 0:
		c.Of, output = "max_cost", func(d *demand) int64 { return d.most }
	default:
		c.Of = "input_cost"
	}
	for service, sum := range map[price.Service]*price.USD{price.Standard: &c.Standard, price.Flex: &c.Flex, price.Batch: &c.Batch} {
		for _, d := range b.demands {
			amount, known := b.priceIn(string(service), d, output(d))
			if !known {
				*sum = 0
				break
			}
			*sum += amount
		}
	}
	if c.Standard == 0 && c.Flex == 0 && c.Batch == 0 {
		return nil
	}
	return c
}

// priceOf returns what a demand costs in the planned tier with so much output in all.
func (b *builder) priceOf(d *demand, output int64) (price.USD, bool) {
	return b.priceIn(b.tier(), d, output)
}

// priceIn returns what a demand costs in a tier with so much output in all. The size of a prompt can
// decide its price, so the mean request is priced, and not the sum: some requests as the mean
// rounded down, the others as the mean rounded up.
func (b *builder) priceIn(tier string, d *demand, output int64) (price.USD, bool) {
	mean := func(up int64) (price.USD, bool) {
		return cost.Of(b.Prices, b.call(d.model, tier, (d.input+up)/d.rows, (output+up)/d.rows), d.model)
	}
	low, ok := mean(0)
	high, _ := mean(d.rows - 1)
	part := float64(d.input%d.rows) / float64(d.rows)
	return low*price.USD(d.rows) + price.USD(part*float64((high-low)*price.USD(d.rows))), ok
}

// dearest returns the most that a demand can cost in any of the job's service tiers. First is
// what it costs in the first one.
func (b *builder) dearest(d *demand, first price.USD) price.USD {
	most := first
	for _, tier := range b.Tiers {
		// The prices of a tier are the same multiple of another's for all prompts of one size,
		// so the mean request stands for all.
		prompt, output := d.input/d.rows, max(1, d.most/d.rows)
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
