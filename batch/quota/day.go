package quota

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A DayError says that a model's quota of the day is used up. Find it with
// errors.As.
type DayError struct {
	Model string
	Until time.Time // the reset: the next midnight in Los Angeles
	RPD   int       // the user's limit that was reached; 0 = the server refused

	PerDay int64 // requests a day, given or named by the refusal; 0 = not known
}

func (e *DayError) Error() string {
	what := "quota of the day"
	switch {
	case e.RPD > 0:
		what = fmt.Sprintf("given quota of %d requests a day", e.RPD)
	case e.PerDay > 0:
		what = fmt.Sprintf("quota of %d requests a day", e.PerDay)
	}
	return fmt.Sprintf("model %s: the %s is used up until %s; run again after that, or wait for it with --on-daily-quota wait",
		e.Model, what, e.Until.Format("2006-01-02 15:04 MST"))
}

// nextMidnight is the end of the day that t lies in. By the calendar, since a day
// has 23 or 25 hours twice a year.
func nextMidnight(t time.Time, l *time.Location) time.Time {
	y, m, d := t.In(l).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, l)
}

// dayName is the calendar's name for the day that t lies in.
func dayName(t time.Time, l *time.Location) string { return t.In(l).Format(time.DateOnly) }

// A day is a model's quota of the day. The Limiter's mu guards it.
//
// Requests are reserved in slices, which are written to the store as used before
// the first of them is sent: a crash counts what it had left of its slice, and
// never forgets a request that was sent.
type day struct {
	end  time.Time // of the day that the numbers are of
	name string    // of that day
	used int       // by all processes, as far as is known; reserved counts as used
	left int       // reserved for us, and not sent
	debt int       // reserved without the store, which could not be reached

	counts   bool      // the server has parked the model once, today or on another day
	parked   time.Time // the quota is used up until then
	parkedBy int       // the RPD that was reached; 0 = the server parked it, and did not say
	parkedAt time.Time // when it was
	named    Learned   // requests a day, as a refusal said; zero = none did
	full     bool      // the last slice was smaller than asked for

	probe    probeState
	probeSeq uint64 // the grant that is the probe

	saved   []Learned // what the store has
	savedAt time.Time
}

// A probeState tells of the one request that a run sends for a model that an
// earlier run found parked: the quota may have been raised since.
type probeState uint8

const (
	noProbe  probeState = iota
	probeDue            // the next request is the probe
	probing             // it is under way, and all others wait for what comes of it
)

const (
	saveBreak  = time.Minute // between two writes of learned limits
	blindSlice = 10          // requests reserved at once where nobody gave an RPD
	maxSlice   = 100
)

// load takes over what earlier runs and other processes have left in the store. That
// can be late, after a time without it.
func (m *model) load(now time.Time, r dayRecord) {
	d, early := &m.day, len(m.learned()) == 0
	if r.Day == d.name {
		d.used = r.Used
	}
	d.counts = d.counts || !r.ParkedUntil.IsZero()
	if r.ParkedUntil.After(now) && !now.Before(d.parked) {
		d.parked, d.parkedAt, d.probe = r.ParkedUntil, now, probeDue
		if d.end.Before(d.parked) { // nothing is parked for longer than its day
			d.parked = d.end
		}
	}
	for _, l := range r.Learned {
		if !l.valid(now) {
			continue
		}
		// What the user gives now outranks what was learned then: where it is too
		// much, the next refusal says so. But for the day: its refusal costs the day.
		p := m.pace(l.Limit)
		switch {
		case p == nil:
			d.named = l
		case p.limit > 0:
			continue
		default:
			p.limit, p.learned, p.since = l.Value, true, l.At
			if l.Felt {
				p.probe.feel(l.Value, now, new(burst), false)
			}
		}
		if s := m.limiter.config.Store; s.Log != nil {
			s.Log.Info(fmt.Sprintf("model %s: learned: %v, %v ago", m.name, l, now.Sub(l.At).Round(time.Second)))
		}
	}
	if early {
		d.saved = m.learned()
	}
	if m.limited() {
		m.window = m.limiter.config.Concurrency
	}
}

