package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/batchjob"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/connection"
	"github.com/genbatch/genbatch/jobs/internal/control"
	"github.com/genbatch/genbatch/jobs/internal/media"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file has rows answered in batch jobs: those that the job's first tier asks for, and
// those that earlier runs have left at the endpoint.

// simulatedPace is how much faster the batch jobs of the simulator are followed. In the place
// of Vertex AI it is known by its Cloud Storage. That an endpoint is on this machine is not
// enough, since it may be a proxy to a real one.
const simulatedPace = 0.01

// newRunner returns what has rows answered in batch jobs. It is nil if rows do not go by batch,
// and no job is under way. settle is the configuration of the run.
func newRunner(p *pass, observer *output.Observer, settle batch.Config) (*batchjob.Runner, error) {
	j, list := p.Job, p.list
	if earlier := j.conn.batches; earlier != nil {
		if err := earlier.Close(); err != nil {
			return nil, err
		}
	}
	store, err := batchstate.Open(j.state.Dir, j.state.FS)
	if err != nil {
		return nil, err
	}
	j.conn.batches = store
	if !p.byBatch && len(store.Live()) == 0 && (list != nil || store.Folder() == "") {
		return nil, nil
	}
	e := j.conn.Endpoint
	owner := batchstate.Owner{Endpoint: e.String(), Project: e.Project, KeyID: j.conn.KeyID, KeyFrom: j.conn.KeyFrom}
	if err := batchjob.CheckEndpoint(store, owner); err != nil { // before one without batches is refused as such
		return nil, err
	}
	service, err := batchService(j)
	if err != nil {
		return nil, err
	}
	// Rows of earlier runs' jobs may share requests even where those of this run do not.
	rowsPerCall := 1
	if list != nil {
		rowsPerCall = max(rowsPerCall, list.RowsPerCall)
	}
	c := &chain{job: j, packer: newPacker(j, rowsPerCall, true)}
	limit, err := c.newBudget()
	if err != nil {
		return nil, err
	}
	control.HoldCost(j.control, limit)
	var chainErr error
	if observer != nil {
		for it, err := range list.Items() { // rows of earlier runs' jobs may be answered before the run comes to them
			if err != nil {
				return nil, fmt.Errorf("%w: %w", batch.ErrSource, err)
			}
			observer.Expect(&it)
		}
	}
	policy, err := batchPolicy(p)
	if err != nil {
		return nil, err
	}
	if policy.Pace = j.options.batchPace; policy.Pace == 0 && (e.Simulated || service.Emulated() && connection.IsLocal(e)) {
		policy.Pace = simulatedPace
	}
	var share func(iter.Seq2[*batch.Request, error]) iter.Seq2[*batch.Request, error]
	if rowsPerCall > 1 {
		share = func(rows iter.Seq2[*batch.Request, error]) iter.Seq2[*batch.Request, error] {
			calls, _ := c.packer.Form(rows, nil)
			return calls
		}
	}
	runner, err := batchjob.New(batchjob.Config{
		Service: service, Store: store, Journal: j.journal,
		Owner: owner,
		Limits: func(model string) batches.Limits {
			l := batches.LimitsOf(e.Dialect, model)
			l.Rows = cmp.Or(j.options.batchRows, l.Rows)
			return l
		},
		Rows:    func() iter.Seq2[*batch.Request, error] { return toAsk(p, observer) },
		Share:   share,
		Sources: work.Sources(list),
		Chain: func(m batch.Model) batch.Model {
			var chained batch.Model
			chained, chainErr = c.newModel(m, true)
			return chained
		},
		Media:  func(m batch.Model) batch.Model { return mediaModel(j, m) },
		Settle: settle, Around: j.options.around, Budget: limit, Policy: policy, Held: func() <-chan struct{} { return control.Held(j.control) },
		Before: j.copy.Sync,
		Log:    j.log(),
		Show: func(b Batch) {
			j.progress.follow(b)
			if j.options.ShowBatch != nil {
				j.options.ShowBatch(b)
			}
		},
	})
	for _, b := range store.Records() {
		j.progress.follow(b)
	}
	return runner, errors.Join(err, chainErr)
}

// batchPolicy says how far batch jobs are to go. Unless rows go by batch, none is created.
func batchPolicy(of *pass) (p batchjob.Policy, err error) {
	j, deadline := of.Job, of.deadline
	p = batchjob.Policy{Cleanup: j.spec.BatchCleanup, Detach: j.options.Detach, Last: len(spec.CallTiers(&j.spec)) == 0}
	if !of.byBatch {
		p.NoNew, p.Detach = true, true
		return p, nil
	}
	if !of.again {
		p.Failures = of.failures
	}
	ladder := !deadline.IsZero() && !p.Last
	if !ladder && !j.prompt.Checks() {
		return p, nil // nothing else wants to know how many rows there are
	}
	asked, err := of.list.CountAsked()
	if err != nil {
		return p, fmt.Errorf("%w: %w", batch.ErrSource, err)
	}
	if j.prompt.Checks() {
		p.Pilot, p.Form = asked > batchjob.PilotWorth, cmp.Or(j.spec.SchemaField, "responseJsonSchema")
	}
	if ladder {
		p.Leave = leaveBatches(j, asked, deadline)
	}
	return p, nil
}

// leaveBatches returns what says when the tiers of single calls need all the time that is left
// until the deadline. So many rows are to be asked.
func leaveBatches(j *Job, asked int64, deadline time.Time) func() time.Time {
	begin := time.Now()
	own := InShare(j.spec)
	ladder := tier.New(tier.Config{
		Tiers: j.spec.Tiers(), Begin: begin, Deadline: deadline,
		Concurrency: j.spec.Concurrency, RPM: own.RPM, TPM: own.TPM, RowsPerCall: j.spec.RowsPerCall,
	})
	// What single calls take is a guess, and half of all jobs are done within minutes. So
	// batches have half of the time in any case.
	half := begin.Add(deadline.Sub(begin) / 2)
	return func() time.Time {
		if at := ladder.SwitchAt(asked - j.Progress().Run.Rows); at.After(half) {
			return at
		}
		return half
	}
}

