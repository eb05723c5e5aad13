package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

const (
	lookEvery   = 300 * time.Millisecond // for a shard to claim
	jobEvery    = time.Second            // whether the job goes on
	leavingTime = 20 * time.Second       // for what was answered to be collected, when a worker leaves; after that it stays in the spool
)

// WorkConfig says where a worker finds jobs. URL and Spool are required.
type WorkConfig struct {
	URL   string // of the NATS servers, with commas between; may hold user and password, or a token
	Creds string // a file with credentials; empty = none
	Token string // that the servers want; empty = none, or URL has it
	Spool string // the folder in which answers wait to be collected

	// Fixed has the worker use the servers of URL alone, and not others of their cluster that
	// they tell it of.
	Fixed bool

	Concurrency int                 // calls in flight; 0 = what the job says
	Stay        bool                // wait for the next job when there is none left
	Env         func(string) string `json:"-"` // nil: os.Getenv
	Log         *slog.Logger        `json:"-"` // nil: discarded
}

// A worker claims shards and asks their rows.
type worker struct {
	WorkConfig
	bus  *bus.Bus
	name string
	desk *desk

	spools sync.Map // the folders of those that attempts work on

	ids    []string // of the jobs that were open
	looked time.Time
	seen   map[string]*sightings // of their shards
	told   map[string]bool       // of what was warned
}

// Work claims shards of jobs and asks their rows until no job is left or ctx ends. While the last
// calls of one shard are under way, it begins with the next. Before that it sends what earlier
// workers have left in the spool. The error is [batch.ErrInterrupted] if ctx ended, and else says
// what this worker cannot do: others can go on.
func Work(ctx context.Context, c WorkConfig) error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	w := &worker{WorkConfig: c, name: fmt.Sprintf("%s/%d", host, os.Getpid()), desk: newDesk(), seen: make(map[string]*sightings), told: make(map[string]bool)}
	if w.bus, err = bus.Connect(bus.Config{URL: c.URL, Creds: c.Creds, Token: c.Token, Fixed: c.Fixed, Name: "genbatch work " + w.name, Log: c.Log}); err != nil {
		return err
	}
	defer w.bus.Close()
	if err := w.bus.Await(ctx); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", batch.ErrInterrupted, err)
		}
		return err
	}
	c.Log.Info("joined NATS at " + bus.Redacted(c.URL) + " as " + w.name)
	if err := w.sendLeft(ctx, ""); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", batch.ErrInterrupted, err)
		}
		c.Log.Warn(err.Error()) // it is tried again before rows of that job are asked
	}
	return w.work(ctx)
}

// jobs returns the jobs that are open. They are looked up once a second. One that was open and is
// not in the list is looked up by itself: the list may come from a server that lags behind since it
// was started again, and a worker that knows of no job ends.
func (w *worker) jobs(ctx context.Context) ([]string, error) {
	if time.Since(w.looked) < jobEvery {
		return w.ids, nil
	}
	list, err := w.bus.Jobs.List(ctx, "*")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range list {
		var j jobRecord
		if json.Unmarshal(r.Value, &j) == nil && j.State == open {
			ids = append(ids, r.Key)
		}
	}
	for _, id := range w.ids {
		if slices.Contains(ids, id) {
			continue
		}
		j, _, err := loadJob(ctx, w.bus, id)
		if err != nil {
			return nil, err
		}
		if j != nil && j.State == open {
			ids = append(ids, id)
		}
	}
	w.ids, w.looked = ids, time.Now()
	return ids, nil
}

