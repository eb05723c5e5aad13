package cost

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// MostQuery is the query that prices the most that an attempt can have used.
func MostQuery(most *batch.Usage, model string, at time.Time) price.Query {
	return price.Query{
		Model: model, At: at, Prompt: most.PromptTokenCount, Output: most.CandidatesTokenCount,
		Searches: most.Searches, MapSearches: most.MapSearches,
		PromptDetails: splitOf(most.PromptTokensDetails),
	}
}

// most prices the most that an unreported attempt can have used; 0: not known.
func most(prices *price.Table, s *batch.Spend, asked string) price.USD {
	if s.Most == nil {
		return 0
	}
	q := MostQuery(s.Most, BilledModel(prices, s.Model, asked, s.At), s.At)
	q.Tier = s.Tier
	cost, ok := prices.Most(q)
	if !ok {
		q.Model = asked
		cost, _ = prices.Most(q)
	}
	return cost
}

const (
	// OutputLimit is that of every current text model, for those that the price
	// table does not know.
	OutputLimit = 65536
)
