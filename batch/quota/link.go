package quota

import (
	"errors"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
)

const (
	storeBreak = time.Minute // how long a store that failed is left alone
	pollEvery  = time.Second // how soon is known what other processes have learned

	// aheadTime is the time in which as many requests came as slots are booked ahead.
	// Half of slack: should only half as many come now, they still use all of them.
	aheadTime = slack / 2

	// storePatience is how long requests wait for the store, whose own patience with
	// the locks of others is shorter.
	storePatience = lockPatience + 500*time.Millisecond
)

var errSlow = errors.New("it does not answer")

// A link is a model's connection with the store. The Limiter's mu guards it, and is
// not held while files are read and written: one goroutine at a time does that, and
// a disk that hangs holds up requests for storePatience, once.
type link struct {
	done   chan struct{} // closed when the exchange that is under way has ended; nil = none is
	began  time.Time     // when it began
	gaveUp bool          // nobody waits for it any more

	loaded bool // what earlier runs left is taken over
	closed bool // nothing is begun any more
	polled time.Time
	away   time.Time     // the store could not be reached and is left alone until then
	lead   time.Duration // that the store takes to answer; 0 = next to nothing

	// slots of the minute that are booked and not used. They are not this or that
	// waiter's: the first one takes the first, also where another has left.
	slots []slot

	changes     []func(*dayRecord) // to be made
	corrections []correction       // likewise
	over        int64              // tokens that requests needed beyond their slots', since the last booking; see fit
	unused      []int64            // slots of requests that are given back
}

// slice is how much of a minute is booked at a time: more where the store is slow.
func (k *link) slice() time.Duration { return sliceTime + 3*k.lead }

// An exchange is one conversation with the store: what is to be done, and what came
// of it. Nothing in it is guarded: it belongs to one goroutine at a time.
type exchange struct {
	read    bool // the day's record, without a lock
	slice   int  // requests of the day to reserve; 0 = none
	rpd     int  // of which there are so many; 0 = not known
	debt    int  // requests that were sent without the store
	changes []func(*dayRecord)
	booking *booking // nil = none

	record dayRecord
	wrote  bool  // record is what the file has now
	got    int   // of slice
	err    error // of the record, or of its lock

	booked  time.Duration // how long the booking took
	bookErr error
}

