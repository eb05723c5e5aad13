package cost

import (
	"cmp"
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// Of returns what an attempt cost, or will cost, with s.Usage, which must not be nil. Of an
// attempt that rows have shared it is s.Share: the shares add up to the cost of the whole, on
// whose usage the price depends. Model asked is the one that the request named; see
// [BilledModel]. The result is false if the price is unknown; see [price.Table.Cost].
func Of(prices *price.Table, s *batch.Spend, asked string) (price.USD, bool) {
	p, ok := partsOf(prices, s, asked)
	return p.Total(), ok
}

// partsOf returns the parts of what [Of] returns.
func partsOf(prices *price.Table, s *batch.Spend, asked string) (price.Parts, bool) {
	p, ok := prices.Parts(query(prices, s, asked))
	if s.Share.Of > 0 {
		p = p.Divided(s.Share.Divide)
	}
	return p, ok
}

// Most returns the most that an attempt can cost with s.Most, also if its output turns out
// to be of the model's dearest kind; see [price.Table.Most]. Of an attempt that rows have shared
// it is s.Share. If the price of the model or of the tier that answered is not known, the asked
// model's counts, in its dearest tier. The result is false if that is unknown too, or if s.Most
// is nil.
func Most(prices *price.Table, s *batch.Spend, asked string) (price.USD, bool) {
	if s.Most == nil {
		return 0, false
	}
	q := price.Query{
		Model: BilledModel(prices, s.Model, asked, s.At), At: s.At, Tier: s.Tier,
		Prompt: s.Most.PromptTokenCount, Output: s.Most.CandidatesTokenCount,
		Searches: s.Most.Searches, MapSearches: s.Most.MapSearches,
		PromptDetails: splitOf(s.Most.PromptTokensDetails),
	}
	amount, ok := prices.Most(q)
	if !ok && q.Model != asked {
		q.Model = asked
		amount, ok = prices.Most(q)
	}
	if _, known := price.ServiceOf(q.Tier); !known {
		for _, service := range price.Services {
			q.Tier = string(service)
			if dearest, known := prices.Most(q); known {
				amount, ok = max(amount, dearest), true
			}
		}
	}
	return price.USD(s.Share.Divide(int64(amount))), ok
}

// Known reports whether calls to a model have a price at a time, in a service tier. An empty
// tier is the standard one.
func Known(prices *price.Table, model, tier string, at time.Time) bool {
	_, ok := prices.Most(price.Query{Model: model, At: at, Tier: tier, Prompt: 1, Output: 1})
	return ok
}

// UnknownPrice returns the error that a model has no price in a service tier. An empty tier
// is not named.
func UnknownPrice(model, tier string) error {
	if tier == "" {
		return fmt.Errorf("the price of %s is not known", model)
	}
	return fmt.Errorf("the price of %s in the %s tier is not known", model, tier)
}

// BilledModel returns the model whose price counts, at a time, for an attempt that one model
// was asked and one answered. It is the model that answered, also if its price is not known:
// the asked one's price would be a guess. The exception is a user's price file that names the
// asked model and not the answering one. Who writes such a file is billed by the name that is
// asked.
func BilledModel(prices *price.Table, answered, asked string, at time.Time) string {
	named := func(model string) bool {
		e, ok := prices.Lookup(model, at)
		return ok && e.Custom != nil && e.Custom.Named
	}
	if answered == asked || named(asked) && !named(answered) {
		return asked
	}
	return answered
}

// usualOutputLimit is the output limit of every current text model, in tokens. It is taken
// for models of which the price table states none.
const usualOutputLimit = 65536

// OutputLimit returns the most tokens that an answer of a model can have, thinking included;
// see [price.Model.OutputLimit]. It is the usual limit of text models if the price table
// states none.
func OutputLimit(prices *price.Table, model string, at time.Time) int64 {
	e, _ := prices.Lookup(model, at)
	return cmp.Or(e.OutputLimit, usualOutputLimit)
}

// query returns the query that prices an attempt's usage.
func query(prices *price.Table, s *batch.Spend, asked string) price.Query {
	u := s.Usage
	return price.Query{
		Model: BilledModel(prices, s.Model, asked, s.At), At: s.At, Tier: s.Tier,
		Prompt: u.PromptTokenCount, Cached: u.CachedContentTokenCount, Tool: u.ToolUsePromptTokenCount,
		Output: u.CandidatesTokenCount, Thoughts: u.Thoughts(),
		Searches: u.Searches, MapSearches: u.MapSearches,
		PromptDetails: splitOf(u.PromptTokensDetails), CachedDetails: splitOf(u.CacheTokensDetails),
		ToolDetails: splitOf(u.ToolUsePromptTokensDetails), OutputDetails: splitOf(u.CandidatesTokensDetails),
	}
}

// splitOf adds up a list of counts by modality.
func splitOf(details []batch.ModalityTokens) (s price.Split) {
	for _, d := range details {
		s.Add(d.Modality, d.TokenCount)
	}
	return s
}
