package quota

import (
	"container/list"
	"math/rand/v2"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	longestSleep = time.Minute     // without a look at the clock
	maxPause     = 5 * time.Minute // the longest RetryAfter of a server that is heeded
)

// A model is what the limiter knows of one model, and the requests that wait for it. The
// Limiter's mu guards it.
type model struct {
	limiter *Limiter
	name    string

	learner

	paused  time.Time // nothing is sent before, since the refusal that named a limit says so
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
		learner: newLearner(c),
		day:     day{zone: l.zone, portion: portion(c.Share), given: c.RPD},
	}
	m.alarm.ring = m.awake
	m.day.roll(time.Now())
	if m.rates.limited() || c.Flex {
		m.openWindow()
	}
	return m
}

// earliest returns the earliest time at which r may be sent, and what decides that. It
// leaves out what the store decides, see due.
func (m *model) earliest(now time.Time, r *batch.Request) (at time.Time, by bound) {
	exempt := m.exempt(r)
	if m.flight.counted() >= m.most() && !exempt {
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
	for i, p := range m.rates.paces() {
		if p.limit > 0 && !m.shares(p, now) && m.obeys(p) {
			later(p.free, [...]bound{byRequests, byTokens}[i])
		}
	}
	later(m.room(now, r))
	if t := &m.trouble; t.on && !exempt {
		later(t.next, byPause)
		if t.probe != nil {
			later(t.probe.at.Add(t.outlives()), byPause)
		}
	}
	later(m.paused, byPause)
	later(parked, byDay)
	return at, by
}

// room returns when the last minute has room for r, as far as this process has used it. The
// limit of requests that the user gave needs no such look, because nothing but its pace has
// ever been sent.
func (m *model) room(now time.Time, r *batch.Request) (time.Time, bound) {
	var requests, tokens int64
	if p := &m.rates.requests; p.source() != given && m.obeys(p) {
		requests = m.trial.room(0, p.limit)
	}
	if p := &m.rates.tokens; m.obeys(p) && (p.given == 0 || !m.shares(p, now)) {
		tokens = p.limit
		if p.given == 0 {
			tokens = m.trial.room(1, p.limit)
		}
	}
	return m.calls.earliest(now, requests, m.rates.estimates.of(r.InputTokens), tokens)
}

// grant counts r as sent now, in the slot.
func (m *model) grant(now, slot time.Time, r *batch.Request) {
	m.stepUp(now)
	g := m.flight.next(now, m.exempt(r))
	g.estimate = m.rates.estimates.of(r.InputTokens)
	m.calls.add(now, g.seq, g.estimate)
	g.minute = m.calls.minute.level
	m.sent(now, g)
	if m.trouble.on && !g.exempt {
		m.trouble.probe = g
	}
	m.rates.take(slot, g, m.trial.expects())
	m.day.count(now, g)
	m.useSlot(now, g)
	m.flight.add(r, g)
}

// exempt reports whether the window does not count r, see [Limiter].
func (m *model) exempt(r *batch.Request) bool { return r.Tier == "flex" && !m.limiter.config.Flex }

// undo takes back a grant that was not used. Its slot is given to nobody else, which
// keeps the spacing without further checks.
func (m *model) undo(g *grant) {
	m.correct(g, 0)
	m.calls.end(g.seq, unsent)
	m.flight.uncount(g)
	m.day.uncount(g)
	m.probed(g, nil)
	if m.trouble.probe == g {
		m.trouble.probe = nil
	}
}

// correct replaces the tokens that a grant has reserved by those that it used, here and
// in the store.
func (m *model) correct(g *grant, tokens int64) {
	if g.bookedTokens > 0 {
		if n := min(tokens, m.rates.tokens.limit) - g.bookedTokens; n != 0 {
			m.client.corrections = append(m.client.corrections, correction{at: g.booked, tokens: n})
		}
	}
	m.rates.correct(g, tokens)
}

// dispatch gives slots to waiters, one by one, until the first of them has to wait,
// and sets the alarm for it.
func (m *model) dispatch(now time.Time) {
	m.watch(now)
	m.outlived(now)
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
func (m *model) learn(g *grant, r *batch.Request, o *batch.Outcome) {
	now := time.Now()
	if u := o.Usage; u != nil && u.PromptTokenCount > 0 {
		m.rates.estimates.learn(r.InputTokens, u.PromptTokenCount)
		m.correct(g, u.PromptTokenCount)
		m.calls.setTokens(g.seq, u.PromptTokenCount)
	}
	f := fateOf(o)
	m.calls.end(g.seq, f)
	if !f.counts() {
		m.giveBack(now, g)
	}
	if f == refused || f == faulty {
		m.refused.at = now
		if o.Err != nil {
			m.refused.why = o.Err.Message
		}
	}
	switch {
	case o.Consequence == batch.Park:
		m.calls.end(g.seq, explained)
		if m.adopt(now, o.Limits) {
			m.client.drop()
		}
		m.park(now, g.at, o.Limits)
	case f == refused && names(o.Limits):
		m.namedLimit(now, g, o)
	case g.exempt:
		if !f.counts() {
			m.calls.end(g.seq, unsent) // a tier without room tells nothing about the others
		}
	case f == unsent:
	case f == answered:
		m.success(now, g)
	default:
		m.failure(now, g, o, f)
	}
	if m.trouble.probe == g {
		m.trouble.probe = nil // it has told nothing
	}
}

// giveBack returns what a call took that the server did not count. What the user gave
// counts every call.
func (m *model) giveBack(now time.Time, g *grant) {
	m.flight.uncount(g)
	if p := &m.rates.tokens; p.limit > 0 && p.given == 0 && !m.shares(p, now) {
		m.correct(g, 0)
	}
}

// namedLimit learns from a refusal that names its limit. It speaks for the model: all calls
// wait as long as it says.
func (m *model) namedLimit(now time.Time, g *grant, o *batch.Outcome) {
	if m.named(now, g, o.Limits) {
		m.client.drop() // what was booked is of the old pace
	}
	if d := min(o.RetryAfter, maxPause); d > 0 {
		m.pause(now, d+rand.N(min(d/20, time.Second)+1))
	}
}

func (m *model) pause(now time.Time, d time.Duration) {
	if until := now.Add(d); until.After(m.paused) {
		m.paused = until
		m.sharePause(until)
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
