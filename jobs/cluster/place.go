package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/cluster/internal/node"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file is for jobs in the tier batch. They are not divided among workers, since their
// batches have one submitter: the process that serves them.

// alone is the state of a job that one process runs by itself. Workers pass over it.
const alone = "alone"

// A holder is who has the place of a job that is run alone. The place holds for as long as the job
// is not finished, also while no process runs it: only the record in the holder's folder knows
// which batch jobs were paid for.
type holder struct {
	ID     string       `json:"id"` // of the folder
	Folder string       `json:"folder"`
	Owner  record.Owner `json:"owner"`
}

// A Place is that of a job which one process runs by itself, beside other jobs that the same
// servers have. It shares its quota with their workers.
type Place struct {
	host *host
	own  *node.Node // nil: the servers are others
	lock *durable.Lock
	key  string
}

// A TakenError says that a job is run alone from another folder, mostly on another machine.
// Nothing was changed. It wraps a [*jobs.LockedError].
type TakenError struct {
	Folder string // where the job's record is
	Owner  jobs.Owner
}

// Error names the process and the folder, and says what to do.
func (e *TakenError) Error() string {
	return e.who() + ": serve it there; only if that folder is lost, add --yes, and every row is asked, and paid for, again"
}

func (e *TakenError) who() string {
	return fmt.Sprintf("the job is served by process %d on %s, since %s, which keeps the record of its batch jobs in %s",
		e.Owner.PID, e.Owner.Host, e.Owner.Since.Local().Format(time.DateTime), e.Folder)
}

// Unwrap returns the [*jobs.LockedError].
func (e *TakenError) Unwrap() error {
	return &record.LockedError{Path: e.Folder, Owner: e.Owner}
}

// RunsAlone reports whether a job is not divided among workers when it is served, but run by the
// process that serves it.
func RunsAlone(s jobs.Spec) bool { return spec.ByBatch(&s) }

// Hold takes the place of a job that is run alone, and calls Ready. The caller then opens the job
// with Shared, runs it, and closes the place. Of the ServeConfig Shards
// must be 0, and Lease, Progress and Control are not used. The error is a [*TakenError] if the job has its place elsewhere, unless the Options have
// a Confirm that agrees to pay for it again; a [*jobs.LockedError] if another process serves the
// same folder; and [batch.ErrInterrupted] if ctx ended.
func Hold(ctx context.Context, s jobs.Spec, c ServeConfig) (_ *Place, err error) {
	h := newHost(s, c)
	if err := h.check(); err != nil {
		return nil, err
	}
	if h.Shards != 0 {
		return nil, spec.Errorf("leave --shards out", "a job in the tier batch is not divided into shards")
	}
	p := &Place{host: h}
	if p.key, err = placeKey(s); err != nil {
		return nil, err
	}
	if p.lock, err = h.take(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close(false))
		}
	}()
	if p.own, err = h.connect(); err != nil {
		return nil, err
	}
	err = h.bus.Setup(ctx, h.Replicas)
	if err == nil {
		err = h.bus.Await(ctx)
	}
	if err == nil {
		err = p.occupy(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", batch.ErrInterrupted, context.Cause(ctx))
		}
		return nil, err
	}
	if h.Ready != nil {
		h.Ready(Address{h.address})
	}
	return p, nil
}

// placeKey names the place of a job: two machines that are given the same job are to find each
// other by it.
func placeKey(s jobs.Spec) (string, error) {
	if err := s.MakePathsAbsolute(); err != nil {
		return "", err
	}
	sum, err := sumOf(s.Output, s.Input)
	if err != nil {
		return "", err
	}
	return "alone-" + sum[:32], nil
}

// occupy writes the record of the place, unless another folder has it. It tries until ctx ends.
func (p *Place) occupy(ctx context.Context) error {
	h := p.host
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	r := jobRecord{
		Name: filepath.Base(h.spec.Output), Version: version.Version(), State: alone,
		Holder: &holder{ID: h.kept.Job, Folder: filepath.Dir(h.dir), Owner: record.Owner{PID: os.Getpid(), Host: name, Since: time.Now().UTC().Truncate(time.Second)}},
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	agreed := false
	for {
		j, revision, err := loadJob(ctx, h.bus, p.key)
		if err == nil && j != nil && j.Holder != nil && j.Holder.ID != h.kept.Job && !agreed {
			taken := &TakenError{j.Holder.Folder, j.Holder.Owner}
			if ask := h.Options.Confirm; ask == nil || !ask(taken.who()+": begun here as well, every row will be asked, and paid for, again") {
				return taken
			}
			agreed = true
		}
		if err == nil {
			if _, err = h.bus.Jobs.Put(ctx, p.key, text, revision); err == nil {
				return nil
			}
			agreed = agreed && !errors.Is(err, bus.ErrConflict) // it may be somebody else by now
		}
		if err := pause(ctx, publishWait); err != nil {
			return err
		}
	}
}

// Shared is what the job is to be opened with.
func (p *Place) Shared() jobs.Shared { return jobs.Shared{Quota: bus.Quota{Bus: p.host.bus}} }

// Close ends the use of a place. It is given back if the job is finished, and otherwise kept for
// the next process that serves the job from the same folder.
func (p *Place) Close(finished bool) error {
	h := p.host
	if h.bus != nil {
		if finished {
			p.leave()
		}
		h.bus.Close()
	}
	if p.own != nil {
		p.own.Await(goodbye)
		p.own.Close()
	}
	return p.lock.Unlock()
}

// leave removes the record of the place, if it is still that of this folder.
func (p *Place) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	j, _, err := loadJob(ctx, p.host.bus, p.key)
	if err == nil && j != nil && j.Holder != nil && j.Holder.ID == p.host.kept.Job {
		err = p.host.bus.Jobs.Delete(ctx, p.key)
	}
	if err != nil {
		p.host.log.Warn(fmt.Sprintf("the NATS servers keep the place of the job, which has ended: %v", err))
	}
}
