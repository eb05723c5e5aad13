package batchjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Tier is the name of the service tier in which batch jobs are answered.
const Tier = "batch"

// How the time passes. A [Config].Pace shortens all of it for the simulator.
const (
	firstPoll   = 10 * time.Second
	longestPoll = time.Minute
	// lookAgain is how long the endpoint may take to list a job that it has made. Nobody
	// says how long that is.
	lookAgain = time.Minute
	// firstBackoff is how long nothing is created after a refusal for a limit, which
	// comes without a hint of when to try again. Reports speak of 15 to 20 minutes.
	firstBackoff   = 2 * time.Minute
	longestBackoff = 15 * time.Minute
	// patience is how long a run goes on that cannot create any job.
	patience = time.Hour
	// pollGap is the least time between two polls. No limit of theirs is published.
	pollGap = time.Second
	// lateResults is how long results may be missing from a job that has succeeded.
	lateResults = 10 * time.Minute
	// settleDown is how long a job is watched that was cancelled and has no results: some
	// were found to have succeeded after all.
	settleDown = time.Minute
	// lostAfter is how long a job must be unknown to its own endpoint until it is given up.
	lostAfter = 10 * time.Minute
	// justNow is how long what was seen of a job says how it is.
	justNow = 5 * time.Minute
	// cancelMargin is how long before a deadline batches are left, beyond what the next
	// tier needs: they must be cancelled, watched and collected.
	cancelMargin = 5 * time.Minute
)

// PilotWorth is how many rows make a pilot worth its wait.
const PilotWorth = 10 * pilotRows

const (
	// pilotRows is how many rows a pilot has.
	pilotRows = 20
	// maxFailedJobs is how many jobs in a row may fail as a whole before the run stops, or
	// goes on with the next tier.
	maxFailedJobs = 3
	// readers is how many results are read and checked at a time.
	readers = 8
)

// A Config says how a [Runner] works. Fields are required unless they say otherwise.
type Config struct {
	Service *batches.Service
	Store   *batchstate.Store
	Journal *journal.Journal
	Owner   batchstate.Owner
	Limits  func(model string) batches.Limits

	// Rows ranges over the rows that are to be asked, by the journal as it is then.
	Rows func() iter.Seq2[*batch.Request, error]
	// Share has rows share requests. It is nil if each row has its own.
	Share func(iter.Seq2[*batch.Request, error]) iter.Seq2[*batch.Request, error]
	// Sources returns the rows of requests, for a Chain that judges answers by them; see
	// [batch.Request].Source. Rows that are not in the input any more are left out. It is nil
	// if the Chain does not.
	Sources func(map[batch.ID]bool) (map[batch.ID]*batch.Row, error)
	// Chain lays around a model what changes requests and checks answers; Media what puts
	// media into requests.
	Chain, Media func(batch.Model) batch.Model
	// Settle is the configuration of the runs that settle rows. Its Model, Limiter, Later,
	// Concurrency and MaxFailures are not used.
	Settle batch.Config
	// Around puts around that configuration what measures it. It may be nil.
	Around func(batch.Config) batch.Config
	Budget *budget.Budget // nil: there is no cap

	Policy
	// Held returns what is closed when the pause of the run ends, in which no job is created. It
	// returns nil if there is no pause.
	Held func() <-chan struct{}
	// Before, if not nil, is called before a batch job is created. All that finds it again is in
	// the store by then. Its error ends the run.
	Before func(context.Context) error
	Log    *slog.Logger
	Show   func(record.Batch) // called when the record of a job has changed; may be nil
}

// A Policy says how far batches are to go.
type Policy struct {
	// Last says that no other tier follows: rows are asked in further jobs until their
	// attempts are used up. Otherwise each row is asked once.
	Last bool
	// Leave returns when the next tier needs all the time that is left. A zero time means
	// never. It may be nil.
	Leave func() time.Time

	Failures batch.FailureLimit // after which nothing more is created; the zero value means none

	Pilot   bool   // send a few rows first, and look at their answers
	Form    string // the field that requests have their schema in; empty without one
	Detach  bool   // do not wait for jobs
	Cleanup bool   // delete jobs at the endpoint once their rows are safe
	NoNew   bool   // create no jobs
	// EndUnknown says to cancel jobs that carry the record's mark and are not in it. Otherwise
	// they end the run.
	EndUnknown bool
	Pace       float64 // the factor of all waits; 0 means 1
}

// A Runner has rows answered in batch jobs. It is for one goroutine.
type Runner struct {
	*base
	filler    *filler
	creator   *creator
	collector *collector
}

