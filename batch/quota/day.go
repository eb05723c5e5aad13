package quota

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/pacific"
)

// A DayError says that a model's quota of the day is used up. Find it with
// [errors.AsType] or [errors.As].
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

const (
	blindSlice = 10 // requests reserved at once where no RPD is known
	maxSlice   = 100
)

// A day is a model's quota of the day.
//
// Requests are reserved in slices. A slice is written to the store as used before its
// first request is sent, so that a crash may count the rest of its slice too much, and
// never forgets a request that was sent.
type day struct {
	zone    *time.Location
	portion portion // of what the server names
	given   int     // requests a day that the user gave; 0 = none

	end        time.Time // of the day that the numbers are of
	name       string    // of that day
	used       int       // by all processes, as far as is known; reserved requests are included
	left       int       // reserved for this process, and not sent
	unreported int       // reserved while the store could not be reached, and not in it yet
	full       bool      // the last slice was smaller than asked for
	uncounted  int       // sent while requests were not counted

	counts bool    // the server has parked the model once, today or on another day
	named  Learned // requests a day that a refusal named; zero = none did
	parked parking
	probe  dayProbe
}

// A parking is a day's quota that is used up.
type parking struct {
	until time.Time
	at    time.Time // when that became known
	by    int       // the number of requests a day that was reached; 0 = the server parked it and named none
}

// A dayProbe is the one request that a run sends for a model that an earlier run found
// parked: the quota may have been raised since.
type dayProbe struct {
	state probeState
	seq   uint64 // the grant that is the probe
}

type probeState uint8

const (
	noProbe  probeState = iota
	probeDue            // the next request is the probe
	probing             // it is in flight, and all others wait for its outcome
)

// limit returns the requests a day, and whether a refusal named them; 0 if the number is
// not known. A probe disregards a named number: it asks whether there are more by now.
func (d *day) limit(now time.Time) (n int, named bool) {
	if l := d.named; l.valid(now) && d.probe.state == noProbe {
		if n := int(d.portion.of(l.Value)); d.given == 0 || n < d.given {
			return n, true
		}
	}
	return d.given, false
}

// counted reports whether the requests of the day are counted.
func (d *day) counted() bool { return d.given > 0 || d.counts }

// needsSlice reports whether requests must be reserved before the next one is sent.
func (d *day) needsSlice(now time.Time) bool {
	return d.counted() && d.left <= 0 && (!now.Before(d.parked.until) || d.probe.state != noProbe)
}

// refillSoon reports whether it is time to reserve the next slice, so that nobody has to
// wait for the disk.
func (d *day) refillSoon(now time.Time) bool {
	n, _ := d.limit(now)
	return d.counted() && !d.full && d.left > 0 && d.left < daySlice(n)/4
}

// daySlice is how many requests are reserved at once.
func daySlice(rpd int) int {
	if rpd > 0 {
		return min(max(1, rpd/100), maxSlice)
	}
	return blindSlice
}

// roll begins the day of now if the last one has ended.
func (d *day) roll(now time.Time) {
	if now.Before(d.end) {
		return
	}
	d.end, d.name = pacific.NextMidnight(now, d.zone), pacific.DayName(now, d.zone)
	d.used, d.left, d.unreported, d.uncounted, d.full = 0, 0, 0, 0, false
}

// count counts a grant that is being made.
func (d *day) count(now time.Time, g *grant) {
	if d.counted() {
		d.left--
		g.counted = true
	} else {
		d.roll(now)
		d.uncounted++
	}
	if d.probe.state == probeDue && now.Before(d.parked.until) {
		d.probe = dayProbe{probing, g.seq}
	}
}

// uncount takes back a grant that was not used.
func (d *day) uncount(g *grant) {
	if g.counted && pacific.NextMidnight(g.at, d.zone).Equal(d.end) {
		d.left++
	}
}

// refill reserves the next slice of the day where there is no store to ask.
func (m *model) refill(now time.Time) {
	d := &m.day
	rpd, _ := d.limit(now)
	n := daySlice(rpd)
	if rpd > 0 {
		n = min(n, max(0, rpd-d.used))
	}
	d.left += n
	d.used += n
	if m.limiter.config.Store != nil {
		d.unreported += n
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
	rpd, named := d.limit(now)
	d.parked, d.probe.state = parking{d.end, now, rpd}, noProbe
	if named && d.portion.all() { // the next run sends a probe: the quota may have been raised
		m.shareParking(d.end)
	}
}

// shareParking tells other processes and later runs that the day is used up.
func (m *model) shareParking(until time.Time) {
	m.share(func(r *dayRecord) {
		if until.After(r.ParkedUntil) {
			r.ParkedUntil = until
		}
	})
}

// dayError reserves requests of the day, parks the model when the given number is
// reached, and returns the error for a parked model if the user does not want to wait.
func (m *model) dayError(now time.Time) error {
	d := &m.day
	if d.counted() {
		d.roll(now)
		if m.alone(now) && d.needsSlice(now) {
			m.refill(now)
		}
	}
	if m.limiter.config.OnDailyQuota == DayWait || !now.Before(d.parked.until) || d.probe.state != noProbe {
		return nil
	}
	e := &DayError{Model: m.name, Until: d.parked.until, PerDay: d.portion.of(d.named.Value)}
	if d.given > 0 && (e.PerDay == 0 || int64(d.given) < e.PerDay) {
		e.PerDay = int64(d.given)
	}
	if d.parked.by == d.given {
		e.RPD = d.given
	}
	return e
}

// park closes the day after the server has refused a request that was sent at the time.
// The day is that of the sending: a refusal that arrives after midnight must not close
// the new day.
func (m *model) park(now, sent time.Time, limits []batch.Limit) {
	d := &m.day
	d.counts = true
	for _, l := range limits {
		if l.Per == 24*time.Hour && !l.Tokens && l.Value > 0 {
			d.named = Learned{Limit: LimitRPD, Value: l.Value, At: now.UTC().Truncate(time.Second)}
		}
	}
	until := pacific.NextMidnight(sent, d.zone)
	if !until.After(now) || d.probe.state == noProbe && !until.After(d.parked.until) {
		return
	}
	d.parked, d.probe.state = parking{until: until, at: now}, noProbe
	m.shareParking(until)
}

// probed looks at the outcome of a grant, in case it was the probe. An outcome that
// tells nothing about the day makes the next request the probe.
func (m *model) probed(g *grant, o *batch.Outcome) {
	d := &m.day
	if d.probe.state != probing || g.seq != d.probe.seq {
		return
	}
	d.probe.state = probeDue
	if o == nil || o.Consequence != batch.Answered && o.Consequence != batch.Settled ||
		o.Err != nil && o.Err.HTTPStatus != http.StatusOK { // a refused row may have been refused before its quota was looked at
		return
	}
	now := time.Now()
	// The number at which the day was closed is not the limit any more.
	d.parked.until, d.probe.state, d.named, d.full = time.Time{}, noProbe, Learned{}, false
	m.share(func(r *dayRecord) {
		r.Learned = slices.DeleteFunc(r.Learned, func(l Learned) bool { return l.Limit == LimitRPD })
		if r.ParkedUntil.After(now) {
			r.ParkedUntil = now // not zero: the requests of each day are counted from now on
		}
	})
}
