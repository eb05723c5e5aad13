package main

import (
	"fmt"
	"io"

	"github.com/genbatch/genbatch/jobs"
)

// printTiers prints what each service tier answered and cost, where it was not the
// standard one alone, or where another was asked for as well.
func printTiers(w io.Writer, t *jobs.Totals, asked bool) {
	if !t.Tiered() && !asked {
		return
	}
	for _, tier := range t.Bill.Tiers {
		against := ""
		switch d := tier.Standard - tier.Cost; {
		case d > 0:
			against = fmt.Sprintf(", $%s less than in the standard tier", money(d))
		case d < 0:
			against = fmt.Sprintf(", $%s more than in the standard tier", money(-d))
		}
		fmt.Fprintf(w, "  tier %s\t%s, %s%s\n", tier.Tier, many(tier.Calls, "call"), costText(tier.Cost, tier.Unknown), against)
	}
}

func tiersJSON(t *jobs.Totals) []map[string]any {
	tiers := make([]map[string]any, len(t.Bill.Tiers))
	for i, tier := range t.Bill.Tiers {
		tiers[i] = map[string]any{
			"tier": tier.Tier, "calls": tier.Calls, "unpriced_calls": tier.Unknown,
			"cost_usd": usd(tier.Cost, tier.Unknown), "standard_usd": usd(tier.Standard, tier.Unknown),
			"saved_usd": usd(tier.Standard-tier.Cost, tier.Unknown),
		}
	}
	return tiers
}
