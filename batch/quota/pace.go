package quota

import (
	"math"
	"time"
)

const (
	// share is the part of a limit that is used. The rest allows for the way between our
	// clock and the server's: with 2 % a minute of calls may reach the server 1.2 s closer
	// together than it was sent.
	share = 0.98

	// slack is how much of its own lateness the pace makes up for, so that timers that
	// fire a little late cost no throughput at 500 calls a second. The limit holds as long
	// as slack is below (1/share - 1) minutes.
	slack = 100 * time.Millisecond

	// window is the minute over which the ledger counts tokens, with half a second for the
	// network. It is shorter than a minute divided by share, so that the pace and not the
	// ledger decides for rows of up to 1 % of the limit.
	window = time.Minute + 500*time.Millisecond
)

// decay is the weight of older answers in the correction of estimates. The mean covers
// about 32 answers.
const decay = 1 - 1.0/32

// credit is how far the pace of tokens may fall behind, and catch up later, while the
// pace of requests holds it up. Where both limits bind, small rows wait for requests and
// large rows for tokens. Without credit, what the other limit would have allowed
// meanwhile is lost, a fifth of both. The ledger still holds every minute to the limit.
const credit = 5 * time.Second

// A source says who set a limit.
type source uint8

const (
	unknown  source = iota // nobody: there is no limit
	given                  // the user
	named                  // the server, in a refusal
	inferred               // the inference, from what the server accepted
)

// A pace spaces what is granted evenly over the minute. A bucket (x/time/rate) would
// give credit for idle time, cannot take an amount above its size, and cannot correct an
// amount later. All that a pace needs is the time of the next slot.
//
// Slots are at least cost apart and a grant comes at most slack after its slot, so
// any minute holds at most (1 min + slack) / cost + 1 grants of one, which is
// below the limit plus 1.
type pace struct {
	limit  int64 // a minute; 0 = not known
	source source
	since  time.Time // when the limit became known
	free   time.Time // when the next grant is due
}

// givenPace keeps a limit of the user's; 0 = not given.
func givenPace(limit int, started time.Time) pace {
	p := pace{limit: int64(limit), since: started}
	if limit > 0 {
		p.source = given
	}
	return p
}

// learned reports whether the limit is the server's, named or inferred.
func (p *pace) learned() bool { return p.source == named || p.source == inferred }

// set replaces the limit. The next slot stays where it is.
func (p *pace) set(limit int64, s source, since time.Time) {
	p.limit, p.source, p.since = limit, s, since
}

// forget returns to no limit.
func (p *pace) forget(now time.Time) { *p = pace{since: now} }

// cost is the time that n of the limit take.
func (p *pace) cost(n int64) time.Duration {
	if p.limit == 0 {
		return 0
	}
	return time.Duration(math.Ceil(float64(n) / float64(p.limit) * float64(time.Minute) / share))
}

// take counts n at the slot.
func (p *pace) take(slot time.Time, n int64) { p.free = slot.Add(p.cost(n)) }

// keep gives back, after a take at the slot, what the pace would have allowed since free,
// when its next grant was due. It gives back no more than credit.
func (p *pace) keep(free, slot time.Time) {
	if unused := min(slot.Sub(free), credit); unused > 0 && p.limit > 0 {
		p.free = p.free.Add(-unused)
	}
}

// adopt takes over a limit that the server named, and reports whether that changed
// anything. A limit that the user gave is only ever lowered.
func (p *pace) adopt(limit int64, now time.Time) bool {
	if limit > 0 && limit == p.limit && p.source == inferred {
		p.source = named // the inference was right
	}
	if limit <= 0 || limit == p.limit || p.source == given && limit > p.limit {
		return false
	}
	p.set(limit, named, now)
	p.free = now.Add(p.cost(1))
	return true
}

// estimates correct estimates of tokens by the usage that the server reports. The zero
// value leaves them as they are.
type estimates struct{ estimated, reported float64 } // sums in which older answers count less

// learn compares an estimate with the reported usage.
func (e *estimates) learn(estimated int, reported int64) {
	e.estimated = decay*e.estimated + float64(max(1, estimated))
	e.reported = decay*e.reported + float64(reported)
}

// of returns the tokens that the server will probably count for an estimate.
func (e *estimates) of(estimated int) int64 {
	n := float64(max(1, estimated))
	if e.estimated > 0 {
		n *= e.reported / e.estimated
	}
	return int64(max(1, n))
}

// A ledger holds the tokens granted in the last window, in the order of their slots. It
// keeps large rows below the limit in every minute; the pace alone could let them
// overlap.
type ledger struct {
	base    time.Time // the first slot of all
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

// earliest returns when so many more tokens fit below the limit; the zero time is now.
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
