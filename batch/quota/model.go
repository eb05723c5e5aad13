package quota

import (
	"container/list"
	"math/rand/v2"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	longestSleep = time.Minute // without a look at the clock

	maxPause    = 5 * time.Minute        // the longest RetryAfter of a server that is heeded
	firstPause  = 500 * time.Millisecond // after a second burst of refusals that name no time
	longestWait = time.Minute            // where the doubling of firstPause ends
)

// A model is what the limiter knows of one model, and the requests that wait for it. The
// Limiter's mu guards it.
type model struct {
	limiter *Limiter
	name    string

	rates     rates     // of the minute, and what is used of them
	calls     callLog   // of the last minute
	inference inference // of limits that no refusal names
	flight    flight    // the calls in flight, and how many may be

	paused  time.Time // nothing is sent before
	refused refusal   // the last one

	day    day
	client storeClient

	queue list.List // of *waiter, the first to come at the front
	alarm alarm     // for the first waiter
}

// A refusal is what a server refused a call with, or why none could be reached.
type refusal struct {
	at  time.Time
	why string
}

type waiter struct {
	request *batch.Request
	done    chan error // has room for the one answer, so that giving it never blocks
	left    bool       // it has left the queue
}

// A bound is what keeps the next request waiting.
type bound uint8

const (
	byNothing bound = iota
	byRequests
	byTokens
	byPause
	byDay
	byFlight
	byProbe
	byStore
)

// timed reports whether the bound ends at a known time. A Release ends the others.
func (b bound) timed() bool { return b != byFlight && b != byProbe }

func newModel(l *Limiter, name string) *model {
	c := &l.config
	m := &model{
		limiter: l,
		name:    name,
		rates:   rates{requests: givenPace(c.RPM, l.started), tokens: givenPace(c.TPM, l.started)},
		flight:  flight{window: min(startWindow, c.Concurrency), grants: make(map[*batch.Request]grant)},
		day:     day{zone: l.zone, given: c.RPD},
	}
	m.inference = newInference(&m.rates, &m.calls)
	m.alarm.ring = m.awake
	m.day.roll(time.Now())
	if m.rates.limited() || c.Flex {
		m.openWindow()
	}
	return m
}

// openWindow ends the slow start: a limit of the minute bounds the calls from now on.
func (m *model) openWindow() { m.flight.window = m.limiter.config.Concurrency }

// earliest returns the earliest time at which r may be sent, and what decides that. It
// leaves out what the store decides, see due.
func (m *model) earliest(now time.Time, r *batch.Request) (at time.Time, by bound) {
	if m.flight.full() && !m.exempt(r) {
		return time.Time{}, byFlight
	}
	parked := m.day.parked.until
	if now.Before(parked) {
		switch m.day.probe.state {
		case probing:
			return time.Time{}, byProbe
		case probeDue:
			parked = time.Time{}
		}
	}
	later := func(t time.Time, b bound) {
		if t.After(at) {
			at, by = t, b
		}
	}
	if p := &m.rates.requests; p.limit > 0 && !m.shares(p, now) {
		later(p.free, byRequests)
		if p.source == inferred {
			later(m.calls.earliest(p.limit), byRequests)
		}
	}
	if p := &m.rates.tokens; p.limit > 0 && !m.shares(p, now) {
		later(p.free, byTokens)
		later(m.rates.ledger.earliest(now, m.rates.reserve(r), p.limit), byTokens)
	}
	later(m.paused, byPause)
	later(parked, byDay)
	return at, by
}

// grant counts r as sent now, in the slot.
func (m *model) grant(now, slot time.Time, r *batch.Request) {
	g := m.flight.next(now, m.exempt(r))
	m.inference.beforeCall(now)
	m.calls.add(now, g.seq, m.rates.estimates.of(r.InputTokens), m.flight.counted())
	m.rates.take(now, slot, r, &g)
	m.day.count(now, &g)
	m.useSlot(now, &g)
	m.flight.add(r, g)
}

// exempt reports whether the window does not count r, see [Limiter].
func (m *model) exempt(r *batch.Request) bool { return r.Tier == "flex" && !m.limiter.config.Flex }

// undo takes back a grant that was not used. Its slot is given to nobody else, which
// keeps the spacing without further checks.
func (m *model) undo(g grant) {
	m.correct(g, 0)
	if c := m.calls.get(g.seq); c != nil {
		c.refused = true // the server never saw it
	}
	m.day.uncount(g)
	m.probed(g, nil)
}

// correct replaces the tokens that a grant has reserved by those that it used, here and
// in the store.
func (m *model) correct(g grant, tokens int64) {
	if g.bookedTokens > 0 {
		if n := min(tokens, m.rates.tokens.limit) - g.bookedTokens; n != 0 {
			m.client.corrections = append(m.client.corrections, correction{g.booked, n})
		}
	}
	m.rates.correct(g, tokens)
}

