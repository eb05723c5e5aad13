package planner

import (
	"slices"
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
	tier   string                        // the service tier that answers are priced at; empty prices them as they were served
	share  func(*batch.Request, int) int // the estimated tokens of a row's share of a call with so many rows; nil if none shares calls

	known                 []observation   // the calls whose price is known
	shared                map[callKey]int // of these, the ones that rows have shared
	rows                  int64           // that have made them
	priced                price.USD       // what they cost
	standard, flex, batch price.USD       // what they would cost in these services
	calls                 int64
	latency               time.Duration
}

// A callKey is the same for rows that have shared a call.
type callKey struct {
	at int64 // in nanoseconds
	of int
}

// callKeyOf returns the key of an attempt's call.
func callKeyOf(s *batch.Spend) callKey { return callKey{s.At.UnixNano(), s.Share.Of} }

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
	b.rows++
	b.observe(req, r, o)
}

// observe adds a row to the observation of the first call that it has shared. What it cost
// beside that, such as being asked again alone, belongs to what such a call costs.
func (b *basis) observe(req *batch.Request, r *batch.Result, o observation) {
	i := slices.IndexFunc(r.Spent, func(s batch.Spend) bool { return s.Share.Of > 1 })
	if i < 0 || b.share == nil {
		b.known = append(b.known, o)
		return
	}
	o.tokens = float64(b.share(req, r.Spent[i].Share.Of))
	key := callKeyOf(&r.Spent[i])
	at, ok := b.shared[key]
	if !ok {
		if b.shared == nil {
			b.shared = make(map[callKey]int)
		}
		at = len(b.known)
		b.shared[key] = at
		b.known = append(b.known, observation{})
	}
	b.known[at].tokens += o.tokens
	b.known[at].cost += o.cost
}

// forecast returns what so many calls will cost, with so many estimated tokens in all. It is
// nil if too few are known.
func (b *basis) forecast(calls, tokens float64) *plan.Forecast {
	f, ok := forecast(b.known, calls, tokens)
	if !ok {
		return nil
	}
	f.Answers = b.rows
	return &f
}

// perCall returns the mean duration of a row's last attempt.
func (b *basis) perCall() time.Duration {
	if b.calls == 0 {
		return 0
	}
	return b.latency / time.Duration(b.calls)
}

// in returns what the known calls would cost in a service, in proportion to what they are priced
// at. It is 0 if that is not known.
func (b *basis) in(service price.Service) float64 {
	if b.priced == 0 {
		return 0
	}
	switch service {
	case price.Standard:
		return float64(b.standard) / float64(b.priced)
	case price.Flex:
		return float64(b.flex) / float64(b.priced)
	case price.Batch:
		return float64(b.batch) / float64(b.priced)
	}
	return 0
}
