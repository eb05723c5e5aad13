package quota

import "time"

// A ceiling is a limit that the server has, as far as is known: what its refusal named, or
// what it had accepted when it refused. The zero value is no ceiling.
type ceiling struct {
	level int64     // what may be used; 0 = there is no ceiling
	reach int64     // what is asked for now: level, or more during a raise
	named bool      // a refusal named it; otherwise it is an estimate
	since time.Time // when it became known
	whole int64     // the number that the refusal named, of which level is this process's part
}

// put sets the ceiling.
func (c *ceiling) put(level int64, named bool, now time.Time) {
	level = max(1, level)
	*c = ceiling{level: level, reach: level, named: named, since: now}
}

// prove raises the ceiling to what was accepted. A number that a refusal named is then no
// longer the server's.
func (c *ceiling) prove(level int64, now time.Time) {
	if c.exceeded(level) {
		c.level, c.reach, c.named, c.since = level, max(c.reach, level), false, now
	}
}

// exceeded reports whether a call that found so much in use, itself included, asked for
// more than the ceiling.
func (c *ceiling) exceeded(used int64) bool { return c.level > 0 && used > c.level }

// ceilings returns the three ceilings: of requests a minute, of tokens a minute,
// and of calls in flight.
func (l *learner) ceilings() [3]*ceiling {
	return [...]*ceiling{&l.rates.requests.ceiling, &l.rates.tokens.ceiling, &l.flight.ceiling}
}

// minuteCeilings is how many of the ceilings are of the minute. They come first.
const minuteCeilings = 2

// levels returns what a call found in use, itself included, in the order of the ceilings.
func (g *grant) levels() [3]int64 { return [...]int64{g.minute.calls, g.minute.tokens, int64(g.level)} }

// snapshot returns the ceilings as they are.
func (l *learner) snapshot() (s [3]ceiling) {
	for i, c := range l.ceilings() {
		s[i] = *c
	}
	return s
}

// applyPaces has the paces follow their ceilings.
func (l *learner) applyPaces() {
	for _, p := range l.rates.paces() {
		p.apply()
	}
}

// exceeds reports whether a call found more in use than a ceiling allows.
func (l *learner) exceeds(g *grant) bool {
	used := g.levels()
	for i, c := range l.ceilings() {
		if c.exceeded(used[i]) {
			return true
		}
	}
	return false
}