// dispatch gives slots to waiters, one by one, until the first of them has to wait,
// and sets the alarm for it.
func (m *model) dispatch(now time.Time) {
	m.watch(now)
	defer m.sync(now)
	for m.queue.Len() > 0 {
		if err := m.dayError(now); err != nil {
			m.refuseAll(err)
			break
		}
		front := m.queue.Front()
		w := front.Value.(*waiter)
		at, by := m.due(now, w.request)
		if !by.timed() {
			break
		}
		if at.After(now) {
			m.alarm.set(now, at)
			return
		}
		kept := by == byRequests
		if late := now.Add(-slack); at.Before(late) {
			at, kept = late, false
		}
		free := m.rates.tokens.free
		m.queue.Remove(front)
		w.left = true
		m.grant(now, at, w.request)
		if kept {
			m.rates.tokens.keep(free, at)
		}
		w.done <- nil
	}
	m.alarm.stop()
}

func (m *model) awake() {
	m.limiter.mu.Lock()
	defer m.limiter.mu.Unlock()
	// A call that comes although the alarm was set anew does no harm: the first waiter is
	// looked at again.
	m.alarm.at = time.Time{}
	m.dispatch(time.Now())
}

// refuseAll ends the wait of everyone.
func (m *model) refuseAll(err error) {
	for e := m.queue.Front(); e != nil; e = m.queue.Front() {
		w := e.Value.(*waiter)
		m.queue.Remove(e)
		w.left = true
		w.done <- err
	}
}

// learn takes from an outcome what it tells about the limits.
func (m *model) learn(g grant, r *batch.Request, o *batch.Outcome) {
	if u := o.Usage; u != nil && u.PromptTokenCount > 0 {
		m.rates.estimates.learn(r.InputTokens, u.PromptTokenCount)
		m.correct(g, u.PromptTokenCount)
		if c := m.calls.get(g.seq); c != nil {
			c.setTokens(u.PromptTokenCount)
		}
	}
	if g.exempt && o.Consequence != batch.Park && len(o.Limits) == 0 {
		if c := m.calls.get(g.seq); c != nil && o.Consequence == batch.SlowDown {
			c.refused = true
		}
		return
	}
	switch o.Consequence {
	case batch.Answered, batch.Settled:
		afterCut := m.flight.afterCut(g)
		m.inference.answered(afterCut, g.sum)
		if afterCut {
			m.flight.grow(m.inference.maxInFlight(m.limiter.config.Concurrency))
		}
	case batch.SlowDown:
		m.slowDown(time.Now(), g, o)
	case batch.Park:
		m.adopt(time.Now(), o.Limits)
		m.park(time.Now(), g.at, o.Limits)
	}
}

// slowDown learns from a refusal. Of a burst of refusals only the first one counts: the
// others were sent before anything could be learned.
func (m *model) slowDown(now time.Time, g grant, o *batch.Outcome) {
	adopted := m.adopt(now, o.Limits)
	afterCut := m.flight.afterCut(g)
	first := m.inference.isLimit(o, afterCut) && afterCut
	m.refused.at = now
	if o.Err != nil {
		m.refused.why = o.Err.Message
	}
	c := m.calls.get(g.seq)
	if c != nil {
		c.refused = true
		m.inference.refused(m.calls.time(c), int64(c.tokens))
	}
	if first {
		m.flight.endBurst(!adopted && !m.explain(now, g.seq, c))
	}
	switch {
	case o.RetryAfter > 0:
		d := min(o.RetryAfter, maxPause)
		m.pause(now, d+rand.N(min(d/20, time.Second)+1))
	case first && m.flight.bursts > 1:
		// The server refuses again and names no time: fewer calls at once are not enough.
		d := min(longestWait, firstPause<<min(m.flight.bursts-2, 16))
		m.pause(now, d/2+rand.N(d/2+1))
	}
}

// explain has the first refusal of a burst explained, and reports whether a pace is the
// answer to it. c is the refused call; nil if it is forgotten.
func (m *model) explain(now time.Time, seq uint64, c *call) bool {
	together := 0
	if c != nil {
		together = m.flight.together(m.calls.time(c))
	}
	found := m.inference.infer(now, seq, together)
	if found == foundLimit {
		m.openWindow()
	}
	return found != foundNothing
}

// adopt takes over the limits of the minute that a refusal names, and reports whether
// one of them was new.
func (m *model) adopt(now time.Time, limits []batch.Limit) bool {
	changed := m.rates.adopt(limits, now)
	if changed {
		m.repaced()
	}
	return changed
}

// repaced follows a named limit: the calls in flight are not what binds, and what was
// booked is of the old pace.
func (m *model) repaced() {
	m.openWindow()
	m.client.drop()
}

func (m *model) pause(now time.Time, d time.Duration) {
	if until := now.Add(d); until.After(m.paused) {
		m.paused = until
	}
}

// An alarm is the timer that wakes a model for its first waiter.
type alarm struct {
	ring  func()
	timer *time.Timer
	at    time.Time // when timer fires; zero = it does not run
}

// set has ring called at the time, or in a minute, to look at the clock again: timers
// stand still while the machine sleeps, and midnight does not.
func (a *alarm) set(now, at time.Time) {
	if last := now.Add(longestSleep); at.After(last) {
		if a.at.After(now) && !a.at.After(last) {
			return // it runs already
		}
		at = last
	}
	if a.at.Equal(at) {
		return
	}
	a.at = at
	if a.timer == nil {
		a.timer = time.AfterFunc(at.Sub(now), a.ring)
		return
	}
	a.timer.Reset(at.Sub(now))
}

func (a *alarm) stop() {
	if !a.at.IsZero() {
		a.timer.Stop()
		a.at = time.Time{}
	}
}
