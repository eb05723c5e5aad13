package quota

import (
	"time"

	"github.com/genbatch/genbatch/batch"
)

// This file infers limits that no refusal names.
//
// A server that refuses without naming a limit still shows it: what it accepted in the
// minute before the refusal is what a sliding window holds, and the calls that were in
// flight are what it works on at once. One refusal tells neither which of the two it
// was nor whether it was a limit at all. Passing faults are told from limits by how they
// come, see isLimit; and a number is believed only when
//
//   - concurrency: the refused calls of two bursts found the same number in flight, and
//     found more than most accepted calls did;
//   - requests or tokens a minute: two bursts, some seconds apart, came at the same
//     count. An outage fails this test, because the count changes meanwhile.
//
// Requests may be mistaken for tokens, or tokens for requests, until a refusal shows the
// difference, see swapKind.
//
// An inferred limit is probed: it is raised a little, then more, until the next refusal
// sets it back to what is known to be accepted. Refusals that come without a probe lower
// it by a few percent. Refusals that come even then are faults; from then on a share of
// them is expected, see faults.
const (
	settle = 10 * time.Second // two bursts confirm a limit when they are at least so far apart
	stale  = 2 * time.Minute  // and at most so far: a full window refuses again soon, a fault of the day does not
	near   = 0.02             // counts that differ by no more agree
	far    = 0.03             // counts that differ by more do not belong to one limit

	firstProbe = time.Minute      // shortest time between inferring or lowering a limit and probing it
	nextProbe  = 10 * time.Minute // longest time between a refused probe and the next one
	probeCalls = 1500             // after so many calls a probe may follow a refused one
	fastProbe  = 20 * time.Second // shortest time between two raises
	probeSteps = 10               // raises of one probe in the time that was waited for the first
	maxProbe   = 1000             // times the inferred limit: the raises end there if nobody uses them

	// memory is how long calls are remembered: a minute before a refusal, and the time
	// that the refusal takes to arrive.
	memory = 75 * time.Second

	fewest = 3 // accepted calls that make a count

	mostInRow = 4    // refusals in a row that faults do not explain
	perInRow  = 20   // calls a minute that ask for one more refusal in a row, up to mostInRow
	excessive = 3    // refusals beyond twice the expected faults that make a limit
	fewFaults = 0.04 // share of refused calls that is never excessive, whatever the server
	enough    = 50   // calls from which the share of faults is estimated
)

// An inference infers limits from how calls went, where the server names none. The rest
// of the limiter calls
//
//	beforeCall   for each call, before it is logged
//	answered     for each answer
//	isLimit      for each refusal: is it a reason to slow down?
//	refused      for each refusal, once the log has marked its call
//	infer        for the first refusal of a burst: which limit explains it?
//	recall       for a limit that an earlier run inferred
//	maxInFlight  to learn how far the calls in flight may grow
//
// The inference reads the log of calls, and acts on the rest only by what these return
// and by the paces of rates, with the ledger if it infers a limit of tokens. It sets a
// pace only if the pace's source is unknown or inferred, so that it cannot touch a limit
// that was given or named. If a refusal names a limit that was inferred, the pace's source
// changes to named, and the inference leaves the pace alone from then on.
type inference struct {
	rates *rates
	calls *callLog

	requests guess
	tokens   guess
	inFlight ceiling

	candidate burst // may be confirmed by another one; zero = none
	confirmed burst // the burst that the last limit was taken from

	faults  faults
	changed time.Time // when a limit was last inferred or lowered
}

func newInference(r *rates, c *callLog) inference {
	return inference{rates: r, calls: c, requests: guess{pace: &r.requests}, tokens: guess{pace: &r.tokens}}
}

// A finding is what infer makes of a burst of refusals.
type finding uint8

const (
	foundNothing finding = iota // no limit of the minute explains it: fewer calls in flight are the answer
	foundPace                   // an inferred limit explains it, or it is a fault beside one
	foundLimit                  // a limit of the minute is inferred anew: it was not the calls in flight
)

// beforeCall raises the inferred limits when their next probe is due. It is called for
// each call, before the call is logged.
func (i *inference) beforeCall(now time.Time) {
	if !i.known() {
		return
	}
	if i.probeDue(now) {
		i.faults.estimate()
		if i.faults.share > 0 { // faults have lowered the limits, not the server's quota
			i.requests.restore()
			i.tokens.restore()
		}
		i.faults.excess, i.faults.calls, i.faults.refused = 0, 0, 0
	}
	i.requests.raise(now)
	i.tokens.raise(now)
	i.inFlight.raise(now)
}

