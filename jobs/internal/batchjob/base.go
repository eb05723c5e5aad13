package batchjob

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
)

// A base is what the parts of a Runner share.
type base struct {
	Config
	*rows
	watch map[string]*watch // by id
}

// A watch is what was seen of a job in this run.
type watch struct {
	silent  time.Time // since when polls give nothing; zero if the last one did
	pending time.Time // when it was last seen waiting to be worked on
	faults  int       // polls or downloads in a row that gave nothing
	reread  bool      // its results were downloaded twice
	kept    bool      // it could not be deleted
	shown   string    // the state that was shown last
}

// note records a step, and shows the state that is new.
func (b *base) note(j *batchstate.Job, step batchstate.Step) error {
	if err := b.Store.Note(j, step); err != nil {
		return fmt.Errorf("%w: %w", batch.ErrSink, err)
	}
	now := j.Record()
	if w := b.watchOf(j); b.Show != nil && w.shown != now.State {
		w.shown = now.State
		b.Show(now)
	}
	return nil
}

// free takes a job's rows from it, with the reason.
func (b *base) free(j *batchstate.Job, why string) error {
	ids := b.Store.IDs(j)
	for id, err := range ids {
		if err != nil {
			return err
		}
		delete(b.live, id)
	}
	j.Why = why
	if err := b.note(j, batchstate.Dropped); err != nil {
		return err
	}
	if b.Budget != nil {
		b.Budget.Free(j.ID)
	}
	b.Store.RemoveFiles(j)
	return nil
}

// watchOf returns what was seen of a job in this run.
func (b *base) watchOf(j *batchstate.Job) *watch {
	w := b.watch[j.ID]
	if w == nil {
		w = new(watch)
		b.watch[j.ID] = w
	}
	return w
}

// lasted reports whether a time has come for so long, and begins it if it has not.
func (b *base) lasted(since *time.Time, d time.Duration) bool {
	if since.IsZero() {
		*since = time.Now()
	}
	return time.Since(*since) >= b.scaled(d)
}

// since reports whether what a time of the record says has come for so long, and records that
// it begins if it has not: the next run may be the one that sees its end.
func (b *base) since(j *batchstate.Job, at *time.Time, d time.Duration) (bool, error) {
	if d == 0 {
		return true, nil
	}
	if at.IsZero() {
		*at = time.Now().Round(0).UTC()
		if err := b.note(j, j.Step); err != nil {
			return false, err
		}
	}
	return time.Since(*at) >= b.scaled(d), nil
}

// lately reports whether a time is not long ago.
func (b *base) lately(t time.Time) bool { return time.Since(t) <= b.scaled(justNow) }

func (b *base) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * b.Pace) }

// stopped returns the error that ends a run because no job can be created, read or ended.
func (b *base) stopped(err *batch.Error) error {
	return &batch.StopError{Err: err, Times: 1, Endpoint: b.Owner.Endpoint}
}

// persist makes a call that may be repeated, until it gives something else than a passing
// fault, or that has lasted for too long.
func (b *base) persist(ctx context.Context, call func() error) error {
	const calls = 6
	for n, wait := 1, b.scaled(5*time.Second); ; n, wait = n+1, 2*wait {
		err := call()
		fault, ok := errors.AsType[*batches.Error](err)
		switch {
		case !ok || ctx.Err() != nil:
			return err
		case n == calls || fault.NotFound() || fault.Refused() || fault.Denied():
			return b.stopped(fault.Cause)
		}
		if err := pause(ctx, max(wait, b.scaled(fault.RetryAfter))); err != nil {
			return err
		}
	}
}

// end asks the endpoint to end a job.
func (b *base) end(ctx context.Context, name string) error {
	return b.persist(ctx, func() error {
		err := b.Service.Cancel(ctx, name)
		if fault, ok := errors.AsType[*batches.Error](err); ok && fault.NotFound() {
			return nil // there is nothing to end; of a job with rows, the next polls find it out
		}
		return err
	})
}

// removeUpload removes the uploaded requests. They expire by themselves, but until then take
// space that the next upload may need.
func (b *base) removeUpload(ctx context.Context, j *batchstate.Job) {
	if j.File == "" {
		return
	}
	err := b.Service.RemoveUpload(ctx, j.File)
	switch {
	case err == nil:
		j.File = ""
	case ctx.Err() == nil:
		b.Log.Warn(fmt.Sprintf("the uploaded requests %s cannot be removed: %v", j.File, err))
	}
}
