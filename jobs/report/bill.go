package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// writeBill writes what is worth knowing of where the cost comes from.
func writeBill(w io.Writer, indent string, t *jobs.Totals) {
	cost, _ := t.CostUSD()
	b := &t.Bill
	if parts := partsText(b, cost); parts != "" {
		fmt.Fprintf(w, indent+"of it\t%s\n", parts)
	}
	if s := b.Retries; billed(s) {
		what := Many(s.Calls, "attempt") + " that gave no final answer"
		if t.Packs > 0 { // which may have answered other rows, whose shares are not in this cost
			what = "attempts that gave a row no final answer"
		}
		fmt.Fprintf(w, indent+"retries\t%s for %s%s\n", CostText(s.Cost, s.Unknown), what, inBrackets(s.Cost, cost))
	}
	if lost := notOK(b); lost != "" {
		fmt.Fprintf(w, indent+"rows not ok\t%s\n", lost)
	}
	if b.Parts.CacheSaved > 0 {
		var input, cached int64
		for _, m := range t.Models {
			input += m.PromptTokens
			cached += m.CachedTokens
		}
		fmt.Fprintf(w, indent+"cache\t%s of the input%s\n", Percent(cached, input), saved(b.Parts.CacheSaved))
	}
	if len(b.Endpoints) > 1 {
		fmt.Fprintf(w, indent+"endpoints\t%s\n", endpointsText(b))
	}
}

// partsText lists the parts of a cost that people do not expect. A part that is all of
// the cost, or less than half a percent of it, says nothing.
func partsText(b *jobs.Bill, cost price.USD) string {
	var parts []string
	for _, p := range []struct {
		what string
		usd  price.USD
	}{{"thinking", b.Parts.Thinking}, {"tools", b.Parts.Tool}, {"requests", b.Parts.Requests}} {
		if p.usd < cost && p.usd > cost/200 {
			parts = append(parts, fmt.Sprintf("%s $%s (%s)", p.what, Money(p.usd), Percent(int64(p.usd), int64(cost))))
		}
	}
	return strings.Join(parts, ", ")
}

// billed reports whether a share has any cost, or calls of which that is not known. A row's share
// of a call can have a cost where the call is counted with another row.
func billed(s jobs.Share) bool { return s.Calls > 0 || s.Cost > 0 }

// inBrackets writes which share of a cost a part of it is; nothing if there is none.
func inBrackets(part, whole price.USD) string {
	if part <= 0 || whole <= 0 {
		return ""
	}
	return " (" + Percent(int64(part), int64(whole)) + ")"
}

// notOK lists what the rows cost that have no good answer.
func notOK(b *jobs.Bill) string {
	var parts []string
	for _, status := range batch.Statuses {
		if s := b.Statuses[status]; status != batch.OK && billed(s) {
			parts = append(parts, fmt.Sprintf("%s %s", status, CostText(s.Cost, s.Unknown)))
		}
	}
	return strings.Join(parts, ", ")
}

// endpointsText lists what each endpoint cost, the dearest first.
func endpointsText(b *jobs.Bill) string {
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(b.Endpoints), func(x, y string) int {
		return cmp.Or(cmp.Compare(b.Endpoints[y].Cost, b.Endpoints[x].Cost), cmp.Compare(x, y))
	}) {
		if len(parts) == listed {
			parts = append(parts, fmt.Sprintf("and %d more", len(b.Endpoints)-listed))
			break
		}
		s := b.Endpoints[name]
		parts = append(parts, fmt.Sprintf("%s %s", terminal.Name(name), CostText(s.Cost, s.Unknown)))
	}
	return strings.Join(parts, ", ")
}

// saved says what was saved, if anything was.
func saved(usd price.USD) string {
	if usd <= 0 {
		return ""
	}
	return ", which saved $" + Money(usd)
}

