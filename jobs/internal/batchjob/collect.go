package batchjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
)

// maxDownloads is how often a download of results may fail before the run ends. The results
// stay where they are.
const maxDownloads = 20

// A collector follows jobs, and brings their results into the journal.
type collector struct {
	*base
	settler *settler
}

// pollAll asks after each job that is at the endpoint.
func (c *collector) pollAll(ctx context.Context) error {
	first := true
	for _, j := range c.Store.Live() {
		if !j.AtWork() {
			continue
		}
		if !first {
			if err := pause(ctx, c.scaled(pollGap)); err != nil {
				return err
			}
		}
		first = false
		if err := c.poll(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// poll asks after a job.
func (c *collector) poll(ctx context.Context, j *batchstate.Job) error {
	w := c.watchOf(j)
	remote, err := c.Service.Get(ctx, j.Name)
	if err != nil {
		return c.unseen(ctx, j, w, err)
	}
	j.Gone, w.silent, w.faults = time.Time{}, time.Time{}, 0
	j.State = remote.State
	if remote.State == batches.Pending {
		w.pending = time.Now()
	}
	switch {
	case !remote.State.Ended():
		j.Quiet = time.Time{}
		if remote.State == batches.Running && j.Step == batchstate.Created {
			j.Worked = true
			return c.note(j, batchstate.Running)
		}
		return nil
	case remote.Results == "" && len(remote.Inline) == 0:
		if over, err := c.since(j, &j.Quiet, quietFor(remote.State)); err != nil || !over {
			return err
		}
	}
	// A job that nobody has watched may have been at work meanwhile.
	j.Worked = j.Worked || remote.State == batches.Succeeded || remote.State == batches.Partial || remote.Answered > 0 || !c.lately(w.pending)
	j.Results = remote.Results
	if remote.Err != nil {
		j.Why, j.Hint = remote.Err.Message, remote.Err.Hint
	}
	if err := c.note(j, batchstate.Ended); err != nil {
		return err
	}
	if len(remote.Inline) > 0 { // they come only here, so they are kept at once
		return c.fetch(ctx, j, remote)
	}
	return nil
}

// unseen is what follows when the endpoint does not say how a job is.
func (c *collector) unseen(ctx context.Context, j *batchstate.Job, w *watch, err error) error {
	fault, ok := errors.AsType[*batches.Error](err)
	switch {
	case !ok || ctx.Err() != nil:
		return err
	case fault.Denied():
		return c.stopped(fault.Cause)
	case !fault.NotFound():
		if w.faults++; w.faults%10 == 0 {
			c.Log.Warn(fmt.Sprintf("the endpoint has not said %d times in a row how the batch job %s is: %s", w.faults, j.Name, fault.Message))
		}
		if c.lasted(&w.silent, batchstate.Life) {
			fault.Hint = "it may be there all the same: run the same command again, or end it with genbatch cancel"
			return c.stopped(fault.Cause)
		}
		return nil
	}
	if over, err := c.since(j, &j.Gone, lostAfter); err != nil || !over {
		return err
	}
	c.Log.Warn(fmt.Sprintf("the endpoint does not know the batch job %s any more: its %d rows are asked again, and may have been billed", j.Name, j.Rows))
	j.Worked, j.State, j.Why = true, batches.Failed, "the endpoint does not know it any more"
	return c.note(j, batchstate.Ended)
}

// quietFor is how long a job is watched for results in a state in which it has ended. Vertex
// AI names their folder also for jobs that leave nothing there.
func quietFor(s batches.State) time.Duration {
	switch s {
	case batches.Succeeded, batches.Partial:
		return lateResults
	case batches.Cancelled:
		return settleDown
	}
	return 0
}

// collect brings the results of the jobs that have ended into the journal.
func (c *collector) collect(ctx context.Context) error {
	for _, j := range c.Store.Live() {
		if j.Step == batchstate.Ended {
			if err := c.fetch(ctx, j, nil); err != nil {
				return err
			}
		}
		if j.Step == batchstate.Fetched {
			if err := c.apply(ctx, j); err != nil {
				return err
			}
		}
	}
	for _, j := range c.Store.Jobs() {
		if j.Step == batchstate.Applied && !c.watchOf(j).kept {
			if err := c.clean(ctx, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch downloads the results of a job. If it cannot be done now, the job stays as it is.
func (c *collector) fetch(ctx context.Context, j *batchstate.Job, remote *batches.Job) error {
	w := c.watchOf(j)
	if remote == nil {
		var err error
		fault := (*batches.Error)(nil)
		if remote, err = c.Service.Get(ctx, j.Name); errors.As(err, &fault) && fault.NotFound() {
			remote = &batches.Job{Name: j.Name, State: j.State, Results: j.Results} // the results may be there all the same
		} else if err != nil {
			return c.unseen(ctx, j, w, err)
		}
	}
	if remote.State.Ended() { // it may have come to another end than it had at first
		j.State = remote.State
		j.Worked = j.Worked || remote.State == batches.Succeeded || remote.State == batches.Partial
	}
	if remote.Results == "" && len(remote.Inline) == 0 {
		return c.fetchNothing(ctx, j)
	}
	err := c.writeResults(j, func(w io.Writer) error {
		for _, line := range remote.Inline {
			if _, err := w.Write(append(line[:len(line):len(line)], '\n')); err != nil {
				return err
			}
		}
		if remote.Results == "" {
			return nil
		}
		return c.download(ctx, remote, w)
	})
	fault, ok := errors.AsType[*batches.Error](err)
	switch {
	case err == nil:
		return c.note(j, batchstate.Fetched)
	case !ok || ctx.Err() != nil:
		return err
	case fault.Denied():
		return c.stopped(fault.Cause)
	case fault.NotFound():
		if over, err := c.since(j, &j.Gone, max(quietFor(j.State), settleDown)); err != nil {
			return err
		} else if over {
			return c.fetchNothing(ctx, j)
		}
	}
	if w.faults++; w.faults >= maxDownloads {
		fault.Hint = "the results stay at the endpoint for a while: run the same command again"
		return c.stopped(fault.Cause)
	}
	c.Log.Warn(fmt.Sprintf("the results of the batch job %s are downloaded again: %s", j.Name, fault.Message))
	return nil
}

// fetchNothing is what follows when a job that has ended has no results.
func (c *collector) fetchNothing(ctx context.Context, j *batchstate.Job) error {
	if !j.Worked {
		return c.failedUnworked(ctx, j)
	}
	j.Results = ""
	if j.State == batches.Succeeded || j.State == batches.Partial {
		c.Log.Warn(fmt.Sprintf("the batch job %s has succeeded, and its results are gone or were never there: its %d rows are asked again, and were billed", j.Name, j.Rows))
		j.Why = "its results are gone"
	}
	if err := c.writeResults(j, func(io.Writer) error { return nil }); err != nil {
		return err
	}
	return c.note(j, batchstate.Fetched)
}

// failedUnworked frees the rows of a job that has ended before the endpoint worked on it.
func (c *collector) failedUnworked(ctx context.Context, j *batchstate.Job) error {
	why := fmt.Sprintf("the endpoint ended it (%s): %s", j.State, cmp.Or(strings.TrimPrefix(j.Why, "the job ended: "), "no reason is given"))
	if j.Cancel == nil {
		c.Log.Warn(fmt.Sprintf("the batch job %s came to nothing, and none of its %d rows was asked: %s", j.Name, j.Rows, cmp.Or(j.Why, string(j.State))))
	}
	c.removeUpload(ctx, j)
	if err := c.free(j, why); err != nil || j.Cancel != nil {
		return err
	}
	return c.countFailed(j)
}

// failedInARow returns how many jobs have failed as a whole since the last one that answered
// rows, in all runs: each run of --detach may see the end of one job alone.
func (c *collector) failedInARow() (n int) {
	for _, j := range slices.Backward(c.Store.Jobs()) {
		switch {
		case j.Answered > 0:
			return n
		case !j.Live() && j.Name != "" && j.Cancel == nil && failedAll(j):
			n++
		}
	}
	return n
}

// countFailed counts a job that failed as a whole, and ends a run in which all do. What
// somebody has to mend makes the next job fail too, so that one is enough then.
func (c *collector) countFailed(j *batchstate.Job) error {
	failed := c.failedInARow()
	if failed < maxFailedJobs && j.Hint == "" {
		return nil
	}
	if !c.Last {
		c.NoNew = true // the next tier asks what is left
		if j.Hint != "" {
			c.Log.Warn(fmt.Sprintf("no further batch job is created, since %s failed: %s; %s", j.Name, j.Why, j.Hint))
		}
		return nil
	}
	if j.Hint != "" {
		return c.stopped(&batch.Error{
			Kind: batch.KindConfig, Message: fmt.Sprintf("the batch job %s failed, as the next one would: %s", j.Name, j.Why), Hint: j.Hint,
		})
	}
	return c.stopped(&batch.Error{
		Kind: batch.KindServer, Message: fmt.Sprintf("%d batch jobs in a row failed as a whole, the last one: %s", failed, cmp.Or(j.Why, string(j.State))),
		Hint: "try again later, or with --tier batch,flex",
	})
}

// writeResults writes the file of a job's results.
func (c *collector) writeResults(j *batchstate.Job, write func(io.Writer) error) error {
	f, err := c.Store.CreateLines(c.Store.Results(j))
	if err != nil {
		return fmt.Errorf("%w: %w", batch.ErrSink, err)
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Abort())
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("%w: %w", batch.ErrSink, err)
	}
	return nil
}

// download copies the lines of a job's results. What breaks off is no whole result.
func (c *collector) download(ctx context.Context, remote *batches.Job, w io.Writer) error {
	body, err := c.Service.Open(ctx, remote)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err = io.Copy(w, body); err == nil {
		return nil
	}
	if f, ok := w.(*batchstate.LineFile); ok {
		if err := f.Flush(); err != nil { // the disk, and not the connection
			return fmt.Errorf("%w: %w", batch.ErrSink, err)
		}
	}
	if fault, ok := errors.AsType[*batches.Error](err); ok {
		return fault
	}
	return &batches.Error{Cause: &batch.Error{Kind: batch.KindTransport, Message: "the download broke off: " + message.Plain(err)}}
}

// apply brings the results of a job into the journal.
func (c *collector) apply(ctx context.Context, j *batchstate.Job) error {
	results, err := c.readResults(j)
	if err != nil {
		return err
	}
	if results == nil {
		return c.note(j, batchstate.Ended) // to be downloaded again
	}
	defer results.Close()
	sources, err := c.sourcesOf(j)
	if err != nil {
		return err
	}
	before := c.counted()
	c.settler.inner.Model = results
	c.settler.done.Clear() // an earlier job's rows may have been asked again in this one
	err = c.settler.run(ctx, func(yield func(*batch.Request, error) bool) {
		for s, err := range c.Store.Each(j) {
			done := true
			if err == nil {
				done, err = c.hasAll(s, j)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if earlier := c.attempts(s.ID()); earlier != nil {
				s.History, s.Changes = earlier.History, earlier.Changes
			}
			s.Source = sources[s.ID()]
			for _, row := range s.Rows {
				row.Source = sources[row.ID()]
				if earlier := c.attempts(row.ID()); earlier != nil { // each has its own, and in the end no more attempts
					row.History = earlier.History
				}
			}
			if !done && !yield(&s.Request, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	j.Counts = results.Counts
	j.Invalid = c.counted().invalid - before.invalid
	for id, err := range c.Store.IDs(j) {
		if err != nil {
			return err
		}
		delete(c.live, id)
	}
	if err := c.note(j, batchstate.Applied); err != nil {
		return err
	}
	if c.Budget != nil {
		c.Budget.Free(j.ID)
	}
	c.tell(j)
	return c.judge(j)
}

// sourcesOf returns the rows of a job, if answers are judged by them.
func (c *collector) sourcesOf(j *batchstate.Job) (map[batch.ID]*batch.Row, error) {
	if c.Sources == nil {
		return nil, nil
	}
	ids := make(map[batch.ID]bool, j.Rows)
	for id, err := range c.Store.IDs(j) {
		if err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return c.Sources(ids)
}

// tell warns of what was odd about a job's results. That rows lack their line is not, where the
// job ended early.
func (c *collector) tell(j *batchstate.Job) {
	var odd []string
	for _, n := range []struct {
		count     int64
		one, more string
	}{
		{j.Missing, "1 row without a line", "%d rows without a line"},
		{j.Doubled, "1 line for a row that had one already", "%d lines for rows that had one already"},
		{j.Foreign, "1 line of a row that is not in it", "%d lines of rows that are not in it"},
	} {
		switch {
		case n.count == 1:
			odd = append(odd, n.one)
		case n.count > 1:
			odd = append(odd, fmt.Sprintf(n.more, n.count))
		}
	}
	if len(odd) == 0 || j.State != batches.Succeeded || j.Why != "" {
		return
	}
	c.Log.Warn(fmt.Sprintf("the results of the batch job %s have %s: rows without a line are asked again, and the first line of a row counts", j.Name, strings.Join(odd, ", ")))
}

// judge ends a run whose answers are not worth their money, or whose jobs all fail.
func (c *collector) judge(j *batchstate.Job) error {
	switch {
	case j.Missing == j.Rows && j.Foreign > 0:
		return c.stopped(&batch.Error{
			Kind:    batch.KindAnswer,
			Message: fmt.Sprintf("the results of the batch job %s do not say which rows they are of, so that they cannot be told apart: %s, for %s", j.Name, message.Plural(int(j.Foreign), "line"), message.Plural(int(j.Rows), "row")),
			Hint:    "these rows were billed, and the next job may end likewise; --tier flex costs the same",
		})
	case j.Answered == 0 && j.Cancel == nil && failedAll(j):
		return c.countFailed(j)
	}
	if n := c.counted(); c.Failures.Reached(n.bad, n.ends) {
		return fmt.Errorf("%w: %d of %d", batch.ErrMaxFailures, n.bad, n.ends)
	}
	return c.judgePilot(j)
}

// failedAll reports whether a job without answers says that jobs fail. One that has ended well
// and is small may hold the rows that always fail.
func failedAll(j *batchstate.Job) bool {
	return j.State != batches.Succeeded || j.Why != "" || j.Rows >= pilotRows
}

// hasAll is has for all rows of a request. If some of them are done, the settler is told so.
func (c *collector) hasAll(s *batchstate.Sent, j *batchstate.Job) (bool, error) {
	var done []batch.ID
	ids := rowsOf(&s.Request)
	for _, id := range ids {
		has, err := c.has(id, j)
		if err != nil {
			return false, err
		}
		if has {
			done = append(done, id)
		}
	}
	if len(done) == len(ids) {
		return true, nil
	}
	for _, id := range done {
		c.settler.done.Store(id, true)
	}
	return false, nil
}

// has reports whether the journal has what a job says of a row: its own attempt, or an
// outcome since the job was begun, which can come from nothing else. The endpoint's clock
// says nothing of when: an earlier outcome would stand in the way of an answer that was paid.
func (c *collector) has(id batch.ID, j *batchstate.Job) (bool, error) {
	e, ok := c.Journal.Lookup(id.Fingerprint, id.Occurrence)
	if !ok {
		return false, nil
	}
	res, err := c.Journal.Read(e)
	if err != nil {
		return false, nil // a damaged result is as good as none
	}
	for i := range res.Spent {
		if res.Spent[i].Batch == j.ID {
			return true, nil
		}
	}
	return res.Status.Settled() && res.At.After(j.Begun), nil
}

// clean removes what is left of a job whose rows are safe.
func (c *collector) clean(ctx context.Context, j *batchstate.Job) error {
	c.removeUpload(ctx, j)
	if c.Cleanup {
		if err := c.Service.Remove(ctx, &batches.Job{Name: j.Name, DisplayName: j.DisplayName(), Results: j.Results}); err != nil {
			if ctx.Err() != nil {
				return err
			}
			c.watchOf(j).kept = true
			c.Log.Warn(fmt.Sprintf("the batch job %s cannot be deleted, and stays at the endpoint: %v", j.Name, err))
			return nil
		}
	}
	c.Store.RemoveFiles(j)
	return c.note(j, batchstate.Cleaned)
}
