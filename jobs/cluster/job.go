package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// The states of a job.
const (
	open    = "open"
	stopped = "stopped" // nothing more is to be asked
	// A job may also be alone; see place.go.
)

// A jobRecord is what workers need to know of a job. Keys and secrets are no part of it: each
// worker has its own environment.
type jobRecord struct {
	Name    string             `json:"name"` // for people
	Spec    jobs.Spec          `json:"spec"`
	Saved   json.RawMessage    `json:"saved"` // the job as its state folder has it, with what that pins
	Count   int                `json:"count"` // of shards
	Of      string             `json:"of"`    // tells a job with another question or input apart
	Input   *state.InputRecord `json:"input"`
	Version string             `json:"version"` // of the genbatch that serves it
	Lease   time.Duration      `json:"lease"`   // how long a claim holds without being renewed

	State  string  `json:"state"`
	Order  *order  `json:"order,omitempty"`  // nil: what the job says for itself
	Holder *holder `json:"holder,omitempty"` // of a job that is run alone, which has no shards
	Code   int     `json:"code,omitempty"`   // the exit code of a job that is stopped
	Why    string  `json:"why,omitempty"`
}

// The exit codes of a job that is stopped.
const (
	exitLater    = 5 // the day's quota is used up, or the deadline has come
	exitCap      = 6
	exitFailures = 8   // too many rows fail
	exitStopped  = 130 // on request
)

// A StoppedError says that the whole job had to stop, or was stopped on request. What was answered is safe, and
// serving the job again carries on.
type StoppedError struct {
	Code int // the exit code that a run would have ended with for the same reason
	Why  string
}

func (e *StoppedError) Error() string { return e.Why }

// stopCode returns the exit code of an error that stops the whole job, on whichever worker it
// is met first; 0 for one that concerns a worker alone.
func stopCode(err error) int {
	var (
		day    *quota.DayError
		late   *jobs.DeadlineError
		budget *jobs.BudgetError
	)
	switch {
	case errors.As(err, &day), errors.As(err, &late):
		return exitLater
	case errors.As(err, &budget):
		return exitCap
	case errors.Is(err, batch.ErrMaxFailures):
		return exitFailures
	}
	return 0
}

// loadJob returns the record of a job, nil if there is none.
func loadJob(ctx context.Context, b *bus.Bus, id string) (*jobRecord, uint64, error) {
	r, err := b.Jobs.Get(ctx, id)
	if err != nil || r.Revision == 0 {
		return nil, 0, err
	}
	j := new(jobRecord)
	d := json.NewDecoder(bytes.NewReader(r.Value))
	d.UseNumber() // numbers of request: are sent as they were written
	if err := d.Decode(j); err != nil {
		return nil, 0, fmt.Errorf("the job %s cannot be read: %w", id, err)
	}
	return j, r.Revision, nil
}

// isServed reports whether a process serves a job now.
func isServed(ctx context.Context, b *bus.Bus, id string) bool {
	_, err := b.Ask(ctx, id, "confirmed", []byte("{}"))
	return err == nil
}

// sameInput refuses a shard whose input is not the one that the job is served with, by what its
// folder says.
func sameInput(dir string, j *jobRecord) error {
	is, err := state.ShardInput(dir)
	if err != nil {
		return err
	}
	if difference := j.Input.DifferenceTo(is); difference != "" {
		return fmt.Errorf("the input is another one here: the job has %s; let all machines see the same files at the same paths", difference)
	}
	return nil
}

// stopJob has all workers leave a job. It tries until ctx ends.
func stopJob(ctx context.Context, b *bus.Bus, id string, code int, why string) error {
	for {
		j, revision, err := loadJob(ctx, b, id)
		if err == nil && (j == nil || j.State != open) {
			return nil
		}
		if err == nil {
			j.State, j.Code, j.Why = stopped, code, why
			var text []byte
			if text, err = json.Marshal(j); err != nil {
				return err
			}
			if _, err = b.Jobs.Put(ctx, id, text, revision); err == nil {
				return nil
			}
		}
		if ended := pause(ctx, publishWait); ended != nil {
			return errors.Join(ended, err)
		}
	}
}
