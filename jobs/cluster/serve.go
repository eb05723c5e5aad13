package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

const (
	defaultShards = 32
	servedFile    = "served.json"
	serverFolder  = "nats"

	lookAtClaims = 300 * time.Millisecond
	goodbye      = 3 * time.Second
	forfeitAfter = 10 * time.Second // that an attempt with money was not at work
)

// ServeConfig says how a job is served. The zero value begins a server of its own at
// 127.0.0.1:4222.
type ServeConfig struct {
	Listen string // of the server of its own, host:port; empty = 127.0.0.1:4222

	// Token is what the servers want to be given. A server of its own that others than this
	// machine can reach must have one.
	Token string

	URL      string // of servers that are there, in the place of one of its own; may hold user and password, or a token
	Creds    string // a file with credentials for these
	Replicas int    // of each record and message, 1 or 3; 0 = 1

	Shards int // 0 = as before, or 32

	Options  jobs.Options   // of opening the job and of the merge
	Progress func(Progress) // called now and then; may be nil
	Ready    func(Address)  // called once workers can connect; may be nil
	Control  func(*Control) // called before that with what steers the job; may be nil

	// Lease is how long a worker that is silent keeps its shard, from one second on; 0 = 8 s.
	Lease time.Duration
}

// Address is where workers connect.
type Address struct{ URL string }

// Progress says how far a job is.
type Progress struct {
	Shards, Held, Done int
	Results            int64    // collected, those of earlier runs and superseded ones too
	Workers            []string // each once
}

// served is what is kept of serving a job.
type served struct {
	Job   string `json:"job"`
	Count int    `json:"count"`
}

// Serve serves a job until every row has a result, or until it is stopped, by a worker, on request,
// or since too many rows fail, and then joins what was collected, as [jobs.Merge] does. A job whose
// shards are all done is merged at once, without workers. The error is a [*StoppedError] if a worker has
// stopped the job, and [batch.ErrInterrupted] if ctx ended; serving it again carries on then.
// Other errors are those of [jobs.Open] and of [jobs.Merge]. A job that [RunsAlone] is refused;
// see [Hold].
func Serve(ctx context.Context, s jobs.Spec, c ServeConfig) (*jobs.Merged, error) {
	h := newHost(s, c)
	if err := h.checkShards(); err != nil {
		return nil, err
	}
	lock, err := h.take()
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Unlock() }()
	if m, done, err := h.mergeDone(ctx); done {
		return m, err
	}
	input, saved, err := h.makeShards()
	if err != nil {
		return nil, err
	}
	if err := h.beginControl(); err != nil {
		return nil, err
	}
	own, err := h.connect()
	if own != nil {
		defer own.Close()
	}
	if err != nil {
		return nil, err
	}
	defer h.bus.Close()
	if err := h.collect(ctx, input, saved); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
		}
		return nil, err
	}
	m, err := jobs.Merge(ctx, h.spec, h.Options, jobs.Merging{Count: h.kept.Count})
	if own != nil { // workers are to hear that the job has ended
		h.bus.Close()
		own.Await(goodbye)
	}
	return m, err
}

// mergeDone joins the shards if all were done when the job was served last: no worker is needed
// then. done is false if workers are.
func (h *host) mergeDone(ctx context.Context) (m *jobs.Merged, done bool, err error) {
	was, err := state.LoadServed(h.spec.JobDir())
	if err != nil || was == nil || was.Done < was.Shards {
		return nil, false, nil
	}
	m, err = jobs.Merge(ctx, h.spec, h.Options, jobs.Merging{Count: h.kept.Count})
	if _, unfinished := errors.AsType[*jobs.UnfinishedError](err); unfinished {
		return nil, false, nil
	}
	return m, true, err
}

// take takes the job for this process, and reads what is kept of it.
func (h *host) take() (*durable.Lock, error) {
	stateDir, err := filepath.Abs(h.spec.JobDir())
	if err != nil {
		return nil, err
	}
	h.dir = spec.ShardsDir(stateDir)
	if err := (durable.FS{}).MkdirAll(h.dir); err != nil {
		return nil, err
	}
	lock, err := durable.FS{}.Lock(filepath.Join(h.dir, "lock"))
	if taken, ok := errors.AsType[*durable.LockedError](err); ok {
		return nil, &record.LockedError{Path: taken.Path, Owner: record.Owner(taken.Owner)}
	}
	if err != nil {
		return nil, err
	}
	if err := h.readKept(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return lock, nil
}

func (h *host) readKept() error {
	path := filepath.Join(h.dir, servedFile)
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h.kept)
		if err == nil && h.Shards > 0 && h.Shards != h.kept.Count {
			return spec.Errorf(fmt.Sprintf("leave --shards out, or write %d", h.kept.Count), "the job was begun in %d shards", h.kept.Count)
		}
		return err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	h.kept = served{Job: nuid.Next(), Count: h.Shards}
	if h.kept.Count == 0 {
		h.kept.Count = defaultShards
	}
	if text, err = json.Marshal(h.kept); err != nil {
		return err
	}
	return durable.FS{}.WriteFile(path, append(text, '\n'), 0o600)
}

