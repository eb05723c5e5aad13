package quota

import (
	"math"
	"time"
)

const (
	shedOver   = 200   // calls over which the share of refusals is averaged
	shedMost   = 0.015 // share of refusals, beyond those at random, that is put up with
	muchShed   = 0.3   // share of refusals at which even a run that still grows asks for less
	lessPace   = 0.95  // of what is answered, that is asked for in a trial
	lessFlight = 0.9   // of the calls that the server works on at once
	trialEnds  = 10    // refusals that a trial expects if there is no limit

	firstRest = 30 * time.Second // after a trial that found no limit; doubled for each that does so
	longRest  = 10 * time.Minute // where the doubling ends
)

// A trial asks the server for less than it answers. If that halves the share of refusals,
// a limit was exceeded. If not, the refusals are random, and the old pace returns at once.
//
// What binds is tried first: the pace if a limit of the minute is used up, and else the
// calls in flight. If that lowers nothing, the other one is tried.
type trial struct {
	share  float64 // of calls that are refused without an explanation, lately
	random float64 // of calls that are refused however little is asked
	busy   float64 // most calls in flight that were answered, lately

	on      bool
	pace    bool   // it slows the pace; otherwise it lowers the calls in flight
	refuted bool   // the one before it, of the other kind, found no limit
	from    uint64 // calls from this grant on belong to it
	began   time.Time
	refused int
	asked   float64 // the share before it began
	before  [3]ceiling

	rest time.Duration // after the last one
	next time.Time     // when the next one may begin
}

// weigh averages the share of refusals. n is 1 for a refusal, and 0 for an answer.
func (t *trial) weigh(n float64) {
	t.share += (n - t.share) / shedOver
	if t.share < t.random/2 {
		t.random = t.share // there are fewer than there were
	}
}

// expects returns the share of calls that will be refused at random. A trial asks as if
// there were none.
func (t *trial) expects() float64 {
	if t.on {
		return 0
	}
	return t.random
}

// room returns the level up to which the last minute may be used. A trial lowers only the
// pace.
func (t *trial) room(i int, limit int64) int64 {
	if t.on && t.pace {
		return t.before[i].level
	}
	return limit
}

// shed counts a refusal, or an answer, that no ceiling explains.
func (l *learner) shed(now time.Time, g *grant, n float64) {
	t := &l.trial
	t.weigh(n)
	switch {
	case t.on && g.seq >= t.from:
		t.refused += int(n)
		// Calls in flight count as accepted, because refusals come sooner than answers.
		calls := float64(l.flight.seq + 1 - t.from)
		switch expected := calls * t.asked; {
		case t.refused > trialEnds/2 && float64(t.refused) > expected/2:
			l.noLimit(now)
		case expected >= trialEnds && now.Sub(t.began) >= l.trouble.settles():
			l.limitFound(now, float64(t.refused)/calls)
		}
	case !t.on && n > 0 && !l.raise.on && t.share > t.random*1.5+shedMost && !now.Before(t.next):
		l.askLess(now)
	}
}

// askLess begins a trial.
func (l *learner) askLess(now time.Time) {
	t := &l.trial
	growing := l.flight.window < l.concurrency
	span := l.calls.span(now)
	if growing && t.share < muchShed || span < 5*time.Second {
		return
	}
	l.endRaise(now)
	t.pace = l.binds() != t.refuted
	less := [3]float64{2: lessFlight * t.busy}
	if t.pace {
		perMinute := lessPace * float64(time.Minute) / float64(span)
		less = [3]float64{perMinute * float64(l.calls.minute.calls), perMinute * float64(l.calls.minute.tokens)}
	}
	t.on, t.from, t.began, t.refused, t.asked, t.before = true, l.flight.seq+1, now, 0, t.share, l.snapshot()
	for i, c := range l.ceilings() {
		if n := int64(math.Ceil(less[i])); n > 0 && (c.level == 0 || n < c.level) {
			c.put(n, false, now)
		}
	}
	l.applyPaces()
}

// binds reports whether a limit of the minute is used up, or nearly: a pace keeps 2 % below
// it, and the last minute may have had a pause.
func (l *learner) binds() bool {
	near := func(p *pace, used int64) bool { return p.limit > 0 && float64(used) >= 0.9*float64(p.limit) }
	return near(&l.rates.requests, l.calls.minute.calls) || near(&l.rates.tokens, l.calls.minute.tokens)
}

// endTrial returns to what was asked for before a trial, which has shown nothing.
func (l *learner) endTrial() {
	if t := &l.trial; t.on {
		t.on = false
		for i, c := range l.ceilings() {
			*c = t.before[i]
		}
		l.applyPaces()
	}
}

// noLimit ends a trial that did not lower the share of refusals.
func (l *learner) noLimit(now time.Time) {
	t := &l.trial
	l.endTrial()
	if t.refuted = !t.refuted; t.refuted {
		return // what the other kind shows is still open
	}
	l.flight.ceiling = ceiling{}
	t.random = max(t.random, t.share)
	t.rest = min(max(firstRest, 2*t.rest), longRest)
	t.next = now.Add(t.rest)
}

// limitFound ends a trial that did.
func (l *learner) limitFound(now time.Time, share float64) {
	t := &l.trial
	t.on, t.refuted, t.rest, t.share = false, false, 0, share
	l.trouble.usual = min(l.trouble.usual, share)
	l.rates.requests.prove(l.calls.minute.calls, now)
	l.rates.tokens.prove(l.calls.minute.tokens, now)
	l.applyPaces()
	if t.before[0].level == 0 && t.before[2].level == 0 {
		l.raise.atOnce()
	}
}