func (x *exchange) run(s *Store, model string) {
	switch {
	case x.slice > 0 || x.debt > 0 || len(x.changes) > 0:
		x.record, x.err = s.update(model, func(r *dayRecord) {
			r.Used += x.debt
			for _, change := range x.changes {
				change(r)
			}
			x.got = x.slice
			if x.rpd > 0 {
				x.got = min(x.slice, max(0, x.rpd-r.Used))
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
	return m.limiter.config.Store == nil || now.Before(m.link.away)
}

// shares reports whether a limit is shared with other processes. One that was felt
// is not: it is what the server accepted of this one's calls, beside those of others.
func (m *model) shares(p *pace, now time.Time) bool {
	return p.limit > 0 && p.probe.base == 0 && !m.alone(now)
}

// sharesMinute reports whether requests need a slot from the store.
func (m *model) sharesMinute(now time.Time) bool {
	return m.shares(&m.requests, now) || m.shares(&m.tokens, now)
}

// needsStore reports whether a request, for which a slot is booked or not, has to
// wait for the store.
func (m *model) needsStore(now time.Time, booked bool) bool {
	if m.alone(now) {
		return false
	}
	return !m.link.loaded || m.dry(now) || !booked && m.sharesMinute(now)
}

// due returns when the first request may go at the earliest, and what decides that.
func (m *model) due(now time.Time, r *batch.Request) (at time.Time, by bound) {
	m.expire(now)
	m.fit(now, r)
	at, by = m.earliest(now, r)
	if !by.timed() || at.After(now) {
		return at, by
	}
	slots := m.link.slots
	if m.needsStore(now, len(slots) > 0) {
		from := now
		if m.link.done != nil {
			from = m.link.began
		}
		return from.Add(storePatience), byStore
	}
	if m.sharesMinute(now) && slots[0].at.After(at) {
		return slots[0].at, slots[0].by
	}
	return at, by
}

// expire gives slots back that are over: the time belongs to others by now.
func (m *model) expire(now time.Time) {
	k := &m.link
	for len(k.slots) > 0 && now.Sub(k.slots[0].at) > slack {
		k.giveBack(k.slots[:1])
		k.slots = k.slots[1:]
	}
}

// fit gives all slots back where the first is too small for a row: another row, which
// has left, had booked it, or nobody had, and the rows have become larger since.
func (m *model) fit(now time.Time, r *batch.Request) {
	k := &m.link
	if len(k.slots) == 0 || !m.shares(&m.tokens, now) {
		return
	}
	over, most := m.reserve(r)-k.slots[0].tokens, m.tokens.limit/100
	if k.slots[0].ahead { // there may be hundreds
		over, most = over+k.over, m.tokens.limit/1000
	}
	if over > most {
		k.drop()
	}
}

// drop gives all slots back.
func (k *link) drop() {
	k.giveBack(k.slots)
	k.slots = nil
}

// giveBack has others use the tokens of slots that are not used, and the slots too if
// nobody has booked later ones.
func (k *link) giveBack(slots []slot) {
	for _, s := range slots {
		if s.tokens > 0 {
			k.corrections = append(k.corrections, correction{s.at.UnixNano(), -s.tokens})
		}
		k.unused = append(k.unused, s.at.UnixNano())
	}
}

// useSlot takes the first slot for a request that is granted.
func (m *model) useSlot(now time.Time, g *grant) {
	k := &m.link
	if len(k.slots) == 0 || !m.sharesMinute(now) {
		return
	}
	s := &k.slots[0]
	k.slots = k.slots[1:]
	g.booked = s.at.UnixNano()
	if m.shares(&m.tokens, now) {
		g.bookedTokens = g.tokens
		if n := g.tokens - s.tokens; n != 0 {
			k.corrections = append(k.corrections, correction{g.booked, n})
			k.over += n
		}
	}
}

// wants returns the slots to book now: for those who can go within the next slice,
// once half of what is booked is used, and for those who will probably come next.
func (m *model) wants(now time.Time) []slot {
	if !m.sharesMinute(now) || now.Before(m.paused) || now.Before(m.day.parked) && m.day.probe != probeDue {
		return nil
	}
	room, left := m.window-m.inFlight(), m.queue.Len()
	if m.counted() {
		left = m.day.left
	}
	if m.day.probe == probeDue && now.Before(m.day.parked) {
		left = min(left, 1)
	}
	m.expire(now)
	slice, booked := m.link.slice(), m.link.slots
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
		if m.shares(&m.tokens, now) {
			n.tokens = m.reserve(r)
		}
		sum += n.tokens
		over := m.shares(&m.requests, now) && m.requests.cost(int64(len(list))) > slice || m.tokens.cost(sum-n.tokens) > slice
		if over && len(list) > 0 {
			break
		}
		list = append(list, n)
	}
	if e == nil && len(list) > 0 {
		// All who wait have a slot. Where that many came within so short a time, as many
		// more will: a visit for each of them would cost more than its call.
		next := slot{tokens: sum / int64(len(list)), ahead: true}
		list = append(list, slices.Repeat([]slot{next}, m.record.since(now.Add(-aheadTime)))...)
	}
	return list
}

// sync begins an exchange with the store if there is something to say or to ask.
func (m *model) sync(now time.Time) {
	k := &m.link
	if k.done != nil || k.closed || m.alone(now) {
		return
	}
	x := exchange{read: !k.loaded}
	if k.loaded {
		x.read = now.Sub(k.polled) >= pollEvery
		x.changes, x.debt = k.changes, m.day.debt
		if m.queue.Len() > 0 && m.dry(now) || m.low(now) {
			x.rpd, _ = m.rpd(now)
			x.slice = daySlice(x.rpd)
		}
		if list := m.wants(now); len(list) > 0 {
			x.booking = m.book(now, list)
		}
	}
	if x.read || x.slice > 0 || x.debt > 0 || len(x.changes) > 0 || x.booking != nil {
		k.changes, m.day.debt = nil, m.day.debt-x.debt
		begun := x // x itself stays on the stack: mostly there is nothing to say
		m.start(now, &begun)
	}
}

// book makes the booking of the slots, with all corrections.
func (m *model) book(now time.Time, list []slot) *booking {
	k := &m.link
	b := &booking{wants: list, limits: m.limits(), corrections: k.corrections, unused: k.unused, lead: k.lead, slice: k.slice()}
	k.corrections, k.unused, k.over = nil, nil, 0
	if m.shares(&m.requests, now) {
		b.requests = m.requests
	}
	if m.shares(&m.tokens, now) {
		b.tokens = m.tokens
	}
	return b
}

func (m *model) limits() [2]int64 { return [2]int64{m.requests.limit, m.tokens.limit} }

func (m *model) start(now time.Time, x *exchange) {
	k := &m.link
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

// finish takes over what an exchange has brought.
func (m *model) finish(now time.Time, x *exchange) {
	k, first := &m.link, !m.link.loaded
	if b := x.booking; b != nil {
		k.lead /= 2
		if x.booked > slack/2 {
			k.lead = max(k.lead, min(x.booked, storePatience))
		}
		switch {
		case x.err != nil || x.bookErr != nil: // nothing is booked
		case k.gaveUp, b.limits != m.limits(): // or they are of a pace that is no more
			k.giveBack(b.wants)
		default:
			k.slots = append(k.slots, b.wants...)
		}
	}
	if !x.wrote {
		m.day.debt += x.debt
		k.changes = append(x.changes, k.changes...)
	}
	switch {
	case errors.Is(x.err, errDamaged):
		k.loaded = true
		if first {
			k.changes = append(k.changes, func(*dayRecord) {}) // warns, and writes a sound one
		}
		k.polled = now
		return
	case x.err != nil:
		m.storeFailed(now, x.err)
		return
	}
	k.loaded = true
	if x.read || x.wrote {
		k.polled = now
		m.roll(now)
		if first {
			m.load(now, x.record)
		} else {
			m.follow(now, x.record)
		}
	}
	// By the clock, and not by the day that the model is in: a clock that was set back
	// over midnight must not keep it from getting any.
	if x.slice > 0 && x.record.Day == dayName(now, m.limiter.pacific) && !k.gaveUp {
		m.refilled(now, x)
	}
	if x.bookErr != nil {
		m.storeFailed(now, x.bookErr)
	}
}

// watch stops waiting for a store that does not answer.
func (m *model) watch(now time.Time) {
	k := &m.link
	if k.done != nil && now.Sub(k.began) >= storePatience && !now.Before(k.away) {
		k.gaveUp = true
		m.storeFailed(now, errSlow)
	}
}

func (m *model) storeFailed(now time.Time, err error) {
	if m.link.away.IsZero() {
		m.limiter.config.Store.warn("the quota of %s cannot be shared with other runs, and is counted in this one alone: %v", m.name, err)
	}
	m.link.away = now.Add(storeBreak)
	m.link.slots, m.link.corrections, m.link.unused = nil, nil, nil
}

// share has a change made of the record that all processes share.
func (m *model) share(change func(r *dayRecord)) {
	if m.limiter.config.Store != nil {
		m.link.changes = append(m.link.changes, change)
	}
}

// close has the last changes made and waits for that, but not for a disk that is
// known to hang. It reports whether they are made.
func (m *model) close(hangs bool) bool {
	l := m.limiter
	defer func() { // who goes on all the same does so by itself
		l.mu.Lock()
		defer l.mu.Unlock()
		m.link.away = time.Now().AddDate(100, 0, 0)
	}()
	l.mu.Lock()
	m.link.closed = true
	done := m.link.done
	l.mu.Unlock()
	if hangs || !ended(done) {
		return false
	}
	l.mu.Lock()
	m.closing(time.Now())
	done = m.link.done
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

// closing begins the last exchange, if there is anything to say.
func (m *model) closing(now time.Time) {
	k, d := &m.link, &m.day
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
		d.debt = 0
	}
	x := &exchange{changes: k.changes, debt: d.debt}
	k.changes, d.debt = nil, 0
	k.giveBack(k.slots)
	k.slots = nil
	if !m.alone(now) && (len(k.corrections) > 0 || len(k.unused) > 0) {
		x.booking = m.book(now, nil)
	}
	if x.debt > 0 || len(x.changes) > 0 || x.booking != nil {
		m.start(now, x)
	}
}
