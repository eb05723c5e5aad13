// Package control steers a run that is going on: it is paused and resumed, its limits change,
// its failed rows are asked again, and it is stopped.
//
// A [Control] has two sides. Its methods are what users call, by the Control of package jobs. The
// functions of the package are for the run: a gate before all limiters (gate.go), and what the
// run asks when it has come to its end. What is set holds for the Control alone. Nothing of it
// is stored.
package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// mostFailures bounds the failures that are remembered.
const mostFailures = 100

// A Control steers the runs of a Job. It is safe for concurrent use, also before a run and
// after it. What is set before a run holds when it begins.
type Control struct {
	spec *spec.Spec // of the job; it does not change any more once a run can begin

	mu     sync.Mutex
	gate   pauses
	limits record.Limits // that were set; nil is as the job has it
	phase  phase
	cancel context.CancelCauseFunc // of the run that is going on; nil: none is
	stop   bool
	retry  bool
	parts  parts

	failures []record.Failure // the last ones, the oldest first
	failed   int64            // all of them
}

// A phase is how far a run has come.
type phase uint8

const (
	before phase = iota // no run has begun
	asking              // rows are asked
	over                // every row was asked, or the run has ended
)

// parts are what a run is made of, as far as it can be steered.
type parts struct {
	quota  *quota.Limiter
	ladder *tier.Ladder
	budget *budget.Budget
	grow   chan int // has room for one number
}

// errStopped is why a run has ended that was stopped.
var errStopped = errors.New("stopped on request, by genbatch ctl or the live page")

// New returns a Control of runs of a job.
func New(s *spec.Spec) *Control { return &Control{spec: s} }

// Pause has nothing new sent until Resume, and no batch job created. Calls in flight go on,
// and nothing fails for it. Deadlines and stops end a run all the same.
func (c *Control) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate.pause(time.Now())
}

// Resume ends a pause.
func (c *Control) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if lasted := c.gate.resume(time.Now()); c.parts.ladder != nil {
		c.parts.ladder.Excuse(lasted)
	}
}

// RetryFailed has the rows that failed in this run asked again by it, once the others are
// through. The error is a [*spec.Error] if the run has asked all its rows.
func (c *Control) RetryFailed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == over {
		return spec.Errorf("run the job again: failed rows are asked again", "the run has asked all its rows, and is ending")
	}
	c.retry = true
	return nil
}

// Stop ends the run as an interrupt does: nothing new is sent, calls in flight may finish, and
// all that was answered is safe. The run returns [batch.ErrInterrupted]. If no run has begun,
// the next one ends at once.
func (c *Control) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = true
	if c.cancel != nil {
		c.cancel(errStopped)
	}
}

// Set changes limits at once, also for rows that wait for them. The error is a [*spec.Error]
// if one of them cannot be, and then none is changed.
func (c *Control) Set(l record.Limits) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range []struct {
		name  string
		value *int
	}{{"rpm", l.RPM}, {"tpm", l.TPM}, {"rpd", l.RPD}, {"concurrency", l.Concurrency}} {
		if n.value != nil && *n.value < 0 {
			return spec.Errorf("write a number above 0, or 0 for what is learned", "%s is %d; it cannot be negative", n.name, *n.value)
		}
	}
	if err := checkConcurrency(l.Concurrency); err != nil {
		return err
	}
	limit, err := c.checkCap(l.MaxCost)
	if err != nil {
		return err
	}
	for _, n := range []struct{ set, to **int }{
		{&l.RPM, &c.limits.RPM}, {&l.TPM, &c.limits.TPM}, {&l.RPD, &c.limits.RPD}, {&l.Concurrency, &c.limits.Concurrency},
	} {
		if *n.set != nil {
			*n.to = new(**n.set)
		}
	}
	if l.MaxCost != nil {
		c.limits.MaxCost = new(*l.MaxCost)
		c.parts.capAt(limit)
	}
	c.apply()
	return nil
}

// checkConcurrency refuses more calls than the process may have files open for.
func checkConcurrency(n *int) error {
	if n == nil || *n == 0 {
		return nil
	}
	asked := spec.Spec{Concurrency: *n}
	if err := state.BoundCalls(&asked, *n, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		return err
	}
	if asked.Concurrency < *n {
		return spec.Errorf(fmt.Sprintf("write %d at most, or begin the run with a higher ulimit -n", asked.Concurrency),
			"concurrency is %d, and the process of the run may have too few files open for so many calls", *n)
	}
	return nil
}

// checkCap reads a cap to set.
func (c *Control) checkCap(text *string) (price.USD, error) {
	if text == nil {
		return 0, nil
	}
	if strings.TrimSpace(*text) == "" {
		return 0, spec.Errorf("write dollars, as in max_cost=5.00", "max_cost is empty")
	}
	if c.spec.MaxCost == "" {
		return 0, spec.Errorf("stop it, and run the same command with --max-cost: what was answered is not paid for again",
			"max_cost cannot be set in a run that has begun without one, since the cost of what is in flight was not reserved")
	}
	return (&spec.Spec{MaxCost: *text}).CostLimit()
}

