package batchjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
)

// maxRefused is how many single rows in a row may be refused before the refusal concerns all
// rows of their model.
const maxRefused = 10

// A refusal is the job of a single row that the endpoint refuses.
type refusal struct {
	job   *batchstate.Job
	fault *batches.Error
}

// A creator has the endpoint create jobs, each of them once.
type creator struct {
	*base
	settler *settler

	looked  bool              // the endpoint's jobs were compared with the record
	queue   []*batchstate.Job // to be created, one after the other
	refused []refusal         // of rows that are not rejected yet
	created map[string]bool   // models of which a job was created in this run, or is at work
	// uploaded has the ids of jobs that were refused for a limit: their requests are at the
	// endpoint. The name of the file does not say so, since it can be known before.
	uploaded map[string]bool

	backoff   time.Duration // nothing is created for so long after a refusal for a limit
	notBefore time.Time     // nothing is created before
	limited   time.Time     // since when nothing could be created; zero if something was, or is at work
}

// begin records the intent of a draft.
func (c *creator) begin(ctx context.Context, d *batchstate.Draft) error {
	if err := d.Commit(); err != nil {
		return fmt.Errorf("%w: %w", batch.ErrSink, err)
	}
	if !c.looked { // a job that the record does not know may hold the same rows
		if err := c.findOthers(ctx, true); err != nil {
			return err
		}
	}
	if err := c.intend(d.Job); err != nil {
		return err
	}
	c.queue = append(c.queue, d.Job)
	return nil
}

// intend notes an intent, with where its requests will be: an upload may break off.
func (c *creator) intend(j *batchstate.Job) error {
	j.File = c.Service.Place(j.DisplayName())
	return c.note(j, batchstate.Intent)
}

