package page

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/overview"
	"github.com/genbatch/genbatch/jobs/report"
)

// This file says where the money went.

// A table is one of amounts.
type table struct {
	Caption string
	Head    []string
	Lines   []amount
}

// An amount is a line of a table: its name, figures, and the share of the cost, which a bar shows.
type amount struct {
	Name  string
	Cells []string
	Part  int64
	Whole int64
}

// Cost is what the rows cost.
func (c *content) Cost() string { return report.TotalCost(&c.Totals) }

// Unreported says what attempts may have cost that did not say so; nothing if all did.
func (c *content) Unreported() string {
	if c.Totals.Unreported == 0 {
		return ""
	}
	return report.Unreported(&c.Totals)
}

// Forecasted says what was forecast, and what came of it.
func (c *content) Forecasted() string {
	f := c.Forecast
	if f == nil {
		return ""
	}
	text := fmt.Sprintf("The pilot forecast $%s, and between $%s and $%s in nine of ten jobs.", report.Money(f.Mean), report.Money(f.Low), report.Money(f.High))
	cost, unpriced := c.CostUSD()
	switch {
	case c.Totals.Status[batch.Pending] > 0:
		return text + " The job is not finished yet."
	case unpriced+c.Bill.UnknownRows > 0:
		return text + " Not all of the cost is known."
	case cost > f.High:
		return text + fmt.Sprintf(" The bill is $%s: above that.", report.Money(cost))
	case cost < f.Low:
		return text + fmt.Sprintf(" The bill is $%s: below that.", report.Money(cost))
	}
	return text + fmt.Sprintf(" The bill is $%s.", report.Money(cost))
}

// ForecastFigure draws it.
func (c *content) ForecastFigure() template.HTML {
	if c.Forecast == nil {
		return ""
	}
	cost, _ := c.CostUSD()
	return forecast(c.Forecast, float64(cost))
}

// Money are the tables of what was paid for, each of which divides the whole cost.
func (c *content) Money() (tables []table) {
	cost, _ := c.CostUSD()
	whole := int64(cost)
	of := func(name string, usd price.USD, unknown int64, cells ...string) amount {
		return amount{Name: name, Cells: append(cells, report.CostText(usd, unknown), percent(int64(usd), whole)), Part: int64(usd), Whole: whole}
	}
	if len(c.Models) > 0 {
		t := table{Caption: "By model", Head: []string{"model", "calls", "input tokens", "cached", "thinking", "output", "cost", "share"}}
		for _, m := range c.Models[:min(len(c.Models), modelsShown)] {
			t.Lines = append(t.Lines, of(short(m.Model), m.Cost, m.Unknown, report.Count(m.Calls), report.Count(m.PromptTokens+m.ToolTokens),
				report.Count(m.CachedTokens), report.Count(m.ThoughtsTokens), report.Count(m.OutputTokens)))
		}
		tables = append(tables, t)
	}
	p := &c.Bill.Parts
	t := table{Caption: "By what was paid for", Head: []string{"part", "cost", "share"}}
	for _, part := range []struct {
		name string
		usd  price.USD
	}{
		{"input", p.Input}, {"cached input", p.Cached}, {"what tools fed back", p.Tool}, {"output", p.Output}, {"thinking", p.Thinking},
		{"searches", p.Searches}, {"fixed prices of requests", p.Requests},
	} {
		if part.usd != 0 {
			t.Lines = append(t.Lines, of(part.name, part.usd, 0))
		}
	}
	tables = appendTable(tables, t, 1)
	t = table{Caption: "By what became of the rows", Head: []string{"status", "calls", "cost", "share"}}
	for _, s := range batch.Statuses {
		if s, share := string(s), c.Bill.Statuses[s]; share.Calls > 0 || share.Cost > 0 {
			t.Lines = append(t.Lines, of(s, share.Cost, share.Unknown, report.Count(share.Calls)))
		}
	}
	if r := c.Bill.Retries; r.Calls > 0 || r.Cost > 0 {
		t.Lines = append(t.Lines, of("of these, attempts that gave no final answer", r.Cost, r.Unknown, report.Count(r.Calls)))
	}
	tables = appendTable(tables, t, 1)
	t = table{Caption: "By service tier", Head: []string{"tier", "calls", "in the standard tier", "cost", "share"}}
	for _, tier := range c.Bill.Tiers {
		t.Lines = append(t.Lines, of(short(tier.Tier), tier.Cost, tier.Unknown, report.Count(tier.Calls), "$"+report.Money(tier.Standard)))
	}
	if c.Tiered() {
		tables = appendTable(tables, t, 1)
	}
	t = table{Caption: "By endpoint", Head: []string{"endpoint", "calls", "cost", "share"}}
	names := slices.SortedFunc(maps.Keys(c.Bill.Endpoints), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.Bill.Endpoints[b].Cost, c.Bill.Endpoints[a].Cost), cmp.Compare(a, b))
	})
	for _, name := range names[:min(len(names), modelsShown)] {
		share := c.Bill.Endpoints[name]
		t.Lines = append(t.Lines, of(short(name), share.Cost, share.Unknown, report.Count(share.Calls)))
	}
	return appendTable(tables, t, 2)
}

// appendTable appends a table if it has so many lines at least.
func appendTable(tables []table, t table, least int) []table {
	if len(t.Lines) < least {
		return tables
	}
	return append(tables, t)
}

// Savings say what the cache, and the answers of identical rows, have saved.
func (c *content) Savings() (sentences []string) {
	if saved := c.Bill.Parts.CacheSaved; saved > 0 {
		sentences = append(sentences, fmt.Sprintf("The cache saved $%s.", report.Money(saved)))
	}
	if c.Totals.Copied > 0 {
		sentences = append(sentences, fmt.Sprintf("%s took the answer of an identical one, which saved %s.", report.Many(c.Totals.Copied, "row"), report.CostText(c.Totals.Saved, 0)))
	}
	return sentences
}

// A spread is a distribution.
type spread struct {
	Title  string
	Figure template.HTML
	Facts  []fact
}

// Spreads are the distributions of latency and tokens.
func (c *content) Spreads() (list []spread) {
	for _, h := range []struct {
		title, what string
		of          *overview.Histogram
		unit        func(int64) string
	}{
		{"Latency of the last attempt", "latencies", &c.Latency, milliseconds},
		{"Input tokens of a row", "input tokens", &c.Figures.Input, report.Count},
		{"Output tokens of a row", "output tokens", &c.Figures.Output, report.Count},
		{"Thinking tokens of a row", "thinking tokens", &c.Figures.Thoughts, report.Count},
	} {
		if h.of.Count == 0 || h.of.Max == 0 {
			continue
		}
		list = append(list, spread{h.title, histogram(h.of, h.what, h.unit), []fact{
			{"half below", "about " + h.unit(h.of.Quantile(0.5))}, {"90 % below", "about " + h.unit(h.of.Quantile(0.9))},
			{"99 % below", "about " + h.unit(h.of.Quantile(0.99))}, {"most", h.unit(h.of.Max)},
		}})
	}
	return list
}