// CapOf returns the cap that a run is to keep; 0 if it has none.
func CapOf(c *Control) (price.USD, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limits.MaxCost != nil {
		return c.checkCap(c.limits.MaxCost)
	}
	return c.spec.CostLimit()
}

// capAt changes the cap of a run that has one.
func (p *parts) capAt(limit price.USD) {
	if p.budget != nil {
		p.budget.SetCap(limit)
	}
}

// given returns the limits that are given by now. mu is held.
func (c *Control) given() quota.Config {
	or := func(set *int, job int) int {
		if set != nil {
			return *set
		}
		return job
	}
	share, _ := c.spec.Share() // a job with another one is refused
	return quota.Config{
		Share: share.Of,
		RPM:   or(c.limits.RPM, c.spec.RPM), TPM: or(c.limits.TPM, c.spec.TPM), RPD: or(c.limits.RPD, c.spec.RPD),
		Concurrency: or(c.limits.Concurrency, c.spec.Concurrency),
	}
}

// apply has the parts of the run follow what is given. mu is held.
func (c *Control) apply() {
	g := c.given()
	if c.parts.quota != nil {
		c.parts.quota.SetLimits(g)
	}
	if c.parts.ladder != nil {
		c.parts.ladder.SetConcurrency(g.Concurrency)
	}
	if c.parts.grow != nil {
		select {
		case <-c.parts.grow: // a number that was not heard yet
		default:
		}
		c.parts.grow <- calls(g)
	}
}

// calls is how many calls may be in flight.
func calls(c quota.Config) int { return cmp.Or(c.Concurrency, quota.DefaultConcurrency) }

// Standing returns since when the run is paused, zero if it is not, and whether it was stopped.
// It costs less than State.
func Standing(c *Control) (pausedSince time.Time, stopping bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gate.since, c.stop
}

// State returns how the run is steered now.
func (c *Control) State() record.ControlState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := record.ControlState{PausedSince: c.gate.since, Stopping: c.stop, RetryAsked: c.retry}
	g := c.given()
	var in quota.Limits
	if c.parts.quota != nil {
		in = c.parts.quota.Limits()
	} else {
		in = quota.New(g).Limits()
	}
	in.Concurrency = quota.Limit{Value: int64(calls(g))} // how much of it is opened by now changes with each answer
	for _, l := range []struct {
		to    *record.InForce
		limit quota.Limit
		set   *int
		given int
	}{
		{&s.RPM, in.RPM, c.limits.RPM, g.RPM}, {&s.TPM, in.TPM, c.limits.TPM, g.TPM}, {&s.RPD, in.RPD, c.limits.RPD, g.RPD},
		{&s.Concurrency, in.Concurrency, c.limits.Concurrency, g.Concurrency},
	} {
		l.to.Value, l.to.Source = l.limit.Value, "job"
		switch {
		case l.limit.Learned:
			l.to.Source = "learned"
		case l.limit.Estimated:
			l.to.Source = "estimated"
		case l.limit.Value == 0:
			l.to.Source = "none"
		case l.given == 0: // a number all the same
			l.to.Source = "default"
		case l.set != nil:
			l.to.Source = "control"
		}
	}
	if b := c.parts.budget; b != nil {
		s.MaxCost, s.Spent = b.Standing()
	}
	return s
}

// Failures returns the rows of the run that ended and are not ok: the last 100, the oldest
// first.
func (c *Control) Failures() []record.Failure {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.failures)
}

// Note takes note of a result of the run.
func Note(c *Control, r *batch.Result) {
	if r.Status == batch.OK || r.Status == batch.Pending {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed++
	if len(c.failures) == mostFailures {
		c.failures = slices.Delete(c.failures, 0, 1)
	}
	c.failures = append(c.failures, record.Failure{Seq: c.failed, At: r.At, Row: r.Row, Key: r.Key, Status: string(r.Status), Error: r.Error})
}

// Begin says that a run begins. The run goes on with the context, which Stop ends, and calls
// end when it is over.
func Begin(ctx context.Context, c *Control) (steered context.Context, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	steered, cancel := context.WithCancelCause(ctx)
	c.phase, c.cancel, c.failures, c.failed = asking, cancel, nil, 0
	if c.stop {
		cancel(errStopped)
	}
	return steered, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		cancel(nil)
		c.phase, c.cancel, c.stop, c.retry = over, nil, false, false
		c.parts.grow = nil
	}
}

// TakeRetry reports whether failed rows are to be asked again, now that the others are
// through. If not, that cannot be asked for any more.
func TakeRetry(c *Control) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := c.retry
	c.retry = false
	if !again {
		c.phase = over
	}
	return again
}

// HoldCost says what holds the cost of the run below its cap. A cap that was set meanwhile
// counts.
func HoldCost(c *Control, b *budget.Budget) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts.budget = b
	if b != nil && c.limits.MaxCost != nil {
		if limit, err := c.checkCap(c.limits.MaxCost); err == nil { // as it was when it was set
			b.SetCap(limit)
		}
	}
}