// createNext creates the jobs of the queue, one at a time, until the endpoint takes no more.
func (c *creator) createNext(ctx context.Context) error {
	for len(c.queue) > 0 && !time.Now().Before(c.notBefore) && c.Held() == nil {
		j := c.queue[0]
		done, err := c.create(ctx, j)
		if err != nil || !done {
			return err
		}
		c.queue = c.queue[1:]
		if j.Step == batchstate.Created {
			c.created[j.Model] = true
			c.backoff, c.limited = 0, time.Time{}
			if err := c.rejectRefused(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// create creates a job, and reports whether that is over: also if it was split.
func (c *creator) create(ctx context.Context, j *batchstate.Job) (done bool, err error) {
	if j.Step == batchstate.Intent {
		if err := c.upload(ctx, j); err != nil {
			if !errors.Is(err, batch.ErrSink) {
				err = errors.Join(err, c.release(ctx, j, "its requests could not be uploaded"))
			}
			return false, err
		}
	}
	if j.Doubt { // the endpoint may list it by now
		if found, err := c.look(ctx, j); err != nil || found {
			return found, err
		}
	}
	if !j.Sought.IsZero() {
		j.Sought = time.Time{}
		if err := c.note(j, batchstate.Uploaded); err != nil {
			return false, err
		}
	}
	if c.Before != nil {
		if err := c.Before(ctx); err != nil {
			return false, err
		}
	}
	remote, err := c.post(ctx, j) // from here on there may be a job
	if err == nil {
		return true, c.adopted(ctx, j, remote)
	}
	fault, ok := errors.AsType[*batches.Error](err)
	switch {
	case !ok:
		return false, err
	case fault.Unsure:
		return c.findCreated(ctx, j, fault)
	case fault.NotFound() && time.Since(j.At) > time.Hour: // an upload lives for 48 hours
		j.File = ""
		delete(c.uploaded, j.ID)
		return false, c.upload(ctx, j)
	case fault.Limited():
		if !j.Doubt { // there is no job
			c.uploaded[j.ID] = true
			if err := c.note(j, batchstate.Intent); err != nil {
				return false, err
			}
		}
		return false, c.limit(ctx, fault)
	case fault.Refused():
		return true, c.split(ctx, j, fault)
	case !j.Doubt: // it was certainly not created
		err = c.release(ctx, j, "the endpoint did not create it: "+fault.Message)
		return false, errors.Join(c.stopped(fault.Cause), err)
	}
	return false, c.stopped(fault.Cause)
}

// release frees the rows of a job that was not created and ends the run, unless the run is
// interrupted: then the next one does it.
func (c *creator) release(ctx context.Context, j *batchstate.Job, why string) error {
	if ctx.Err() != nil {
		return nil
	}
	if err := c.free(j, why); err != nil {
		return err
	}
	c.removeUpload(ctx, j)
	return nil
}

// post asks the endpoint once to create a job.
func (c *creator) post(ctx context.Context, j *batchstate.Job) (*batches.Job, error) {
	if !c.Service.TakesInline() {
		return c.Service.Create(ctx, j.Model, j.DisplayName(), j.File)
	}
	f, err := c.openRequests(j)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return c.Service.CreateInline(ctx, j.Model, j.DisplayName(), f, j.Bytes)
}

// openRequests opens a job's requests.
func (c *creator) openRequests(j *batchstate.Job) (*os.File, error) {
	f, err := os.Open(c.Store.Requests(j))
	if err != nil {
		return nil, fmt.Errorf("the requests of the batch job %s cannot be read: %w", j.ID, err)
	}
	return f, nil
}

// findCreated looks for the job of a creation whose reply was lost.
func (c *creator) findCreated(ctx context.Context, j *batchstate.Job, fault *batches.Error) (found bool, err error) {
	c.Log.Warn("whether a batch job was created is not known, and is looked up: " + fault.Message)
	if err := c.adopt(ctx, j); err != nil || j.Name != "" {
		return j.Name != "", err
	}
	if c.stuck() {
		return false, c.giveUp(ctx, fault)
	}
	return false, nil // it is created anew in the next round
}

// limit waits before anything else is created. What is at the endpoint goes on.
func (c *creator) limit(ctx context.Context, fault *batches.Error) error {
	c.backoff = min(max(2*c.backoff, c.scaled(firstBackoff)), c.scaled(longestBackoff))
	c.notBefore = time.Now().Add(max(c.backoff, c.scaled(fault.RetryAfter)))
	if c.stuck() {
		fault.Hint = "the free tier has no batches, and a small account takes few tokens at a time; --tier flex costs the same, and has no such limit"
		return c.giveUp(ctx, fault)
	}
	c.Log.Warn(fmt.Sprintf("the endpoint takes no further batch job now, and is asked again in %v: %s", c.backoff.Round(time.Second), fault.Message))
	return nil
}

// stuck reports whether nothing could be created for long, and no job of this record takes the
// room.
func (c *creator) stuck() bool {
	for _, j := range c.Store.Live() {
		if j.AtWork() {
			c.limited = time.Time{}
			return false
		}
	}
	return c.lasted(&c.limited, patience)
}

// giveUp ends a run that could not create any job for long. If another tier follows, that one
// has the rows.
func (c *creator) giveUp(ctx context.Context, fault *batches.Error) error {
	if c.Last {
		return c.stopped(fault.Cause)
	}
	c.Log.Warn("no batch job could be created for long, so that the rows go on to the next tier: " + fault.Message)
	c.NoNew = true
	return c.drop(ctx, "it could not be created")
}

// drop frees the rows of the jobs that are to be created.
func (c *creator) drop(ctx context.Context, why string) error {
	for _, one := range c.refused {
		c.queue = append(c.queue, one.job)
	}
	for _, j := range c.queue {
		if j.Doubt && j.Step == batchstate.Uploaded { // it may have been created all the same
			j.Sought = time.Time{} // a last time, for as long as at first
			if err := c.adopt(ctx, j); err != nil {
				return err
			}
		}
		if j.Step != batchstate.Intent && j.Step != batchstate.Uploaded {
			continue
		}
		c.removeUpload(ctx, j)
		if err := c.free(j, why); err != nil {
			return err
		}
	}
	c.queue, c.refused = nil, nil
	return nil
}

// upload uploads a job's requests, unless they are part of the creation, or at the endpoint
// already.
func (c *creator) upload(ctx context.Context, j *batchstate.Job) error {
	if c.uploaded[j.ID] || c.Service.TakesInline() {
		return c.note(j, batchstate.Uploaded)
	}
	f, err := c.openRequests(j)
	if err != nil {
		return err
	}
	defer f.Close()
	err = c.persist(ctx, func() error {
		file, err := c.Service.Upload(ctx, j.DisplayName(), f, j.Bytes)
		if err == nil { // else what was written so far stands where the intent says
			j.File = file
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.note(j, batchstate.Uploaded)
}

// adopted records that the endpoint has a job, whose requests it has read.
func (c *creator) adopted(ctx context.Context, j *batchstate.Job, remote *batches.Job) error {
	j.Name, j.Created, j.State = remote.Name, cmp.Or(remote.Created, time.Now().Round(0).UTC()), remote.State
	if err := c.note(j, batchstate.Created); err != nil {
		return err
	}
	if c.Service.ReadsOnce() {
		c.removeUpload(ctx, j)
	}
	return nil
}

// adopt looks for the job of an intent whose creation got no reply. The job stays as it is
// if the endpoint does not list it after a while: then none seems to have been created, and
// the record says that this is in doubt. It is an error if the list cannot be had, since
// nothing must be created then.
func (c *creator) adopt(ctx context.Context, j *batchstate.Job) error {
	if found, err := c.look(ctx, j); err != nil || found {
		return err
	}
	if j.Sought.IsZero() { // kept, because a run with an early deadline does not come to the end of the wait
		j.Sought = time.Now().Round(0).UTC()
		if err := c.note(j, batchstate.Uploaded); err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Until(j.Sought.Add(c.scaled(lookAgain)))); err != nil {
		return err
	}
	if found, err := c.look(ctx, j); err != nil || found || j.Doubt {
		return err
	}
	j.Doubt = true
	return c.note(j, batchstate.Uploaded)
}

// look looks once for the job of an intent, and adopts it if the endpoint lists it.
func (c *creator) look(ctx context.Context, j *batchstate.Job) (found bool, err error) {
	listed, err := c.jobsNamed(ctx, j.DisplayName())
	if err != nil {
		return false, fmt.Errorf("whether the batch job %s was created is not known, so it is not created again: %w", j.ID, err)
	}
	if len(listed) == 0 {
		return false, nil
	}
	oldest := listed[len(listed)-1]
	for _, l := range listed {
		if l.Created.Before(oldest.Created) {
			oldest = l
		}
	}
	if err := c.adopted(ctx, j, oldest); err != nil {
		return true, err
	}
	for _, l := range listed {
		if l.Name != oldest.Name {
			if err := c.keepOlder(ctx, j, l); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// jobsNamed returns the endpoint's jobs with a display name, the youngest first.
func (c *creator) jobsNamed(ctx context.Context, name string) (found []*batches.Job, err error) {
	err = c.persist(ctx, func() error {
		found = found[:0]
		for remote, err := range c.Service.List(ctx, name) {
			if err != nil {
				return err
			}
			if remote.DisplayName == name {
				found = append(found, remote)
			}
		}
		return nil
	})
	return found, err
}

// split makes two jobs of one that the endpoint refuses for what some row of it says. A
// single row that is refused is rejected.
func (c *creator) split(ctx context.Context, j *batchstate.Job, fault *batches.Error) error {
	if j.Calls() == 1 {
		return c.reject(ctx, j, fault)
	}
	halves := make([]*batchstate.Draft, 0, 2)
	var n int64
	for s, err := range c.Store.Each(j) {
		if err != nil {
			return err
		}
		if n == 0 || n == j.Calls()/2 {
			d, err := c.Store.NewDraft(j.Owner, j.Model, j.Form, nil)
			if err != nil {
				return fmt.Errorf("%w: %w", batch.ErrSink, err)
			}
			halves = append(halves, d)
		}
		n++
		d := halves[len(halves)-1]
		s.InputTokens = int(j.Tokens / j.Calls())
		if c.Budget != nil {
			s.Tier = Tier
			if err := c.Budget.Keep(d.ID, &s.Request); err != nil {
				return err
			}
		}
		if err := d.Add(&s.Request, s.Line); err != nil {
			return fmt.Errorf("%w: %w", batch.ErrSink, err)
		}
	}
	for _, d := range halves {
		if err := d.Commit(); err != nil {
			return fmt.Errorf("%w: %w", batch.ErrSink, err)
		}
	}
	c.removeUpload(ctx, j)
	if err := c.free(j, "the endpoint refuses some row of it: "+fault.Message); err != nil {
		return err
	}
	rest := c.queue[1:]
	c.queue = []*batchstate.Job{j} // the caller takes it off
	for _, d := range halves {
		if err := c.intend(d.Job); err != nil {
			return err
		}
		for id, err := range c.Store.IDs(d.Job) {
			if err != nil {
				return err
			}
			c.live[id] = true
		}
		c.queue = append(c.queue, d.Job)
	}
	c.queue = append(c.queue, rest...)
	return nil
}

// reject notes that the endpoint refuses the only row of a job. While it has taken no job of
// the model, the refusal may concern all of its rows, so that none of them takes the blame.
func (c *creator) reject(ctx context.Context, j *batchstate.Job, fault *batches.Error) error {
	c.refused = append(c.refused, refusal{j, fault})
	if c.created[j.Model] {
		return c.rejectRefused(ctx)
	}
	if len(c.refused) < maxRefused {
		return nil
	}
	stop := &batch.StopError{Err: fault.Cause, Times: len(c.refused)}
	if err := c.drop(ctx, "the endpoint refuses all rows: "+fault.Message); err != nil {
		return err
	}
	return stop
}

// rejectRefused settles the rows that were refused: others were taken, or there are none.
func (c *creator) rejectRefused(ctx context.Context) error {
	for _, one := range c.refused {
		var g given
		for s, err := range c.Store.Each(one.job) {
			if err != nil {
				return err
			}
			g.add(&s.Request, batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Err: one.fault.Cause})
		}
		if err := c.settler.settle(ctx, g); err != nil {
			return err
		}
		c.removeUpload(ctx, one.job)
		if err := c.free(one.job, "the endpoint refuses its only row: "+one.fault.Message); err != nil {
			return err
		}
	}
	c.refused = nil
	return nil
}
