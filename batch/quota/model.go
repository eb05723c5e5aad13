package quota

import (
	"container/list"
	"math/rand/v2"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	startWindow = 4 // calls in flight while nothing is known

	longestSleep = time.Minute // without a look at the clock

	maxPause    = 5 * time.Minute        // longest that a server's RetryAfter is heeded
	firstPause  = 500 * time.Millisecond // after a second burst of refusals that name no time
	longestWait = time.Minute            // where the doubling of firstPause ends
)

// A model is the state of one model. The Limiter's mu guards it.
type model struct {
	limiter *Limiter
	name    string

	requests  pace
	tokens    pace
	ledger    ledger // of tokens, while their limit is known
	estimates estimates

	window int    // most calls in flight: slow start, and cut by bursts of refusals
	cutSeq uint64 // refusals of grants up to this one belong to a burst that was counted
	bursts int    // bursts in a row without an answer between
	felt
	paused  time.Time // nothing is sent before
	refused refusal   // the last one

	day  day
	link link

	seq      uint64 // of the last grant
	flight   map[*batch.Request]grant
	exempted int // of flight, those that the window does not count

	queue  list.List // of *waiter, the first come first
	timer  *time.Timer
	wakeAt time.Time // when timer fires; zero = it does not run
}

// A refusal is what a server said no with, or that none could be reached.
type refusal struct {
	at  time.Time
	why string
}

// A grant is a call in flight.
type grant struct {
	seq    uint64
	at     time.Time
	tokens int64 // reserved; 0 = no limit was known
	entry  int64 // its number in the ledger, if tokens are reserved
	sum    int64 // tokens in the ledger with it

	counted bool // it has one of the day's requests
	exempt  bool // the window does not count it

	booked       int64 // the slot in the store; 0 = it has none
	bookedTokens int64
}

