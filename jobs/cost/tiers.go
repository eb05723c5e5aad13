package cost

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// InTier names a tier in a message; nothing for none.
func InTier(tier string) string {
	if tier == "" {
		return ""
	}
	return " in the " + tier + " tier"
}

// ServiceName names a tier, or the traffic type of an answer, as the price table does.
// An unknown one keeps its name.
func ServiceName(tier string) string {
	if s, ok := price.ServiceOf(tier); ok {
		return string(s)
	}
	return strings.ToLower(tier)
}

// TierTotals are the totals of the calls that one service tier answered.
type TierTotals struct {
	Tier  string `json:"tier"`  // flex, standard or priority, or the API's name of another one
	Calls int64  `json:"calls"` // that reported what they used

	Cost     price.USD `json:"cost_picousd"`            // of the calls whose price is known
	Standard price.USD `json:"standard_picousd"`        // what those would have cost in the standard tier
	Unknown  int64     `json:"unpriced_calls,omitzero"` // calls whose price is not known
}

// Tiered reports whether any call was answered by another tier than the standard one.
func (t *Totals) Tiered() bool {
	return slices.ContainsFunc(t.Bill.Tiers, func(t TierTotals) bool { return t.Tier != string(price.Standard) })
}

// tier returns the totals of the tier that served an attempt.
func (t *Totals) tier(s *batch.Spend) *TierTotals {
	name := ServiceName(s.Tier)
	i, found := slices.BinarySearchFunc(t.Bill.Tiers, name, func(t TierTotals, name string) int { return strings.Compare(t.Tier, name) })
	if !found {
		t.Bill.Tiers = slices.Insert(t.Bill.Tiers, i, TierTotals{Tier: name})
	}
	return &t.Bill.Tiers[i]
}

func (t *TierTotals) count(priced bool) {
	t.Calls++
	if !priced {
		t.Unknown++
	}
}

// add counts an attempt that cost so much.
func (t *TierTotals) add(cost price.USD, prices *price.Table, s *batch.Spend, asked string) {
	t.count(true)
	t.Cost += cost
	standard := cost
	if t.Tier != string(price.Standard) {
		as := *s
		as.Tier = string(price.Standard)
		if c, ok := Of(prices, &as, asked); ok {
			standard = c
		}
	}
	t.Standard += standard
}
