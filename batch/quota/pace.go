package quota

import (
	"math"
	"time"
)

const (
	// share is the part of a limit that is used. What is left takes up what lies
	// between our clock and the server's: with 2 % a minute of calls may reach the
	// server 1.2 s closer together than it was sent.
	share = 0.98

	// slack is how much of its own lateness the pace makes up for, so that timers
	// that fire a little late cost no throughput at 500 calls a second. It must stay
	// below (1/share - 1) minutes for the limit to hold.
	slack = 100 * time.Millisecond

	// window is the minute over which the ledger counts tokens, with half a second
	// for the network. It is shorter than a minute over share, so that the pace and
	// not the ledger decides for rows up to 1 % of the limit.
	window = time.Minute + 500*time.Millisecond
)

// decay is how much the correction of estimates forgets with each answer: it stands
// for the last 32 or so.
const decay = 1 - 1.0/32

// credit is how far the pace of tokens may fall behind while that of requests holds
// it up, and catch up later. Where both limits bind, small rows wait for the one and
// large rows for the other: without it, what the other would have allowed meanwhile
// is lost, a fifth of both. The ledger holds every minute to the limit all the same.
const credit = 5 * time.Second

// A pace spaces what is granted evenly over the minute. A bucket (x/time/rate)
// would give credit for idle time, cannot take an amount above its size, and
// cannot correct an amount later; all a pace needs is the next slot's time.
//
// Slots are at least cost apart and a grant comes at most slack after its slot, so
// any minute holds at most (1 min + slack) / cost + 1 grants of one, which is
// below the limit plus 1.
type pace struct {
	limit   int64 // a minute; 0 = not known
	learned bool
	since   time.Time
	free    time.Time // when the next grant is due
	probe   probe     // of a limit that no one named
}

// cost is the time that n take.
func (p *pace) cost(n int64) time.Duration {
	if p.limit == 0 {
		return 0
	}
	return time.Duration(math.Ceil(float64(n) / float64(p.limit) * float64(time.Minute) / share))
}

// take counts n at the slot.
func (p *pace) take(slot time.Time, n int64) { p.free = slot.Add(p.cost(n)) }

// keep gives back, after a take at the slot, what the pace would have allowed before
// it: free is when it was due. It gives no more than credit.
func (p *pace) keep(free, slot time.Time) {
	if unused := min(slot.Sub(free), credit); unused > 0 && p.limit > 0 {
		p.free = p.free.Add(-unused)
	}
}

// adopt takes over a limit that the server named. It reports whether that changed
// anything: a limit that the user gave is only ever lowered.
func (p *pace) adopt(limit int64, now time.Time) bool {
	if limit > 0 && limit == p.limit {
		p.probe = probe{} // what was felt is what the server says
	}
	if limit <= 0 || limit == p.limit || p.limit > 0 && !p.learned && limit > p.limit {
		return false
	}
	p.limit, p.learned, p.since, p.probe = limit, true, now, probe{}
	p.free = now.Add(p.cost(1))
	return true
}

// An estimates corrects estimates of tokens by what usage reports. The zero value leaves
// them as they are.
type estimates struct{ estimated, reported float64 } // both decaying

// learn takes in what became of an estimate.
func (e *estimates) learn(estimated int, reported int64) {
	e.estimated = decay*e.estimated + float64(max(1, estimated))
	e.reported = decay*e.reported + float64(reported)
}

// of returns the tokens that an estimate will probably be counted as.
func (e *estimates) of(estimated int) int64 {
	n := float64(max(1, estimated))
	if e.estimated > 0 {
		n *= e.reported / e.estimated
	}
	return int64(max(1, n))
}

// A ledger holds the tokens granted in the last window, in order of their slots.
// It is what keeps large rows, which the pace alone could let overlap, below the
// limit in every minute.
type ledger struct {
	base    time.Time // the first slot that ever was
	entries []entry
	first   int64 // the number of entries[0]
	sum     int64
}

type entry struct {
	slot   time.Duration // since ledger.base
	tokens int64
}

// add counts tokens at the slot and returns the entry's number.
func (l *ledger) add(slot time.Time, tokens int64) int64 {
	if l.base.IsZero() {
		l.base = slot
	}
	l.entries = append(l.entries, entry{slot.Sub(l.base), tokens})
	l.sum += tokens
	return l.first + int64(len(l.entries)) - 1
}

// set corrects an entry, which may have left the ledger meanwhile.
func (l *ledger) set(number, tokens int64) {
	if i := number - l.first; i >= 0 && i < int64(len(l.entries)) {
		l.sum += tokens - l.entries[i].tokens
		l.entries[i].tokens = tokens
	}
}

// earliest returns when tokens more fit below the limit; the zero time is now.
func (l *ledger) earliest(now time.Time, tokens, limit int64) time.Time {
	l.expire(now)
	var at time.Time
	over := l.sum + tokens - limit
	for _, e := range l.entries {
		if over <= 0 {
			break
		}
		at = l.base.Add(e.slot + window)
		over -= e.tokens
	}
	return at
}

// expire drops the entries that have left the window.
func (l *ledger) expire(now time.Time) {
	for at := now.Sub(l.base); len(l.entries) > 0 && at-l.entries[0].slot >= window; {
		l.sum -= l.entries[0].tokens
		l.entries = l.entries[1:]
		l.first++
	}
}