// writeTiers writes what each service tier answered and cost. It writes nothing if only
// the standard tier answered, unless the job asks for another one as well.
func writeTiers(w io.Writer, t *jobs.Totals, several bool) {
	if !t.Tiered() && !several {
		return
	}
	for i, tier := range t.Bill.Tiers {
		if i == listed {
			fmt.Fprintf(w, "  other tiers\t%d\n", len(t.Bill.Tiers)-i)
			break
		}
		against := ""
		switch d := tier.Standard - tier.Cost; {
		case d > 0:
			against = fmt.Sprintf(", $%s less than in the standard tier", Money(d))
		case d < 0:
			against = fmt.Sprintf(", $%s more than in the standard tier", Money(-d))
		}
		fmt.Fprintf(w, "  tier %s\t%s, %s%s\n", terminal.Name(tier.Tier), Many(tier.Calls, "call"), CostText(tier.Cost, tier.Unknown), against)
	}
}

// billJSON is [jobs.Bill] as JSON. Each breakdown adds up to KnownCostUSD: costs in it are of
// the calls whose price is known.
type billJSON struct {
	KnownCostUSD  dollars                            `json:"known_cost_usd"`
	ByEndpoint    map[string]sorted[shareJSON]       `json:"by_endpoint"`
	ByStatus      map[batch.Status]sorted[shareJSON] `json:"by_status"`
	ByPartUSD     sorted[partsJSON]                  `json:"by_part_usd"`
	RetriesCost   sorted[shareJSON]                  `json:"retries_cost"`
	CacheSavedUSD dollars                            `json:"cache_saved_usd"`
	Tiers         []sorted[tierJSON]                 `json:"tiers,omitempty"`
}

// shareJSON is [jobs.Share] as JSON.
type shareJSON struct {
	Calls         int64   `json:"calls"`
	KnownCostUSD  dollars `json:"known_cost_usd"`
	UnpricedCalls int64   `json:"unpriced_calls"`
	unreportedJSON
}

// partsJSON is [price.Parts] as JSON.
type partsJSON struct {
	Input       dollars `json:"input"`
	CachedInput dollars `json:"cached_input"`
	ToolInput   dollars `json:"tool_input"`
	Output      dollars `json:"output"`
	Thinking    dollars `json:"thinking"`
	Searches    dollars `json:"searches"`
	Requests    dollars `json:"requests"`
}

// tierJSON is [jobs.TierTotals] as JSON.
type tierJSON struct {
	Tier          string   `json:"tier"`
	Calls         int64    `json:"calls"`
	UnpricedCalls int64    `json:"unpriced_calls"`
	CostUSD       *dollars `json:"cost_usd"`
	StandardUSD   *dollars `json:"standard_usd"`
	SavedUSD      *dollars `json:"saved_usd"`
}

func billOf(t *jobs.Totals) billJSON {
	cost, _ := t.CostUSD()
	p := &t.Bill.Parts
	r := billJSON{
		KnownCostUSD: dollars(cost),
		ByEndpoint:   make(map[string]sorted[shareJSON]), ByStatus: make(map[batch.Status]sorted[shareJSON]),
		ByPartUSD: sorted[partsJSON]{partsJSON{
			Input: dollars(p.Input), CachedInput: dollars(p.Cached), ToolInput: dollars(p.Tool), Output: dollars(p.Output),
			Thinking: dollars(p.Thinking), Searches: dollars(p.Searches), Requests: dollars(p.Requests),
		}},
		RetriesCost: shareOf(t.Bill.Retries), CacheSavedUSD: dollars(p.CacheSaved),
	}
	for name, s := range t.Bill.Endpoints {
		r.ByEndpoint[name] = shareOf(s)
	}
	for status, s := range t.Bill.Statuses {
		r.ByStatus[status] = shareOf(s)
	}
	if t.Tiered() {
		for _, tier := range t.Bill.Tiers {
			r.Tiers = append(r.Tiers, sorted[tierJSON]{tierJSON{
				Tier: shortName(tier.Tier), Calls: tier.Calls, UnpricedCalls: tier.Unknown,
				CostUSD: wholeCost(tier.Cost, tier.Unknown), StandardUSD: wholeCost(tier.Standard, tier.Unknown),
				SavedUSD: wholeCost(tier.Standard-tier.Cost, tier.Unknown),
			}})
		}
	}
	return r
}

func shareOf(s jobs.Share) sorted[shareJSON] {
	return sorted[shareJSON]{shareJSON{
		Calls: s.Calls, KnownCostUSD: dollars(s.Cost), UnpricedCalls: s.Unknown,
		unreportedJSON: unreportedJSON{UnreportedAttempts: s.Unreported, UnreportedMostUSD: dollars(s.Most)},
	}}
}