// answered weighs an answer. afterCut says that its call was sent after the calls in
// flight were last cut, and tokens is how many the ledger held with it.
func (i *inference) answered(afterCut bool, tokens int64) {
	f := &i.faults
	f.inRow = 0
	f.excess = max(0, f.excess-max(fewFaults, 2*f.share))
	if afterCut && i.belowFloor() {
		f.calls++
	}
	i.tokens.probe.seen = max(i.tokens.probe.seen, tokens)
}

// isLimit weighs a refusal and reports whether it is a reason to slow down, rather than
// a passing fault.
//
// While no limit is inferred, calls are made as fast as possible. A limit then refuses
// call after call, where faults hit one here and one there. The more calls are made, the
// less it costs to wait for another refusal, and the less likely chance puts them in a
// row. An inferred limit that is slightly exceeded refuses one here and one there too:
// then there are too many refusals if there are more than twice as many as came without
// exceeding it.
func (i *inference) isLimit(o *batch.Outcome, afterCut bool) bool {
	f := &i.faults
	f.inRow++
	f.excess++
	if afterCut && i.belowFloor() {
		f.refused++
	}
	switch {
	case o.RetryAfter > 0 || len(o.Limits) > 0: // the server knows why
		return true
	case !i.known():
		return i.inSeries()
	case f.share == 0 && !i.belowFloor():
		return true
	}
	return f.excess >= excessive
}

// refused takes a call out of the bursts that counted it as accepted.
func (i *inference) refused(at time.Time, tokens int64) {
	i.candidate.amend(at, tokens)
	i.confirmed.amend(at, tokens)
}

// infer explains a burst of refusals by its first one, the call with this number.
// together is how many calls in flight may have reached the server before that call.
func (i *inference) infer(now time.Time, seq uint64, together int) finding {
	b := i.calls.before(seq, together, i.changed)
	if b.calls < fewest {
		return foundNothing
	}
	if i.swapKind(now, &b) {
		i.faults.excess, i.changed, i.confirmed = 0, now, b
		return foundPace
	}
	requests := i.requests.lower(now, b.calls, &b)
	tokens := i.tokens.lower(now, b.tokens, &b)
	if requests || tokens {
		i.faults.excess, i.changed = 0, now
		return foundPace
	}
	if (i.requests.known() || i.tokens.known()) && !i.inSeries() && i.faults.excess < excessive {
		return foundPace // a limit is known, and does not explain the refusal: it is a fault
	}
	if b.byConcurrency() {
		i.inferConcurrency(now, &b)
		return foundNothing
	}
	if i.candidate.at.IsZero() {
		i.candidate = b
		return foundNothing
	}
	requests, tokens = b.agree(&i.candidate, i.rates.requests.limit == 0, i.rates.tokens.limit == 0)
	gap := b.at.Sub(i.candidate.at)
	if !requests && !tokens || gap > stale {
		i.candidate = b
		return foundNothing
	}
	if gap < settle {
		return foundNothing
	}
	switch {
	case requests:
		i.requests.infer(b.calls, now, &b, false)
	case tokens:
		// Both counts were accepted, and which row came next decides which one is higher.
		i.tokens.infer(max(b.tokens, i.candidate.tokens), now, &b, false)
		i.rates.ledger = i.calls.ledger(now)
		if _, same := b.agree(&i.confirmed, false, true); same && i.requests.known() {
			i.requests.pace.forget(now) // tokens explain that burst as well
		}
	}
	i.confirmed, i.candidate = b, burst{}
	i.faults.calls, i.faults.refused, i.changed = 0, 0, now
	i.inFlight = ceiling{}
	return foundLimit
}

