package quota

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	_ "time/tzdata" // a static binary finds Los Angeles on any machine

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
	if e.RPD > 0 {
		what = fmt.Sprintf("given quota of %d requests a day", e.RPD)
	}
	return fmt.Sprintf("model %s: the %s is used up until %s; run again after that, or wait for it with --on-daily-quota wait",
		e.Model, what, e.Until.Format("2006-01-02 15:04 MST"))
}

// pacific is where the day of a quota ends:
// https://ai.google.dev/gemini-api/docs/rate-limits
func pacific() *time.Location {
	l, err := time.LoadLocation("America/Los_Angeles")
	if err != nil { // tzdata is linked in, so this is out of reach; an hour late is better than a panic
		return time.FixedZone("PST", -8*60*60)
	}
	return l
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
	parkedBy int       // the RPD that was reached; 0 = the server parked it
	named    int64     // requests a day, as the server's refusal said; 0 = it did not

	probe    probeState
	probeSeq uint64 // the grant that is the probe

	away    time.Time // the store could not be reached and is left alone until then
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
	storeBreak = time.Minute // how long a store that failed is left alone
	saveBreak  = time.Minute // between two writes of learned limits
	blindSlice = 10          // requests reserved at once where nobody gave an RPD
	maxSlice   = 100
)

// load takes over what earlier runs and other processes have left in the store.
func (m *model) load(now time.Time) {
	s := m.limiter.config.Store
	if s == nil {
		return
	}
	d := &m.day
	m.roll(now)
	r, err := s.read(m.name)
	if errors.Is(err, errDamaged) {
		m.share(now, func(*dayRecord) {}) // warns, and writes a sound one
		return
	}
	if err != nil {
		m.storeFailed(now, err)
		return
	}
	if r.Day == d.name {
		d.used = r.Used
	}
	d.counts = !r.ParkedUntil.IsZero()
	if r.ParkedUntil.After(now) {
		d.parked, d.probe = r.ParkedUntil, probeDue
		if d.end.Before(d.parked) { // nothing is parked for longer than its day
			d.parked = d.end
		}
	}
	for _, l := range r.Learned {
		// What the user gives now outranks what was learned then: where it is too
		// much, the next refusal says so.
		p := &m.requests
		if l.Limit == LimitTPM {
			p = &m.tokens
		}
		if l.valid(now) && p.limit == 0 {
			p.limit, p.learned, p.since = l.Value, true, l.At
			if s.Log != nil {
				s.Log.Info(fmt.Sprintf("model %s: learned: %v, %v ago", m.name, l, now.Sub(l.At).Round(time.Second)))
			}
		}
	}
	d.saved = m.learned()
}

// counted reports whether the requests of the day are counted.
func (m *model) counted() bool { return m.limiter.config.RPD > 0 || m.day.counts }

// roll begins the day of now.
func (m *model) roll(now time.Time) {
	d := &m.day
	if now.Before(d.end) {
		return
	}
	l := m.limiter.pacific
	d.end, d.name = nextMidnight(now, l), dayName(now, l)
	d.used, d.left, d.debt = 0, 0, 0
}

// refill reserves the next slice of the day, and parks the model when there is none.
func (m *model) refill(now time.Time) {
	d, rpd := &m.day, m.limiter.config.RPD
	slice := blindSlice
	if rpd > 0 {
		slice = min(max(1, rpd/100), maxSlice)
	}
	m.share(now, func(r *dayRecord) {
		d.left = slice
		if rpd > 0 {
			d.left = min(slice, max(0, rpd-r.Used))
		}
		r.Used += d.left
	})
	if d.left == 0 {
		d.parked, d.parkedBy, d.probe = d.end, rpd, noProbe
	}
}

// share makes a change of the record that all processes share, or, where there is
// no store or it fails, of what this one knows of it.
func (m *model) share(now time.Time, change func(r *dayRecord)) {
	d := &m.day
	if s := m.limiter.config.Store; s != nil && !now.Before(d.away) {
		r, err := s.update(m.name, func(r *dayRecord) {
			r.Used += d.debt
			change(r)
		})
		if err == nil {
			d.used, d.debt = r.Used, 0
			return
		}
		m.storeFailed(now, err)
	}
	r := dayRecord{Day: d.name, Used: d.used}
	change(&r)
	d.debt += r.Used - d.used
	d.used = r.Used
}

func (m *model) storeFailed(now time.Time, err error) {
	if m.day.away.IsZero() {
		m.limiter.config.Store.warn("the quota of %s cannot be shared with other runs, and is counted in this one alone: %v", m.name, err)
	}
	m.day.away = now.Add(storeBreak)
}

// dayError reserves requests of the day, parks the model when the given number is
// reached, and returns the error for a parked one that nobody wants to wait for.
func (m *model) dayError(now time.Time) error {
	d := &m.day
	if m.counted() {
		m.roll(now)
		if d.left == 0 && (!now.Before(d.parked) || d.probe != noProbe) {
			m.refill(now)
		}
	}
	c := &m.limiter.config
	if c.OnDailyQuota == DayWait || !now.Before(d.parked) || d.probe != noProbe {
		return nil
	}
	e := &DayError{Model: m.name, Until: d.parked, RPD: d.parkedBy, PerDay: d.named}
	if c.RPD > 0 && (e.PerDay == 0 || int64(c.RPD) < e.PerDay) {
		e.PerDay = int64(c.RPD)
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
			d.named = l.Value
		}
	}
	until := nextMidnight(sent, m.limiter.pacific)
	if !until.After(now) || d.probe == noProbe && !until.After(d.parked) {
		return
	}
	d.parked, d.parkedBy, d.probe = until, 0, noProbe
	m.share(now, func(r *dayRecord) {
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
	d.parked, d.probe = time.Time{}, noProbe
	m.share(now, func(r *dayRecord) {
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
			list = append(list, Learned{Limit: p.name, Value: p.limit, At: p.since.UTC().Truncate(time.Second)})
		}
	}
	return list
}

// save writes newly learned limits to the store, which is soon enough once a minute
// and when the limiter is closed.
func (m *model) save(now time.Time, closing bool) {
	d := &m.day
	known := m.requests.learned || m.tokens.learned
	if m.limiter.config.Store == nil || !known || !closing && now.Sub(d.savedAt) < saveBreak {
		return
	}
	list := m.learned()
	if slices.Equal(list, d.saved) {
		return
	}
	d.saved, d.savedAt = list, now
	m.share(now, func(r *dayRecord) {
		for _, l := range r.Learned {
			again := slices.ContainsFunc(list, func(n Learned) bool { return n.Limit == l.Limit })
			if !again && l.valid(now) {
				list = append(list, l)
			}
		}
		r.Learned = list
	})
	if now.Before(d.away) {
		d.saved = nil // not written: to be tried again
	}
}

// close gives back what is left of the slice, and keeps what was learned.
func (m *model) close(now time.Time) {
	d := &m.day
	if now.Before(d.away) {
		d.away = now // the last chance to have it counted
	}
	m.save(now, true)
	if !now.Before(d.end) || d.left == 0 && d.debt == 0 {
		return
	}
	m.share(now, func(r *dayRecord) {
		if r.Day == d.name {
			r.Used = max(0, r.Used-d.left)
		}
	})
	d.left = 0
}
