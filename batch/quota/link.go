package quota

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/pacific"
)

// This file links a model with the store: what is asked of it, when, and what becomes of
// the answer. Only exchange.run calls the store itself.

const (
	storeBreak = time.Minute // how long a store that failed is left alone
	pollEvery  = time.Second // how soon a process knows what others have learned

	// aheadTime decides how many slots are booked ahead: as many as requests came within
	// it. It is half of slack, so that all slots are used even if requests now come at
	// half that rate.
	aheadTime = slack / 2

	// storePatience is how long requests wait for the store. The store itself waits less
	// long for the locks of others.
	storePatience = lockPatience + 500*time.Millisecond
)

var errSlow = errors.New("it does not answer")

// A storeClient is a model's connection with the store. The Limiter's mu guards it, and
// is not held while files are read and written. One goroutine at a time does that, so
// that a disk that hangs holds up requests for storePatience, once.
type storeClient struct {
	done   chan struct{} // closed when the exchange that is under way has ended; nil = none is
	began  time.Time     // when it began
	gaveUp bool          // nobody waits for it any more

	loaded bool // what earlier runs left is taken over
	closed bool // no exchange is begun any more
	polled time.Time
	away   time.Time     // the store could not be reached and is left alone until then
	lead   time.Duration // the time that the store takes to answer; 0 = next to nothing

	changes []func(*dayRecord) // to make in the record
	bookings

	saved   []Learned // learned limits that the store has
	savedAt time.Time
}

// bookings are what a model has of the minute that it shares.
type bookings struct {
	// slots of the minute that are booked and not used. They belong to no particular
	// waiter: the first one takes the first slot, also if another one has left.
	slots []slot
	last  int64 // where the slot ends that was used last; see slot.next

	corrections []correction  // to make in the minute
	unused      []gap         // likewise, in their order
	eased       time.Duration // likewise; see booking
	extra       int64         // tokens by which requests exceeded their slots since the last booking, see dropIfTooSmall
}

// slice is how much of a minute is booked at a time: more if the store is slow.
func (k *storeClient) slice() time.Duration { return sliceTime + 3*k.lead }

// An exchange is one conversation with the store: what to do, and the result. It is not
// guarded, since it belongs to one goroutine at a time.
type exchange struct {
	read       bool // the day's record, without a lock
	slice      int  // requests of the day to reserve; 0 = none
	rpd        int  // the limit that the slice must keep; 0 = not known
	unreported int  // requests that were reserved without the store
	changes    []func(*dayRecord)
	booking    *booking // nil = none

	record dayRecord
	wrote  bool  // record is what the file has now
	got    int   // of slice
	err    error // of the record, or of its lock

	booked  time.Duration // how long the booking took
	bookErr error
}

func (x *exchange) run(s *Store, model string) {
	switch {
	case x.slice > 0 || x.unreported > 0 || len(x.changes) > 0:
		x.record, x.err = s.update(model, func(r *dayRecord) {
			r.Used += x.unreported
			for _, change := range x.changes {
				change(r)
			}
			x.got = x.slice
			if x.rpd > 0 {
				x.got = min(x.slice, r.left(x.rpd))
			}
			r.Used += x.got
		})
		x.wrote = x.err == nil
	case x.read:
		x.record, x.err = s.read(model)
	}
	if x.booking != nil && x.err == nil {
		begin := time.Now()
		x.bookErr = s.book(model, x.booking)
		x.booked = time.Since(begin)
	}
}

// alone reports whether the model has no store, or none that can be reached.
func (m *model) alone(now time.Time) bool {
	return m.limiter.config.Store == nil || now.Before(m.client.away) && (!m.strict() || m.client.closed)
}

// shares reports whether a limit is shared with other processes: if it is given or named. An
// estimate is not: it is what the server accepted of this process beside the calls of others.
func (m *model) shares(p *pace, now time.Time) bool {
	return (p.given > 0 || p.source() == named) && !m.alone(now)
}

// sharesMinute reports whether requests need a slot from the store.
func (m *model) sharesMinute(now time.Time) bool {
	return m.shares(&m.rates.requests, now) || m.shares(&m.rates.tokens, now)
}

