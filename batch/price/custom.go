package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Custom says where an entry comes from that is not from the built-in table.
type Custom struct {
	Named      bool   // the file has an entry for the model; otherwise it only multiplies all prices
	File       string // the file's name as given to [LoadFile]; empty if [Load] read it
	Date       string // the date that the file gives for itself; may be empty
	Multiplier string // "0.6" if prices are 0.6 times Google's; empty if they are not multiples
	SameAs     string // the model from whose prices these are derived, if it has another name
}

// maxMultiplier keeps multiplied prices far from overflow.
const maxMultiplier = 1000

// A multiplier turns Google's list prices into those of another seller.
type multiplier struct {
	text  string
	ratio *big.Rat // nil if there is no multiplier
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *multiplier) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var n json.Number
	if json.Unmarshal(b, &n) != nil || len(b) > 32 || b[0] == '"' {
		return fmt.Errorf("multiplier: %.40s is not a number: write 0.6 for 60 %% of the list price", b)
	}
	// ParseUSD allows as many decimals and exponents as a multiplier needs.
	pico, err := ParseUSD(n.String())
	if err != nil || pico < 0 || pico > maxMultiplier*Dollar {
		return fmt.Errorf("multiplier: %s is not between 0 and %d: write 0.6 for 60 %% of the list price", n, maxMultiplier)
	}
	m.text, m.ratio = pico.String(), big.NewRat(int64(pico), int64(Dollar))
	return nil
}

// times returns the multiplied price, rounded to the nearest pico-dollar. The result is
// false if it is too large.
func (m *multiplier) times(n int64) (int64, bool) {
	r := new(big.Rat).Mul(m.ratio, new(big.Rat).SetInt64(2*n))
	r.Add(r, big.NewRat(1, 1))
	half := new(big.Int).Mul(r.Denom(), big.NewInt(2))
	q := new(big.Int).Quo(r.Num(), half)
	return q.Int64(), q.IsInt64()
}

// apply returns a copy of an entry with all prices multiplied.
func (m *multiplier) apply(old *Model) (*Model, error) {
	c := *old
	c.Aliases = slices.Clone(old.Aliases)
	var err error
	if c.Grounding, err = m.grounding(old.Grounding); err != nil {
		return nil, err
	}
	if c.Periods, err = m.periods(old.Periods); err != nil {
		return nil, err
	}
	c.routing.own, err = m.periods(old.routing.own)
	return &c, err
}

// periods returns a copy of periods with all prices multiplied.
func (m *multiplier) periods(old []Period) (_ []Period, err error) {
	c := slices.Clone(old)
	for i := range c {
		p := &c[i]
		if p.Grounding, err = m.grounding(p.Grounding); err != nil {
			return nil, err
		}
		p.Tiers = slices.Clone(p.Tiers)
		for k := range p.Tiers {
			t := &p.Tiers[k]
			services := make(map[Service]*Rates, len(t.Rates))
			for s, r := range t.Rates {
				if services[s], err = m.rates(r); err != nil {
					return nil, err
				}
			}
			t.Rates = services
		}
	}
	return c, nil
}

// Named returns the names for which a user's file has entries.
func (t *Table) Named() (names []string) {
	for _, m := range t.models {
		if m.Custom.named() {
			names = append(append(names, m.ID), m.Aliases...)
		}
	}
	return names
}

// named reports whether a user's file has an entry for the model.
func (c *Custom) named() bool { return c != nil && c.Named }

var errMultiplier = errors.New("multiplier: prices become too large by it")

func (m *multiplier) rates(r *Rates) (*Rates, error) {
	c := *r
	for k, n := range r.token {
		product, ok := m.times(n)
		if !ok || product > int64(maxFee) { // no token costs that much: it is a typing error
			return nil, errMultiplier
		}
		c.token[k] = product
	}
	return &c, nil
}

