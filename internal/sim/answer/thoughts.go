package answer

import (
	"math"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// medianThoughts are the medians of the tokens that each level of thinking takes.
var medianThoughts = map[string]float64{"off": 0, "minimal": 0, "low": 90, "medium": 300, "high": 800}

// thoughts draws how many tokens the model thinks about the request. They are log-normal
// around the median of the level, as in real runs, and depend on the hash alone, so that
// they repeat.
func thoughts(q *wire.Request, m *wire.Model, hash uint64) int {
	median := medianThoughts[m.Level(q.Thinking)]
	if median == 0 {
		return 0
	}
	n := int(median * math.Exp(0.7*chance.Normal(hash)))
	if q.Thinking.HasBudget && q.Thinking.Budget > 0 {
		n = min(n, q.Thinking.Budget)
	}
	return max(n, 1)
}