// nobody asks no model: it stands for the workers, where a job is only made ready for them.
type nobody struct{}

func (nobody) Attempt(context.Context, *batch.Request) batch.Outcome {
	return batch.Outcome{Consequence: batch.Stop, Err: &batch.Error{Message: "workers ask, and not the process that serves"}}
}

// shardSpec returns the job of a shard.
func (h *host) shardSpec(shard int) jobs.Spec {
	s := h.spec
	s.Shard, s.QuotaShare = fmt.Sprintf("%d/%d", shard, h.kept.Count), "1"
	return s
}

// makeShards makes the folders of all shards, as runs of them would. It returns what the input
// is, and the job as the folders have it.
func (h *host) makeShards() (input *state.InputRecord, saved []byte, err error) {
	o := h.Options
	o.Model = nobody{}
	if ask := o.Confirm; ask != nil {
		agreed := false // once for all shards
		o.Confirm = func(sentence string) bool { agreed = agreed || ask(sentence); return agreed }
	}
	for shard := 1; shard <= h.kept.Count; shard++ {
		if shard == 2 {
			o.Log = nil // what there is to warn of was said
		}
		j, err := jobs.Open(h.shardSpec(shard), o)
		if err != nil {
			return nil, nil, err
		}
		resolved := j.Spec()
		h.endpoint = j.Endpoint()
		if err := j.Close(); err != nil {
			return nil, nil, err
		}
		if shard > 1 {
			continue
		}
		dir := resolved.StateDir()
		if input, err = state.ShardInput(dir); err != nil {
			return nil, nil, err
		}
		if saved, err = os.ReadFile(state.SpecPath(dir)); err != nil {
			return nil, nil, err
		}
		resolved.Shard, resolved.QuotaShare = "", ""
		h.spec = resolved
	}
	return input, saved, nil
}

// folder is the state folder of a shard.
func (h *host) folder(shard int) string {
	return spec.ShardDir(h.spec.JobDir(), spec.Shard{Index: shard, Count: h.kept.Count})
}

// collect has workers ask all rows, and collects what they answer.
func (h *host) collect(ctx context.Context, input *state.InputRecord, saved []byte) (err error) {
	if err := h.bus.Setup(ctx, h.Replicas); err != nil {
		return err
	}
	results := h.bus.Results(h.kept.Job)
	h.collector, err = newCollector(collectorConfig{results: results, replicas: h.Replicas, log: h.log, dir: h.dir, folder: h.folder, count: h.tally.add})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.collector.close()) }()
	if err := h.fillPurse(ctx); err != nil {
		return err
	}
	if err := h.publish(ctx, input, saved); err != nil {
		return err
	}
	for what, answer := range map[string]func([]byte) []byte{"confirmed": h.collector.confirm, "seed": h.collector.seed} {
		stop, err := h.bus.Answer(h.kept.Job, what, answer)
		if err != nil {
			return err
		}
		defer stop()
	}
	if h.Ready != nil {
		h.Ready(Address{h.address})
	}
	collecting, cancel := context.WithCancel(ctx)
	defer cancel()
	broke := make(chan error, 1)
	var beside sync.WaitGroup
	h.control.look(h.progress(nil)) // what earlier processes have collected
	beside.Go(func() { broke <- h.collector.run(collecting) })
	ended, err := h.await(ctx, broke)
	cancel()
	beside.Wait() // before the journals are closed
	if err != nil {
		return err
	}
	h.clear(results)
	if ended.State == stopped {
		return &StoppedError{ended.Code, ended.Why}
	}
	return nil
}

// publish tells workers of the job.
func (h *host) publish(ctx context.Context, input *state.InputRecord, saved []byte) error {
	of, err := sumOf(spec.QuestionOf(&h.spec), input.SHA256)
	if err != nil {
		return err
	}
	h.record = jobRecord{
		Name: filepath.Base(h.spec.Output), Spec: h.workersSpec(), Saved: saved, Count: h.kept.Count, Of: of, Input: input,
		Version: version.Version(), Lease: h.Lease, State: open, Order: new(h.control.order()),
	}
	text, err := json.Marshal(h.record)
	if err != nil {
		return err
	}
	if most := h.bus.Results(h.kept.Job).MaxPayload(); most > 0 && int64(len(text)) > most-1024 {
		return spec.Errorf("raise max_payload of the NATS servers, or shorten its texts", "the job has %d bytes with its prompt, labels and schema, twice each, and a message may have %d", len(text), most)
	}
	for {
		_, revision, err := loadJob(ctx, h.bus, h.kept.Job)
		if err == nil {
			if _, err = h.bus.Jobs.Put(ctx, h.kept.Job, text, revision); err == nil {
				return nil
			}
		}
		if err := pause(ctx, publishWait); err != nil {
			return err
		}
	}
}

