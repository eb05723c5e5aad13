package price

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Grounding is what searches cost beside the tokens of what they find.
// https://ai.google.dev/gemini-api/docs/pricing
type Grounding struct {
	Search, Maps *Fee // nil: not offered, or not known
}

// A Fee is the price of searches.
type Fee struct {
	Each      USD    // price of one
	PerPrompt bool   // one is a prompt that was grounded; else a query, of which a prompt can make several
	Free      string // what is free of it, for people; empty: nothing is said
}

// PerThousand is the price as Google publishes it.
func (f *Fee) PerThousand() USD { return f.Each * 1000 }

// of returns the fee for so many queries of one prompt.
func (f *Fee) of(queries int64) (USD, bool) {
	switch {
	case queries == 0:
		return 0, true
	case f == nil || queries < 0 || queries > maxQueries:
		return 0, false
	case f.PerPrompt:
		return f.Each, true
	case f.Each > math.MaxInt64/4/USD(queries): // multiplied; two fees and a fixed price are added up
		return 0, false
	}
	return f.Each * USD(queries), true
}

// maxQueries is the largest count that is believed, and maxFee the highest price of
// a thousand, so that no fee as published overflows.
const (
	maxQueries = 1 << 20
	maxFee     = 1000 * Dollar
)

// SearchFee returns the part of a call's cost that its searches are, and whether
// it is known. What Google gives away each day or month is not taken off: it is
// shared with all else that the account does, of which a call cannot know.
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

// fileGrounding is grounding in prices.json.
type fileGrounding struct {
	Search *fileFee `json:"search"`
	Maps   *fileFee `json:"maps"`
}

type fileFee struct {
	USDPer1000 json.Number `json:"usd_per_1000"`
	Unit       string      `json:"unit"` // search query, or grounded prompt; words after it explain
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