// New returns a Runner that knows which rows belong to jobs.
func New(c Config) (*Runner, error) {
	if c.Pace == 0 {
		c.Pace = 1
	}
	live, err := c.Store.LiveRows()
	if err != nil {
		return nil, err
	}
	b := &base{Config: c, watch: make(map[string]*watch)}
	b.rows = &rows{last: c.Last, live: live, passed: make(map[batch.ID]bool), again: make(map[batch.ID]*batch.Request), over: make(map[batch.ID]bool)}
	s := &settler{base: b}
	s.model = c.Chain(&s.inner)
	return &Runner{
		base:      b,
		filler:    &filler{base: b, settler: s, drafts: make(map[string]*batchstate.Draft)},
		creator:   &creator{base: b, settler: s, looked: c.Store.Folder() == "", created: make(map[string]bool), uploaded: make(map[string]bool)},
		collector: &collector{base: b, settler: s},
	}, nil
}

// Run has the rows answered, and collects what earlier runs have left at the endpoint. It
// returns nil if no row is left that a batch is to answer, or if the next tier has to begin;
// then no job holds rows. The error is a [*record.DetachedError] if jobs are left to
// themselves, or one of those of [batch.Run].
//
// When ctx ends, jobs stay where they are.
func (r *Runner) Run(ctx context.Context) (err error) {
	defer r.filler.abandonDrafts()
	if err := r.resume(ctx); err != nil {
		return r.ended(ctx, err)
	}
	if !r.Detach { // which asks at once anyway; a job of an earlier run may have ended long ago
		if err := r.collector.pollAll(ctx); err != nil {
			return r.ended(ctx, err)
		}
	}
	poll := r.scaled(firstPoll)
	for {
		if err := r.collector.collect(ctx); err != nil {
			return r.ended(ctx, err)
		}
		if leave := r.leaveAt(); !leave.IsZero() && !time.Now().Before(leave) {
			return r.ended(ctx, r.leave(ctx))
		}
		held, err := r.submit(ctx)
		if err != nil {
			return r.ended(ctx, err)
		}
		if len(r.Store.Live()) == 0 {
			if held == nil {
				return nil
			}
			if err := pauseOr(ctx, longestPoll, held); err != nil { // rows may be left
				return r.ended(ctx, err)
			}
			continue
		}
		if r.Detach && (held == nil || r.NoNew) { // in a pause rows are left that no job has yet
			if err := r.collector.pollAll(ctx); err != nil {
				return r.ended(ctx, err)
			}
			if err := r.creator.findDoubted(ctx); err != nil {
				return r.ended(ctx, err)
			}
			if err := r.collector.collect(ctx); err != nil {
				return r.ended(ctx, err)
			}
			if len(r.Store.Live()) == 0 {
				continue // rows may have come back without an answer
			}
			return r.detached()
		}
		wait := poll/2 + rand.N(poll)
		if leave := r.leaveAt(); !leave.IsZero() {
			wait = min(wait, max(0, time.Until(leave)))
		}
		if err := pauseOr(ctx, wait, held); err != nil {
			return r.ended(ctx, err)
		}
		poll = min(poll*5/4, r.scaled(longestPoll))
		if err := r.collector.pollAll(ctx); err != nil {
			return r.ended(ctx, err)
		}
		if err := r.creator.findDoubted(ctx); err != nil {
			return r.ended(ctx, err)
		}
	}
}

// Cancel cancels all jobs, waits for their end, and collects what was done.
func (r *Runner) Cancel(ctx context.Context) error {
	r.NoNew, r.EndUnknown = true, true
	if err := r.resume(ctx); err != nil {
		return r.ended(ctx, err)
	}
	return r.ended(ctx, r.cancelAll(ctx, "cancelled by genbatch cancel"))
}

// ended returns the error of a run whose ctx may have ended.
func (r *Runner) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, batch.ErrInterrupted) || errors.Is(err, batch.ErrSink) {
		return err
	}
	return fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
}

// detached returns the error that says when to come back.
func (r *Runner) detached() error {
	e := &record.DetachedError{Next: time.Now().Add(r.scaled(10 * longestPoll)).Round(time.Second)}
	for _, j := range r.Store.Live() {
		e.Jobs++
		e.Rows += j.Rows
	}
	return e
}

// leaveAt returns when the jobs are to be given up for the next tier. A zero time means
// never.
func (r *Runner) leaveAt() time.Time {
	if r.Leave == nil || r.Last {
		return time.Time{}
	}
	at := r.Leave()
	if at.IsZero() {
		return at
	}
	return at.Add(-r.scaled(cancelMargin))
}

// leave gives up the jobs because the deadline leaves no more time for them.
func (r *Runner) leave(ctx context.Context) error {
	r.NoNew = true
	r.filler.abandonDrafts()
	if n := len(r.Store.Live()); n > 0 {
		r.Log.Warn(fmt.Sprintf("the deadline leaves batches no more time: %s to be cancelled, and what has no answer goes on to the next tier", message.Plural(n, "batch job")))
	}
	return r.cancelAll(ctx, "the deadline left it no more time")
}