// attempt asks the rows of a shard, and says what became of it. What this worker cannot do ends the
// worker: others may be able to.
func (w *worker) attempt(ctx context.Context, h *hold, j *jobRecord) {
	id := h.board.job
	name := fmt.Sprintf("%s: shard %d of %d", j.Name, h.shard, j.Count)
	var beside sync.WaitGroup
	defer beside.Wait()
	renewing, stopRenewing := context.WithCancel(context.Background())
	defer stopRenewing()
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beside.Go(func() { h.renew(renewing) })
	a := &attempt{worker: w, hold: h, job: j}
	beside.Go(func() { w.watch(run, a, cancel) })

	err := a.run(run)
	if a.spool != nil {
		defer func() { a.spool.close(); w.spools.Delete(a.spool.dir) }()
	}
	var failed error // of this worker alone
	switch code := stopCode(err); {
	case err == nil, context.Cause(run) != nil: // the worker is to leave, the job has ended, or another worker has the shard
	case code > 0: // before this worker or another one begins with rows that are not to be asked
		soon, stop := soonAfter(ctx, leavingTime)
		if err := stopJob(soon, w.bus, id, code, err.Error()); err != nil {
			w.Log.Warn(fmt.Sprintf("%s: the job cannot be stopped: %v", name, err))
		}
		stop()
	case errors.Is(err, context.Canceled), errors.Is(err, batch.ErrInterrupted):
	default:
		failed = fmt.Errorf("%s was handed back: %w", name, err)
	}
	if more := a.end(failed); more && failed != nil {
		w.Log.Warn(fmt.Sprintf("%v; this worker claims no other, and ends with those that it has", failed))
	}
	settled := err
	if err == nil { // the shard is finished once it is collected, however long that takes
		settled = a.settle(run)
	}
	if settled != nil { // and else what was answered is to be collected, as far as that is soon
		soon, stop := soonAfter(ctx, leavingTime)
		settled = a.settle(soon)
		stop()
	}
	ending := leavingTime
	if settled != nil {
		ending = goodbye // who was waited for may still be away, and the claim runs out by itself
		w.Log.Warn(fmt.Sprintf("%s: not all of it was collected yet; what is left is sent before a worker with the spool %s begins with the job again", name, w.Spool))
	}
	stopRenewing()
	state, why := free, ""
	switch {
	case err == nil && settled == nil:
		state = done
	case err != nil:
		why = err.Error()
	}
	last, stop := soonAfter(ctx, ending)
	defer stop()
	ended := h.end(last, state, why, j.Of, a.rows)
	switch {
	case errors.Is(ended, bus.ErrConflict):
		w.Log.Warn(name + " was taken over by another worker")
	case ended != nil:
		w.Log.Warn(fmt.Sprintf("%s cannot be handed back, and is taken over once its claim has run out: %v", name, ended))
	case state == done:
		w.Log.Info(fmt.Sprintf("%s: done, %d asked", name, a.rows))
	}
}

// soonAfter is for what a worker still does when it is to leave: it ends after so long, and not with
// ctx.
func soonAfter(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

var (
	errLost  = errors.New("another worker has taken the shard over")
	errEnded = errors.New("the job is to ask nothing more")
)

// watch ends a run when the claim is lost, or the job has ended or has another question or input by
// now. It steers the run meanwhile.
func (w *worker) watch(ctx context.Context, a *attempt, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.hold.lost:
			cancel(errLost)
			return
		case <-time.After(jobEvery):
		}
		j, _, err := loadJob(ctx, w.bus, a.hold.board.job)
		switch {
		case err != nil:
		case j == nil || j.State != open || j.Of != a.job.Of:
			cancel(errEnded)
			return
		default:
			w.steer(a, j)
		}
	}
}

// sendLeft sends what earlier attempts have left in the spool of a job; empty = of all jobs.
func (w *worker) sendLeft(ctx context.Context, job string) error {
	list, err := openSpools(w.Spool, job, func(dir string) bool { _, ours := w.spools.Load(dir); return ours })
	errs := []error{err}
	for _, s := range list {
		errs = append(errs, w.sendSpool(ctx, s)) // which closes it
	}
	return errors.Join(errs...)
}

func (w *worker) sendSpool(ctx context.Context, s *spool) error {
	defer s.close()
	if !isServed(ctx, w.bus, s.note.Job) {
		w.Log.Warn(fmt.Sprintf("%s holds answers for a job that is not served now; they are kept, and sent when a worker finds that it is", s.dir))
		return nil
	}
	p := newPublisher(w.bus.Results(s.note.Job), s)
	if err := p.sendSpooled(ctx, 1, 0); err != nil {
		return err
	}
	for {
		soon, stop := context.WithTimeout(ctx, leavingTime)
		err := p.settle(soon, w.bus)
		stop()
		if err == nil {
			break
		}
		if ctx.Err() != nil || !isServed(ctx, w.bus, s.note.Job) {
			return fmt.Errorf("what %s holds was not collected, and is kept: %w", s.dir, err)
		}
	}
	w.Log.Info(fmt.Sprintf("sent what %s held", s.dir))
	return s.remove()
}

// An attempt is a worker's try at a shard.
type attempt struct {
	worker *worker
	hold   *hold
	job    *jobRecord
	follow follower

	spool     *spool
	publisher *publisher
	gate      *gate     // nil until rows are asked
	fed       sync.Once // tells the desk
	rows      int64
}