// swapKind corrects an inference that took tokens for requests, or requests for tokens,
// and reports whether it did. A refusal shows the mistake if it comes far below the
// inferred limit, and at the same count of the other kind at which the limit was
// inferred.
func (i *inference) swapKind(now time.Time, b *burst) bool {
	c, coarse := &i.confirmed, float64(b.row)/float64(max(1, b.tokens))
	_, tokens := b.agree(c, false, true)
	requests := apart(b.calls, c.calls) <= near
	switch {
	case i.requests.known() && i.rates.tokens.limit == 0 && tokens && b.calls < c.calls && apart(b.calls, c.calls) > far:
		i.tokens.infer(max(b.tokens, c.tokens), now, b, true)
		i.rates.ledger = i.calls.ledger(now)
		i.requests.pace.forget(now)
	case i.tokens.known() && i.rates.requests.limit == 0 && requests && b.tokens < c.tokens && apart(b.tokens, c.tokens) > 2*far+coarse:
		i.requests.infer(b.calls, now, b, true)
		i.tokens.pace.forget(now)
		i.rates.ledger = ledger{}
	default:
		return false
	}
	return true
}

// inferConcurrency takes the calls in flight at a refusal for all that the server works
// on at once, if two bursts agree: what else refuses now and then does so at any number.
// A number above the known one was accepted anyway, and one below it needs no second
// burst.
func (i *inference) inferConcurrency(now time.Time, b *burst) {
	c := &i.inFlight
	flight, known, last := b.flight, int(c.probe.base), c.last
	c.last = flight
	if (known == 0 || flight < known) && (last == 0 || max(flight, last)-min(flight, last) > 1) {
		return
	}
	dear := *b // finding one call too many takes more refusals than finding a minute too full
	dear.calls /= 4
	c.probe.start(int64(flight), now, &dear, known > 0)
	c.limit = flight
}

// recall takes over a limit that an earlier run inferred. It is probed soon: tiers
// change.
func (i *inference) recall(now time.Time, l Learned) {
	g := &i.requests
	if l.Limit == LimitTPM {
		g = &i.tokens
	}
	g.pace.set(l.Value, inferred, l.At)
	g.probe.start(l.Value, now, new(burst), false)
}

// maxInFlight returns how far the calls in flight may grow, at most to the configured
// number.
func (i *inference) maxInFlight(configured int) int {
	if i.inFlight.limit > 0 {
		return min(i.inFlight.limit, configured)
	}
	return configured
}

// known reports whether a limit is inferred.
func (i *inference) known() bool {
	return i.requests.known() || i.tokens.known() || i.inFlight.probe.base > 0
}

// inSeries reports whether more refusals came in a row than faults explain.
func (i *inference) inSeries() bool {
	return i.faults.inRow >= min(mostInRow, 1+i.calls.len()/perInRow)
}

// belowFloor reports whether refusals have lowered a limit so far that it cannot be the
// reason for the next one, which therefore is a fault.
func (i *inference) belowFloor() bool { return i.requests.low() || i.tokens.low() }

// probeDue reports whether a probe begins.
func (i *inference) probeDue(now time.Time) bool {
	return i.requests.known() && i.requests.probe.due(now) ||
		i.tokens.known() && i.tokens.probe.due(now) ||
		i.inFlight.probe.base > 0 && i.inFlight.probe.due(now)
}

// faults tell refusals of a limit from those that pass.
type faults struct {
	inRow  int     // refusals since the last answer
	share  float64 // of all calls that fail while no inferred limit is exceeded
	excess float64 // refusals beyond twice that share

	calls, refused float64 // answers and refusals from which share is estimated
}

// estimate renews the share of faults if enough calls were made.
func (f *faults) estimate() {
	if n := f.calls + f.refused; n >= enough {
		f.share = f.refused / n
	}
}

// A ceiling is an inferred limit of the calls in flight.
type ceiling struct {
	probe probe
	limit int // calls in flight; 0 = none is inferred
	last  int // calls in flight at the last burst that they may explain
}

func (c *ceiling) raise(now time.Time) { c.limit = int(c.probe.raise(int64(c.limit), now)) }

// A guess is an inferred limit of the minute: the pace that has it, and its probe, which
// counts only while the pace's source is inferred.
type guess struct {
	pace  *pace
	probe probe
}

func (g *guess) known() bool { return g.pace.source == inferred }

// infer sets the limit.
func (g *guess) infer(limit int64, now time.Time, b *burst, confirmed bool) {
	g.pace.set(limit, inferred, now)
	g.probe.start(limit, now, b, confirmed)
}