type waiter struct {
	request *batch.Request
	done    chan error // has room for the one answer, so that giving it never blocks
	left    bool       // it is in the queue no more
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

// timed reports whether there is a time after which the bound binds no more. For
// the others, a Release decides.
func (b bound) timed() bool { return b != byFlight && b != byProbe }

func newModel(l *Limiter, name string) *model {
	m := &model{
		limiter:  l,
		name:     name,
		requests: pace{limit: int64(l.config.RPM), since: l.started},
		tokens:   pace{limit: int64(l.config.TPM), since: l.started},
		window:   min(startWindow, l.config.Concurrency),
		flight:   make(map[*batch.Request]grant),
	}
	m.roll(time.Now())
	if m.limited() || l.config.Flex {
		m.window = l.config.Concurrency
	}
	return m
}

// limited reports whether a limit of the minute is known.
func (m *model) limited() bool { return m.requests.limit > 0 || m.tokens.limit > 0 }

// earliest returns when r may be sent at the earliest, and what decides that.
func (m *model) earliest(now time.Time, r *batch.Request) (at time.Time, by bound) {
	if m.inFlight() >= m.window && !m.exempt(r) {
		return time.Time{}, byFlight
	}
	parked := m.day.parked
	if now.Before(parked) {
		switch m.day.probe {
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
	if m.requests.limit > 0 && !m.shares(&m.requests, now) {
		later(m.requests.free, byRequests)
		if m.requests.probe.base > 0 {
			later(m.record.earliest(m.requests.limit), byRequests)
		}
	}
	if m.tokens.limit > 0 && !m.shares(&m.tokens, now) {
		later(m.tokens.free, byTokens)
		later(m.ledger.earliest(now, m.reserve(r), m.tokens.limit), byTokens)
	}
	later(m.paused, byPause)
	later(parked, byDay)
	return at, by
}

// reserve returns the tokens to count for r. A row above the limit counts as all
// of it, and so gets a minute of its own instead of waiting for ever.
func (m *model) reserve(r *batch.Request) int64 {
	return min(m.estimates.of(r.InputTokens), m.tokens.limit)
}

// grant counts r as sent now, in the slot.
func (m *model) grant(now, slot time.Time, r *batch.Request) {
	m.seq++
	g := grant{seq: m.seq, at: now, exempt: m.exempt(r)}
	m.probe(now)
	m.record.add(now, g.seq, m.estimates.of(r.InputTokens), m.inFlight())
	if m.requests.limit > 0 {
		m.requests.take(slot, 1)
	}
	if m.tokens.limit > 0 {
		g.tokens = m.reserve(r)
		g.entry = m.ledger.add(slot, g.tokens)
		m.ledger.expire(now)
		g.sum = m.ledger.sum
		m.tokens.take(slot, g.tokens)
	}
	m.count(now, &g)
	m.useSlot(now, &g)
	m.flight[r] = g
	if g.exempt {
		m.exempted++
	}
}

// exempt reports whether the window does not count r, see [Limiter].
func (m *model) exempt(r *batch.Request) bool { return r.Tier == "flex" && !m.limiter.config.Flex }

// inFlight is how many calls the window counts.
func (m *model) inFlight() int { return len(m.flight) - m.exempted }

// land takes r out of those in flight.
func (m *model) land(r *batch.Request) grant {
	g := m.flight[r]
	delete(m.flight, r)
	if g.exempt {
		m.exempted--
	}
	return g
}

// undo takes back a grant that was not used. Its slot is not given to another,
// which keeps the spacing without a second look.
func (m *model) undo(g grant) {
	m.correct(g, 0)
	if c := m.record.get(g.seq); c != nil {
		c.refused = true // the server never saw it
	}
	m.uncount(g)
}

// correct replaces what g has reserved by what it used.
func (m *model) correct(g grant, tokens int64) {
	if g.bookedTokens > 0 {
		if n := min(tokens, m.tokens.limit) - g.bookedTokens; n != 0 {
			m.link.corrections = append(m.link.corrections, correction{g.booked, n})
		}
	}
	if g.tokens == 0 {
		return
	}
	tokens = min(tokens, m.tokens.limit)
	m.ledger.set(g.entry, tokens)
	m.tokens.free = m.tokens.free.Add(m.tokens.cost(tokens) - m.tokens.cost(g.tokens))
}

// dispatch gives slots to waiters, one by one, until the first of them has to wait,
// and sets the timer for it.
func (m *model) dispatch(now time.Time) {
	m.watch(now)
	defer m.sync(now)
	for m.queue.Len() > 0 {
		if err := m.dayError(now); err != nil {
			m.refuse(err)
			break
		}
		front := m.queue.Front()
		w := front.Value.(*waiter)
		at, by := m.due(now, w.request)
		if !by.timed() {
			break
		}
		if at.After(now) {
			m.wake(now, at)
			return
		}
		kept := by == byRequests
		if late := now.Add(-slack); at.Before(late) {
			at, kept = late, false
		}
		free := m.tokens.free
		m.queue.Remove(front)
		w.left = true
		m.grant(now, at, w.request)
		if kept {
			m.tokens.keep(free, at)
		}
		w.done <- nil
	}
	if !m.wakeAt.IsZero() {
		m.timer.Stop()
		m.wakeAt = time.Time{}
	}
}

// wake sees to it that dispatch runs at the time, or in a minute, to look at the clock
// again: timers stand still while the machine sleeps, and midnight does not.
func (m *model) wake(now, at time.Time) {
	if last := now.Add(longestSleep); at.After(last) {
		if m.wakeAt.After(now) && !m.wakeAt.After(last) {
			return // it runs already
		}
		at = last
	}
	if m.wakeAt.Equal(at) {
		return
	}
	m.wakeAt = at
	if m.timer == nil {
		m.timer = time.AfterFunc(at.Sub(now), m.awake)
		return
	}
	m.timer.Reset(at.Sub(now))
}

func (m *model) awake() {
	m.limiter.mu.Lock()
	defer m.limiter.mu.Unlock()
	m.wakeAt = time.Time{} // a call that came while the timer was set anew does no harm: the first waiter is looked at again
	m.dispatch(time.Now())
}

// refuse ends the wait of everyone.
func (m *model) refuse(err error) {
	for e := m.queue.Front(); e != nil; e = m.queue.Front() {
		w := e.Value.(*waiter)
		m.queue.Remove(e)
		w.left = true
		w.done <- err
	}
}

// learn takes from an outcome what it says about the limits.
func (m *model) learn(g grant, r *batch.Request, o *batch.Outcome) {
	if u := o.Usage; u != nil && u.PromptTokenCount > 0 {
		m.estimates.learn(r.InputTokens, u.PromptTokenCount)
		m.correct(g, u.PromptTokenCount)
		if c := m.record.get(g.seq); c != nil {
			c.setTokens(u.PromptTokenCount)
		}
	}
	if g.exempt && o.Consequence != batch.Park && len(o.Limits) == 0 {
		if c := m.record.get(g.seq); c != nil && o.Consequence == batch.SlowDown {
			c.refused = true
		}
		return
	}
	switch o.Consequence {
	case batch.Answered, batch.Settled:
		m.clear(g.seq)
		m.tokens.probe.seen = max(m.tokens.probe.seen, g.sum)
		if g.seq > m.cutSeq { // answers to calls from before a cut say nothing about the time after it
			m.window = min(m.window+1, m.most())
			m.bursts = 0
		}
	case batch.SlowDown:
		m.slowDown(time.Now(), g, o)
	case batch.Park:
		m.adopt(time.Now(), o.Limits)
		m.park(time.Now(), g.at, o.Limits)
	}
}

// slowDown learns from a refusal.
func (m *model) slowDown(now time.Time, g grant, o *batch.Outcome) {
	adopted := m.adopt(now, o.Limits)
	fresh := m.blame(g.seq, o) && g.seq > m.cutSeq
	m.refused.at = now
	if o.Err != nil {
		m.refused.why = o.Err.Message
	}
	if c := m.record.get(g.seq); c != nil {
		c.refused = true
		m.suspect.amend(m.record.time(c), int64(c.tokens))
		m.witness.amend(m.record.time(c), int64(c.tokens))
	}
	if fresh {
		adopted = adopted || m.feel(now, g.seq)
		m.cutSeq = m.seq
		m.bursts++
		if !adopted { // else the new pace is the cut
			m.window = max(1, m.window/2)
		}
	}
	switch {
	case o.RetryAfter > 0:
		d := min(o.RetryAfter, maxPause)
		m.pause(now, d+rand.N(min(d/20, time.Second)+1))
	case fresh && m.bursts > 1:
		// The server says no again and no time: fewer calls at once are not enough.
		d := min(longestWait, firstPause<<min(m.bursts-2, 16))
		m.pause(now, d/2+rand.N(d/2+1))
	}
}

// adopt takes over the limits of the minute that a refusal names, and reports
// whether one of them was new.
func (m *model) adopt(now time.Time, limits []batch.Limit) bool {
	changed := false
	for _, l := range limits {
		if l.Per != time.Minute {
			continue
		}
		p := &m.requests
		if l.Tokens {
			p = &m.tokens
		}
		changed = p.adopt(l.Value, now) || changed
	}
	if changed {
		m.window = m.limiter.config.Concurrency
		m.link.drop() // they are of the old pace
	}
	return changed
}

func (m *model) pause(now time.Time, d time.Duration) {
	if until := now.Add(d); until.After(m.paused) {
		m.paused = until
	}
}
