package quota

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	fewestInRow  = 3                      // failures in a row that make trouble, at least
	firstPause   = 500 * time.Millisecond // before the first probe; doubled for each that fails
	longestPause = 5 * time.Second        // where the doubling ends
	longestLimit = time.Minute            // where it ends after refusals: some servers count those too, for a minute
	usualOver    = 200                    // calls over which the usual failures are averaged
	shortest     = time.Second            // how long a call lasts, at least, that has outlived a failure
)

// A trouble begins when calls fail one after the other. Nothing is sent then but one probe
// at a time, and the first one that succeeds ends it.
//
// If the server only ever refused to be asked so much, it may have a limit. The calls that
// were refused had found so much of the minute used, and so many calls in flight. If less
// of the minute is used when a probe succeeds, a limit of the minute explains it all. If
// not, what was different is that the probe was alone in flight. Any other failure teaches
// nothing about limits.
type trouble struct {
	usual   float64       // share of calls that fail although nothing is wrong
	weighed int           // calls that it is the average of
	slowest time.Duration // that a failure took to arrive, lately

	held held
	from uint64 // calls before this grant tell nothing any more

	on      bool
	first   uint64 // of the calls that failed
	limited bool   // all of them were refused
	failed  int    // probes that failed
	misled  bool   // one of them, although the suspected limit had room
	wait    time.Duration
	next    time.Time               // when the next probe is due
	probe   *grant                  // the probe in flight; nil = none is
	before  [minuteCeilings]ceiling // the ceilings before the trouble
	cleared [minuteCeilings]bool    // those that cannot be the reason
}

// A held is the failures since the last answer to a call that was sent after them. Until there
// is one they may be some of those that come one after the other, which are not usual.
type held struct {
	failures int
	refused  int    // of these, the refusals
	from     uint64 // the first of these
}

// newTrouble expects one failure in fifty calls, but believes ten calls that tell otherwise.
func newTrouble() trouble { return trouble{usual: 0.02, weighed: 10} }

// chance is the chance of a call to fail although nothing is wrong: the usual share, and
// the standard error of it.
func (t *trouble) chance() float64 {
	return min(max(t.usual+math.Sqrt(t.usual*(1-t.usual)/float64(t.weighed)), 0.005), 0.7)
}

// tooMany returns how many failures in a row chance does not explain among so many calls a
// minute. Chance may do so once in ten minutes.
func (t *trouble) tooMany(calls int64) int {
	return max(fewestInRow, int(math.Ceil(math.Log(float64(100+10*calls))/-math.Log(t.chance()))))
}

// outlives is how long a call must last to have outlived a failure.
func (t *trouble) outlives() time.Duration { return max(shortest, 3*t.slowest) }

// settles is how long a raise or a trial takes, at least, to show what it does. Failures that
// take longer than some seconds, such as time-outs, are not what it looks for.
func (t *trouble) settles() time.Duration { return min(t.outlives(), longestPause) }

// weigh counts a call among the usual ones.
func (t *trouble) weigh(failed float64) {
	t.weighed = min(t.weighed+1, usualOver)
	t.usual += (failed - t.usual) / float64(t.weighed)
}

// hold keeps a failure.
func (h *held) hold(g *grant, f fate) {
	if h.failures == 0 {
		h.from = g.seq
	}
	h.failures++
	h.from = min(h.from, g.seq)
	if f == refused {
		h.refused++
	}
}

// release counts the failures that were held as usual ones, and returns how many of them
// were refusals.
func (t *trouble) release() (refused int) {
	for range t.held.failures {
		t.weigh(1)
	}
	refused, t.held = t.held.refused, held{}
	return refused
}

// usually counts an answer among the usual calls, and the failures before it.
func (l *learner) usually(now time.Time, g *grant) {
	t := &l.trouble
	if t.held.failures > 0 && g.seq > t.held.from {
		for range t.release() {
			if !l.trial.on { // otherwise they were counted as they came
				l.shed(now, g, 1)
			}
		}
	}
	t.weigh(0)
	l.shed(now, g, 0)
}

// failure learns from a call that was refused or that failed otherwise.
func (l *learner) failure(now time.Time, g *grant, o *batch.Outcome, f fate) {
	t := &l.trouble
	l.calls.landed(g.seq, g.level)
	t.slowest = max(now.Sub(g.at), t.slowest*9/10) // one slow failure is forgotten after a few others
	switch {
	case t.probe == g:
		l.probeFailed(now, g, o, f)
	case t.on || g.seq < t.from:
	case f == refused && l.above(g):
		l.calls.end(g.seq, explained)
		l.missed(now, g)
	default:
		t.held.hold(g, f)
		if l.trial.on && f == refused {
			l.shed(now, g, 1)
		}
		if n, first, limited := l.calls.inRow(g.seq, t.from); n >= t.tooMany(l.calls.minute.calls) {
			l.begin(now, first, limited)
		}
	}
}