// follow takes over what another process has been taught meanwhile: the limits that
// a server named, of which the newest counts. Limits that were felt say what was
// left for the other one, and are its own.
func (m *model) follow(now time.Time, r dayRecord) {
	d := &m.day
	if r.Day == d.name {
		d.used = r.Used
	}
	for _, l := range r.Learned {
		if l.Felt || !l.valid(now) {
			continue
		}
		p := m.pace(l.Limit)
		switch {
		case p == nil:
			if l.At.After(d.named.At) {
				d.named, d.counts = l, true
			}
		case p.limit == 0, p.probe.base > 0,
			p.learned && l.At.After(p.since),
			!p.learned && !l.At.Before(m.limiter.started.Truncate(time.Second)):
			if p.adopt(l.Value, now) {
				p.since = l.At
				m.window = m.limiter.config.Concurrency
				m.link.drop()
			}
		}
	}
}

// pace returns the pace of a learned limit; nil for that of the day.
func (m *model) pace(limit string) *pace {
	switch limit {
	case LimitRPM:
		return &m.requests
	case LimitTPM:
		return &m.tokens
	}
	return nil
}

// rpd returns the requests a day, and whether the server's refusal named them; 0
// where nobody did. The probe asks whether there are more by now than were named.
func (m *model) rpd(now time.Time) (n int, learned bool) {
	n = m.limiter.config.RPD
	if l := m.day.named; l.valid(now) && m.day.probe == noProbe && (n == 0 || l.Value < int64(n)) {
		return int(l.Value), true
	}
	return n, false
}

// counted reports whether the requests of the day are counted.
func (m *model) counted() bool { return m.limiter.config.RPD > 0 || m.day.counts }

// dry reports whether requests of the day must be reserved before the next is sent.
func (m *model) dry(now time.Time) bool {
	d := &m.day
	return m.counted() && d.left <= 0 && (!now.Before(d.parked) || d.probe != noProbe)
}

// low reports whether it is time to reserve the next requests of the day, so that
// nobody has to wait for the disk.
func (m *model) low(now time.Time) bool {
	d := &m.day
	rpd, _ := m.rpd(now)
	return m.counted() && !d.full && d.left > 0 && d.left < daySlice(rpd)/4
}

// daySlice is how many requests are reserved at once.
func daySlice(rpd int) int {
	if rpd > 0 {
		return min(max(1, rpd/100), maxSlice)
	}
	return blindSlice
}

// roll begins the day of now.
func (m *model) roll(now time.Time) {
	d := &m.day
	if now.Before(d.end) {
		return
	}
	l := m.limiter.pacific
	d.end, d.name = nextMidnight(now, l), dayName(now, l)
	d.used, d.left, d.debt, d.full = 0, 0, 0, false
}

// refill reserves the next slice of the day where there is no store to ask.
func (m *model) refill(now time.Time) {
	d := &m.day
	rpd, _ := m.rpd(now)
	n := daySlice(rpd)
	if rpd > 0 {
		n = min(n, max(0, rpd-d.used))
	}
	d.left += n
	d.used += n
	if m.limiter.config.Store != nil {
		d.debt += n
	}
	if d.left == 0 {
		m.usedUp(now)
	}
}

// refilled takes over a slice that the store has reserved.
func (m *model) refilled(now time.Time, x *exchange) {
	d := &m.day
	d.left += x.got
	d.full = x.got < x.slice
	if d.left == 0 {
		m.usedUp(now)
	}
}

// usedUp parks the model, whose number of requests a day is reached.
func (m *model) usedUp(now time.Time) {
	d := &m.day
	rpd, learned := m.rpd(now)
	d.parked, d.parkedAt, d.parkedBy, d.probe = d.end, now, rpd, noProbe
	if until := d.end; learned {
		m.share(func(r *dayRecord) { // the next run sends a probe: the quota may have been raised
			if until.After(r.ParkedUntil) {
				r.ParkedUntil = until
			}
		})
	}
}

// dayError reserves requests of the day, parks the model when the given number is
// reached, and returns the error for a parked one that nobody wants to wait for.
func (m *model) dayError(now time.Time) error {
	d := &m.day
	if m.counted() {
		m.roll(now)
		if m.alone(now) && m.dry(now) {
			m.refill(now)
		}
	}
	c := &m.limiter.config
	if c.OnDailyQuota == DayWait || !now.Before(d.parked) || d.probe != noProbe {
		return nil
	}
	e := &DayError{Model: m.name, Until: d.parked, PerDay: d.named.Value}
	if c.RPD > 0 && (e.PerDay == 0 || int64(c.RPD) < e.PerDay) {
		e.PerDay = int64(c.RPD)
	}
	if d.parkedBy == c.RPD {
		e.RPD = c.RPD
	}
	return e
}

