package quota

import "time"

// A server that refuses without naming a limit still shows it: what it accepted in
// the minute before the refusal is what a sliding window holds, and what was in
// flight is what it works on at once. One refusal says neither which of the two it
// was nor whether it was a limit at all, so a count is believed only when
//
//   - calls at once: the refused calls of two bursts found the same number in flight,
//     and found more than most accepted ones did;
//   - requests or tokens a minute: two bursts, some seconds apart, came at the same
//     count. A passing fault fails this test, as the count grows meanwhile.
//
// A felt limit is probed: it is raised a little, then more, until the next refusal
// sets it back to what is known to be accepted.
const (
	settle = 10 * time.Second // two bursts witness a limit when they are so far apart
	stale  = 2 * time.Minute  // and no further: a full window refuses again soon, a fault of the day does not
	near   = 0.02             // counts that differ by no more agree

	firstProbe = time.Minute      // after a limit was felt, which may be wrong
	nextProbe  = 10 * time.Minute // after a probe was refused: a refusal in ten minutes is little
	probeEvery = time.Minute      // between the raises of one probe
	maxProbe   = 1000             // times what was felt: where the raises end if nobody uses them

	// memory is how long the record reaches back: the minute before a refusal that
	// took its time to arrive.
	memory = 75 * time.Second

	fewest = 3 // accepted calls that make a count
)

// A probe is a limit that was felt, and how it is tried whether more is possible.
type probe struct {
	base int64 // what was accepted; 0 = nothing was felt
	step int64 // raised at last by
	next time.Time
}

// feel sets what is accepted, for so long.
func (p *probe) feel(base int64, until time.Time) { *p = probe{base: base, next: until} }

// raise returns the limit to use now: the last one, or more when it is time. Steps
// double, so that a limit that was felt far too low is soon left behind.
func (p *probe) raise(limit int64, now time.Time) int64 {
	if p.base == 0 || now.Before(p.next) {
		return limit
	}
	p.step = min(max(2*p.step, 1, p.base/50), limit)
	p.next = now.Add(probeEvery)
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
	sent   int64 // calls of that minute, refused ones included
}

// crowded reports whether the calls in flight can be the reason: not if a quarter
// of the accepted ones found as many.
func (b *burst) crowded() bool { return b.flight > 0 && 4*b.busy < b.calls }

// often reports whether more than a tenth of the calls was refused.
func (b *burst) often() bool { return 10*(b.sent-b.calls) > b.sent }

// rare reports whether so few calls were refused that there is nothing to gain by
// looking for a limit, and much to lose: faults that hit one call in 200 agree with
// each other by chance.
func (b *burst) rare() bool { return 100*(b.sent-b.calls) <= b.sent }

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
	ceiling int   // calls in flight that the window grows to; 0 = as many as configured

	// Estimated tokens and those that usage reported for them, both decaying.
	estimated, reported float64
}

// A record holds the calls of the last minute or so.
type record struct {
	calls []call
	first uint64 // the grant that calls[0] is
}

type call struct {
	at      time.Time
	tokens  int64 // estimated; as reported once it is answered
	flight  int   // calls in flight before it
	refused bool
}

func (r *record) add(seq uint64, c call) {
	for len(r.calls) > 0 && c.at.Sub(r.calls[0].at) > memory {
		r.calls = r.calls[1:]
		r.first++
	}
	if len(r.calls) == 0 {
		r.first = seq
	}
	r.calls = append(r.calls, c)
}

// get returns the call of a grant, or nil if that was long ago.
func (r *record) get(seq uint64) *call {
	if i := seq - r.first; seq >= r.first && i < uint64(len(r.calls)) {
		return &r.calls[i]
	}
	return nil
}

// earliest returns when one more call fits below the limit. Refused calls count as
// well: there are servers that count them.
func (r *record) earliest(limit int64) time.Time {
	if i := int64(len(r.calls)) - limit; i >= 0 {
		return r.calls[i].at.Add(window)
	}
	return time.Time{}
}

