package quota

import (
	"fmt"
	"slices"
	"time"
)

const (
	// learnedFor is how long a learned limit counts unless it is learned again: tiers
	// change.
	learnedFor = 24 * time.Hour

	saveBreak = time.Minute // between two writes of estimates
)

// A Learned is a limit that the server taught: a refusal named it, or it is an estimate.
type Learned struct {
	Model     string    `json:"model,omitempty"`
	Limit     string    `json:"limit"` // LimitRPM, LimitTPM or LimitRPD
	Value     int64     `json:"value"`
	At        time.Time `json:"at"`             // when it was learned
	Estimated bool      `json:"felt,omitempty"` // no refusal named it: it is what was accepted; "felt" is its name in older records
}

func (l Learned) String() string {
	if l.Limit == LimitRPD {
		return fmt.Sprintf("%d requests a day from the server's refusal", l.Value)
	}
	if l.Estimated {
		return fmt.Sprintf("%d %s, estimated", l.Value, l.Limit)
	}
	return fmt.Sprintf("%d %s from the server's refusal", l.Value, l.Limit)
}

func (l Learned) valid(now time.Time) bool {
	return l.Value > 0 && now.Sub(l.At) < learnedFor && (l.Limit == LimitRPM || l.Limit == LimitTPM || l.Limit == LimitRPD)
}

// learned returns the limits that are not the user's.
func (m *model) learned() []Learned {
	list := m.rates.learned()
	if m.day.named.Value > 0 {
		list = append(list, m.day.named)
	}
	return list
}

// load takes over what earlier runs and other processes have left in the store. That can
// happen late, if the store could not be reached before.
func (m *model) load(now time.Time, r dayRecord) {
	d, early := &m.day, len(m.learned()) == 0
	if r.Day == d.name {
		d.used = r.Used
	}
	d.counts = d.counts || !r.ParkedUntil.IsZero()
	if r.ParkedUntil.After(now) && !now.Before(d.parked.until) {
		d.parked.until, d.parked.at, d.probe.state = r.ParkedUntil, now, probeDue
		if d.end.Before(d.parked.until) { // nothing is parked for longer than its day
			d.parked.until = d.end
		}
	}
	for _, l := range r.Learned {
		if !l.valid(now) {
			continue
		}
		// What the user gives now outranks what was learned then: if it is too much, the
		// next refusal says so. The limit of the day is different: its refusal costs the
		// day.
		p := m.rates.pace(l.Limit)
		switch {
		case p == nil:
			d.named = l
		case p.limit > 0:
			continue
		case l.Estimated:
			m.openWindow() // it is where to start, and binds nothing
		default:
			p.name(l.Value, l.At)
		}
		if s := m.limiter.config.Store; s.Log != nil {
			s.Log.Info(fmt.Sprintf("model %s: learned: %v, %v ago", m.name, l, now.Sub(l.At).Round(time.Second)))
		}
	}
	if early {
		m.client.saved = m.learned()
	}
	if m.rates.limited() {
		m.openWindow()
	}
}

// follow takes over what another process has learned meanwhile: limits that a server
// named, of which the newest counts. An estimate is what was left for the other
// process, and is of no use to this one.
func (m *model) follow(now time.Time, r dayRecord) {
	d := &m.day
	if r.Day == d.name {
		d.used = r.Used
	}
	m.followPause(now, r)
	for _, l := range r.Learned {
		if l.Estimated || !l.valid(now) {
			continue
		}
		p := m.rates.pace(l.Limit)
		if p == nil {
			if l.At.After(d.named.At) {
				d.named, d.counts = l, true
			}
			continue
		}
		newer := l.At.After(p.refuted) // than nothing, and than an estimate
		switch p.source() {
		case given:
			newer = !l.At.Before(m.limiter.started.Truncate(time.Second))
		case named:
			newer = l.At.After(p.since)
		}
		if newer && p.adopt(l.Value, now) {
			p.since = l.At
			m.nowNamed(now)
			m.client.drop()
		}
	}
}

// save writes newly learned limits to the store: those that a server named at once, for
// the other processes, and those that were estimated once a minute and at the end.
func (m *model) save(now time.Time, closing bool) {
	k := &m.client
	if m.limiter.config.Store == nil || !k.loaded {
		return
	}
	list := m.learned()
	if slices.Equal(list, k.saved) {
		return
	}
	if !closing && now.Sub(k.savedAt) < saveBreak && slices.Equal(onlyNamed(list), onlyNamed(k.saved)) {
		return
	}
	k.saved, k.savedAt = list, now
	refuted := map[string]time.Time{LimitRPM: m.rates.requests.refuted, LimitTPM: m.rates.tokens.refuted}
	m.share(func(r *dayRecord) {
		theirs := slices.DeleteFunc(r.Learned, func(l Learned) bool { return !l.Estimated && !l.At.After(refuted[l.Limit]) })
		r.Learned = merge(list, theirs, now)
	})
}

func onlyNamed(list []Learned) []Learned {
	return slices.DeleteFunc(slices.Clone(list), func(l Learned) bool { return l.Estimated })
}

// merge returns what is known of each limit. Of two numbers it takes the one that a
// server named, and else the newer one.
func merge(ours, theirs []Learned, now time.Time) []Learned {
	list := slices.Clone(ours)
	for _, l := range theirs {
		i := slices.IndexFunc(list, func(o Learned) bool { return o.Limit == l.Limit })
		switch {
		case !l.valid(now):
		case i < 0:
			list = append(list, l)
		case l.Estimated == list[i].Estimated && l.At.After(list[i].At), !l.Estimated && list[i].Estimated:
			list[i] = l
		}
	}
	return list
}
