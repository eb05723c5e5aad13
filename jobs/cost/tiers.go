package cost

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
)

// ServiceName returns the price table's name for the service tier, or traffic type, that an
// answer reports; see [price.ServiceOf]. A name that the table does not know is returned in
// lower case.
func ServiceName(tier string) string {
	if s, ok := price.ServiceOf(tier); ok {
		return string(s)
	}
	return strings.ToLower(tier)
}

// TierTotals are the totals of the calls that one service tier answered.
type TierTotals struct {
	Tier  string `json:"tier"`  // see [ServiceName]
	Calls int64  `json:"calls"` // attempts that reported what they used

	Cost     price.USD `json:"cost_picousd"`            // of the calls with a known price
	Standard price.USD `json:"standard_picousd"`        // what the same calls cost in the standard tier
	Unknown  int64     `json:"unpriced_calls,omitzero"` // calls without a known price
}

// Tiered reports whether any tier but the standard one answered a call.
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

// count counts calls: one, or none for a row by which its call is not counted.
func (t *TierTotals) count(calls int64, priced bool) {
	t.Calls += calls
	if !priced {
		t.Unknown += calls
	}
}

// add adds a row's share of a call with a known cost. If its price in the standard tier is not
// known, Standard takes it to be the same.
func (t *TierTotals) add(calls int64, cost price.USD, prices *price.Table, s *batch.Spend, asked string) {
	t.count(calls, true)
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
