package quota

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/pacific"
)

// A Ledger keeps the records of a [Store] for processes on several machines, in the place of
// files. Its methods may be called from several goroutines, and return within a few seconds.
//
// While a Ledger fails, nothing is sent: one process cannot know what the others send.
type Ledger interface {
	// Read returns the record of a name, or nil if there is none.
	Read(name string) ([]byte, error)

	// Update replaces the record of a name by what change makes of it, in one step: if
	// another process has replaced it meanwhile, change is called again with the new one.
	// It is given nil if there is none. A record that is not lasting may be lost with the
	// machines that keep it, and then Update begins a new one.
	Update(name string, lasting bool, change func(record []byte) ([]byte, error)) error

	// Ahead returns how far the clock that all processes go by is ahead of this machine's.
	Ahead() time.Duration
}

// retryLedger is how soon a ledger that failed is tried again.
const retryLedger = 250 * time.Millisecond

// clocksApart is how far apart the ideas that machines have of their common clock may be.
const clocksApart = 5 * time.Second

// recordName names a model's durable record in a ledger.
func (s *Store) recordName(model string) string { return filepath.Base(s.path(model)) }

// now is the time by the clock of all who share the store.
func (s *Store) now() time.Time {
	if s.Ledger == nil {
		return time.Now()
	}
	return time.Now().Add(s.Ledger.Ahead())
}

// parseRecord returns the record that a text is; the zero record if there is none.
func parseRecord(text []byte) (r dayRecord, err error) {
	if text == nil {
		return r, nil
	}
	if json.Unmarshal(text, &r) != nil || r.Version != recordVersion || r.Used < 0 {
		return dayRecord{}, errDamaged
	}
	return r, nil
}

// updateLedger is update for a store that several machines share.
func (s *Store) updateLedger(model string, change func(r *dayRecord)) (r dayRecord, err error) {
	err = s.Ledger.Update(s.recordName(model), true, func(text []byte) ([]byte, error) {
		today := pacific.DayName(s.now(), pacific.Location())
		var err error
		if r, err = parseRecord(text); err != nil {
			r = dayRecord{Day: today, Lost: true}
		}
		s.apply(&r, model, today, change)
		return json.Marshal(r)
	})
	return r, err
}

// bookLedger makes a booking in a minute that several machines share. The minute is kept by
// the clock of all, and is looked at by that of this machine.
func (s *Store) bookLedger(model string, b *booking) error {
	name := strings.TrimSuffix(s.recordName(model), ".json") + ".minute"
	wants := b.wants
	ahead := int64(s.Ledger.Ahead())
	return s.Ledger.Update(name, false, func(text []byte) ([]byte, error) {
		var r minute
		fresh := text == nil || json.Unmarshal(text, &r) != nil || r.Version != recordVersion
		if fresh {
			r = minute{}
		}
		now := time.Now()
		r.shift(-ahead)
		if r.Written < now.Add(clocksApart).UnixNano() {
			// The writer's idea of the common clock is another one. Nothing was set back, and
			// to move what is booked by the difference would give slots away twice.
			r.Written = min(r.Written, now.UnixNano())
		}
		if fresh {
			// Nobody knows what was booked in a minute that was lost, but nobody books
			// further ahead than this.
			r.Requests = now.Add(b.slice + b.slice/2).UnixNano()
			r.Tokens = r.Requests
		}
		b.wants = append([]slot(nil), wants...)
		b.book(&r, now)
		r.shift(ahead)
		return json.Marshal(r)
	})
}

// shift moves the whole minute by so many nanoseconds.
func (r *minute) shift(by int64) {
	r.Written += by
	r.Requests += by
	r.Tokens += by
	for i := range r.Sent {
		r.Sent[i][0] += by
	}
}

// sharePause tells other machines that nothing is to be sent before a time.
func (m *model) sharePause(until time.Time) {
	store := m.limiter.config.Store
	if store == nil || store.Ledger == nil {
		return
	}
	until = until.Add(store.Ledger.Ahead())
	m.share(func(r *dayRecord) {
		if until.After(r.PausedUntil) {
			r.PausedUntil = until
		}
	})
}

// followPause keeps a pause that another machine was told to make.
func (m *model) followPause(now time.Time, r dayRecord) {
	store := m.limiter.config.Store
	if store.Ledger == nil || r.PausedUntil.IsZero() {
		return
	}
	if until := r.PausedUntil.Add(-store.Ledger.Ahead()); until.After(m.paused) && until.Before(now.Add(2*maxPause)) {
		m.paused = until
	}
}

// strict reports whether nothing may be sent while the store cannot be reached.
func (m *model) strict() bool { return m.limiter.config.Store.Ledger != nil }

// pollEvery is how soon a process knows what others have learned. That others know of a refusal
// within a second includes the way to them.
func (m *model) pollEvery() time.Duration {
	if m.strict() {
		return pollEvery / 2
	}
	return pollEvery
}

// storeDue returns when a request that needs the store is looked at again, unless an answer of
// the store comes before.
func (m *model) storeDue(now time.Time) time.Time {
	k := &m.client
	switch {
	case m.strict() && k.away.After(now):
		return k.away
	case m.strict() || k.done == nil:
		return now.Add(storePatience)
	}
	return k.began.Add(storePatience)
}

// ledgerFailed leaves a ledger alone for a moment. The slots that are booked stay so.
func (m *model) ledgerFailed(now time.Time, err error) {
	if m.client.away.IsZero() {
		m.limiter.config.Store.warn("the quota of %s cannot be shared with other machines, and nothing is sent until it can: %v", m.name, err)
	}
	m.client.away = now.Add(retryLedger)
}
