package quota

import (
	"time"

	"github.com/genbatch/genbatch/batch"
)

// rates are a model's limits of the minute and what is used of them, by this process.
type rates struct {
	requests  pace
	tokens    pace
	estimates estimates
}

// limited reports whether a limit of the minute is known.
func (r *rates) limited() bool { return r.requests.limit > 0 || r.tokens.limit > 0 }

// limits returns the limits of requests and tokens; 0 = not known.
func (r *rates) limits() [2]int64 { return [2]int64{r.requests.limit, r.tokens.limit} }

// pace returns the pace that keeps a limit; nil for the limit of the day.
func (r *rates) pace(limit string) *pace {
	switch limit {
	case LimitRPM:
		return &r.requests
	case LimitTPM:
		return &r.tokens
	}
	return nil
}

// reserve returns the tokens to count for a request. A row above the limit counts as all
// of it, and so gets a minute of its own instead of waiting forever.
func (r *rates) reserve(q *batch.Request) int64 {
	return min(r.estimates.of(q.InputTokens), r.tokens.limit)
}

// paces returns the pace of requests and that of tokens.
func (r *rates) paces() [minuteCeilings]*pace { return [...]*pace{&r.requests, &r.tokens} }

// take counts a request in the slot that it was granted. Of the requests a part is refused
// at random, which a server does not count, but a user does.
func (r *rates) take(slot time.Time, g *grant, random float64) {
	if r.requests.limit > 0 {
		r.requests.take(slot, 1)
		if r.requests.given == 0 {
			r.requests.free = r.requests.free.Add(-time.Duration(float64(r.requests.cost(1)) * random))
		}
	}
	if r.tokens.limit > 0 {
		g.tokens = min(g.estimate, r.tokens.limit)
		r.tokens.take(slot, g.tokens)
	}
}

// correct replaces the tokens that a grant has reserved by those that it used.
func (r *rates) correct(g *grant, tokens int64) {
	if g.tokens > 0 {
		tokens = min(tokens, r.tokens.limit)
		r.tokens.free = r.tokens.free.Add(r.tokens.cost(tokens) - r.tokens.cost(g.tokens))
		g.tokens = tokens
	}
}

// adopt takes over the limits of the minute that a refusal names, and reports whether
// one of them was new.
func (r *rates) adopt(limits []batch.Limit, now time.Time) bool {
	changed := false
	for _, l := range limits {
		if l.Per != time.Minute {
			continue
		}
		p := &r.requests
		if l.Tokens {
			p = &r.tokens
		}
		changed = p.adopt(l.Value, now) || changed
	}
	return changed
}

// learned returns the limits that are named or estimated.
func (r *rates) learned() []Learned {
	var list []Learned
	for _, name := range []string{LimitRPM, LimitTPM} {
		if p := r.pace(name); p.level > 0 && (p.given == 0 || p.level < p.given) {
			list = append(list, Learned{Limit: name, Value: p.learned(), At: p.since.UTC().Truncate(time.Second), Estimated: !p.named})
		}
	}
	return list
}
