package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
)

// saved says what was saved, where it is anything.
func saved(usd price.USD) string {
	if usd <= 0 {
		return ""
	}
	return ", which saved $" + money(usd)
}

// printBill prints what is worth knowing of where the cost comes from: shares that
// are not all of it, and not nothing.
func printBill(w io.Writer, indent string, t *jobs.Totals) {
	cost, _ := t.CostUSD()
	b := &t.Bill
	var parts []string
	add := func(what string, usd price.USD) {
		if usd < cost && usd > cost/200 { // below that it says nothing
			parts = append(parts, fmt.Sprintf("%s $%s (%s)", what, money(usd), percentOf(usd, cost)))
		}
	}
	add("thinking", b.Parts.Thinking)
	add("tools", b.Parts.Tool)
	add("requests", b.Parts.Requests)
	if len(parts) > 0 {
		fmt.Fprintf(w, indent+"of it\t%s\n", strings.Join(parts, ", "))
	}
	if s := b.Retries; s.Calls > 0 {
		fmt.Fprintf(w, indent+"retries\t%s for %s that gave no final answer%s\n", costText(s.Cost, s.Unknown), many(s.Calls, "attempt"), shareOf(s.Cost, cost))
	}
	if lost := notOK(b); len(lost) > 0 {
		fmt.Fprintf(w, indent+"rows not ok\t%s\n", strings.Join(lost, ", "))
	}
	if n := inputOf(t); b.Parts.CacheSaved > 0 {
		fmt.Fprintf(w, indent+"cache\t%s of the input%s\n", share(cachedOf(t), n), saved(b.Parts.CacheSaved))
	}
	if len(b.Endpoints) > 1 {
		parts = nil
		for _, name := range slices.SortedFunc(maps.Keys(b.Endpoints), func(a, c string) int {
			return cmp.Or(cmp.Compare(b.Endpoints[c].Cost, b.Endpoints[a].Cost), cmp.Compare(a, c))
		}) {
			s := b.Endpoints[name]
			parts = append(parts, fmt.Sprintf("%s %s", name, costText(s.Cost, s.Unknown)))
		}
		fmt.Fprintf(w, indent+"endpoints\t%s\n", strings.Join(parts, ", "))
	}
}

// notOK lists what rows cost that came to nothing.
func notOK(b *jobs.Bill) (parts []string) {
	for _, status := range batch.Statuses {
		if s := b.Statuses[status]; status != batch.OK && s.Calls > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", status, costText(s.Cost, s.Unknown)))
		}
	}
	return parts
}

func inputOf(t *jobs.Totals) (n int64) {
	for _, m := range t.Models {
		n += m.PromptTokens
	}
	return n
}

func cachedOf(t *jobs.Totals) (n int64) {
	for _, m := range t.Models {
		n += m.CachedTokens
	}
	return n
}

func shareOf(part, all price.USD) string {
	if part <= 0 || all <= 0 {
		return ""
	}
	return " (" + percentOf(part, all) + ")"
}

func percentOf(part, all price.USD) string { return share(int64(part), int64(all)) }

// share writes a part of a whole, which is above 0, in percent.
func share(part, all int64) string { return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(all)) }

// addBillJSON adds all breakdowns of the cost, each of which adds up to cost_usd.
// Costs in them are of the calls whose price is known.
func addBillJSON(out map[string]any, t *jobs.Totals) {
	of := func(s jobs.Share) map[string]any {
		return map[string]any{
			"calls": s.Calls, "known_cost_usd": rawNumber(s.Cost.String()), "unpriced_calls": s.Unknown,
			"unreported_attempts": s.Unreported, "unreported_most_usd": rawNumber(s.Most.String()),
		}
	}
	endpoints, statuses := make(map[string]any), make(map[string]any)
	for name, s := range t.Bill.Endpoints {
		endpoints[name] = of(s)
	}
	for status, s := range t.Bill.Statuses {
		statuses[string(status)] = of(s)
	}
	p := &t.Bill.Parts
	parts := make(map[string]any)
	for name, usd := range map[string]price.USD{
		"input": p.Input, "cached_input": p.Cached, "tool_input": p.Tool, "output": p.Output, "thinking": p.Thinking,
		"searches": p.Searches, "requests": p.Requests,
	} {
		parts[name] = rawNumber(usd.String())
	}
	known, _ := t.CostUSD()
	out["known_cost_usd"] = rawNumber(known.String())
	out["by_endpoint"], out["by_status"], out["by_part_usd"] = endpoints, statuses, parts
	out["retries_cost"] = of(t.Bill.Retries)
	out["cache_saved_usd"] = rawNumber(p.CacheSaved.String())
}