// begin stops all calls but one probe at a time.
func (l *learner) begin(now time.Time, first uint64, limited bool) {
	t := &l.trouble
	l.endRaise(now)
	l.endTrial()
	t.on, t.first, t.limited, t.failed, t.misled, t.probe = true, first, limited, 0, false, nil
	t.wait = firstPause
	t.next = now.Add(firstPause/2 + rand.N(firstPause/2))
	t.cleared = [minuteCeilings]bool{}
	for i := range t.before {
		c := l.ceilings()[i]
		if level := l.raise.start[i]; limited && level > 0 && c.level > level && now.Sub(l.raise.ended) < time.Minute {
			c.put(level, c.named, now) // what the last raise found has not lasted for a minute
		}
		t.before[i] = *c
	}
	l.suspectFirst(now)
}

// suspectFirst lowers the ceilings to what the first of the refused calls found used. That
// is known exactly once the calls before it have ended.
func (l *learner) suspectFirst(now time.Time) {
	if t := &l.trouble; t.limited && l.calls.get(t.first) != nil {
		l.suspect(now, l.calls.levelAt(t.first))
	}
}

// suspect lowers the ceilings to what a refused call found used.
func (l *learner) suspect(now time.Time, v level) {
	for i, n := range [...]int64{v.calls, v.tokens} {
		c := l.ceilings()[i]
		switch {
		case l.trouble.cleared[i]:
		case n == 0:
			l.clear(i) // nothing was used, and the call was refused
		case c.level == 0 || n < c.level:
			c.put(n, false, now)
		}
	}
	l.applyPaces()
}

// clear takes the suspicion back from a ceiling.
func (l *learner) clear(i int) {
	l.trouble.cleared[i] = true
	*l.ceilings()[i] = l.trouble.before[i]
	l.applyPaces()
}

// acquit takes it back from all.
func (l *learner) acquit() {
	l.trouble.limited = false
	for i := range l.trouble.before {
		l.clear(i)
	}
}

func (l *learner) probeFailed(now time.Time, g *grant, o *batch.Outcome, f fate) {
	t := &l.trouble
	t.probe = nil
	t.failed++
	l.suspectFirst(now)
	longest := longestPause
	switch {
	case t.limited && f == refused:
		l.calls.end(g.seq, explained)
		if c := &l.rates.requests.ceiling; c.level > 0 && !c.exceeded(g.minute.calls) {
			t.weigh(1)
			if !t.misled { // the room was not there: look for its time anew
				t.misled, t.wait = true, firstPause/2
			}
		}
		l.suspect(now, g.without())
		longest = longestLimit
	case t.limited:
		l.acquit()
	}
	t.wait = min(2*t.wait, longest)
	wait := t.wait/2 + rand.N(t.wait/2)
	if t.limited && o.RetryAfter > 0 {
		wait = min(wait, o.RetryAfter)
	}
	t.next = now.Add(wait)
	if t.limited && !t.misled {
		at, _ := l.calls.earliest(now, l.rates.requests.level, 0, l.rates.tokens.level)
		if at.After(now) && at.Before(t.next) {
			t.next = at // the suspected limit has room
		}
	}
}

// outlived ends the trouble when the probe has outlived a failure.
func (l *learner) outlived(now time.Time) {
	if t := &l.trouble; t.probe != nil && now.Sub(t.probe.at) >= t.outlives() {
		l.end(now)
	}
}

// end takes up all calls again, after a probe has succeeded.
func (l *learner) end(now time.Time) {
	t := &l.trouble
	l.suspectFirst(now)
	t.on, t.from = false, l.flight.seq+1
	for _, p := range l.rates.paces() {
		if p.given == 0 {
			p.free = now
		}
	}
	if t.failed == 0 { // it was chance
		for range t.release() {
			l.trial.weigh(1)
		}
	} else {
		// Half of them at first: if the server is not well yet, fewer calls find that out.
		l.flight.window = min(l.concurrency, max(startWindow, l.flight.window/2))
	}
	if t.limited {
		l.convict(now, t.probe)
	}
	t.probe, t.held = nil, held{}
}

// convict decides which limit explains the refusals, by what the probe that succeeded found
// used.
func (l *learner) convict(now time.Time, probe *grant) {
	t, used := &l.trouble, probe.without()
	l.raise.pay(float64(t.failed))
	explained := false
	for i, n := range [...]int64{used.calls, used.tokens} {
		switch c := l.ceilings()[i]; {
		case c.level > 0 && n >= c.level:
			l.clear(i)
			l.raise.atOnce()
		case c.level > 0 && !t.cleared[i]:
			explained = true
			if old := t.before[i].level; old == 0 || 10*c.level < 9*old {
				l.raise.atOnce() // it is new, or lower by more than a tenth
			}
		}
	}
	first := l.calls.get(t.first)
	if f := &l.flight.ceiling; !explained && first != nil && (f.level == 0 || int64(first.flight) <= f.level) {
		f.put(int64(first.flight)-1, false, now)
		if l.trial.share < muchShed { // otherwise a trial comes first
			l.raise.atOnce()
		}
	}
	l.stepUp(now)
}