// sumOf returns a sum of values that JSON can hold, as hexadecimal digits.
func sumOf(values ...any) (string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// fillPurse says how much may be spent, and how much is.
func (h *host) fillPurse(ctx context.Context) error {
	if h.spec.MaxCost == "" {
		return nil
	}
	limit, err := h.spec.CostLimit()
	if err != nil {
		return err
	}
	prices, err := h.spec.PriceTable()
	if err != nil {
		return err
	}
	b := budget.New(nil, prices, limit)
	for shard := 1; shard <= h.kept.Count; shard++ {
		j, err := journal.Open(journal.Config{Dir: h.folder(shard), ReadOnly: true})
		if err != nil {
			return err
		}
		for r, err := range journal.Readable(j) {
			if err != nil {
				return errors.Join(err, j.Close())
			}
			b.AddPast(r)
		}
		if err := j.Close(); err != nil {
			return err
		}
	}
	_, spent := b.Standing()
	p := h.purse()
	return p.patiently(ctx, func() error {
		return p.update(ctx, func(r *purseRecord) {
			r.Cap = limit
			r.Spent = max(r.Spent, spent) // what was lost on the way was paid, too
		})
	})
}

// await waits until all shards are done, or the job is stopped and no worker is at it.
func (h *host) await(ctx context.Context, broke <-chan error) (*jobRecord, error) {
	b := newBoard(h.bus.Claims, h.kept.Job, h.Lease)
	b.of = h.record.Of
	offers := &offerer{keys: h.bus.Jobs, job: h.kept.Job}
	for {
		select {
		case err := <-broke:
			return nil, err
		default:
		}
		j, revision, err := loadJob(ctx, h.bus, h.kept.Job)
		var entries map[int]entry
		var idle map[int]uint64
		if err == nil {
			entries, idle, err = b.look(ctx, h.kept.Count)
		}
		if err == nil {
			p := h.progress(entries)
			h.control.look(p)
			ended := j != nil && (p.Done == p.Shards || j.State == stopped && p.Done+len(idle) == p.Shards)
			h.note(p, entries, ended)
			if h.Progress != nil {
				h.Progress(p)
			}
			if j != nil && j.State == open {
				h.tellHandedBack(entries)
			}
			h.forfeit(ctx, entries, idle)
			if err := offers.write(ctx, idle); err != nil {
				h.log.Debug(err.Error())
			}
			switch {
			case j == nil:
				return nil, errors.New("the record of the job is gone from the NATS servers: serve it again")
			case ended:
				return j, nil
			}
			if err := h.steer(ctx, j, revision); err != nil {
				h.log.Debug(err.Error()) // it is tried again
			}
		}
		if err := pause(ctx, lookAtClaims); err != nil {
			return nil, err
		}
	}
}

func (h *host) progress(entries map[int]entry) Progress {
	p := Progress{Shards: h.kept.Count}
	for shard := 1; shard <= h.kept.Count; shard++ {
		p.Results += h.collector.collected(shard)
		switch e := entries[shard]; e.State {
		case held:
			p.Held++
			p.Workers = append(p.Workers, e.Worker)
		case done:
			p.Done++
		}
	}
	slices.Sort(p.Workers)
	p.Workers = slices.Compact(p.Workers)
	return p
}

// tellHandedBack says once why a worker has handed a shard back.
func (h *host) tellHandedBack(entries map[int]entry) {
	for shard, e := range entries {
		if e.State == free && e.Why != "" && h.told[shard] != e.Attempt {
			h.told[shard] = e.Attempt
			h.log.Warn(fmt.Sprintf("worker %s has handed shard %d of %d back: %s", e.Worker, shard, h.kept.Count, e.Why))
		}
	}
}

// forfeit counts as spent what workers hold that have not been at work for a while. A worker whose
// claim has run out is not, also if nobody has taken its shard over: others may be waiting for the
// money that it holds.
func (h *host) forfeit(ctx context.Context, entries map[int]entry, idle map[int]uint64) {
	if h.spec.MaxCost == "" {
		return
	}
	working := make(map[string]bool)
	for shard, e := range entries {
		if _, silent := idle[shard]; e.State == held && !silent {
			working[e.Attempt] = true
		}
	}
	if err := h.purse().forfeit(ctx, working, h.stale); err != nil && !errors.Is(err, bus.ErrAway) {
		h.log.Warn(err.Error())
	}
}

// clear removes what the servers have of a job that has ended. What it cannot remove does no
// harm.
func (h *host) clear(results *bus.Results) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id := h.kept.Job
	if err := errors.Join(h.bus.Jobs.Delete(ctx, id), results.Remove(ctx), h.bus.Ledger.Delete(ctx, "purse."+id),
		h.bus.Claims.Delete(ctx, id+".*"), h.bus.Jobs.Delete(ctx, offerKey(id))); err != nil {
		h.log.Warn(fmt.Sprintf("the NATS servers keep something of the job: %v", err))
	}
}

// pause waits for a while. The error is that of ctx, if it ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
