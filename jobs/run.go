package jobs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/repair"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/spec"
)

// progress is what a run has come to so far; mu guards it.
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
	flex    *quota.Limiter // of flex calls as well; nil: there are none
	gauges  batch.Gauges

	upToDate *manifest // set by Open: the output is this one, and nothing is to be asked
}

// Progress is a snapshot of a run.
type Progress struct {
	Elapsed time.Duration
	Read    int64 // rows of the input that the run has come to
	Settled int64 // of these, needing no call in this run
	Bad     int64 // of these, unreadable
	Copied  int64 // of these, sharing the call of an identical row
	Run     cost.Totals

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
	s := Progress{
		Read: p.read, Settled: p.settled, Bad: p.bad, Copied: p.copied, Run: p.run.Clone(),
		Calls: p.gauges.Calls.Load(), Attempts: p.gauges.Attempts.Load(), Waiting: p.gauges.Waiting.Load(),
	}
	if !p.begin.IsZero() {
		s.Elapsed = time.Since(p.begin)
	}
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

// CountRows reads the input once and returns how many rows the job has. It can
// run beside Run.
func (j *Job) CountRows(ctx context.Context) (int64, error) {
	if m := j.progress.upToDate; m != nil {
		return m.Rows, nil
	}
	if j.sampled != nil {
		return int64(len(j.sampled)), nil
	}
	var n int64
	for _, err := range j.rows() {
		if err != nil {
			return n, err
		}
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return n, ctx.Err()
		}
	}
	return n, ctx.Err()
}

// Run asks what the journal does not have, and writes the output when no row is
// left pending. The summary is there also when the run ended early, which the
// error tells: what [batch.Run] returned, or a fault of writing the output.
func (j *Job) Run(ctx context.Context) (*Summary, error) {
	j.warnPrice()
	j.warnExamples()
	j.warnExpected()
	if m := j.progress.upToDate; m != nil {
		return j.unchanged(m), nil
	}
	begin := time.Now()
	s, err := j.ask(ctx)
	if err != nil {
		return s, err
	}
	err = j.finish(ctx, s)
	if err == nil && j.spec.MediaDelete {
		j.uploads.RemoveAll(ctx)
	}
	s.Elapsed = time.Since(begin)
	s.Seconds = s.Elapsed.Seconds()
	return s, err
}

// ask asks what the journal does not have.
func (j *Job) ask(ctx context.Context) (*Summary, error) {
	j.warnSchema()
	limiter := quota.New(quota.Config{
		RPM: j.spec.RPM, TPM: j.spec.TPM, RPD: j.spec.RPD,
		Concurrency: j.spec.Concurrency, OnDailyQuota: dayPolicy(j.spec.OnDailyQuota),
		Store: j.quotaStore(),
	})
	defer limiter.Close()
	budget, err := j.newBudget(limiter)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	deadline, err := j.spec.DeadlineAt(begin)
	if err != nil {
		return nil, err
	}
	ctx, cancel := tier.WithDeadline(ctx, deadline)
	defer cancel()
	tiering, err := j.newTiering(budget, limiter, begin, deadline)
	if err != nil {
		return nil, err
	}
	j.progress.mu.Lock()
	j.progress.begin, j.progress.limiter = begin, limiter
	if tiering != nil {
		j.progress.flex = tiering.Gate()
	}
	j.progress.since = j.journal.Last()
	j.progress.mu.Unlock()
	requests, skip := j.requests()
	config := batch.Config{
		Model:       j.model(),
		Limiter:     budget,
		Sink:        j.journal,
		Skip:        skip,
		Endpoint:    j.endpoint.String(),
		Concurrency: j.spec.Concurrency,
		MaxAttempts: j.spec.MaxAttempts,
		MaxFailures: j.failures,
		OnResult:    j.note,
		Gauges:      &j.progress.gauges,
	}
	if tiering != nil {
		config = tiering.Over(config)
	}
	err = batch.Run(ctx, config, requests)
	if late, ok := errors.AsType[*tier.DeadlineError](err); ok {
		err = late
	}
	s := j.summary()
	s.Asked = j.spec.Tiers()
	s.Simulated = s.Simulated || j.endpoint.Simulated && s.Run.Attempts > 0
	s.ListPriced = j.listPriced(j.endpoint, &s.Run)
	s.Learned = limiter.Learned()
	if err != nil && j.media == nil { // whose files would all be read again
		s.Input = j.inputStatus(time.Now().Add(leftPatience))
	}
	return s, err
}

// requests ranges over the requests of all rows that have one. skip reports whether
// the journal has settled the one that was yielded last.
func (j *Job) requests() (all iter.Seq2[*batch.Request, error], skip func(*batch.Request) bool) {
	settled := false
	all = func(yield func(*batch.Request, error) bool) {
		media := j.media.NewPass()
		for it, err := range j.items() {
			if err != nil {
				yield(nil, err)
				return
			}
			settled = it.req != nil && !it.copied && it.known && j.settled(it.entry)
			j.progress.mu.Lock()
			j.progress.read++
			switch {
			case it.req == nil:
				j.progress.bad++
			case it.copied:
				j.progress.copied++
			case settled:
				j.progress.settled++
			}
			j.progress.mu.Unlock()
			media.Add(it.req, it.err)
			if it.req != nil && !it.copied && !yield(it.req, nil) {
				return
			}
		}
		media.End()
	}
	return all, func(*batch.Request) bool { return settled }
}

// note counts a result once it is safe.
func (j *Job) note(r *batch.Result) {
	p := &j.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run.AddResult(r, j.prices)
	j.warnModel(r)
	if r.Status != batch.Pending {
		p.run.AddStatus(r.Status)
		if r.Status != batch.OK {
			p.run.AddProblem(r.Status, r.Error)
		}
	}
}

func (j *Job) summary() *Summary {
	p := j.Progress()
	return &Summary{
		Elapsed: p.Elapsed, Seconds: p.Elapsed.Seconds(),
		Settled: p.Settled, Bad: p.Bad, Copied: p.Copied, Run: p.Run,
		Simulated: p.Run.Simulated(),
	}
}

// checkRows reads the whole input and returns its first bad row as a Error:
// --strict.
func (j *Job) checkRows() error {
	clash := j.newClash()
	for row, err := range j.rows() {
		if err == nil {
			var req *batch.Request
			if req, err = j.request(row, clash); err == nil {
				if err = j.refused(req); err != nil {
					err = fmt.Errorf("%s: %w", row.Place(), err)
				}
			}
		}
		if err != nil {
			return spec.Errorf("mend the row, or run without --strict to have it skipped", "%w", err)
		}
	}
	return nil
}

func dayPolicy(text string) quota.DayPolicy {
	if text == "wait" {
		return quota.DayWait
	}
	return quota.DayStop
}

// model is what makes the attempts: the endpoint's client, and around it what changes a
// call that must fail again, checks answers, and bounds what they can have used.
func (j *Job) model() batch.Model {
	m := repair.SchemaField(j.unmixed(j.withMedia()), len(j.spec.Schema) > 0, j.spec.SchemaField == "responseSchema", j.log)
	m = repair.Change(m, j.prices, j.spec.Stream)
	if j.prompt.Checks() {
		m = repair.Check(m, func(a *gemini.Answer) error {
			_, _, err := j.prompt.Read(a)
			return err
		})
	}
	return budget.Bound(m, j.prices)
}