// needsStore reports whether a request has to wait for the store. booked says that a
// slot is booked for it.
func (m *model) needsStore(now time.Time, booked bool) bool {
	if m.alone(now) {
		return false
	}
	return !m.client.loaded || m.day.needsSlice(now) || !booked && m.sharesMinute(now)
}

// due returns the earliest time at which the first request may be sent, and what decides
// that.
func (m *model) due(now time.Time, r *batch.Request) (at time.Time, by bound) {
	m.client.expire(now)
	m.dropIfTooSmall(now, r)
	at, by = m.earliest(now, r)
	if !by.timed() || at.After(now) {
		return at, by
	}
	slots := m.client.slots
	if m.needsStore(now, len(slots) > 0) {
		return m.storeDue(now), byStore
	}
	if m.sharesMinute(now) && slots[0].at.After(at) {
		return slots[0].at, slots[0].by
	}
	return at, by
}

// expire gives back slots whose time has passed. The time belongs to others by now.
func (k *storeClient) expire(now time.Time) {
	for len(k.slots) > 0 && now.Sub(k.slots[0].at) > slack {
		k.giveBack(k.slots[:1])
		k.slots = k.slots[1:]
	}
}

// dropIfTooSmall returns all booked slots if the first one holds too few tokens for r.
// The row that booked it may have left the queue, or rows have grown since slots were
// booked ahead.
func (m *model) dropIfTooSmall(now time.Time, r *batch.Request) {
	k := &m.client
	if len(k.slots) == 0 || !m.shares(&m.rates.tokens, now) {
		return
	}
	extra, most := m.rates.reserve(r)-k.slots[0].tokens, m.rates.tokens.limit/100
	if k.slots[0].ahead { // there may be hundreds
		extra, most = extra+k.extra, m.rates.tokens.limit/1000
	}
	if extra > most {
		k.drop()
	}
}

// drop gives all slots back.
func (k *storeClient) drop() {
	k.giveBack(k.slots)
	k.slots = nil
}

// giveBack lets others use the tokens of unused slots, and the slots too if nobody has
// booked later ones.
func (k *storeClient) giveBack(slots []slot) {
	for _, s := range slots {
		if s.tokens > 0 {
			k.corrections = append(k.corrections, correction{s.at.UnixNano(), -s.tokens, s.took})
		}
		if s.next > 0 {
			k.unused = append(k.unused, gap{s.at.UnixNano(), s.next})
		}
	}
}

// ease gives all slots back, and the time by which the next request is due sooner since the
// user has raised a limit of the minute. What was booked is of the old pace.
func (k *storeClient) ease(by [minuteCeilings]time.Duration) {
	if sooner := int64(by[0]); sooner > 0 && k.last > 0 {
		k.unused = append(k.unused, gap{k.last - sooner, k.last}) // before the slots, which come after it
	}
	k.eased += max(0, by[1])
	k.drop()
}

// useSlot takes the first slot for a request that is granted.
func (m *model) useSlot(now time.Time, g *grant) {
	k := &m.client
	if len(k.slots) == 0 || !m.sharesMinute(now) {
		return
	}
	s := &k.slots[0]
	k.slots = k.slots[1:]
	g.booked, k.last = s.at.UnixNano(), s.next
	if m.shares(&m.rates.tokens, now) {
		g.bookedTokens = g.tokens
		if n := g.tokens - s.tokens; n != 0 {
			k.corrections = append(k.corrections, correction{at: g.booked, tokens: n})
			k.extra += n
		}
	}
}

