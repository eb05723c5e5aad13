package quota

import (
	"math"
	"time"
)

const (
	// raiseShare is the part of all calls that raises may cost, in calls that are refused.
	// It leaves room for other refusals below one percent.
	raiseShare = 0.007
	// raiseEvery is how often a raise may cost a call where there are too few for a share.
	raiseEvery = 15 * time.Minute
	// mostSaved and mostOwed bound the credit. What a quiet hour has saved must not be spent
	// in one minute, and one raise that cost much must not be the last one for hours.
	mostSaved = 3
	mostOwed  = -10

	// raiseBreak is the least time between two raises, so that calls of the last one have
	// begun to leave the minute.
	raiseBreak = 20 * time.Second
	// idleAfter is how long a raise goes on without exceeding a ceiling. Twice the pace needs
	// half a minute to reach one from an empty minute.
	idleAfter = time.Minute
	// leastRaise is the requests a minute that a raise asks for, at least, so that even a
	// low ceiling is tested within seconds.
	leastRaise = 300
	// forgetAt is how many times its level a ceiling of the minute is exceeded, without
	// being refused, when it is forgotten.
	forgetAt = 32

	// sure is the logarithm of the odds, 100 to 1, at which a raise ends.
	sure = 4.6
)

// A raise asks for more than the ceilings, all of them at once, and doubles what it asks
// for as long as nothing is refused. Answers above a ceiling raise it. Refusals end the
// raise once they are more than chance explains.
//
// Raises cost refusals, and are rationed by a credit that every call earns a little of. A
// ceiling that is new, or that was found to be too low, is tested at once.
type raise struct {
	on      bool
	from    uint64    // calls from this grant on belong to it
	start   [3]int64  // the ceilings when it began
	stepped time.Time // when it began, or when it last doubled
	above   time.Time // when the first call above a ceiling was sent since the last doubling; zero = none was
	steps   int       // doublings

	chance float64 // of a call to be refused though nothing is wrong
	calls  int     // that asked for more than the ceilings
	last   int     // of those, the last one that was refused
	doubt  float64 // by how much refusals outweigh the calls that were accepted, see missed

	ended  time.Time
	next   time.Time // when the next raise may begin
	cost   float64   // refusals of this raise, or of the last one, beyond those at random
	credit float64   // refusals that raises may cost
	earned time.Time // until when credit was earned
}

// atOnce has the next raise begin with the next call.
func (r *raise) atOnce() { r.credit, r.cost, r.next = max(r.credit, 1), 0, time.Time{} }

// pay takes refusals from the credit.
func (r *raise) pay(n float64) { r.credit = max(r.credit-n, mostOwed) }

// stepUp begins a raise, or takes its next step, when that is due. It is called for each
// call, before the call is logged.
func (l *learner) stepUp(now time.Time) {
	r := &l.raise
	if l.snapshot() == ([3]ceiling{}) {
		*r = raise{credit: 1, earned: now}
		return
	}
	if r.earned.IsZero() {
		r.earned = now
	}
	r.credit = min(r.credit+max(raiseShare, float64(now.Sub(r.earned))/float64(raiseEvery)), mostSaved)
	r.earned = now
	switch {
	case l.trial.on || l.trouble.on:
		return
	case !r.on && r.credit >= min(max(1, r.cost), mostSaved) && !now.Before(r.next):
		*r = raise{on: true, from: l.flight.seq + 1, stepped: now, chance: l.trouble.chance(), credit: r.credit, earned: now}
		for i, c := range l.ceilings() {
			r.start[i] = c.level
		}
	case r.on && r.above.IsZero() && now.Sub(r.stepped) >= idleAfter:
		l.endRaise(now) // so little is asked, or so much is refused, that nothing is found out
		r.next = now.Add(raiseBreak)
		return
	case r.on && !r.above.IsZero() && now.Sub(r.above) >= l.trouble.settles():
		r.steps++
		r.above, r.stepped = time.Time{}, now
	default:
		return
	}
	for i, p := range l.rates.paces() {
		least := int64(leastRaise)
		if i > 0 { // tokens
			least *= max(1, l.calls.minute.tokens/max(1, l.calls.minute.calls))
		}
		if p.level > 0 {
			p.reach = max(p.reach, p.level<<(r.steps+1), least<<r.steps)
		}
		if 2<<r.steps >= forgetAt && p.level > 0 {
			p.refute(now)
			p.ceiling = ceiling{}
		}
	}
	l.applyPaces()
	if f := &l.flight.ceiling; f.level > 0 {
		if f.reach = max(f.reach, f.level+1<<r.steps); f.reach >= int64(l.concurrency) {
			*f = ceiling{}
		}
	}
}

