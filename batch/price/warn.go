package price

import (
	"fmt"
	"strings"
	"time"
)

// notice is how long before a change the warning of it begins.
const notice = 60 * 24 * time.Hour

// warnings returns what a user of the model should know at that time: that it is routed
// elsewhere, that it has been retired, or that its price is about to change.
func (m *Model) warnings(at time.Time) []string {
	var w []string
	soon := func(t time.Time) bool { return !t.IsZero() && t.After(at) && t.Before(at.Add(notice)) }
	switch {
	case m.RoutedTo != "" && !at.Before(m.routing.from):
		w = append(w, fmt.Sprintf("since %s requests for %s are answered by, and billed as, %s", m.RoutedFrom, m.ID, m.RoutedTo))
	case m.RoutedTo != "" && soon(m.routing.from):
		w = append(w, fmt.Sprintf("from %s on requests for %s are answered by, and billed as, %s", m.RoutedFrom, m.ID, m.RoutedTo))
	case m.RoutedTo == "" && m.Status != "" && m.Status != "available":
		w = append(w, m.ID+": "+m.Status)
	}
	p := m.At(at)
	if p == nil || !soon(p.end) || m.RoutedTo != "" && !p.end.After(m.routing.from) {
		return w // the routing is said already
	}
	next := m.At(p.end)
	if !next.Priced() {
		return append(w, fmt.Sprintf("the price of %s is known until %s", m.ID, p.Until))
	}
	return append(w, fmt.Sprintf("the price of %s changes on %s: %s", m.ID, next.From, change(p, next)))
}

// change describes the new standard prices beside the old ones.
func change(old, next *Period) string {
	if len(old.Tiers) == 0 || len(next.Tiers) == 0 || old.Tiers[0].Rates[Standard] == nil || next.Tiers[0].Rates[Standard] == nil {
		return "see genbatch prices"
	}
	var parts []string
	a, b := old.Tiers[0].Rates[Standard], next.Tiers[0].Rates[Standard]
	for _, k := range []Kind{InputText, OutputText, OutputAudio} {
		was, ok1 := a.PerMillion(k)
		will, ok2 := b.PerMillion(k)
		if ok1 && ok2 && was != will {
			parts = append(parts, fmt.Sprintf("%s %s to %s", k, was, will))
		}
	}
	if len(parts) == 0 {
		return "see genbatch prices"
	}
	return strings.Join(parts, ", ") + " USD per million tokens"
}