// wants returns the slots to book now. Once half of what is booked is used, it asks for
// the waiters that can go within the next slice, and for those that will probably come
// next.
func (m *model) wants(now time.Time) []slot {
	parked, mayProbe := now.Before(m.day.parked.until), m.day.probe.state == probeDue
	if !m.sharesMinute(now) || now.Before(m.paused) || parked && !mayProbe {
		return nil
	}
	room, left := m.most()-m.flight.counted(), m.queue.Len()
	if m.day.counted() {
		left = m.day.left
	}
	if t := &m.trouble; t.on {
		if t.probe != nil || now.Before(t.next) {
			return nil
		}
		left = min(left, 1)
	}
	if parked && mayProbe {
		left = min(left, 1)
	}
	m.client.expire(now)
	slice, booked := m.client.slice(), m.client.slots
	if n := len(booked); n > 0 && booked[n-1].at.Sub(now) > slice/2 {
		return nil
	}
	var list []slot
	var sum int64
	e := m.queue.Front()
	for i := 0; e != nil && i < left; e, i = e.Next(), i+1 {
		r := e.Value.(*waiter).request
		if !m.exempt(r) {
			if room <= 0 {
				break
			}
			room--
		}
		if i < len(booked) {
			continue
		}
		var n slot
		if m.shares(&m.rates.tokens, now) {
			n.tokens = m.rates.reserve(r)
		}
		sum += n.tokens
		over := m.shares(&m.rates.requests, now) && m.rates.requests.cost(int64(len(list))) > slice || m.rates.tokens.cost(sum-n.tokens) > slice
		if over && len(list) > 0 {
			break
		}
		list = append(list, n)
	}
	if e == nil && len(list) > 0 {
		// All waiters have a slot. If that many came within so short a time, as many more
		// will come: a visit for each of them would cost more than its call.
		next := slot{tokens: sum / int64(len(list)), ahead: true}
		list = append(list, slices.Repeat([]slot{next}, m.calls.since(now.Add(-aheadTime)))...)
	}
	return list
}

// sync begins an exchange with the store if there is something to tell or to ask.
func (m *model) sync(now time.Time) {
	k := &m.client
	if k.done != nil || k.closed || m.alone(now) || now.Before(k.away) {
		return
	}
	x := exchange{read: !k.loaded}
	if k.loaded {
		x.read = now.Sub(k.polled) >= m.pollEvery()
		x.changes, x.unreported = k.changes, m.day.unreported
		if m.queue.Len() > 0 && m.day.needsSlice(now) || m.day.refillSoon(now) {
			x.rpd, _ = m.day.limit(now)
			x.slice = daySlice(x.rpd)
		}
		if list := m.wants(now); len(list) > 0 {
			x.booking = m.book(now, list)
		}
	}
	if x.read || x.slice > 0 || x.unreported > 0 || len(x.changes) > 0 || x.booking != nil {
		k.changes, m.day.unreported = nil, m.day.unreported-x.unreported
		begun := x // x itself stays on the stack: mostly there is nothing to say
		m.start(now, &begun)
	}
}

// book makes the booking of the slots, with all corrections.
func (m *model) book(now time.Time, list []slot) *booking {
	k := &m.client
	b := &booking{wants: list, limits: m.rates.limits(), corrections: k.corrections, unused: k.unused, eased: k.eased, lead: k.lead, slice: k.slice()}
	k.corrections, k.unused, k.eased, k.extra = nil, nil, 0, 0
	if m.shares(&m.rates.requests, now) {
		b.requests = m.rates.requests
	}
	if m.shares(&m.rates.tokens, now) {
		b.tokens = m.rates.tokens
	}
	return b
}

func (m *model) start(now time.Time, x *exchange) {
	k := &m.client
	k.done, k.began, k.gaveUp = make(chan struct{}), now, false
	go func() { // Close waits for it, unless the disk hangs
		x.run(m.limiter.config.Store, m.name)
		m.limiter.mu.Lock()
		defer m.limiter.mu.Unlock()
		close(k.done)
		k.done = nil
		now := time.Now()
		m.finish(now, x)
		m.dispatch(now)
	}()
}

