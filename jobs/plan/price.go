package plan

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/cost"
)

// priceOf fills in what the plan's tokens cost, each row's by its own model. The
// expected output is the same for each row of a model, since more is not known of one.
func (c *Config) priceOf(p *Plan, shares shares) {
	p.Priced = true
	for _, s := range shares {
		input, known := c.priceEach(s, 0)
		all, _ := c.priceEach(s, s.output)
		most, _ := c.priceEach(s, s.most)
		p.Priced = p.Priced && known
		p.InputCost += input
		p.OutputCost += all - input
		p.MaxOutputCost += c.dearest(most, s) - input
	}
	if p.MaxOutputTokens == 0 {
		p.MaxOutputCost = 0
	}
}

// priceEach prices a share with so much output. A tier of prices belongs to one
// request's prompt, so the mean request is priced: rounded down for some of them,
// and up for the others.
func (c *Config) priceEach(s *share, output int64) (price.USD, bool) {
	mean := func(up int64) (price.USD, bool) {
		u := &batch.Usage{PromptTokenCount: (s.input + up) / s.rows, CandidatesTokenCount: (output + up) / s.rows}
		return cost.Of(c.Prices, &batch.Spend{At: time.Now(), Model: s.model, Tier: c.tier(), Usage: u}, s.model)
	}
	low, ok := mean(0)
	high, _ := mean(s.rows - 1)
	part := float64(s.input%s.rows) / float64(s.rows)
	return low*price.USD(s.rows) + price.USD(part*float64((high-low)*price.USD(s.rows))), ok
}

// boundOf is the bound that a body sets to its answer; 0: none.
func boundOf(body []byte) int64 {
	b, err := apijson.ParseBody(body)
	if err != nil {
		return 0
	}
	return max(0, apijson.WholeNumber(b.Config["maxOutputTokens"]))
}

// dearest returns the most that the plan's rows can cost in any tier that the job
// names, where first is what they cost in the first one.
func (c *Config) dearest(first price.USD, s *share) price.USD {
	most := first
	for _, tier := range c.Tiers {
		// A tier's prices are the same multiple for all rows of one prompt size, so the
		// mean request stands for all.
		q := price.Query{Model: s.model, At: time.Now(), Prompt: s.input / s.rows, Output: max(1, s.most/s.rows)}
		q.Tier = c.tier()
		base, ok1 := c.Prices.Most(q)
		q.Tier = tier
		other, ok2 := c.Prices.Most(q)
		if ok1 && ok2 && base > 0 {
			most = max(most, price.USD(float64(first)*(float64(other)/float64(base))))
		}
	}
	return most
}
