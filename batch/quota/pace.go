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

	// window is the minute in which room is sought for the next call, with half a second for the
	// network. It is shorter than a minute divided by share, so that the pace and not the
	// log decides for rows of up to 1 % of the limit.
	window = time.Minute + 500*time.Millisecond
)

// decay is the weight of older answers in the correction of estimates. The mean covers
// about 32 answers.
const decay = 1 - 1.0/32

// credit is how far the pace of tokens may fall behind, and catch up later, while the
// pace of requests holds it up. Where both limits bind, small rows wait for requests and
// large rows for tokens. Without credit, what the other limit would have allowed
// meanwhile is lost, a fifth of both. The log of calls still holds every minute to the limit.
const credit = 5 * time.Second

// A source says who set a limit.
type source uint8

const (
	unknown  source = iota // nobody: there is no limit
	given                  // the user
	named                  // the server, in a refusal
	estimate               // this package, from what the server accepted
)

// A pace spaces what is granted evenly over the minute. A bucket (x/time/rate) would
// give credit for idle time, cannot take an amount above its size, and cannot correct an
// amount later. All that a pace needs is the time of the next slot.
//
// Slots are at least cost apart and a grant comes at most slack after its slot, so
// any minute holds at most (1 min + slack) / cost + 1 grants of one, which is
// below the limit plus 1.
type pace struct {
	portion portion // of what the server names
	given   int64   // by the user, a minute; 0 = not given
	ceiling         // what the server named or accepted

	limit int64     // that is kept: the lower of the two; 0 = none is known
	free  time.Time // when the next grant is due
	due   time.Time // during a raise: when it would be due without it

	refuted time.Time // when more was accepted than a refusal had named; zero = never
}

// givenPace keeps a limit of the user's; 0 = not given. Of what the server names it keeps a share.
func givenPace(limit int, share float64) pace {
	return pace{portion: portion(share), given: int64(limit), limit: int64(limit)}
}

// apply takes over a ceiling that has changed. The next slot stays where it is.
func (p *pace) apply() {
	p.limit = p.given
	if p.level > 0 && (p.given == 0 || p.reach < p.given) {
		p.limit = p.reach
	}
}

// source says who set the limit that is kept.
func (p *pace) source() source {
	switch {
	case p.limit == 0:
		return unknown
	case p.level == 0 || p.given > 0 && p.given <= p.reach:
		return given
	case p.named:
		return named
	}
	return estimate
}

// shown is the limit that people are told of, without the more that a raise tries; 0 = none
// is known.
func (p *pace) shown() int64 {
	if s := p.source(); s == named || s == estimate {
		return p.level
	}
	return p.limit
}

// cost is the time that n of the limit take.
func (p *pace) cost(n int64) time.Duration {
	if p.limit == 0 {
		return 0
	}
	return spacing(n, p.limit)
}

// spacing is the time that n of a limit take.
func spacing(n, limit int64) time.Duration {
	return time.Duration(math.Ceil(float64(n) / float64(limit) * float64(time.Minute) / share))
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

// adopt takes over a limit that the server named, of which this process has its portion, and
// reports whether that changed anything. A limit that the user gave is only ever lowered.
func (p *pace) adopt(whole int64, now time.Time) bool {
	limit := p.portion.of(whole)
	if limit <= 0 || p.given > 0 && limit >= p.given {
		return false
	}
	changed := limit != p.level
	if changed || !p.named {
		p.name(whole, now)
	}
	if changed {
		p.free = now.Add(p.cost(1))
	}
	return changed
}

// name takes over a limit that the server named at a time.
func (p *pace) name(whole int64, at time.Time) {
	p.put(p.portion.of(whole), true, at)
	p.whole = whole
	p.apply()
}

// learned returns the ceiling as the server has it.
func (p *pace) learned() int64 {
	if p.named && p.whole > 0 {
		return p.whole
	}
	return p.portion.whole(p.level)
}

// refute notes that the number that a refusal named is not the server's any more.
func (p *pace) refute(now time.Time) {
	if p.named {
		p.refuted = now
	}
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
