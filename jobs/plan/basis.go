package plan

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A basis is what a plan takes from the answers so far.
type basis struct {
	known                 []observation
	tokens                float64 // estimated, of the rows to be asked
	standard, flex, batch price.USD
	tier                  string    // that the rows to be asked are priced at; empty: as they were served
	priced                price.USD // what is known, at that price
	calls                 int64
	latency               time.Duration
}

// add takes what a settled row cost, at the prices of today.
func (b *basis) add(prices *price.Table, req *batch.Request, r *batch.Result) {
	if r == nil || len(r.Spent) == 0 {
		return
	}
	b.calls++
	b.latency += time.Duration(r.LatencyMS) * time.Millisecond
	o := observation{tokens: float64(req.InputTokens)}
	for _, s := range r.Spent {
		if s.Usage == nil {
			continue
		}
		s.At = time.Now()
		if b.tier != "" {
			s.Tier = b.tier
		}
		amount, ok := cost.Of(prices, &s, r.Model)
		if !ok {
			return
		}
		o.cost += float64(amount)
		for tier, sum := range map[price.Service]*price.USD{price.Standard: &b.standard, price.Flex: &b.flex, price.Batch: &b.batch} {
			s.Tier = string(tier)
			cost, _ := cost.Of(prices, &s, r.Model)
			*sum += cost
		}
	}
	b.priced += price.USD(o.cost)
	b.known = append(b.known, o)
}

// tell fills in what the plan says by the answers so far.
func (b *basis) tell(p *Plan) {
	if f, ok := forecast(b.known, float64(p.Ask()), b.tokens); ok {
		p.Forecast = &f
	}
	if b.priced > 0 {
		p.Standard = float64(b.standard) / float64(b.priced)
		p.Flex, p.Batch = float64(b.flex)/float64(b.priced), float64(b.batch)/float64(b.priced)
	}
	if b.calls > 0 {
		p.PerCall = b.latency / time.Duration(b.calls)
	}
}
