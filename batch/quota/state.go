package quota

import (
	"fmt"
	"strings"
	"time"
)

// The values of [State].Limit; the first three are also those of [Learned].Limit.
const (
	LimitRPM         = "rpm"         // requests a minute
	LimitTPM         = "tpm"         // input tokens a minute
	LimitRPD         = "rpd"         // requests a day
	LimitConcurrency = "concurrency" // calls in flight
	LimitPause       = "pause"       // the server named a limit and when to come back, or calls fail one after the other
)

// A State answers "why not faster?". It describes, at one moment, the model that has the
// most requests waiting.
type State struct {
	Model string // empty = no model was asked yet
	Tier  string // "flex" = of the flex calls alone, see [Config].Flex; empty = of all calls

	Limit     string        // what the first waiter waits for: one of the Limit constants; empty = nobody waits
	Value     int64         // the limit's number; 0 = it has none, or it is not known
	Learned   bool          // a refusal named it
	Estimated bool          // neither the user nor a refusal named it
	Since     time.Time     // when the limit became known, or when the last refusal came; zero = there was none
	Age       time.Duration // from Since until now

	Why      string // with LimitPause, what the last call failed with
	Trouble  bool   // with LimitPause, calls fail one after the other; Next is the time until the next probe, or until the one in flight counts as a success
	Endpoint string // with Trouble, where; empty if the limiter has no store

	Next     time.Duration // until the next slot; 0 = not known, because a call in flight must end first
	InFlight int           // calls
	Oldest   time.Duration // since the oldest call in flight was sent
	Waiting  int           // requests
}

// State returns the limiter's state. It looks at every call in flight, and gives back
// booked slots whose time has passed. Call it for people to read, not for every request.
func (l *Limiter) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.busiest(); m != nil {
		return m.state(time.Now())
	}
	return State{}
}

// busiest returns the model that has the most requests waiting, or nil if none was asked.
func (l *Limiter) busiest() (most *model) {
	for _, m := range l.models {
		if most == nil || m.busier(most) {
			most = m
		}
	}
	return most
}

// busier orders models by waiting requests, then by calls in flight, then by name, so that
// the line does not flicker.
func (m *model) busier(o *model) bool {
	if d := m.queue.Len() - o.queue.Len(); d != 0 {
		return d > 0
	}
	if d := len(m.flight.grants) - len(o.flight.grants); d != 0 {
		return d > 0
	}
	return m.name < o.name
}

func (m *model) state(now time.Time) State {
	s := State{Model: m.name, Tier: tierOf(m.limiter.config), InFlight: len(m.flight.grants), Waiting: m.queue.Len()}
	for _, g := range m.flight.grants {
		s.Oldest = max(s.Oldest, now.Sub(g.at))
	}
	if s.Waiting == 0 {
		return s
	}
	at, by := m.due(now, m.queue.Front().Value.(*waiter).request)
	if by == byStore { // the store answers at once, and is not what binds
		switch at = now; {
		case m.shares(&m.rates.requests, now):
			by = byRequests
		case m.shares(&m.rates.tokens, now):
			by = byTokens
		}
	}
	switch by {
	case byRequests:
		p := &m.rates.requests
		m.describe(&s, LimitRPM, p)
	case byTokens:
		p := &m.rates.tokens
		m.describe(&s, LimitTPM, p)
	case byDay, byProbe:
		p := &m.day.parked
		s.Limit, s.Value, s.Learned, s.Since = LimitRPD, int64(p.by), p.by == 0 || p.by != m.day.given, p.at
	case byPause:
		s.Limit, s.Since, s.Why, s.Trouble = LimitPause, m.refused.at, m.refused.why, m.trouble.on
		if store := m.limiter.config.Store; store != nil && s.Trouble {
			s.Endpoint = store.Endpoint
		}
	case byFlight:
		s.Limit, s.Value, s.Since = LimitConcurrency, int64(m.most()), m.flight.ceiling.since
		s.Estimated = m.most() < m.concurrency
	}
	if !s.Since.IsZero() {
		s.Age = max(0, now.Sub(s.Since))
	}
	s.Next = max(0, at.Sub(now))
	if !by.timed() {
		s.Next = 0
	}
	return s
}

// describe says which limit of the minute binds.
func (m *model) describe(s *State, limit string, p *pace) {
	s.Limit, s.Value, s.Since = limit, p.shown(), p.since
	source := p.source()
	s.Learned, s.Estimated = source == named, source == estimate
}

func tierOf(c Config) string {
	if c.Flex {
		return "flex"
	}
	return ""
}

// String returns the line for people, such as
//
//	waiting: 5 rpm (learned 3 min ago), next slot 8.1 s, 12 in flight, oldest 41 s
func (s State) String() string {
	var parts []string
	if what := s.limit(); what != "" {
		switch {
		case s.Learned:
			what += " (learned " + ago(s.Age) + " ago)"
		case s.Estimated && s.Since.IsZero():
			what += " (estimated)"
		case s.Estimated:
			what += " (estimated " + ago(s.Age) + " ago)"
		case s.Limit == LimitPause && !s.Trouble && !s.Since.IsZero():
			what += " " + ago(s.Age) + " ago"
		}
		if s.Tier != "" {
			what += " in the " + s.Tier + " tier"
		}
		parts = append(parts, "waiting: "+what)
	}
	if s.Trouble && s.Next > 0 {
		parts = append(parts, "probing again in "+seconds(s.Next, 0))
	} else if s.Next > 0 {
		parts = append(parts, "next slot "+seconds(s.Next, 1))
	}
	parts = append(parts, fmt.Sprintf("%d in flight", s.InFlight))
	if s.InFlight > 0 {
		parts = append(parts, "oldest "+seconds(s.Oldest, 0))
	}
	if s.Why != "" && !s.Trouble {
		parts = append(parts, "last refusal: "+s.Why)
	}
	return strings.Join(parts, ", ")
}

func (s State) limit() string {
	switch s.Limit {
	case LimitRPM, LimitTPM:
		return fmt.Sprintf("%d %s", s.Value, s.Limit)
	case LimitRPD:
		if s.Value == 0 {
			return "quota of the day"
		}
		return fmt.Sprintf("%d rpd", s.Value)
	case LimitConcurrency:
		return fmt.Sprintf("%d calls at a time", s.Value)
	case LimitPause:
		if s.Trouble {
			return s.trouble()
		}
		return "pause after a refusal"
	}
	return ""
}

// trouble says what calls fail with, and where.
func (s State) trouble() string {
	if s.Endpoint == "" {
		return s.Why
	}
	return "trouble at " + s.Endpoint + ": " + s.Why
}

// seconds formats short waits in seconds, and long ones in minutes and hours.
func seconds(d time.Duration, digits int) string {
	if d >= 2*time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.*f s", digits, d.Seconds())
}

// ago formats an age in one unit.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}
