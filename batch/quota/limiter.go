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

// DefaultConcurrency is the most calls in flight if [Config].Concurrency is 0.
const DefaultConcurrency = 64

// A DayPolicy says what [Limiter.Acquire] does once a model's quota of the day is used
// up.
type DayPolicy uint8

// The day policies.
const (
	DayStop DayPolicy = iota // Acquire returns a *DayError
	DayWait                  // Acquire waits for the reset
)

// Config holds the limits that the user gives. The zero value gives none: at most
// [DefaultConcurrency] calls are in flight, and the other limits are learned.
type Config struct {
	RPM int // requests a minute; 0 = not given, learned from refusals
	TPM int // input tokens a minute; 0 = not given, learned from refusals
	RPD int // requests a day, which begins at midnight in Los Angeles; 0 = not given

	Concurrency  int       // most calls in flight; 0 = DefaultConcurrency
	OnDailyQuota DayPolicy // default DayStop

	// Proven is how many calls in flight the endpoint has answered a moment ago, those of another
	// Limiter. A model whose limits nobody named begins with so many; 0 = with 4.
	Proven int

	// Share is the part of the limits, of those given above and of those learned, that this
	// process may use, from above 0 to 1: others use the rest. Calls in flight are not divided. 0
	// means all of it. Limits that are learned are stored whole. With a Store, its Part must tell
	// this process from the others.
	Share float64

	// Flex makes a Limiter for the calls of the flex tier alone, to be used beside the one
	// for all calls. It starts with Concurrency calls in flight, since each takes minutes.
	Flex bool

	// Store shares the day, the minute and what was learned with other processes and
	// later runs; nil = nothing is shared or kept.
	Store *Store
}

// normal returns c with all numbers as they are kept to.
func (c Config) normal() Config {
	c.RPM, c.TPM, c.RPD = Part(max(0, c.RPM), c.Share), Part(max(0, c.TPM), c.Share), Part(max(0, c.RPD), c.Share)
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	return c
}

// A Limiter is a [batch.Limiter] that keeps the limits of each model apart. A model is
// known from the first Acquire on.
//
// Calls of the flex tier count among a model's requests and tokens a minute and among
// its requests of the day. They do not count among its calls in flight, and a refusal for
// want of room in that tier teaches nothing about the other calls. To bound the flex
// calls in flight, use a second Limiter with [Config].Flex for them as well.
//
// Make a Limiter with [New], and Close it after use if it has a Store. It is safe for
// concurrent use.
type Limiter struct {
	config  Config
	started time.Time
	zone    *time.Location

	mu     sync.Mutex // guards models and everything reached through it
	models map[string]*model
}

var _ batch.Limiter = (*Limiter)(nil)

// New returns a Limiter with the given limits. Numbers below 0 count as not given.
func New(c Config) *Limiter {
	return &Limiter{config: c.normal(), started: time.Now(), zone: pacific.Location(), models: make(map[string]*model)}
}

// Acquire waits until r may be sent. Waiters of one model are served in the order in
// which they came. It returns ctx.Err() as soon as ctx ends, unless r got its slot in the
// same moment. Under [DayStop] it returns a [*DayError] if the model's quota of the day
// is used up. Each Acquire that returns nil needs a Release.
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
	m.outlived(now)
	if m.queue.Len() == 0 {
		if at, by := m.due(now, r); by.timed() && !at.After(now) {
			// Time in which nobody waited is never made up for: the slot counts from now.
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
	if w.left { // with a slot, which may be the last one of the day, or with an error
		return <-w.done
	}
	m.queue.Remove(e)
	w.left = true
	m.dispatch(time.Now())
	return ctx.Err()
}

// Release ends the call that Acquire allowed for this same r, and learns from its
// outcome. A nil o says that r was not sent, so that it does not count.
func (l *Limiter) Release(r *batch.Request, o *batch.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.models[r.Model]
	if m == nil {
		return
	}
	g, ok := m.flight.grants[r]
	if !ok {
		return
	}
	m.flight.land(r)
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

// Close returns the requests of the day that were reserved and not sent, and stores what
// was learned. Call it once no call is in flight. A process that dies without Close has
// counted too much: little more than 1 % of the day, and not much more than 100 requests.
// Close waits until everything is stored, or a few seconds if the store hangs.
func (l *Limiter) Close() {
	l.mu.Lock()
	models := slices.Collect(maps.Values(l.models))
	l.mu.Unlock()
	hangs := false
	for _, m := range models {
		hangs = !m.close(hangs) || hangs
	}
}

// Learned returns the limits that the server taught, in this run or in one of the last
// day, in the order of the models' names.
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
