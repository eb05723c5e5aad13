package quota

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/pacific"
)

// DefaultConcurrency is the most calls in flight where [Config] names no other
// number.
const DefaultConcurrency = 64

// A DayPolicy says what [Limiter.Acquire] does once a model's quota of the day is
// used up.
type DayPolicy uint8

// The day policies.
const (
	DayStop DayPolicy = iota // Acquire returns a *DayError
	DayWait                  // Acquire waits for the reset
)

// Config is what the user gives. Its zero value gives nothing: 64 calls in
// flight, and everything else is learned.
type Config struct {
	RPM int // requests a minute; 0 = not given, learned from refusals
	TPM int // input tokens a minute; 0 = not given, learned from refusals
	RPD int // requests a day, which begins at midnight in Los Angeles; 0 = not given

	Concurrency  int       // most calls in flight; 0 = DefaultConcurrency
	OnDailyQuota DayPolicy // default DayStop

	// Flex makes it the limiter of the flex calls alone, beside the one of all: it
	// begins with Concurrency calls in flight, since each takes minutes.
	Flex bool

	// Store shares the day, the minute and what was learned with other processes and
	// later runs; nil: nothing is shared or kept.
	Store *Store
}

// A Limiter is a [batch.Limiter]. Each model has its own limits, made when it is
// first asked for. Calls of the flex tier share its requests and tokens a minute and
// its day, but not the number in flight, and a model that has no room for them says
// nothing about the others: who sends such calls limits them with a Limiter of
// [Config].Flex as well.
//
// Make it with [New], and close it after use if it has a Store. A
// Limiter is safe for concurrent use.
type Limiter struct {
	config  Config
	started time.Time
	pacific *time.Location

	mu     sync.Mutex // guards models and all that is reached through it
	models map[string]*model
}

var _ batch.Limiter = (*Limiter)(nil)

// New returns a Limiter. Numbers below 0 count as not given.
func New(c Config) *Limiter {
	c.RPM, c.TPM, c.RPD = max(0, c.RPM), max(0, c.TPM), max(0, c.RPD)
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	return &Limiter{config: c, started: time.Now(), pacific: pacific.Location(), models: make(map[string]*model)}
}

// Acquire waits until r may be sent; waiters of one model are served in the order
// in which they came. It returns ctx.Err() as soon as ctx ends, unless r got its
// slot in the same moment, and a [*DayError]
// under [DayStop] when the model's quota of the day is used up.
func (l *Limiter) Acquire(ctx context.Context, r *batch.Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	m := l.model(r.Model)
	now := time.Now()
	if err := m.dayError(now); err != nil {
		l.mu.Unlock()
		return err
	}
	if m.queue.Len() == 0 {
		if at, by := m.due(now, r); by.timed() && !at.After(now) {
			// Time that nobody waited is never made up for: the slot counts from now.
			m.grant(now, now, r)
			m.sync(now)
			l.mu.Unlock()
			return nil
		}
	}
	w := &waiter{request: r, done: make(chan error, 1)}
	e := m.queue.PushBack(w)
	m.dispatch(now)
	l.mu.Unlock()

	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.left { // with a slot, which may be the last of the day, or without
		return <-w.done
	}
	m.queue.Remove(e)
	w.left = true
	m.dispatch(time.Now())
	return ctx.Err()
}

// Release gives back the slot that Acquire gave to this same r, and learns from
// what came of the attempt. A nil o says that r was not sent: it counts as nothing.
func (l *Limiter) Release(r *batch.Request, o *batch.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.models[r.Model]
	if m == nil {
		return
	}
	g, ok := m.flight[r]
	if !ok {
		return
	}
	m.land(r)
	if o == nil {
		m.undo(g)
	} else {
		m.learn(g, r, o)
		m.probed(g, o)
	}
	now := time.Now()
	m.save(now, false)
	m.dispatch(now)
}

// Close gives the requests of the day back that were reserved and not sent, and
// keeps what was learned. A process that dies without it has counted too much, by
// little more than 1 % of the day or 100 requests. Close is called once no call is
// under way. It waits for the store of all models, unless that hangs: then a few
// seconds.
func (l *Limiter) Close() {
	l.mu.Lock()
	models := slices.Collect(maps.Values(l.models))
	l.mu.Unlock()
	hangs := false
	for _, m := range models {
		hangs = !m.close(hangs) || hangs
	}
}

// Learned returns the limits that the server taught, in this run or in one of the
// last day.
func (l *Limiter) Learned() []Learned {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Learned
	for _, name := range slices.Sorted(maps.Keys(l.models)) {
		for _, learned := range l.models[name].learned() {
			learned.Model = name
			list = append(list, learned)
		}
	}
	return list
}

func (l *Limiter) model(name string) *model {
	m := l.models[name]
	if m == nil {
		m = newModel(l, name)
		l.models[name] = m
	}
	return m
}