// before counts what was accepted in the minute before a refused call. What is
// still in flight counts as accepted: refusals come back sooner than answers. So
// many calls were on their way together with the refused one.
func (r *record) before(seq uint64, together int) burst {
	c := r.get(seq)
	if c == nil {
		return burst{}
	}
	b := burst{at: c.at, row: c.tokens, flight: max(c.flight, together)}
	for i := range r.calls[:seq-r.first] {
		if o := &r.calls[i]; c.at.Sub(o.at) < time.Minute {
			b.sent++
			if o.refused {
				continue
			}
			b.calls++
			b.tokens += o.tokens
			if o.flight >= b.flight {
				b.busy++
			}
		}
	}
	return b
}

// feel takes from the first refusal of a burst what the server seems to hold. It
// reports whether a limit of the minute was felt or set back, which then is the
// answer to the burst.
func (m *model) feel(now time.Time, seq uint64) bool {
	b := m.record.before(seq, m.together(seq))
	if b.calls < fewest {
		return false
	}
	requests := m.requests.retreat(now, b.calls, &b)
	tokens := m.tokens.retreat(now, b.tokens, &b)
	if requests || tokens {
		return true
	}
	// A series of bursts without an answer is not rare, however long the minute was.
	rare := b.rare() && m.bursts == 0
	if b.crowded() && !rare {
		m.crowd(now, b.flight)
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
	if apartBy < settle || rare {
		return false
	}
	switch {
	case requests:
		m.requests.feel(b.calls, now, now.Add(firstProbe))
	case tokens:
		m.tokens.feel(b.tokens, now, now.Add(firstProbe))
		m.ledger = m.record.ledger(now)
		if p := &m.requests; p.probe.base > 0 && apart(m.witness.tokens, b.tokens) < near {
			*p = pace{since: now} // tokens explain that burst as well
		}
	}
	m.witness, m.suspect = b, burst{}
	m.atOnce, m.crowded, m.ceiling = probe{}, 0, 0
	m.window = m.limiter.config.Concurrency
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
	n := 0
	for _, g := range m.flight {
		if g.at.Sub(c.at) <= 20*time.Millisecond {
			n++
		}
	}
	return n
}

// crowd takes the calls in flight at a refusal for all that the server works on at
// once, when they come twice: what else refuses now and then does so at any number.
// More than what is known was accepted, and needs no witness.
func (m *model) crowd(now time.Time, flight int) {
	known, last := int(m.atOnce.base), m.crowded
	m.crowded = flight
	if (known == 0 || flight < known) && (last == 0 || max(flight, last)-min(flight, last) > 1) {
		return
	}
	hold := nextProbe
	if known == 0 {
		hold = firstProbe
	}
	m.atOnce.feel(int64(flight), now.Add(hold))
	m.ceiling = flight
}

// retreat sets a felt limit back that a probe raised, or that the server no longer
// accepts, and reports whether it did: what it once accepted explains no refusal,
// unless there are many.
func (p *pace) retreat(now time.Time, accepted int64, b *burst) bool {
	base := p.probe.base
	switch {
	case base == 0:
		return false
	case p.limit > base:
		base = min(max(base, accepted), p.limit)
	case b.often() && accepted < base:
		base = max(accepted, base*7/8)
	case !b.rare() && 100*accepted >= 97*base:
		// A server that counts by the clock's minute accepts a little too much in ours.
		base = max(1, base-max(1, base/100))
	default:
		return false
	}
	p.feel(base, now, now.Add(nextProbe))
	return true
}

// probe raises what was felt, when it is time.
func (m *model) probe(now time.Time) {
	m.requests.limit = m.requests.probe.raise(m.requests.limit, now)
	m.tokens.limit = m.tokens.probe.raise(m.tokens.limit, now)
	m.ceiling = int(m.atOnce.raise(int64(m.ceiling), now))
}

// most returns the most calls at once to grow to.
func (m *model) most() int {
	if m.ceiling > 0 {
		return min(m.ceiling, m.limiter.config.Concurrency)
	}
	return m.limiter.config.Concurrency
}

// feel takes over a limit that no one named.
func (p *pace) feel(limit int64, now, until time.Time) {
	p.limit, p.learned, p.since = limit, true, now
	p.probe.feel(limit, until)
}

// ledger returns the tokens of the last window as the ledger would have them.
func (r *record) ledger(now time.Time) ledger {
	var l ledger
	for _, c := range r.calls {
		if !c.refused && now.Sub(c.at) < window {
			l.add(c.at, c.tokens)
		}
	}
	return l
}