// count counts a grant that is being made.
func (m *model) count(now time.Time, g *grant) {
	d := &m.day
	if m.counted() {
		d.left--
		g.counted = true
	}
	if d.probe == probeDue && now.Before(d.parked) {
		d.probe, d.probeSeq = probing, g.seq
	}
}

// uncount takes back a grant that was not used.
func (m *model) uncount(g grant) {
	if g.counted && nextMidnight(g.at, m.limiter.pacific).Equal(m.day.end) {
		m.day.left++
	}
	m.probed(g, nil)
}

// park closes the day after the server's refusal of a request that was sent at the
// time. The day is that of the sending: a refusal that arrives after midnight must
// not close the new day.
func (m *model) park(now, sent time.Time, limits []batch.Limit) {
	d := &m.day
	d.counts = true
	for _, l := range limits {
		if l.Per == 24*time.Hour && !l.Tokens && l.Value > 0 {
			d.named = Learned{Limit: LimitRPD, Value: l.Value, At: now.UTC().Truncate(time.Second)}
		}
	}
	until := nextMidnight(sent, m.limiter.pacific)
	if !until.After(now) || d.probe == noProbe && !until.After(d.parked) {
		return
	}
	d.parked, d.parkedAt, d.parkedBy, d.probe = until, now, 0, noProbe
	m.share(func(r *dayRecord) {
		if until.After(r.ParkedUntil) {
			r.ParkedUntil = until
		}
	})
}

// probed looks at what came of a grant, in case it was the probe. What says nothing
// about the day makes the next request the probe.
func (m *model) probed(g grant, o *batch.Outcome) {
	d := &m.day
	if d.probe != probing || g.seq != d.probeSeq {
		return
	}
	d.probe = probeDue
	if o == nil || o.Consequence != batch.Answered && o.Consequence != batch.Settled ||
		o.Err != nil && o.Err.HTTPStatus != http.StatusOK { // a refused row may not have come as far as its quota
		return
	}
	now := time.Now()
	// The number that the day was closed at is not the limit any more.
	d.parked, d.probe, d.named, d.full = time.Time{}, noProbe, Learned{}, false
	m.share(func(r *dayRecord) {
		r.Learned = slices.DeleteFunc(r.Learned, func(l Learned) bool { return l.Limit == LimitRPD })
		if r.ParkedUntil.After(now) {
			r.ParkedUntil = now // not zero: the days are counted from now on
		}
	})
}

// learned returns the limits that are not the user's.
func (m *model) learned() []Learned {
	var list []Learned
	for _, p := range []struct {
		name string
		pace
	}{{LimitRPM, m.requests}, {LimitTPM, m.tokens}} {
		if p.learned && p.limit > 0 {
			list = append(list, Learned{Limit: p.name, Value: p.limit, At: p.since.UTC().Truncate(time.Second), Felt: p.probe.base > 0})
		}
	}
	if m.day.named.Value > 0 {
		list = append(list, m.day.named)
	}
	return list
}

// save writes newly learned limits to the store: at once what a server has named,
// for the other processes, and once a minute and at the end what was felt.
func (m *model) save(now time.Time, closing bool) {
	d := &m.day
	known := m.requests.learned || m.tokens.learned || d.named.Value > 0
	if m.limiter.config.Store == nil || !m.link.loaded || !known {
		return
	}
	list := m.learned()
	if slices.Equal(list, d.saved) {
		return
	}
	felt := func(l Learned) bool { return l.Felt }
	if !closing && now.Sub(d.savedAt) < saveBreak &&
		slices.Equal(slices.DeleteFunc(slices.Clone(list), felt), slices.DeleteFunc(slices.Clone(d.saved), felt)) {
		return
	}
	d.saved, d.savedAt = list, now
	m.share(func(r *dayRecord) { r.Learned = merge(list, r.Learned, now) })
}

// merge returns what is known of each limit: of two numbers the one that a server
// has named, and then the newer one.
func merge(ours, theirs []Learned, now time.Time) []Learned {
	list := slices.Clone(ours)
	for _, l := range theirs {
		i := slices.IndexFunc(list, func(o Learned) bool { return o.Limit == l.Limit })
		switch {
		case !l.valid(now):
		case i < 0:
			list = append(list, l)
		case l.Felt == list[i].Felt && l.At.After(list[i].At), !l.Felt && list[i].Felt:
			list[i] = l
		}
	}
	return list
}
