package jobs

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/internal/work"
)

// This file runs jobs: it asks what the journal does not have, and counts what a run comes to.

// A progress is what the current run, or the last one, has come to so far; mu guards
// it.
type progress struct {
	mu      sync.Mutex
	begin   time.Time
	since   int64 // the journal's last result before the run
	read    int64 // rows of the input that the run has come to
	settled int64
	bad     int64
	copied  int64
	run     cost.Totals
	limiter *quota.Limiter
	flex    *quota.Limiter // of flex calls as well; nil if there are none
	gauges  *batch.Gauges
	busy    bool // the rows are being gone through, which cannot be done twice at a time
}

// use says that the rows are being gone through until done is called. The error is for a
// program that was at it already: numbers of identical rows would be mixed up.
func (p *progress) use(what string) (done func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return nil, errors.New(what + " while the same Job was going through its rows: wait for the end, or open the job a second time with View")
	}
	p.busy = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy = false
	}, nil
}

// start forgets the run before.
func (p *progress) start(begin time.Time, since int64, limiter, flex *quota.Limiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin, p.since = begin, since
	p.read, p.settled, p.bad, p.copied, p.run = 0, 0, 0, 0, cost.Totals{}
	p.limiter, p.flex, p.gauges = limiter, flex, new(batch.Gauges)
}

// count counts a row that the run has come to.
func (p *progress) count(f work.Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read++
	switch f {
	case work.Bad:
		p.bad++
	case work.Copied:
		p.copied++
	case work.Settled:
		p.settled++
	}
}

// Progress is a snapshot of a run.
type Progress struct {
	Elapsed time.Duration
	Read    int64 // rows of the input that the run has come to
	Settled int64 // of these, needing no call in this run
	Bad     int64 // of these, unreadable
	Copied  int64 // of these, sharing the call of an identical row
	Run     Totals

	Calls    int64 // under way
	Attempts int64 // made
	Waiting  int64 // rows that wait for their next attempt

	Quota quota.State
}

// Done returns how many rows have a result by now, or cannot have one.
func (p *Progress) Done() int64 { return p.Settled + p.Bad + p.Copied + p.Run.Rows }

// Progress returns a snapshot of the run. It is safe to call at any time, from
// any goroutine.
func (j *Job) Progress() Progress {
	p := &j.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Progress{Read: p.read, Settled: p.settled, Bad: p.bad, Copied: p.copied, Run: p.run.Clone()}
	if p.begin.IsZero() {
		return s // no run has begun
	}
	s.Elapsed = time.Since(p.begin)
	s.Calls, s.Attempts, s.Waiting = p.gauges.Calls.Load(), p.gauges.Attempts.Load(), p.gauges.Waiting.Load()
	s.Quota = p.limiter.State()
	if p.flex != nil {
		if flex := p.flex.State(); flex.Waiting > s.Quota.Waiting {
			s.Quota = flex
		}
	}
	return s
}

// Run asks what the journal does not have, and writes the output when no row is
// left pending. That some rows end without an answer is no error: the Status of the
// summary's totals counts them.
//
// An error says why the run ended early. Nearly always there is a summary all the same, of
// what the run came to, and whatever was answered is safe: running again carries on.
//
//   - [batch.ErrInterrupted]: ctx ended.
//   - [*batch.StopError]: the endpoint refuses every request; its Err says why.
//   - [*quota.DayError]: the quota of the day is used up.
//   - [*DeadlineError]: the deadline of the Spec has come.
//   - [*BudgetError]: the next request might exceed the MaxCost of the Spec.
//   - [batch.ErrMaxFailures]: too many rows ended without an answer.
//   - [batch.ErrSource]: the input broke; it wraps a [*reader.Error].
//   - [batch.ErrSink]: the journal cannot be written; it wraps a [*LostError] if the journal
//     was deleted, moved or cut.
//   - [*journal.Damage]: an answer of the journal cannot be read for the output.
//   - [*OutputError]: another file has taken the output's path since the run began.
func (j *Job) Run(ctx context.Context) (*Summary, error) {
	j.warnInput()
	j.critic.WarnPrice()
	j.critic.WarnExamples()
	j.critic.WarnExpected()
	if m := j.upToDate; m != nil {
		return j.unchanged(m), nil
	}
	begin := time.Now()
	s, err := j.ask(ctx, j.list)
	if err != nil {
		return s, err
	}
	err = j.finish(ctx, s)
	if err == nil && j.spec.MediaDelete {
		j.conn.uploads.RemoveAll(ctx)
	}
	s.Elapsed = time.Since(begin)
	s.Seconds = s.Elapsed.Seconds()
	return s, err
}