func (m *multiplier) grounding(g *Grounding) (*Grounding, error) {
	if g == nil {
		return nil, nil
	}
	fee := func(f *Fee) (*Fee, error) {
		if f == nil {
			return nil, nil
		}
		c := *f
		product, ok := m.times(int64(f.Each))
		if c.Each = USD(product); !ok || c.Each > maxFee {
			return nil, errMultiplier
		}
		return &c, nil
	}
	search, err := fee(g.Search)
	if err != nil {
		return nil, err
	}
	maps, err := fee(g.Maps)
	return &Grounding{Search: search, Maps: maps}, err
}

// derived returns the entry for a model whose file does not state its prices, but how
// they follow from the built-in ones. The multiplier all is the whole file's. A model's
// own multiplier replaces it.
func (f *fileModel) derived(lists *Table, all *multiplier) (*Model, error) {
	if len(f.Periods) > 0 || f.PerRequest != "" {
		return nil, errors.New("multiplier and same_as derive its prices from the list prices, and periods and per_request state them: give one or the other")
	}
	from := f.ID
	if f.SameAs != "" {
		from = f.SameAs
	}
	if lists == nil {
		return nil, errors.New("multiplier and same_as have no place in the list itself")
	}
	list := lists.find(from)
	switch {
	case list == nil && f.SameAs != "":
		return nil, fmt.Errorf("same_as: there is no list price for %q: genbatch prices lists the models that have one", from)
	case list == nil:
		return nil, fmt.Errorf("multiplier: there is no list price for %q: name the model that it is with same_as, or give its prices under periods", from)
	}
	by := &f.Multiplier
	if by.ratio == nil {
		by = all
	}
	m := *list
	if by.ratio != nil {
		multiplied, err := by.apply(list)
		if err != nil {
			return nil, err
		}
		m = *multiplied
	}
	if f.Grounding != nil { // the file states these fees, so they are not multiplied
		var err error
		if m.Grounding, err = f.Grounding.fees(); err != nil {
			return nil, fmt.Errorf("grounding: %w", err)
		}
		m.Periods = slices.Clone(m.Periods)
		for i := range m.Periods {
			m.Periods[i].Grounding = nil
		}
	}
	if len(f.Limits) > 0 {
		m.OutputLimit, m.UnaryLimit = outputLimit(f.Limits)
	}
	m.Custom = &Custom{Multiplier: by.text}
	if m.ID != f.ID {
		m.Custom.SameAs = list.ID
		m.ID, m.Aliases = f.ID, nil
		// What Google does with one of its own names does not concern another name.
		m.RoutedTo, m.RoutedFrom, m.Status, m.routing.own = "", "", "", nil
	}
	m.Aliases = append(slices.Clone(m.Aliases), f.Aliases...)
	if f.Status != "" {
		m.Status = f.Status
	}
	m.Notes = append(slices.Clone(m.Notes), f.Notes...)
	return &m, nil
}

// multiplyAll multiplies all list prices. It is called before the file's own models are
// added.
func (t *Table) multiplyAll(by *multiplier, custom Custom) error {
	for i, m := range t.models {
		c, err := by.apply(m)
		if err != nil {
			return err
		}
		own := custom
		own.Multiplier = by.text
		c.Custom = &own
		t.replace(i, c)
	}
	return nil
}

// perRequest reads the fixed price of a request.
func perRequest(n json.Number) (*USD, error) {
	if n == "" {
		return nil, nil
	}
	usd, err := ParseUSD(n.String())
	if err != nil {
		return nil, fmt.Errorf("per_request: %w", err)
	}
	if usd < 0 || usd > maxFee {
		return nil, fmt.Errorf("per_request: %s is not between 0 and %s dollars for one request", usd, maxFee)
	}
	return &usd, nil
}

// requestFee returns the fixed part of what a call costs in a period, and whether tokens
// have prices beside it.
func (p *Period) requestFee() (fee USD, tokens bool) {
	if p == nil || p.PerRequest == nil {
		return 0, true
	}
	return *p.PerRequest, len(p.Tiers) > 0
}
