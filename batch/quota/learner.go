package quota

import (
	"net/http"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A learner learns the limits of a model from how its calls end. It works on the calls alone:
// the day, the store and those who wait are none of its business.
type learner struct {
	rates   rates   // of the minute, and what is used of them
	calls   callLog // of the last minute
	flight  flight  // the calls in flight, and how many may be
	raise   raise   // asks for more
	trial   trial   // asks for less
	trouble trouble // asks one at a time

	concurrency int    // the most calls in flight that the user allows
	namedFrom   uint64 // calls before this grant were sent before a refusal named the limits
}

func newLearner(c *Config) learner {
	return learner{
		rates:       rates{requests: givenPace(c.RPM, c.Share), tokens: givenPace(c.TPM, c.Share)},
		flight:      flight{window: min(max(startWindow, c.Proven), c.Concurrency), grants: make(map[*batch.Request]*grant)},
		trouble:     newTrouble(),
		concurrency: c.Concurrency,
	}
}

// openWindow ends the slow start: a limit of the minute bounds the calls from now on.
func (l *learner) openWindow() { l.flight.window = l.concurrency }

// most returns how many calls may be in flight. In trouble the probe comes beside the calls
// that are in flight already.
func (l *learner) most() int {
	if l.trouble.on {
		return l.concurrency
	}
	return l.flight.most()
}

// obeys reports whether a pace is kept. While calls fail, what was estimated is in doubt; but
// a probe comes no sooner than the user allows.
func (l *learner) obeys(p *pace) bool {
	return !l.trouble.on || p.source() != estimate || p.given > 0
}

// fateOf says what an outcome tells about the server.
func fateOf(o *batch.Outcome) fate {
	switch {
	case o.Consequence == batch.Answered || o.Consequence == batch.Settled:
		return answered
	case o.Consequence == batch.Stop:
		return unsent
	case o.Err == nil || o.Err.Kind == "":
		if o.Consequence == batch.SlowDown {
			return refused
		}
		return unsent
	case o.Err.Kind == batch.KindQuota || o.Err.Kind == batch.KindDayQuota || o.Err.HTTPStatus == http.StatusTooManyRequests:
		return refused
	case o.Unanswered():
		return faulty
	}
	return answered
}

// success learns from an answer.
func (l *learner) success(now time.Time, g *grant) {
	t := &l.trouble
	l.trial.busy = max(float64(g.level), l.trial.busy*0.995) // the most of some hundred answers
	switch {
	case t.probe == g:
		l.end(now)
		return
	case t.on:
		return
	}
	if g.seq >= t.from {
		if !l.above(g) {
			l.usually(now, g)
		}
		l.flight.grow(l.concurrency)
	}
	l.proved(now, g)
}

// names reports whether a refusal names a limit of the minute.
func names(limits []batch.Limit) bool {
	return slices.ContainsFunc(limits, func(l batch.Limit) bool { return l.Per == time.Minute && l.Value > 0 })
}

// named learns from a refusal of a call that names its limits, and reports whether one of
// them is new.
func (l *learner) named(now time.Time, g *grant, limits []batch.Limit) (isNew bool) {
	l.calls.end(g.seq, explained)
	l.raise.pay(1)
	if t := &l.trouble; t.probe == g {
		l.acquit() // the limit is known now
		t.failed, t.held = 0, held{}
		l.end(now)
	}
	if l.raise.on && g.seq >= l.raise.from {
		l.endRaise(now)
		l.raise.next = now.Add(raiseBreak)
	}
	return l.adopt(now, limits)
}

// adopt takes over the limits of the minute that a refusal names, and reports whether one
// of them is new: then those limits are what binds, and not the calls in flight.
func (l *learner) adopt(now time.Time, limits []batch.Limit) (isNew bool) {
	if isNew = l.rates.adopt(limits, now); isNew {
		l.nowNamed(now)
	}
	return isNew
}

// nowNamed follows a limit that was named, to this process or to another one. What was tried
// meanwhile does not count any more.
func (l *learner) nowNamed(now time.Time) {
	l.endRaise(now)
	for i, p := range l.rates.paces() {
		if p.named {
			l.trial.before[i], l.trouble.before[i] = p.ceiling, p.ceiling
		}
	}
	l.namedFrom = l.flight.seq + 1
	l.openWindow()
}
