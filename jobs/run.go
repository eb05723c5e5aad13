package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/batchjob"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/control"
	"github.com/genbatch/genbatch/jobs/internal/history"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
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
	batches map[string]Batch  // by ID, those that the run knows of
	history *history.Recorder // nil: no run has begun
	busy    bool              // the rows are being gone through, which cannot be done twice at a time
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
func (p *progress) start(begin time.Time, since int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin, p.since = begin, since
	p.read, p.settled, p.bad, p.copied, p.run = 0, 0, 0, 0, cost.Totals{}
	p.limiter, p.flex, p.gauges = nil, nil, new(batch.Gauges)
	p.batches = make(map[string]Batch)
}

// reopen counts the rows that failed as not asked yet, since the run asks them again.
func (p *progress) reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run.Reopen(batch.Failed)
}

// follow takes note of how a batch job is.
func (p *progress) follow(b Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batches[b.ID] = b
}

// limit says what limits the calls of the run.
func (p *progress) limit(limiter, flex *quota.Limiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limiter, p.flex = limiter, flex
}

// count counts the n-th row, from 1, if the run has not come to it before.
func (p *progress) count(n int64, f work.Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n <= p.read {
		return
	}
	p.read = n
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
	Refused  int64 // of these, refused for a quota or an overload
	Faults   int64 // of these, failed for another reason
	Waiting  int64 // rows that wait for their next attempt

	Batches   int64   // batch jobs that are at work
	Batched   int64   // rows in these
	BatchJobs []Batch // these, and those of the record that have ended, the oldest first

	PausedSince time.Time // zero: the run is not paused
	Stopping    bool      // it was stopped by its Control, and ends

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
	g := p.gauges
	s.Calls, s.Attempts, s.Refused, s.Faults, s.Waiting = g.Calls.Load(), g.Attempts.Load(), g.Refused.Load(), g.Faults.Load(), g.Waiting.Load()
	for _, b := range p.batches {
		if s.BatchJobs = append(s.BatchJobs, b); b.Live {
			s.Batches++
			s.Batched += b.Rows
		}
	}
	slices.SortFunc(s.BatchJobs, func(a, b Batch) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	s.PausedSince, s.Stopping = control.Standing(j.control)
	if p.limiter != nil {
		s.Quota = p.limiter.State()
	}
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
//   - [*DetachedError]: rows are left to batch jobs at the endpoint.
//   - [*BudgetError]: the next request might exceed the MaxCost of the Spec.
//   - [batch.ErrMaxFailures]: too many rows ended without an answer.
//   - [batch.ErrSource]: the input broke; it wraps a [*reader.Error].
//   - [batch.ErrSink]: the journal cannot be written; it wraps a [*LostError] if the journal
//     was deleted, moved or cut.
//   - [*journal.Damage]: an answer of the journal cannot be read for the output.
//   - [*OutputError]: another file has taken the output's path since the run began.
//   - [*LeaseError]: another machine works, or may work, with the state in an object store.
//   - [*NotCopiedError]: the run is complete, and the newest of its state is not in the object
//     store yet.
func (j *Job) Run(ctx context.Context) (*Summary, error) {
	j.warnInput()
	j.critic.WarnPrice()
	j.critic.WarnBatch()
	j.critic.WarnExamples()
	j.critic.WarnExpected()
	if m := j.upToDate; m != nil {
		return j.unchanged(m), nil
	}
	begin := time.Now()
	ctx, end := control.Begin(ctx, j.control)
	defer end()
	j.warnPiloted()
	s, err := j.ask(ctx, []*work.List{j.list}, spec.ByBatch(&j.spec))
	if err != nil {
		return s, copyLast(ctx, j, err)
	}
	if isShard(j) {
		err = finishShard(j, s)
	} else {
		err = j.finish(ctx, s)
	}
	if err == nil && j.spec.MediaDelete {
		j.conn.uploads.RemoveAll(ctx)
	}
	err = copyLast(ctx, j, err)
	s.Elapsed = time.Since(begin)
	s.Seconds = s.Elapsed.Seconds()
	return s, err
}

// ask asks what the journal does not have of the rows of lists, one list after the other, by batch
// or by single calls. There must be a list.
func (j *Job) ask(ctx context.Context, lists []*work.List, byBatch bool) (*Summary, error) {
	if !j.state.Locked() {
		return nil, errors.New("a job that was opened to be looked at cannot ask: open it with Open")
	}
	done, err := j.progress.use("Run was called")
	if err != nil {
		return nil, err
	}
	defer done()
	if err := checkLogprobs(j, j.conn.logprobs, lists[0]); err != nil {
		return nil, err
	}
	j.critic.WarnSchema()
	failures, err := j.spec.FailureLimit()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	deadline, err := j.spec.DeadlineFrom(begin)
	if err != nil {
		return nil, err
	}
	ctx, cancel := tier.WithDeadline(ctx, deadline)
	defer cancel()
	ctx, release := j.copy.Context(ctx)
	defer release()
	j.progress.start(begin, j.journal.Last())
	defer j.keepHistory()()
	var learned []quota.Learned
	for _, list := range lists {
		p := &pass{Job: j, list: list, byBatch: byBatch, begin: begin, deadline: deadline, failures: failures}
		more, failed := p.askAll(ctx)
		if len(more) > 0 {
			learned = more
		}
		if err = failed; err != nil {
			break
		}
	}
	if f := j.conn.logprobs.Found(); f != nil && err == nil { // with no row left that it could have stopped
		j.log().Warn(fmt.Sprintf("%s; labels have no confidence: %s", f.Message, f.Hint))
	}
	if late, ok := errors.AsType[*DeadlineError](err); ok {
		err = late
	}
	if lost, ok := errors.AsType[*LeaseError](err); ok {
		err = lost
	}
	s := j.summary()
	if lost, ok := errors.AsType[*LostError](err); ok {
		s.Lost = lost.Gone
	}
	s.Asked = j.spec.Tiers()
	s.Simulated = s.Simulated || j.conn.Endpoint.Simulated && s.Run.Attempts > 0
	s.ListPriced = j.critic.ListPriced(j.conn.Endpoint, &s.Run)
	s.Learned = learned
	s.Batches = j.conn.records()
	if err != nil && j.media == nil { // whose files would all be read again
		s.Input, _ = lists[0].Status(time.Now().Add(leftPatience))
	}
	return s, err
}

// A pass goes once through the rows of a list, and asks what the journal does not have of them.
type pass struct {
	*Job
	list     *work.List
	byBatch  bool
	again    bool // it asks rows that failed in an earlier pass of the run, and no others
	begin    time.Time
	deadline time.Time // zero: there is none
	failures batch.FailureLimit
}

// askAll asks the rows, and then those again that have failed, as often as that is asked for. It
// returns the limits that were learned.
func (p *pass) askAll(ctx context.Context) (learned []quota.Learned, err error) {
	learned, err = p.ask(ctx)
	for err == nil && control.TakeRetry(p.control) {
		p.again = true
		p.progress.reopen()
		var more []quota.Learned
		if more, err = p.ask(ctx); len(more) > 0 {
			learned = more
		}
	}
	return learned, err
}

// ask asks the rows, by batch or by single calls. It returns the limits that were learned.
func (p *pass) ask(ctx context.Context) (learned []quota.Learned, err error) {
	observer := output.NewObserver(p.deriver(), p.options.Observe)
	settle := settling(p.Job, observer)
	runner, err := newRunner(p, observer, settle)
	if err != nil {
		return nil, err
	}
	detached := (*DetachedError)(nil)
	if runner != nil {
		if err = runner.Run(ctx); errors.As(err, &detached) && !p.byBatch {
			err = nil // the rows that no batch job has are asked now
		}
		if stop, ok := errors.AsType[*batch.StopError](err); ok && errors.Is(err, batch.ErrSource) {
			err = stop // by which toAsk has ended the rows
		}
	}
	if err == nil && (!p.byBatch || len(spec.CallTiers(&p.spec)) > 0) {
		if settle.MaxFailures = p.failures; p.again {
			// The share of failures is that of all rows. Of those that have failed before, all may.
			settle.MaxFailures = batch.FailureLimit{Rows: math.MaxInt}
		}
		learned, err = p.call(ctx, observer, runner, settle)
	}
	if err == nil && detached != nil {
		err = detached
	}
	return learned, err
}

// call asks rows in single calls.
func (p *pass) call(ctx context.Context, observer *output.Observer, runner *batchjob.Runner, config batch.Config) ([]quota.Learned, error) {
	var limit *budget.Budget
	if runner != nil {
		limit = runner.Budget
	}
	c, err := p.newChain(p.list, limit, p.begin, p.deadline)
	if err != nil {
		return nil, err
	}
	defer c.close()
	p.progress.limit(c.quota, c.flex())
	requests, skip := p.requests(observer)
	requests = left(runner, requests)
	if c.packer != nil {
		requests, skip = c.packer.Form(requests, skip)
	}
	config.Skip = skip
	err = batch.Run(ctx, c.over(config), requests)
	return c.quota.Learned(), err
}

// requests ranges over the requests of all rows that have one. skip tells of the one
// that was yielded last whether the journal has settled it: the engine asks that at
// once; see [batch.Config].
func (p *pass) requests(observer *output.Observer) (all iter.Seq2[*batch.Request, error], skip func(*batch.Request) bool) {
	var last work.Fate
	all = func(yield func(*batch.Request, error) bool) {
		var n int64
		seen := p.media.NewPass()
		for it, err := range p.list.Items() {
			if err != nil {
				yield(nil, err)
				return
			}
			last = it.Fate
			if p.again && it.Entry.Status.Settled() {
				last = work.Settled // also if retry names its status: it was asked again by now
			}
			n++
			p.progress.count(n, it.Fate)
			seen.Add(it.Request, it.Err)
			observer.Expect(&it)
			if it.Fate != work.Bad && it.Fate != work.Copied && !yield(it.Request, nil) {
				return
			}
		}
		seen.End()
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
	control.Note(j.control, r)
	if r.Status != batch.Pending {
		p.run.AddStatus(r.Status)
		if r.Status != batch.OK {
			p.run.AddProblem(r.Status, r.Error)
		}
	}
}
