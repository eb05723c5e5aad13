package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/internal/control"
	"github.com/genbatch/genbatch/jobs/remote"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file steers a job that is served. What users want is kept by the process that serves, which
// writes it into the record of the job until it stands there. Each worker looks at that record
// every second.

// An order is what workers are to keep to. It is whole, so that a worker which was told something
// by an earlier process that served the job knows what holds now.
type order struct {
	Paused bool `json:"paused,omitempty"`
	RPM    int  `json:"rpm,omitempty"`
	TPM    int  `json:"tpm,omitempty"`
	RPD    int  `json:"rpd,omitempty"`
}

// orderOf returns what a job says for itself.
func orderOf(s *jobs.Spec) order { return order{RPM: s.RPM, TPM: s.TPM, RPD: s.RPD} }

// A Control tells how a job is that is served, and steers it on all workers within about a second:
// while the servers cannot be reached, as soon as they can. It implements [remote.Controller], and
// is safe for concurrent use. What is set holds as long as the job is served.
type Control struct {
	host   *host
	begin  time.Time
	wanted *control.Control // of no run: it keeps what is wanted, and refuses what cannot be

	mu     sync.Mutex
	stop   *StoppedError // why the job is to stop; nil: it is not
	seen   Progress      // how far the job was last
	before int64         // results of earlier processes that served the job
	cap    price.USD     // that the purse was told; 0: the job has none
	spent  price.USD     // of it, as the purse knows
	past   price.USD     // of it, before the job was served
	ended  *remote.Ended
}

func newControl(h *host) *Control {
	return &Control{host: h, begin: time.Now(), wanted: control.New(&h.spec)}
}

// beginControl makes what counts the results, and what steers the job.
func (h *host) beginControl() error {
	prices, err := h.spec.PriceTable()
	if err != nil {
		return err
	}
	limit, err := h.spec.FailureLimit()
	if err != nil {
		return err
	}
	h.tally, h.control = newTally(prices, limit), newControl(h)
	if h.Control != nil {
		h.Control(h.control)
	}
	return nil
}

// workersSpec is the job as workers are given it. They do not look at a share of rows that may fail,
// since each sees only some of the rows. Without any limit they get none: with one, a row that the
// endpoint rejects counts as rejected for its own fault, also where all rows are.
func (h *host) workersSpec() jobs.Spec {
	s := h.spec.WithoutSecrets()
	if s.MaxFailures != "" && h.tally.limit.Rows == 0 {
		s.MaxFailures = strconv.Itoa(math.MaxInt32)
	}
	return s
}

// StateDir returns the state folder of the job.
func (c *Control) StateDir() string { return c.host.spec.JobDir() }

// End says how the job has ended. From then on it cannot be steered.
func (c *Control) End(exitCode int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = &remote.Ended{ExitCode: exitCode}
	if err != nil {
		c.ended.Error = message.Plain(err)
	}
}

// Do implements [remote.Controller].
func (c *Control) Do(ctx context.Context, a remote.Action) (*remote.State, error) {
	if err := c.goesOn(); err != nil {
		return nil, err
	}
	switch a {
	case remote.Pause:
		c.wanted.Pause()
		c.host.log.Warn("paused on request: workers send nothing new until genbatch ctl JOB resume")
	case remote.Resume:
		c.wanted.Resume()
		c.host.log.Warn("resumed on request")
	case remote.Stop:
		c.halt(exitStopped, "stopped on request, by genbatch ctl or the live page; the same command carries on")
	case remote.Retry:
		return nil, spec.Errorf("let it end: genbatch run asks them again then, and nothing else", "rows that failed are not asked again while a job is served")
	default:
		return nil, spec.Errorf("", "there is no action %q", message.OneLine(string(a), 80))
	}
	return c.State(ctx, 0)
}

// Set implements [remote.Controller].
func (c *Control) Set(ctx context.Context, l jobs.Limits) (*remote.State, error) {
	err := c.goesOn()
	if err == nil && l.Concurrency != nil {
		err = spec.Errorf("start workers with another --concurrency, or start more of them", "concurrency is each worker's own while a job is served")
	}
	if err == nil {
		err = c.wanted.Set(l)
	}
	if err != nil {
		return nil, err
	}
	c.host.log.Warn("limits were set on request: " + remote.Changes(l))
	return c.State(ctx, 0)
}

// goesOn refuses what a job cannot do that has ended.
func (c *Control) goesOn() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return spec.Errorf("run the same command again to carry on", "the job has ended")
	}
	return nil
}

// halt has the job stop, for the first reason that there is.
func (c *Control) halt(code int, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil {
		c.stop = &StoppedError{code, why}
		c.host.log.Warn("the job stops: nothing new is sent; calls in flight have 30 s to finish")
	}
}

