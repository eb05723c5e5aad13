package quota

import "time"

// This file changes the limits that the user gives while requests wait for them.

// SetLimits puts the numbers of c in the place of those that the limiter was made with: RPM,
// TPM, RPD and Concurrency, with 0 as in [Config]. The other fields of c are not looked at.
//
// The numbers are in force at once, also for requests that wait already. What is owed for the
// last requests is owed at the new pace, so that no burst follows, and the requests of any
// minute stay below the highest limit that was in force in it. Where a number is taken away,
// what was learned counts. If nothing was, calls in flight grow by answers as in a new
// Limiter. Requests of the day that were sent without being counted count from now on.
func (l *Limiter) SetLimits(c Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Share = l.config.Share
	c = c.normal()
	l.config.RPM, l.config.TPM, l.config.RPD, l.config.Concurrency = c.RPM, c.TPM, c.RPD, c.Concurrency
	now := time.Now()
	for _, m := range l.models {
		m.setGiven(now, &l.config)
		m.dispatch(now)
	}
}

// setGiven follows the limits that the user gives now.
func (m *model) setGiven(now time.Time, c *Config) {
	wasLimited, old := m.rates.limited(), m.rates.limits()
	var eased [minuteCeilings]time.Duration // how much sooner the next request is due
	for i, p := range m.rates.paces() {
		p.given = int64([...]int{c.RPM, c.TPM}[i])
		p.apply()
		eased[i] = p.rescale(now, old[i])
	}
	if m.rates.limits() != old {
		m.client.ease(eased)
	}
	if most := c.Concurrency; most != m.concurrency {
		full := m.flight.window == m.concurrency && (m.rates.limited() || c.Flex)
		m.concurrency = most
		if m.flight.window = min(m.flight.window, most); full {
			m.openWindow()
		}
	}
	switch limited := m.rates.limited(); {
	case limited && !wasLimited:
		m.openWindow()
	case wasLimited && !limited && !c.Flex:
		m.flight.window = min(max(startWindow, m.flight.counted()), m.concurrency)
	}
	if back := m.day.setGiven(now, c.RPD, c.Store != nil); back > 0 {
		name := m.day.name
		m.share(func(r *dayRecord) {
			if r.Day == name {
				r.Used = max(0, r.Used-back)
			}
		})
	}
}

// rescale has what is owed to a limit of the minute, which was old, be owed to the limit as it
// is now. It returns how much sooner that makes the next request due; below 0 if it is later.
func (p *pace) rescale(now time.Time, old int64) (sooner time.Duration) {
	owed := p.free.Sub(now)
	if owed <= 0 || old == 0 || p.limit == old {
		return 0
	}
	due := time.Duration(0)
	if p.limit > 0 {
		due = time.Duration(float64(owed) * float64(old) / float64(p.limit))
	}
	p.free = now.Add(due)
	return owed - due
}

// setGiven follows the requests a day that the user gives now. It returns how many requests of
// those that are reserved must be given back, since the new number leaves fewer.
func (d *day) setGiven(now time.Time, given int, shared bool) (back int) {
	if given == d.given {
		return 0
	}
	d.roll(now)
	counted := d.counted()
	if d.given > 0 && d.parked.by == d.given {
		d.parked = parking{} // it is closed again if the new number is used up as well
	}
	d.given, d.full = given, false
	if !d.counted() {
		return 0
	}
	if !counted {
		d.used += d.uncounted
		if shared {
			d.unreported += d.uncounted
		}
		d.uncounted = 0
	}
	if back = min(d.left, d.used-given); given == 0 || back <= 0 {
		return 0
	}
	d.left, d.used = d.left-back, d.used-back
	return back
}

// A Limit is a limit in force.
type Limit struct {
	Value     int64 // 0 = there is none, or it is not known
	Learned   bool  // a refusal named it
	Estimated bool  // neither the user nor a refusal named it
}

// Limits are the limits that are in force for a model: the lower of what the user gives and
// of what is learned. Concurrency is never 0: it is the user's number, or what the limiter has
// opened of it by now.
type Limits struct{ RPM, TPM, RPD, Concurrency Limit }

// Limits returns the limits in force for the model that has the most requests waiting. Before
// the first request they are those that the user gives.
func (l *Limiter) Limits() Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.busiest()
	if m == nil {
		value := func(n int) Limit { return Limit{Value: int64(n)} }
		c := &l.config
		return Limits{value(c.RPM), value(c.TPM), value(c.RPD), value(c.Concurrency)}
	}
	limit := func(p *pace) Limit {
		var s State
		m.describe(&s, "", p)
		return Limit{Value: s.Value, Learned: s.Learned, Estimated: s.Estimated}
	}
	rpd, named := m.day.limit(time.Now())
	in := Limits{RPM: limit(&m.rates.requests), TPM: limit(&m.rates.tokens), RPD: Limit{Value: int64(rpd), Learned: named}}
	in.Concurrency = Limit{Value: int64(m.most()), Estimated: m.most() < m.concurrency}
	return in
}