// run asks the rows of the shard, and sends what is answered. It returns when everything that
// it began has ended.
func (a *attempt) run(ctx context.Context) error {
	w, id, shard := a.worker, a.hold.board.job, a.hold.shard
	note := spoolNote{Job: id, Shard: shard, Count: a.job.Count, Attempt: a.hold.claim.Attempt}
	w.spools.Store(spoolDir(w.Spool, note), nil)
	s, err := newSpool(w.Spool, note)
	if err != nil {
		return err
	}
	a.spool = s
	spec := a.job.Spec
	spec.State, spec.Shard, spec.QuotaShare = s.dir, fmt.Sprintf("%d/%d", shard, a.job.Count), "1"
	if w.Concurrency > 0 {
		spec.Concurrency = w.Concurrency
	}
	dir := spec.StateDir()
	if err := a.prepare(ctx, dir); err != nil {
		return err
	}
	a.publisher = newPublisher(w.bus.Results(id), s)
	o := jobs.Options{
		Env: w.Env, Log: w.Log, Around: a.around,
		Shared: jobs.Shared{Quota: bus.Quota{Bus: w.bus}, Purse: purse{w.bus.Ledger, id, s.note.Attempt}, Proven: w.desk.proven()},
	}
	j, err := jobs.Open(spec, o)
	if err != nil {
		return err
	}
	defer j.Close()
	if err := sameInput(dir, a.job); err != nil {
		return err
	}
	if err := a.follow.begin(j, a.job.Order); err != nil {
		return err
	}
	// What is answered is sent also while the run ends, and what is left after that in settle.
	ended := make(chan struct{})
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var published error
	var sender sync.WaitGroup
	sender.Go(func() { published = a.publisher.run(sending, ended) })
	summary, err := j.Run(ctx)
	close(ended)
	late := time.AfterFunc(leavingTime, stop)
	defer late.Stop()
	sender.Wait()
	if summary != nil {
		a.rows = summary.Run.Rows
	}
	if errors.Is(published, context.Canceled) { // the servers are away
		published = nil
	}
	return errors.Join(err, published)
}

// prepare fills the spool with what is known of the shard.
func (a *attempt) prepare(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(state.SpecPath(dir), a.job.Saved, 0o600); err != nil {
		return err
	}
	return a.spool.seed(dir, func(write func([]*batch.Result) error) error {
		return fetchSeed(ctx, a.worker.bus, a.hold.board.job, a.hold.shard, write)
	})
}

// settle returns once the collector has everything, and removes the spool then.
func (a *attempt) settle(ctx context.Context) error {
	switch {
	case a.spool == nil:
		return nil
	case a.publisher == nil: // nothing was asked
	default:
		if err := a.publisher.settle(ctx, a.worker.bus); err != nil {
			return err
		}
	}
	if err := a.spool.remove(); err != nil {
		a.worker.Log.Warn(err.Error())
	}
	return nil
}

// around puts the gate and the publisher around what the engine uses.
func (a *attempt) around(c batch.Config) batch.Config {
	most := c.Concurrency
	if most == 0 {
		most = quota.DefaultConcurrency
	}
	if a.gate != nil {
		a.gate.empty()
	}
	a.gate = &gate{Limiter: c.Limiter, hold: a.hold, calls: a.worker.desk.slots(most), rows: make(map[rowKey]bool)}
	a.publisher.tell(a.gate.published)
	c.Limiter = a.gate
	c.Sink = sink{c.Sink, a.publisher}
	c.OnFed = func() { a.fed.Do(a.worker.desk.fed) }
	return c
}

// end leaves the slots to other shards once no row is being asked. An error says why this worker
// cannot ask the rows; more is as desk.asked returns it.
func (a *attempt) end(failed error) (more bool) {
	if a.gate != nil {
		a.gate.empty()
	}
	a.fed.Do(a.worker.desk.fed)
	return a.worker.desk.asked(failed)
}

// A sink hands on what is safe in the spool.
type sink struct {
	batch.Sink
	publisher *publisher
}

// Write implements [batch.Sink].
func (s sink) Write(rs []*batch.Result) error {
	err := s.Sink.Write(rs)
	if err == nil {
		s.publisher.add(append([]*batch.Result(nil), rs...))
	}
	return err
}

// warnOnce warns of what is so each time that it is looked at.
func (w *worker) warnOnce(text string) {
	if !w.told[text] {
		w.told[text] = true
		w.Log.Warn(text)
	}
}