// sent counts a call that asks for more than the ceilings: it finds too much in use, or
// comes sooner than they allow.
func (l *learner) sent(now time.Time, g *grant) {
	r := &l.raise
	if !r.on {
		return
	}
	amounts := [...]int64{1, g.estimate}
	for i, p := range l.rates.paces() {
		if p.level > 0 {
			g.fast = g.fast || now.Before(p.due)
			if p.due = p.due.Add(spacing(amounts[i], p.level)); p.due.Before(now) {
				p.due = now
			}
		}
	}
	if r.above.IsZero() && l.exceeds(g) {
		r.above = now
	}
	if l.above(g) {
		r.calls++
		g.nth = r.calls
		r.cost -= l.trial.random
		r.credit += l.trial.random
	}
}

// above reports whether a call asked for more than the ceilings. In a trial no call does.
func (l *learner) above(g *grant) bool {
	return !(l.trial.on && g.seq >= l.trial.from) && (g.fast || l.exceeds(g))
}

// missed weighs a refusal above the ceilings. It compares how likely the refusals are if
// there is a limit, and if there is none, and ends the raise once a limit is much likelier.
// It is a sequential test as in Page, Continuous inspection schemes, Biometrika 41 (1954).
// Calls that were sent before this one and are still in flight count as accepted, because
// refusals come sooner than answers.
func (l *learner) missed(now time.Time, g *grant) {
	r := &l.raise
	if g.seq < r.from {
		return
	}
	r.cost++
	r.pay(1)
	if !r.on {
		return
	}
	// The share of the calls that a limit refuses, at least. Twice the pace means a half. The
	// more calls are refused by chance, the less exactly that share is known, and the further
	// from it a limit must be to be told apart.
	limited := max(min(0.9, 0.6+3*r.chance), (1+r.chance)/2)
	accepted := max(0, g.nth-r.last-1)
	r.doubt = max(0, r.doubt+float64(accepted)*math.Log((1-limited)/(1-r.chance))) + math.Log(limited/r.chance)
	r.last = max(r.last, g.nth)
	if r.doubt < sure {
		return
	}
	l.endRaise(now)
	r.next = now.Add(raiseBreak)
	for i, c := range l.ceilings() {
		if c.level > 0 && 20*c.level >= 21*r.start[i] {
			r.atOnce() // the ceiling was too low by a twentieth at least, and may be still
		}
	}
}

// endRaise returns to the ceilings.
func (l *learner) endRaise(now time.Time) {
	if l.raise.on {
		l.raise.ended = now
	}
	l.raise.on, l.raise.above = false, time.Time{}
	for _, c := range l.ceilings() {
		c.reach = c.level
	}
	l.applyPaces()
}

// proved takes an answer as the proof that the server accepts as much as the call found in
// use. Answers to calls that were sent before the calls in flight were bounded prove
// nothing about them: some of those had already been answered when they reached the server.
func (l *learner) proved(now time.Time, g *grant) {
	used := g.levels()
	for i, p := range l.rates.paces() {
		if p.exceeded(used[i]) && g.seq >= l.namedFrom {
			p.refute(now)
			p.prove(used[i], now)
		}
	}
	if g.seq >= max(l.raise.from, l.trial.from) {
		l.flight.ceiling.prove(int64(g.level), now)
	}
	l.applyPaces()
}