// lower sets an inferred limit back if a probe has raised it, or if the server does not
// accept it any more, and reports whether that explains the refusal. A limit that was
// once accepted explains no refusal that comes far below it, unless there are many.
func (g *guess) lower(now time.Time, accepted int64, b *burst) bool {
	if !g.known() {
		return false
	}
	base, most := g.probe.base, g.probe.most
	switch {
	case g.pace.limit > base:
		// A little less than was accepted: a server that counts by the clock's minute
		// accepts a little more in ours.
		base = min(max(base, accepted*97/100, g.probe.seen), g.pace.limit)
	case b.often() && accepted < base:
		base = max(accepted, base*7/8)
		most = base
	case g.low() && 100*accepted >= 97*base:
		return true // it is at the floor and stays; nor are the calls in flight the reason
	case 100*accepted >= 97*base:
		base = max(1, base-max(1, base/100), g.probe.floor())
	default:
		return false
	}
	g.infer(base, now, b, true)
	g.probe.most = max(most, base)
	return true
}

// low reports whether refusals have lowered the limit as far as they may.
func (g *guess) low() bool { return g.known() && g.probe.low() }

// raise raises the limit if that is due.
func (g *guess) raise(now time.Time) {
	if g.known() {
		g.pace.limit = g.probe.raise(g.pace.limit, now)
	}
}

// restore undoes what refusals have lowered.
func (g *guess) restore() {
	if g.low() {
		g.probe.base, g.pace.limit = g.probe.most, g.probe.most
	}
}

// A probe tries whether the server accepts more than an inferred limit.
type probe struct {
	base int64         // what was accepted; 0 = nothing is inferred
	most int64         // base before some refusals lowered it
	seen int64         // the most that was accepted since, where that is known
	step int64         // of the last raise; 0 = not raised yet
	then time.Duration // between the raises that follow the first
	next time.Time     // when the next raise is due
}

// start begins with what was accepted. Until that is confirmed it may be wrong, and is
// probed sooner.
func (p *probe) start(base int64, now time.Time, b *burst, confirmed bool) {
	wait := hold(b)
	*p = probe{base: base, most: base, then: max(wait/probeSteps, fastProbe)}
	if !confirmed {
		wait = max(wait/2, firstProbe)
	}
	p.next = now.Add(wait)
}

// hold returns how long a limit is used before it is probed again after a refused probe:
// a few refusals among so many calls are little, and so is one in ten minutes.
func hold(b *burst) time.Duration {
	return min(max(time.Minute*time.Duration(probeCalls)/time.Duration(max(1, b.calls)), firstProbe), nextProbe)
}

// floor is how far a few refusals may lower a limit. It does not explain what is refused
// further below.
func (p *probe) floor() int64 { return p.most * 95 / 100 }

// low reports whether base is at the floor.
func (p *probe) low() bool { return p.step == 0 && p.base <= p.floor() }

// due reports whether the first raise is due.
func (p *probe) due(now time.Time) bool { return p.step == 0 && !now.Before(p.next) }

// raise returns the limit to use from now on: the same one, or a higher one if a raise
// is due. Steps double, so that a limit that was inferred far too low is soon left
// behind.
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
	tokens int64 // of those calls
	row    int64 // tokens of the refused call
	flight int   // accepted calls in flight
	busy   int64 // accepted calls that found at least as many in flight
	sent   int64 // calls of that minute since a limit was last inferred, refused ones included
	lost   int64 // refused calls among sent
}

// byConcurrency reports whether the calls in flight can be the reason. They are not if a
// third of the accepted calls found as many.
func (b *burst) byConcurrency() bool { return b.flight > 0 && 3*b.busy < b.calls }

// often reports whether more than a tenth of the calls were refused, if there were
// enough calls to tell.
func (b *burst) often() bool {
	return b.lost >= excessive-1 && 10*b.lost > b.sent && 4*b.sent >= b.calls
}

// amend takes out a call that was counted as accepted and was refused after all.
func (b *burst) amend(at time.Time, tokens int64) {
	if at.Before(b.at) && b.at.Sub(at) < time.Minute {
		b.calls--
		b.tokens -= tokens
	}
}

// agree tells whether two bursts came at the same count of requests, or of tokens, of
// the kinds that are asked about. If both agree, the nearer one counts, and requests if
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

// apart returns the difference of two counts as a part of the larger one.
func apart(a, b int64) float64 {
	return float64(max(a, b)-min(a, b)) / float64(max(a, b, 1))
}
