package jobs

import "github.com/genbatch/genbatch/jobs/internal/control"

// A Control steers the runs of a [Job] while they go on. It is safe for concurrent use, also
// before a run and after it. What is set before a run holds when it begins, and what is set at
// all holds for this Job alone: nothing of it is stored, and the Spec does not change.
type Control struct{ of *control.Control }

// Control returns what steers the job's runs. It is safe for concurrent use.
func (j *Job) Control() Control { return Control{j.control} }

// Pause has nothing new sent until Resume, and no batch job created. Calls in flight go on, and
// no row fails for it. The time counts neither as trouble of the endpoint nor as a wait for a
// service tier. A deadline, Stop and the end of the run's context end the run all the same.
func (c Control) Pause() { c.of.Pause() }

// Resume ends a pause.
func (c Control) Resume() { c.of.Resume() }

// Set changes limits at once, also for rows that wait for them already; see
// [quota.Limiter.SetLimits]. A cap that is below what was spent ends the run. The error is a
// [*SpecError] if one of the limits cannot be, and then none is changed: a number is negative,
// the process may not have so many files open, or a cap is set in a run that began without one.
func (c Control) Set(l Limits) error { return c.of.Set(l) }

// RetryFailed has the rows that failed in this run asked again by it, once the others are
// through. The error is a [*SpecError] if the run has asked all its rows.
func (c Control) RetryFailed() error { return c.of.RetryFailed() }

// Stop ends the run as the end of its context does: nothing new is sent, calls in flight may
// finish for half a minute, and what was answered is safe. The run returns
// [batch.ErrInterrupted]. If none has begun, the next one ends at once.
func (c Control) Stop() { c.of.Stop() }

// State returns how the run is steered now.
func (c Control) State() ControlState { return c.of.State() }

// Failures returns the rows of the run that ended and are not ok: the last 100, the oldest
// first.
func (c Control) Failures() []Failure { return c.of.Failures() }
