package planner

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/plan"
)

// A basis adds up what the answers so far cost at the prices of now, and how long they took. Of
// calls that rows have shared each row has its share of the cost.
type basis struct {
	prices *price.Table
	now    time.Time
	tier   string // the service tier that answers are priced at; empty prices them as they were served

	known                 []observation // the rows whose price is known
	tokens                float64       // estimated input of the rows to be asked
	priced                price.USD     // what the known rows cost
	standard, flex, batch price.USD     // what they would cost in these services
	calls                 int64
	latency               time.Duration
}

// add adds a settled row with its result, which may be nil.
func (b *basis) add(req *batch.Request, r *batch.Result) {
	if r == nil || len(r.Spent) == 0 {
		return
	}
	last := &r.Spent[len(r.Spent)-1]
	if last.Counts() {
		b.calls++
		b.latency += time.Duration(r.LatencyMS) * time.Millisecond
	}
	if last.Usage == nil {
		return // what the row cost is not known
	}
	o := observation{tokens: float64(req.InputTokens)}
	for _, s := range r.Spent {
		if s.Usage == nil {
			continue
		}
		s.At = b.now
		if b.tier != "" {
			s.Tier = b.tier
		}
		amount, ok := cost.Of(b.prices, &s, r.Model)
		if !ok {
			return
		}
		o.cost += float64(amount)
		for service, sum := range map[price.Service]*price.USD{price.Standard: &b.standard, price.Flex: &b.flex, price.Batch: &b.batch} {
			s.Tier = string(service)
			amount, _ := cost.Of(b.prices, &s, r.Model)
			*sum += amount
		}
	}
	b.priced += price.USD(o.cost)
	b.known = append(b.known, o)
}

// tell fills in what the plan takes from the answers so far.
func (b *basis) tell(p *plan.Plan) {
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
