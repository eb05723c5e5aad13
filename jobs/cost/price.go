package cost

import (
	"cmp"
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// Of returns what an attempt cost, or will cost, with s.Usage, which must not be nil. Model
// asked is the one that the request named; see [BilledModel]. The result is false if the
// price is unknown; see [price.Table.Cost].
func Of(prices *price.Table, s *batch.Spend, asked string) (price.USD, bool) {
	return prices.Cost(query(prices, s, asked))
}

// Most returns the most that an attempt can cost with s.Most, also if its output turns out
// to be of the model's dearest kind; see [price.Table.Most]. The result is false if that is
// unknown, or if s.Most is nil.
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
	return amount, ok
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
// was asked and one answered. It is the model that answered, with two exceptions:
//
//   - The answering model has no price, as when a gateway calls it by a name of its own.
//   - The user's price file lists the asked model and not the answering one. Who writes such
//     a file is billed by the name that is asked.
func BilledModel(prices *price.Table, answered, asked string, at time.Time) string {
	if answered == asked {
		return asked
	}
	a, known := prices.Lookup(answered, at)
	if !known {
		return asked
	}
	if own, ok := prices.Lookup(asked, at); ok && own.Custom != nil && a.Custom == nil {
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