// resume goes on with the jobs of earlier runs, of which the process may have ended at any
// step.
func (r *Runner) resume(ctx context.Context) error {
	if err := r.checkKey(ctx); err != nil {
		return err
	}
	if err := r.creator.findOthers(ctx, r.EndUnknown); err != nil {
		return err
	}
	for _, j := range r.Store.Live() {
		if j.Step == batchstate.Intent { // its rows are taken anew, as the input has them now
			if j.Owner == r.Owner {
				r.removeUpload(ctx, j)
			}
			if err := r.free(j, "it was not created before the run ended"); err != nil {
				return err
			}
			continue
		}
		if r.Budget != nil {
			for s, err := range r.Store.Each(j) {
				if err != nil {
					return err
				}
				s.Tier = Tier
				if err := r.Budget.Keep(j.ID, &s.Request); err != nil {
					return err
				}
			}
		}
		if j.Step == batchstate.Uploaded { // its job may have been created
			if err := r.creator.adopt(ctx, j); err != nil {
				return err
			}
		}
		switch {
		case j.Step != batchstate.Uploaded:
			r.creator.created[j.Model] = true
		case r.NoNew:
			r.removeUpload(ctx, j)
			if err := r.free(j, "it was not created before the run ended"); err != nil {
				return err
			}
		default:
			r.creator.queue = append(r.creator.queue, j)
		}
	}
	return nil
}

// CheckEndpoint refuses to go on with jobs of another endpoint or project. Such jobs cannot be
// seen from here, which says nothing about whether they are at work.
func CheckEndpoint(s *batchstate.Store, owner batchstate.Owner) error {
	for _, j := range s.Live() {
		if j.Step != batchstate.Intent && (j.Endpoint != owner.Endpoint || j.Project != owner.Project) {
			return spec.Errorf("use that endpoint until they are collected or cancelled",
				"%d rows are in the batch job %s at %s, and this run asks %s", j.Rows, cmp.Or(j.Name, j.ID), j.Endpoint, owner.Endpoint)
		}
	}
	return nil
}

// checkKey refuses to go on with jobs that the key cannot see. Two keys of one project may see
// the same jobs, so another key is tried.
func (r *Runner) checkKey(ctx context.Context) error {
	for _, j := range r.Store.Live() {
		if j.KeyID == r.Owner.KeyID || j.Step == batchstate.Intent {
			continue
		}
		if j.Name != "" {
			if _, err := r.Service.Get(ctx, j.Name); err == nil {
				continue
			}
		}
		return spec.Errorf("use that key until they are collected or cancelled",
			"%d rows are in the batch job %s, which was made with another key: with the one that has the id %s, from %s; the one of this run, with the id %s, does not see it",
			j.Rows, cmp.Or(j.Name, j.ID), j.KeyID, j.KeyFrom, r.Owner.KeyID)
	}
	return nil
}

// submit creates jobs of the rows that are to be asked, as far as the endpoint takes them. In a
// pause of the run it creates none, and returns what is closed when the pause ends.
func (r *Runner) submit(ctx context.Context) (held <-chan struct{}, err error) {
	for {
		if held := r.Held(); held != nil {
			r.creator.limited = time.Time{} // that nothing is created is no trouble of the endpoint
			return held, nil
		}
		if err := r.creator.createNext(ctx); err != nil || len(r.creator.queue) > 0 || r.NoNew {
			return nil, err
		}
		if r.filler.waits() {
			return nil, nil
		}
		d, err := r.filler.fill(ctx)
		if err != nil {
			return nil, err
		}
		if d == nil { // too few rows are refused for the refusal to concern all
			return nil, r.creator.rejectRefused(ctx)
		}
		if err := r.creator.begin(ctx, d); err != nil {
			return nil, err
		}
	}
}

// cancelAll cancels all jobs, watches them until they have ended, and collects what was done.
func (r *Runner) cancelAll(ctx context.Context, why string) error {
	if err := r.creator.drop(ctx, why); err != nil {
		return err
	}
	for _, j := range r.Store.Live() {
		if j.AtWork() {
			if err := r.cancel(ctx, j, why); err != nil {
				return err
			}
		}
	}
	for wait := r.scaled(firstPoll) / 5; ; wait = min(wait*3/2, r.scaled(longestPoll)) {
		if err := r.collector.pollAll(ctx); err != nil {
			return err
		}
		if err := r.collector.collect(ctx); err != nil {
			return err
		}
		if len(r.Store.Live()) == 0 {
			return nil
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// cancel asks the endpoint to end a job. Before that it asks whether the job is at work: then
// its rows may be billed.
func (r *Runner) cancel(ctx context.Context, j *batchstate.Job, why string) error {
	if err := r.collector.poll(ctx, j); err != nil || !j.AtWork() {
		return err
	}
	if err := r.end(ctx, j.Name); err != nil {
		return err
	}
	j.Cancel = &batchstate.Cancel{At: time.Now().Round(0).UTC(), Why: why}
	return r.note(j, j.Step)
}

func pause(ctx context.Context, d time.Duration) error { return pauseOr(ctx, d, nil) }

// pauseOr is pause until a channel is closed. It may be nil.
func pauseOr(ctx context.Context, d time.Duration, end <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-end:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