// ask asks what the journal does not have of the rows of a list.
func (j *Job) ask(ctx context.Context, list *work.List) (*Summary, error) {
	if !j.state.Locked() {
		return nil, errors.New("a job that was opened to be looked at cannot ask: open it with Open")
	}
	done, err := j.progress.use("Run was called")
	if err != nil {
		return nil, err
	}
	defer done()
	j.critic.WarnSchema()
	failures, err := j.spec.FailureLimit()
	if err != nil {
		return nil, err
	}
	c, err := j.newChain(list)
	if err != nil {
		return nil, err
	}
	defer c.close()
	ctx, cancel := tier.WithDeadline(ctx, c.deadline)
	defer cancel()
	j.progress.start(c.begin, j.journal.Last(), c.quota, c.flex())
	observer := output.NewObserver(j.deriver(), j.options.Observe)
	requests, skip := j.requests(list, observer)
	err = batch.Run(ctx, c.over(batch.Config{
		Sink:        state.Guard(j.state, j.journal),
		Skip:        skip,
		Endpoint:    j.conn.endpoint.String(),
		Concurrency: j.spec.Concurrency,
		MaxAttempts: j.spec.MaxAttempts,
		MaxFailures: failures,
		OnResult: func(r *batch.Result) {
			j.note(r)
			observer.Show(r)
		},
		Gauges: j.progress.gauges,
	}), requests)
	if late, ok := errors.AsType[*DeadlineError](err); ok {
		err = late
	}
	s := j.summary()
	if lost, ok := errors.AsType[*LostError](err); ok {
		s.Lost = lost.Gone
	}
	s.Asked = j.spec.Tiers()
	s.Simulated = s.Simulated || j.conn.endpoint.Simulated && s.Run.Attempts > 0
	s.ListPriced = j.critic.ListPriced(j.conn.endpoint, &s.Run)
	s.Learned = c.quota.Learned()
	if err != nil && j.media == nil { // whose files would all be read again
		s.Input, _ = list.Status(time.Now().Add(leftPatience))
	}
	return s, err
}

// requests ranges over the requests of all rows that have one. skip tells of the one
// that was yielded last whether the journal has settled it: the engine asks that at
// once; see [batch.Config].
func (j *Job) requests(list *work.List, observer *output.Observer) (all iter.Seq2[*batch.Request, error], skip func(*batch.Request) bool) {
	var last work.Fate
	all = func(yield func(*batch.Request, error) bool) {
		pass := j.media.NewPass()
		for it, err := range list.Items() {
			if err != nil {
				yield(nil, err)
				return
			}
			last = it.Fate
			j.progress.count(it.Fate)
			pass.Add(it.Request, it.Err)
			observer.Expect(&it)
			if it.Fate != work.Bad && it.Fate != work.Copied && !yield(it.Request, nil) {
				return
			}
		}
		pass.End()
	}
	return all, func(*batch.Request) bool { return last == work.Settled }
}

// note counts a result once it is safe.
func (j *Job) note(r *batch.Result) {
	p := &j.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run.AddResult(r, j.prices)
	j.critic.WarnModel(r)
	if r.Status != batch.Pending {
		p.run.AddStatus(r.Status)
		if r.Status != batch.OK {
			p.run.AddProblem(r.Status, r.Error)
		}
	}
}