// finish takes over the result of an exchange.
func (m *model) finish(now time.Time, x *exchange) {
	k, first := &m.client, !m.client.loaded
	if b := x.booking; b != nil {
		k.lead /= 2
		if x.booked > slack/2 {
			k.lead = max(k.lead, min(x.booked, storePatience))
		}
		switch {
		case x.err != nil || x.bookErr != nil: // nothing is booked
			if m.strict() { // the ledger is lost for a moment only, and must not forget tokens
				k.corrections, k.unused = append(b.corrections, k.corrections...), append(b.unused, k.unused...)
			}
		case k.gaveUp, b.limits != m.rates.limits(): // too late, or booked at a pace that has changed
			k.giveBack(b.wants)
		default:
			k.slots = append(k.slots, b.wants...)
		}
	}
	if !x.wrote {
		m.day.unreported += x.unreported
		k.changes = append(x.changes, k.changes...)
	}
	switch {
	case errors.Is(x.err, errDamaged):
		k.loaded = true
		if first {
			k.changes = append(k.changes, func(*dayRecord) {}) // the update warns, and writes a sound record
		}
		k.polled = now
		return
	case x.err != nil:
		if first && !m.strict() { // what the record has is not known: too much is counted rather than too little
			m.day.used = max(m.day.used, m.day.given)
		}
		m.storeFailed(now, x.err)
		return
	}
	k.loaded = true
	if x.bookErr == nil && m.strict() {
		k.away = time.Time{}
	}
	if x.read || x.wrote {
		k.polled = now
		m.day.roll(now)
		if first {
			m.load(now, x.record)
		} else {
			m.follow(now, x.record)
		}
	}
	// The slice must be of today by the clock. The model's own day may be another one, if
	// the clock was set back over midnight, and must not keep it from getting any.
	if x.slice > 0 && x.record.Day == pacific.DayName(now, m.day.zone) && !k.gaveUp {
		m.refilled(now, x)
	}
	if x.bookErr != nil {
		m.storeFailed(now, x.bookErr)
	}
}

// watch stops waiting for a store that does not answer.
func (m *model) watch(now time.Time) {
	k := &m.client
	if k.done != nil && !m.strict() && now.Sub(k.began) >= storePatience && !now.Before(k.away) {
		k.gaveUp = true
		m.storeFailed(now, errSlow)
	}
}

func (m *model) storeFailed(now time.Time, err error) {
	if m.strict() {
		m.ledgerFailed(now, err)
		return
	}
	if m.client.away.IsZero() {
		used := ""
		if m.day.given > 0 && m.day.used >= m.day.given {
			used = fmt.Sprintf("; all %d requests of --rpd count as used", m.day.given)
		}
		m.limiter.config.Store.warn("the quota of %s cannot be shared with other runs, and is counted in this one alone: %v%s", m.name, err, used)
	}
	m.client.away = now.Add(storeBreak)
	m.client.slots, m.client.corrections, m.client.unused, m.client.eased = nil, nil, nil, 0
}

// share has a change made in the record that all processes share.
func (m *model) share(change func(r *dayRecord)) {
	if m.limiter.config.Store != nil {
		m.client.changes = append(m.client.changes, change)
	}
}

// close has the last changes made and waits for that, but not for a disk that is known
// to hang. It reports whether they were made.
func (m *model) close(hangs bool) bool {
	l := m.limiter
	defer func() { // a Limiter that is used after Close counts by itself
		l.mu.Lock()
		defer l.mu.Unlock()
		m.client.away = time.Now().AddDate(100, 0, 0)
	}()
	l.mu.Lock()
	m.client.closed = true
	done := m.client.done
	l.mu.Unlock()
	if hangs || !ended(done) {
		return false
	}
	l.mu.Lock()
	m.closing(time.Now())
	done = m.client.done
	l.mu.Unlock()
	return ended(done)
}

// ended waits for the end of an exchange, and reports whether it came.
func ended(done <-chan struct{}) bool {
	if done == nil {
		return true
	}
	select {
	case <-done:
		return true
	case <-time.After(storePatience):
		return false
	}
}

// closing begins the last exchange, if there is anything to tell.
func (m *model) closing(now time.Time) {
	k, d := &m.client, &m.day
	if m.limiter.config.Store == nil {
		return
	}
	m.save(now, true)
	if now.Before(d.end) && d.left > 0 {
		left, name := d.left, d.name
		m.share(func(r *dayRecord) {
			if r.Day == name {
				r.Used = max(0, r.Used-left)
			}
		})
	}
	d.left = 0
	if !now.Before(d.end) {
		d.unreported = 0
	}
	x := &exchange{changes: k.changes, unreported: d.unreported}
	k.changes, d.unreported = nil, 0
	k.drop()
	if !m.alone(now) && (len(k.corrections) > 0 || len(k.unused) > 0) {
		x.booking = m.book(now, nil)
	}
	if x.unreported > 0 || len(x.changes) > 0 || x.booking != nil {
		m.start(now, x)
	}
}
