package cost

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// Of prices one attempt. The model that answered decides; where a gateway
// calls it by a name of its own, the model that was asked does.
func Of(t *price.Table, s *batch.Spend, asked string) (price.USD, bool) {
	return t.Cost(query(t, s, asked))
}

func query(t *price.Table, s *batch.Spend, asked string) price.Query {
	u := s.Usage
	q := price.Query{
		Model: s.Model, At: s.At, Tier: s.Tier,
		Prompt: u.PromptTokenCount, Cached: u.CachedContentTokenCount, Tool: u.ToolUsePromptTokenCount,
		Output: u.CandidatesTokenCount, Thoughts: u.Thoughts(),
		Searches: u.Searches, MapSearches: u.MapSearches,
		PromptDetails: splitOf(u.PromptTokensDetails), CachedDetails: splitOf(u.CacheTokensDetails),
		ToolDetails: splitOf(u.ToolUsePromptTokensDetails), OutputDetails: splitOf(u.CandidatesTokensDetails),
	}
	q.Model = BilledModel(t, s.Model, asked, s.At)
	return q
}

// BilledModel names the model whose price counts: the one that answered. It is the one
// that was asked where no price is known of a gateway's own name for what answered,
// or where the user's prices name the one that was asked, and not what answered:
// who writes such a file is billed by the name that is asked.
func BilledModel(t *price.Table, answered, asked string, at time.Time) string {
	if answered == asked {
		return asked
	}
	a, known := t.Lookup(answered, at)
	if !known {
		return asked
	}
	if own, ok := t.Lookup(asked, at); ok && own.Custom != nil && a.Custom == nil {
		return asked
	}
	return answered
}

func splitOf(details []batch.ModalityTokens) (s price.Split) {
	for _, d := range details {
		s.Add(d.Modality, d.TokenCount)
	}
	return s
}
