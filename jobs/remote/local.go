package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// A Local is the [Controller] of a run in this process. Job is required. The other fields must
// not change once it is used. It is safe for concurrent use.
type Local struct {
	Job     *jobs.Job
	JobFile string // absolute; empty if there is none

	// Progress tells how far the run is. Nil means what the Job knows of it, without the number
	// of all rows.
	Progress func() report.Progress

	Log *slog.Logger // is told what the run was told to do; nil = discarded

	mu    sync.Mutex
	ended *Ended
}

// End says how the run has ended. From then on it cannot be steered.
func (l *Local) End(exitCode int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = &Ended{ExitCode: exitCode}
	if err != nil {
		l.ended.Error = message.Plain(err)
	}
}

// State implements [Controller].
func (l *Local) State(_ context.Context, since int64) (*State, error) {
	spec, control := l.Job.Spec(), l.Job.Control()
	p := l.Job.Progress()
	s := &State{
		Type: "state", Schema: Schema,
		Job:      Job{Output: spec.Output, StateDir: spec.StateDir(), JobFile: l.JobFile, Model: spec.Model, Endpoint: l.Job.Endpoint()},
		Failures: control.Failures(), Samples: l.Job.Samples(since), Batches: []json.RawMessage{},
	}
	if s.Failures == nil { // which would be written as null
		s.Failures = []jobs.Failure{}
	}
	if s.Samples == nil {
		s.Samples = []jobs.Sample{}
	}
	host, _ := os.Hostname()
	s.Process = Process{PID: os.Getpid(), Host: host, Since: time.Now().Add(-p.Elapsed).UTC().Truncate(time.Second)}
	shown := report.Progress{Progress: &p}
	if l.Progress != nil {
		shown = l.Progress()
	}
	var err error
	if s.Progress, err = shown.MarshalJSON(); err != nil {
		return nil, err
	}
	for _, b := range p.BatchJobs {
		text, err := report.Batch{Batch: b, Now: time.Now()}.MarshalJSON()
		if err != nil {
			return nil, err
		}
		s.Batches = append(s.Batches, text)
	}
	c := control.State()
	s.Steering = Steering{Stopping: c.Stopping, RetryAsked: c.RetryAsked, Limits: LimitsOf(c)}
	if !c.PausedSince.IsZero() {
		s.PausedSince = new(c.PausedSince.UTC().Truncate(time.Second))
	}
	if c.MaxCost > 0 {
		s.MaxCost, s.Cost = dollars(c.MaxCost), dollars(c.Spent)
	}
	if amount, unpriced := p.Run.CostUSD(); unpriced == 0 {
		s.ThisRun = dollars(amount)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Ended = l.ended
	return s, nil
}

// LimitsOf returns the limits of what a control says.
func LimitsOf(c jobs.ControlState) Limits {
	return Limits{limit(c.RPM), limit(c.TPM), limit(c.RPD), limit(c.Concurrency)}
}

func limit(f jobs.InForce) Limit {
	l := Limit{Source: f.Source}
	if f.Value > 0 {
		l.Value = new(f.Value)
	}
	return l
}

func dollars(amount price.USD) *string { return new(amount.String()) }

// Do implements [Controller].
func (l *Local) Do(ctx context.Context, a Action) (*State, error) {
	if err := l.goesOn(); err != nil {
		return nil, err
	}
	c := l.Job.Control()
	before := c.State() // what it was told already is not worth another line
	switch a {
	case Pause:
		c.Pause()
		l.log(before.PausedSince.IsZero(), "paused on request: nothing new is sent until genbatch ctl JOB resume")
	case Resume:
		c.Resume()
		l.log(!before.PausedSince.IsZero(), "resumed on request")
	case Stop:
		c.Stop()
		l.log(!before.Stopping, "stopping on request: nothing new is sent; calls in flight have 30 s to finish")
	case Retry:
		if err := c.RetryFailed(); err != nil {
			return nil, err
		}
		l.log(!before.RetryAsked, "rows that fail are asked again once the others are through, on request")
	default:
		return nil, &jobs.SpecError{Err: fmt.Errorf("there is no action %q", message.OneLine(string(a), 80))}
	}
	return l.State(ctx, 0)
}

// Set implements [Controller].
func (l *Local) Set(ctx context.Context, limits jobs.Limits) (*State, error) {
	err := l.goesOn()
	if err == nil {
		err = l.Job.Control().Set(limits)
	}
	if err != nil {
		return nil, err
	}
	l.log(limits != jobs.Limits{}, "limits were set on request: "+Changes(limits))
	return l.State(ctx, 0)
}

// log tells the log what the run was told, if it is news.
func (l *Local) log(news bool, text string) {
	if news && l.Log != nil {
		l.Log.Warn(text)
	}
}

// goesOn refuses what a run cannot do that has ended.
func (l *Local) goesOn() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return &jobs.SpecError{Err: fmt.Errorf("the run has ended"), Hint: "run the same command again to carry on"}
	}
	return nil
}
