package quota

import (
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A server that refuses without naming a limit still shows it: what it accepted in
// the minute before the refusal is what a sliding window holds, and what was in
// flight is what it works on at once. One refusal says neither which of the two it
// was nor whether it was a limit at all. Faults that pass are told from limits by
// how they come, see blame; and a count is believed only when
//
//   - calls at once: the refused calls of two bursts found the same number in flight,
//     and found more than most accepted ones did;
//   - requests or tokens a minute: two bursts, some seconds apart, came at the same
//     count. An outage fails this test, as the count changes meanwhile.
//
// Requests are taken for tokens, or the other way round, until a refusal shows the
// difference, see mistaken.
//
// A felt limit is probed: it is raised a little, then more, until the next refusal
// sets it back to what is known to be accepted. Refusals that come all the same
// lower it by a few percent; those that come even then are faults, which from then
// on are expected, see faults.
const (
	settle = 10 * time.Second // two bursts witness a limit when they are so far apart
	stale  = 2 * time.Minute  // and no further: a full window refuses again soon, a fault of the day does not
	near   = 0.02             // counts that differ by no more agree
	far    = 0.03             // counts that differ by more are not of one limit

	firstProbe = time.Minute      // after a limit was felt or set back, at least
	nextProbe  = 10 * time.Minute // after a probe was refused, at most
	probeCalls = 1500             // as many calls are enough between two refused probes
	fastProbe  = 20 * time.Second // between two raises, at least
	probeSteps = 10               // raises of one probe in that time
	maxProbe   = 1000             // times what was felt: where the raises end if nobody uses them

	// memory is how long the record reaches back: the minute before a refusal that
	// took its time to arrive.
	memory = 75 * time.Second

	fewest = 3 // accepted calls that make a count

	mostInRow = 4    // refusals in a row that no faults explain
	perInRow  = 20   // calls a minute for which one more must come
	excessive = 3    // refusals more than twice as many as faults explain
	fewFaults = 0.04 // the part of all calls that is not excessive, whatever the server
	enough    = 50   // calls that tell how many faults there are
)

// A probe is a limit that was felt, and how it is tried whether more is possible.
type probe struct {
	base int64         // what was accepted; 0 = nothing was felt
	most int64         // base before some refusals lowered it
	seen int64         // the most that was accepted since, where that is known
	step int64         // raised at last by
	then time.Duration // between the raises that follow the first
	next time.Time
}

// feel sets what is accepted. Until it is confirmed it may be wrong, and is tried
// sooner.
func (p *probe) feel(base int64, now time.Time, b *burst, confirmed bool) {
	wait := hold(b)
	*p = probe{base: base, most: base, then: max(wait/probeSteps, fastProbe)}
	if !confirmed {
		wait = max(wait/2, firstProbe)
	}
	p.next = now.Add(wait)
}

// floor is how far some refusals lower what was felt: what is refused further below,
// it does not explain.
func (p *probe) floor() int64 { return p.most * 95 / 100 }

// low reports whether base is that low.
func (p *probe) low() bool { return p.base > 0 && p.step == 0 && p.base <= p.floor() }

// raise returns the limit to use now: the last one, or more when it is time. Steps
// double, so that a limit that was felt far too low is soon left behind.
func (p *probe) raise(limit int64, now time.Time) int64 {
	if p.base == 0 || now.Before(p.next) {
		return limit
	}
	p.step = min(max(2*p.step, 1, p.base/50), limit)
	p.next = now.Add(p.then)
	return min(limit+p.step, maxProbe*p.base)
}

// A burst is what the server had accepted when it refused the first call of a burst.
type burst struct {
	at     time.Time
	calls  int64 // accepted in the minute before
	tokens int64 // of those
	row    int64 // tokens of the refused call
	flight int   // accepted calls in flight
	busy   int64 // those of calls that found no fewer in flight
	sent   int64 // calls of that minute since a limit was last felt, refused ones included
	lost   int64 // refused ones of those
}

// crowded reports whether the calls in flight can be the reason: not if a third
// of the accepted ones found as many.
func (b *burst) crowded() bool { return b.flight > 0 && 3*b.busy < b.calls }

// often reports whether more than a tenth of the calls was refused, of enough calls
// to tell.
func (b *burst) often() bool {
	return b.lost >= excessive-1 && 10*b.lost > b.sent && 4*b.sent >= b.calls
}

// amend takes a call out that was counted as accepted and turns out to be refused.
func (b *burst) amend(at time.Time, tokens int64) {
	if at.Before(b.at) && b.at.Sub(at) < time.Minute {
		b.calls--
		b.tokens -= tokens
	}
}

// agree tells whether requests, or tokens, were what bound both times, of those
// that are asked about. Where both can be it, the nearer one is, and requests if
// they are equally near, because they are counted exactly.
func (b *burst) agree(o *burst, askRequests, askTokens bool) (requests, tokens bool) {
	dr, dt := apart(b.calls, o.calls), apart(b.tokens, o.tokens)
	requests = askRequests && (dr <= near || b.calls-o.calls == 1 || o.calls-b.calls == 1)
	// Which row comes next decides how much of the limit stays unused.
	tokens = askTokens && dt <= max(near, float64(max(b.row, o.row))/float64(max(1, b.tokens)))
	if requests && tokens {
		requests = dr <= dt+0.005
		tokens = !requests
	}
	return requests, tokens
}

// apart returns the difference of two counts as a part of the larger.
func apart(a, b int64) float64 {
	return float64(max(a, b)-min(a, b)) / float64(max(a, b, 1))
}

// felt is what a model knows from how its calls went, where the server names nothing.
type felt struct {
	record  record
	suspect burst // a burst that another one may confirm; zero = none
	witness burst // the one that the last limit was taken from
	atOnce  probe // of ceiling
	crowded int   // calls in flight at the last burst that they may explain

	inRow  int                              // refusals since the last answer
	faults float64                          // the part of all calls that fails while no felt limit is exceeded
	excess float64                          // refusals that are more than twice as many
	quiet  struct{ calls, refused float64 } // what faults is counted from
	feltAt time.Time                        // when a limit was last felt or set back

	ceiling int // calls in flight that the window grows to; 0 = as many as configured
}

// blame weighs a refusal and reports whether it is a reason to slow down, and not one
// of the faults that pass. While no limit is felt, calls are made as fast as may be,
// and a limit then refuses call after call, where faults hit one here and one there.
// The more calls are made, the less it costs to wait for another one, and the less
// chance puts them in a row. A limit that is felt, and a little exceeded, refuses one
// here and one there too: then the refusals are too many if they are more than twice
// as many as were without exceeding it.
func (m *model) blame(seq uint64, o *batch.Outcome) bool {
	m.inRow++
	m.excess++
	if m.calm(seq) {
		m.quiet.refused++
	}
	switch {
	case o.RetryAfter > 0 || len(o.Limits) > 0: // the server knows why
		return true
	case !m.feels():
		return m.inSeries()
	case m.faults == 0 && !m.requests.probe.low() && !m.tokens.probe.low():
		return true
	}
	return m.excess >= excessive
}

// inSeries reports whether more refusals came in a row than faults do.
func (m *model) inSeries() bool {
	return m.inRow >= min(mostInRow, 1+m.record.len()/perInRow)
}

// clear weighs an answer.
func (m *model) clear(seq uint64) {
	m.inRow = 0
	m.excess = max(0, m.excess-max(fewFaults, 2*m.faults))
	if m.calm(seq) {
		m.quiet.calls++
	}
}

// feels reports whether there is a felt limit.
func (m *model) feels() bool {
	return m.requests.probe.base > 0 || m.tokens.probe.base > 0 || m.atOnce.base > 0
}

// calm reports whether a call that is refused now tells of faults: the refusals have
// brought the limits so far down that they cannot be the reason.
func (m *model) calm(seq uint64) bool {
	return seq > m.cutSeq && (m.requests.probe.low() || m.tokens.probe.low())
}

// hold returns how long a limit is used before it is tried whether more is possible,
// after that was refused: a few refusals among so many calls are little, and so is
// one in ten minutes.
func hold(b *burst) time.Duration {
	return min(max(time.Minute*time.Duration(probeCalls)/time.Duration(max(1, b.calls)), firstProbe), nextProbe)
}

// feel takes from the first refusal of a burst what the server seems to hold. It
// reports whether a limit of the minute was felt or set back, which then is the
// answer to the burst.
func (m *model) feel(now time.Time, seq uint64) bool {
	b := m.record.before(seq, m.together(seq), m.feltAt)
	if b.calls < fewest {
		return false
	}
	if m.mistaken(now, &b) {
		m.excess, m.feltAt, m.witness = 0, now, b
		return true
	}
	requests := m.requests.retreat(now, b.calls, &b)
	tokens := m.tokens.retreat(now, b.tokens, &b)
	if requests || tokens {
		m.excess, m.feltAt = 0, now
		return true
	}
	if (m.requests.probe.base > 0 || m.tokens.probe.base > 0) && !m.inSeries() && m.excess < excessive {
		return true // a limit is known, and this is not it: a fault
	}
	if b.crowded() {
		m.crowd(now, &b)
		return false
	}
	if m.suspect.at.IsZero() {
		m.suspect = b
		return false
	}
	requests, tokens = b.agree(&m.suspect, m.requests.limit == 0, m.tokens.limit == 0)
	apartBy := b.at.Sub(m.suspect.at)
	if !requests && !tokens || apartBy > stale {
		m.suspect = b
		return false
	}
	if apartBy < settle {
		return false
	}
	switch {
	case requests:
		m.requests.feel(b.calls, now, &b, false)
	case tokens:
		// Both were accepted, and which row came next decides which of them is more.
		m.tokens.feel(max(b.tokens, m.suspect.tokens), now, &b, false)
		m.ledger = m.record.ledger(now)
		if _, same := b.agree(&m.witness, false, true); same && m.requests.probe.base > 0 {
			m.requests = pace{since: now} // tokens explain that burst as well
		}
	}
	m.witness, m.suspect = b, burst{}
	m.quiet.calls, m.quiet.refused, m.feltAt = 0, 0, now
	m.atOnce, m.crowded, m.ceiling = probe{}, 0, 0
	m.window = m.limiter.config.Concurrency
	return true
}

// mistaken reports whether a refusal shows that tokens were what bound when requests
// were believed to, or the other way round, and puts that right: it came far below
// what was felt, and at just as many of the other as the limit was felt at.
func (m *model) mistaken(now time.Time, b *burst) bool {
	w, coarse := &m.witness, float64(b.row)/float64(max(1, b.tokens))
	_, tokens := b.agree(w, false, true)
	requests := apart(b.calls, w.calls) <= near
	switch {
	case m.requests.probe.base > 0 && m.tokens.limit == 0 && tokens && b.calls < w.calls && apart(b.calls, w.calls) > far:
		m.tokens.feel(max(b.tokens, w.tokens), now, b, true)
		m.ledger = m.record.ledger(now)
		m.requests = pace{since: now}
	case m.tokens.probe.base > 0 && m.requests.limit == 0 && requests && b.tokens < w.tokens && apart(b.tokens, w.tokens) > 2*far+coarse:
		m.requests.feel(b.calls, now, b, true)
		m.tokens, m.ledger = pace{since: now}, ledger{}
	default:
		return false
	}
	return true
}

// together counts the calls in flight that may have reached the server before the
// refused call of that number: also those sent a moment later, as calls overtake
// each other.
func (m *model) together(seq uint64) int {
	c := m.record.get(seq)
	if c == nil {
		return 0
	}
	n, at := 0, m.record.time(c)
	for _, g := range m.flight {
		if g.at.Sub(at) <= 20*time.Millisecond {
			n++
		}
	}
	return n
}

// crowd takes the calls in flight at a refusal for all that the server works on at
// once, when they come twice: what else refuses now and then does so at any number.
// More than what is known was accepted, and needs no witness.
func (m *model) crowd(now time.Time, b *burst) {
	flight, known, last := b.flight, int(m.atOnce.base), m.crowded
	m.crowded = flight
	if (known == 0 || flight < known) && (last == 0 || max(flight, last)-min(flight, last) > 1) {
		return
	}
	dear := *b // to find one call too many takes more refusals than to find a minute too full
	dear.calls /= 4
	m.atOnce.feel(int64(flight), now, &dear, known > 0)
	m.ceiling = flight
}

// retreat sets a felt limit back that a probe raised, or that the server no longer
// accepts, and reports whether it did: what it once accepted explains no refusal,
// unless there are many.
func (p *pace) retreat(now time.Time, accepted int64, b *burst) bool {
	base, most := p.probe.base, p.probe.most
	switch {
	case base == 0:
		return false
	case p.limit > base:
		// Less than all: a server that counts by the clock's minute accepts a little more
		// in ours.
		base = min(max(base, accepted*97/100, p.probe.seen), p.limit)
	case b.often() && accepted < base:
		base = max(accepted, base*7/8)
		most = base
	case p.probe.low() && 100*accepted >= 97*base:
		return true // nor is it the number of calls at once
	case 100*accepted >= 97*base:
		base = max(1, base-max(1, base/100), p.probe.floor())
	default:
		return false
	}
	p.feel(base, now, b, true)
	p.probe.most = max(most, base)
	return true
}

// probe raises what was felt, when it is time.
func (m *model) probe(now time.Time) {
	if m.raiseDue(now) {
		if n := m.quiet.calls + m.quiet.refused; n >= enough {
			m.faults = m.quiet.refused / n
		}
		if m.faults > 0 { // it is they that have lowered what was felt
			m.requests.restore()
			m.tokens.restore()
		}
		m.excess, m.quiet.calls, m.quiet.refused = 0, 0, 0
	}
	m.requests.limit = m.requests.probe.raise(m.requests.limit, now)
	m.tokens.limit = m.tokens.probe.raise(m.tokens.limit, now)
	m.ceiling = int(m.atOnce.raise(int64(m.ceiling), now))
}

// restore takes back by how much refusals have lowered a felt limit.
func (p *pace) restore() {
	if p.probe.low() {
		p.probe.base, p.limit = p.probe.most, p.probe.most
	}
}

// raiseDue reports whether a probe begins.
func (m *model) raiseDue(now time.Time) bool {
	for _, p := range []*probe{&m.requests.probe, &m.tokens.probe, &m.atOnce} {
		if p.base > 0 && p.step == 0 && !now.Before(p.next) {
			return true
		}
	}
	return false
}

// most returns the most calls at once to grow to.
func (m *model) most() int {
	if m.ceiling > 0 {
		return min(m.ceiling, m.limiter.config.Concurrency)
	}
	return m.limiter.config.Concurrency
}

// feel takes over a limit that no one named.
func (p *pace) feel(limit int64, now time.Time, b *burst, confirmed bool) {
	p.limit, p.learned, p.since = limit, true, now
	p.probe.feel(limit, now, b, confirmed)
}