// mediaModel returns m with media put into its requests, if the job has any.
func mediaModel(j *Job, m batch.Model) batch.Model {
	if j.media == nil {
		return m
	}
	if j.conn.uploads == nil {
		j.conn.uploads = media.OpenUploads(j.conn.Client, j.state.FS, j.state.Dir, j.conn.KeyID, j.log())
	}
	return media.NewModel(m, j.conn.Endpoint.InlineLimit, j.conn.uploads)
}

// toAsk ranges over the requests of the rows that are to be asked.
func toAsk(p *pass, observer *output.Observer) iter.Seq2[*batch.Request, error] {
	return func(yield func(*batch.Request, error) bool) {
		all, skip := p.requests(observer)
		for req, err := range all {
			if err == nil && skip(req) {
				continue
			}
			if err == nil {
				if f := p.conn.logprobs.Fault(req.Model, true); f != nil {
					req, err = nil, &batch.StopError{Err: f, Times: 1}
				}
			}
			if !yield(req, err) {
				return
			}
		}
	}
}

// left returns the requests that batch jobs leave to single calls, with what attempts of
// theirs came to. runner may be nil.
func left(runner *batchjob.Runner, requests iter.Seq2[*batch.Request, error]) iter.Seq2[*batch.Request, error] {
	if runner == nil {
		return requests
	}
	return func(yield func(*batch.Request, error) bool) {
		for req, err := range requests {
			if err == nil {
				id := req.ID()
				if runner.Live(id) || runner.Over(id) {
					continue
				}
				req = runner.Next(req)
			}
			if !yield(req, err) {
				return
			}
		}
	}
}

// Cancel cancels the batch jobs of a job at their endpoint, waits for their end, and collects
// what was done. Rows without an answer stay pending. The input is not needed. The errors are
// those of Open and of Run.
func Cancel(ctx context.Context, job Spec, o Options) (*Summary, error) {
	j, err := prepareToWrite(job, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if err := connectSaved(j); err != nil {
		return nil, err
	}
	if err := lock(j); err != nil {
		return nil, err
	}
	if err := openCopied(j, journal.Config{Dir: j.state.Dir, FS: j.state.FS}); err != nil {
		return nil, err
	}
	ctx, release := j.copy.Context(ctx)
	defer release()
	j.progress.start(time.Now(), j.journal.Last())
	runner, err := newRunner(&pass{Job: j}, nil, settling(j, nil))
	if err == nil && runner != nil {
		err = runner.Cancel(ctx)
	}
	err = copyLast(ctx, j, err)
	s := j.summary()
	s.Batches = j.conn.records()
	return s, err
}

// FindBatches asks the endpoint after the batch jobs of a job. It returns those of the record
// as they are now, and those that carry the mark of this record and are not in it: somebody
// has removed lines of it, or has put an older copy in its place. A job that never had batch
// jobs is asked nothing.
func FindBatches(ctx context.Context, job Spec, o Options) (known, unknown []Batch, err error) {
	j, err := prepare(job, o)
	if err != nil {
		return nil, nil, err
	}
	defer j.Close()
	store, err := batchstate.View(j.state.Dir)
	if err != nil || len(store.Jobs()) == 0 {
		return nil, nil, err
	}
	known = store.Records()
	if spec.StartsSimulator(spec.EndpointOptions(&j.spec)) {
		return known, nil, nil // its jobs have ended with the process that it was in
	}
	if err := connectSaved(j); err != nil {
		return known, nil, err
	}
	service, err := batchService(j)
	if err != nil {
		return known, nil, err
	}
	known, unknown, err = batchstate.Find(ctx, store, service)
	return known, unknown, err
}

// connectSaved connects a job that may come from its state folder.
func connectSaved(j *Job) error {
	err := spec.CheckSecrets(&j.spec)
	if err == nil {
		j.conn.Connection, err = connection.Open(&j.spec, j.options.connection())
	}
	return err
}

// batchService returns the batch API of the job's endpoint.
func batchService(j *Job) (*batches.Service, error) {
	client, ok := j.conn.Client.(*gemini.Client)
	if !ok {
		return nil, spec.Errorf("leave batch out of the tiers", "a model that stands in the place of the endpoint's client has no batches")
	}
	service, err := batches.New(batches.Config{Client: client, Bucket: j.spec.BatchBucket})
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	return service, nil
}

// settling is the configuration of all runs that settle the job's rows.
func settling(j *Job, observer *output.Observer) batch.Config {
	return batch.Config{
		Sink:        j.copy.Guard(state.Guard(j.state, j.journal)),
		Endpoint:    j.conn.Endpoint.String(),
		Concurrency: j.spec.Concurrency,
		MaxAttempts: j.spec.MaxAttempts,
		OnResult: func(r *batch.Result) {
			j.note(r)
			observer.Show(r)
		},
		Gauges: j.progress.gauges,
	}
}

// checkFresh refuses to set a state folder aside whose rows are in batch jobs: they would be
// asked, and paid for, twice.
func checkFresh(dir string) error {
	store, err := batchstate.View(dir)
	if err != nil {
		return err
	}
	if live := store.Live(); len(live) > 0 {
		return spec.Errorf("genbatch cancel ends them, and collects what is done; or run without --fresh",
			"--fresh would ask rows again that are in %s at %s", message.Plural(len(live), "batch job"), live[0].Endpoint)
	}
	return nil
}