// State implements [remote.Controller].
func (c *Control) State(context.Context, int64) (*remote.State, error) {
	h := c.host
	totals, failures, _ := h.tally.stands()
	in := c.wanted.State()
	c.mu.Lock()
	defer c.mu.Unlock()
	run := jobs.Progress{Elapsed: time.Since(c.begin), Settled: c.before, Run: totals, PausedSince: in.PausedSince, Stopping: c.stop != nil}
	text, err := report.Progress{Progress: &run}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	s := &remote.State{
		Type: "state", Schema: remote.Schema, Progress: text,
		Job:      remote.Job{Output: h.spec.Output, StateDir: c.StateDir(), Model: h.spec.Model, Endpoint: h.endpoint},
		Failures: failures, Samples: []jobs.Sample{}, Batches: []json.RawMessage{},
		Cluster: &remote.Cluster{Shards: c.seen.Shards, Held: c.seen.Held, Done: c.seen.Done, Results: c.seen.Results, Workers: len(c.seen.Workers)},
	}
	host, _ := os.Hostname()
	s.Process = remote.Process{PID: os.Getpid(), Host: host, Since: c.begin.UTC().Truncate(time.Second)}
	s.Steering = remote.Steering{Stopping: c.stop != nil, Ended: c.ended, Limits: remote.LimitsOf(in)}
	if !in.PausedSince.IsZero() {
		s.PausedSince = new(in.PausedSince.UTC().Truncate(time.Second))
	}
	amount, unpriced := totals.CostUSD()
	if c.cap > 0 {
		s.MaxCost, s.Cost = new(c.cap.String()), new(max(c.spent, c.past+amount).String()) // workers tell the purse when a shard is over
	}
	if unpriced == 0 {
		s.ThisRun = new(amount.String())
	}
	return s, nil
}

// order returns what workers are to keep to.
func (c *Control) order() order {
	s := c.wanted.State()
	value := func(l jobs.InForce) int {
		if l.Source == "job" || l.Source == "control" {
			return int(l.Value)
		}
		return 0
	}
	return order{!s.PausedSince.IsZero(), value(s.RPM), value(s.TPM), value(s.RPD)}
}

// steer writes what is wanted into the record of the job, and into the purse. What fails is tried
// again when the record is looked at next.
func (h *host) steer(ctx context.Context, j *jobRecord, revision uint64) error {
	c := h.control
	if _, _, tooMany := h.tally.stands(); tooMany != "" {
		c.halt(exitFailures, tooMany)
	}
	capped := c.steerCap(ctx) // an error must not keep a stop back
	c.mu.Lock()
	stop, o := c.stop, c.order()
	c.mu.Unlock()
	r := h.record // rather than j, so that the Spec goes through JSON only once on its way
	r.Order = &o
	switch {
	case j.State != open:
		return capped
	case stop != nil:
		r.State, r.Code, r.Why = stopped, stop.Code, stop.Why
	case j.Order != nil && *j.Order == o:
		return capped
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = h.bus.Jobs.Put(ctx, h.kept.Job, text, revision)
	return errors.Join(capped, err)
}

// steerCap tells the purse of another cap, and looks what is spent.
func (c *Control) steerCap(ctx context.Context) error {
	h := c.host
	if h.spec.MaxCost == "" {
		return nil
	}
	wanted, err := control.CapOf(c.wanted)
	if err != nil {
		return err
	}
	c.mu.Lock()
	known := c.cap
	c.mu.Unlock()
	p := h.purse()
	if wanted != known {
		if err := p.update(ctx, func(r *purseRecord) { r.Cap = wanted }); err != nil {
			return err
		}
	}
	r, err := p.read(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cap == 0 {
		c.past = r.Spent
	}
	c.cap, c.spent = wanted, r.Spent
	return nil
}

// look notes how far the job is.
func (c *Control) look(p Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen.Shards == 0 {
		c.before = p.Results
	}
	c.seen = p
}

// A follower has the run of a shard keep to what the record of its job says.
type follower struct {
	mu      sync.Mutex
	control *jobs.Control // of the run; nil: none has begun
	told    order         // that the run keeps to
}

// begin has a run that is about to begin follow from now on. first is what the record of the job
// said last.
func (f *follower) begin(j *jobs.Job, first *order) error {
	s, c := j.Spec(), j.Control()
	f.mu.Lock()
	f.control, f.told = &c, orderOf(&s)
	f.mu.Unlock()
	return f.follow(first)
}

// steer has the run of a shard keep to the record of its job.
func (w *worker) steer(a *attempt, j *jobRecord) {
	if err := a.follow.follow(j.Order); err != nil {
		w.Log.Warn(fmt.Sprintf("%s: what was set on request cannot be kept to: %v", j.Name, err))
	}
}

// follow takes what the record of the job says; nil if that is nothing.
func (f *follower) follow(o *order) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o == nil || f.control == nil || *o == f.told {
		return nil
	}
	w := *o
	err := f.control.Set(jobs.Limits{RPM: &w.RPM, TPM: &w.TPM, RPD: &w.RPD})
	switch {
	case w.Paused:
		f.control.Pause()
	case f.told.Paused:
		f.control.Resume()
	}
	f.told = w
	return err
}
