package price

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The Gemini API serves some models by another one from a day on, and bills that one. The
// prices of such a model are its own until then, and from that day on those of the other.

// A routing is what stays of an entry that is routed to another one.
type routing struct {
	from time.Time
	own  []Period // the periods without the routing; nil before there is one
}

// route gives each routed model the prices of the one that serves it. It is called when all
// models are there. A model that a user's file derives from the list keeps what the file
// made of its prices.
func (t *Table) route() error {
	done := make(map[string]*Model, len(t.models))
	var resolve func(m *Model) (*Model, error)
	resolve = func(m *Model) (*Model, error) {
		if r := done[m.ID]; r != nil {
			return r, nil
		}
		done[m.ID] = m // two models that are routed to each other keep their own prices
		if m.RoutedTo == "" || m.routing.own != nil && m.Custom.named() {
			return m, nil
		}
		to := t.byName[m.RoutedTo]
		if to == nil {
			return nil, fmt.Errorf("model %q: routed_to: there is no model %q", m.ID, m.RoutedTo)
		}
		to, err := resolve(to)
		if err != nil {
			return nil, err
		}
		c := *m
		if c.routing.own == nil {
			c.routing.own = m.Periods
		}
		c.Periods = slices.Concat(before(c.routing.own, m.routing.from), after(to, m.routing.from, m.RoutedFrom))
		done[m.ID] = &c
		return &c, nil
	}
	for i, m := range t.models {
		r, err := resolve(m)
		if err != nil {
			return err
		}
		t.replace(i, r)
	}
	return nil
}

// before returns the periods up to a day.
func before(periods []Period, day time.Time) (cut []Period) {
	for _, p := range periods {
		if !p.from.Before(day) {
			continue
		}
		if p.end.IsZero() || p.end.After(day) {
			p.end, p.Until = day, day.AddDate(0, 0, -1).Format(time.DateOnly)
		}
		cut = append(cut, p)
	}
	return cut
}

// after returns a model's periods from a day on, for the model that it serves as well.
func after(m *Model, day time.Time, name string) (cut []Period) {
	for _, p := range m.Periods {
		if !p.end.IsZero() && !p.end.After(day) {
			continue
		}
		if p.from.Before(day) {
			p.from, p.From = day, name
		}
		if p.Grounding == nil {
			p.Grounding = &Grounding{}
			if m.Grounding != nil {
				p.Grounding = m.Grounding
			}
		}
		p.As = m.ID
		cut = append(cut, p)
	}
	return cut
}

// Vertex returns the table for Vertex AI. It does not route: models keep their own last
// price there until they are retired, on days of its own.
func (t *Table) Vertex() *Table {
	v := &Table{generated: t.generated, models: slices.Clone(t.models), byName: maps.Clone(t.byName)}
	for i, m := range v.models {
		if m.routing.own == nil {
			continue
		}
		c := *m
		c.RoutedTo, c.RoutedFrom, c.Status = "", "", ""
		c.Periods = slices.DeleteFunc(slices.Clone(m.routing.own), func(p Period) bool { return !p.Priced() })
		if n := len(c.Periods); n > 0 {
			c.Periods[n-1].Until, c.Periods[n-1].end = "", time.Time{}
		}
		v.replace(i, &c)
	}
	return v
}

// replace puts another entry in the place of the i-th one, under all its names.
func (t *Table) replace(i int, m *Model) {
	old := t.models[i]
	if old == m {
		return
	}
	t.models[i] = m
	for name, o := range t.byName {
		if o == old {
			t.byName[name] = m
		}
	}
}
