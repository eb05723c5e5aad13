package price

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Grounding holds the fees of searches. What the searches find is billed as tokens too.
// https://ai.google.dev/gemini-api/docs/pricing
type Grounding struct {
	Search, Maps *Fee // nil if it is not offered, or its fee is not known
}

// A Fee is the price of searches.
type Fee struct {
	Each      USD    // the price of one unit
	PerPrompt bool   // the unit is a grounded prompt; otherwise a query, of which a prompt can make several
	Free      string // how much is free, in words; empty if nothing is said about it
}

// PerThousand returns the price of a thousand units, as Google publishes it.
func (f *Fee) PerThousand() USD { return f.Each * 1000 }

// of returns the fee for a number of queries of one prompt.
func (f *Fee) of(queries int64) (USD, bool) {
	switch {
	case queries == 0:
		return 0, true
	case f == nil || queries < 0 || queries > maxQueries:
		return 0, false
	case f.PerPrompt:
		return f.Each, true
	case f.Each > math.MaxInt64/4/USD(queries): // so that two fees and a fixed price can be added up
		return 0, false
	}
	return f.Each * USD(queries), true
}

// maxQueries is the largest count of queries that is believed, and maxFee the highest
// price of a thousand queries. So no published fee overflows.
const (
	maxQueries = 1 << 20
	maxFee     = 1000 * Dollar
)

// SearchFee returns the fee of a call's searches, and whether it is known. Searches that
// are free each day or month are not subtracted. The whole account shares them, and a
// single call cannot know how many are left.
func (t *Table) SearchFee(q Query) (USD, bool) {
	m := t.find(q.Model)
	if m == nil {
		return 0, q.Searches == 0 && q.MapSearches == 0
	}
	return m.searchFee(&q)
}

func (m *Model) searchFee(q *Query) (USD, bool) {
	var g Grounding
	if m.Grounding != nil {
		g = *m.Grounding
	}
	if p := m.At(q.At); p != nil && p.Grounding != nil {
		g = *p.Grounding
	}
	search, ok1 := g.Search.of(q.Searches)
	maps, ok2 := g.Maps.of(q.MapSearches)
	return search + maps, ok1 && ok2
}

// fileGrounding is the form of Grounding in prices.json.
type fileGrounding struct {
	Search *fileFee `json:"search"`
	Maps   *fileFee `json:"maps"`
}

type fileFee struct {
	USDPer1000 json.Number `json:"usd_per_1000"`
	Unit       string      `json:"unit"` // search query or grounded prompt, and perhaps an explanation after it
	Free       string      `json:"free"`
}

func (f *fileGrounding) fees() (*Grounding, error) {
	if f == nil {
		return nil, nil
	}
	g := new(Grounding)
	var err error
	if g.Search, err = f.Search.fee(); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if g.Maps, err = f.Maps.fee(); err != nil {
		return nil, fmt.Errorf("maps: %w", err)
	}
	return g, nil
}

func (f *fileFee) fee() (*Fee, error) {
	if f == nil || f.USDPer1000 == "" {
		return nil, nil
	}
	usd, err := ParseUSD(f.USDPer1000.String())
	switch {
	case err != nil:
		return nil, fmt.Errorf("usd_per_1000: %w", err)
	case usd < 0 || usd > maxFee:
		return nil, fmt.Errorf("usd_per_1000: %s is not between 0 and %s", usd, maxFee)
	case usd%1000 != 0:
		return nil, fmt.Errorf("usd_per_1000: %s is finer than a pico-dollar each (9 decimals)", usd)
	}
	fee := &Fee{Each: usd / 1000, Free: f.Free}
	switch {
	case strings.HasPrefix(f.Unit, "grounded prompt"):
		fee.PerPrompt = true
	case !strings.HasPrefix(f.Unit, "search query"):
		return nil, fmt.Errorf("unit %q: the known ones are search query and grounded prompt", f.Unit)
	}
	return fee, nil
}
