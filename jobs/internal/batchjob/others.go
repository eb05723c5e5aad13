package batchjob

import (
	"context"
	"fmt"
	"slices"

	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file compares the endpoint's list of jobs with the record: a lost reply, or a record that
// was changed, leaves jobs there of which the record does not know.

// findOthers looks for a second job with the requests of one that the record knows: its
// creation was repeated, or given up, after a reply that seemed lost. The older one is kept.
// It also looks for jobs of this record that are not in it. all says to look although the
// record has none to look for.
func (c *creator) findOthers(ctx context.Context, all bool) error {
	if c.Store.Folder() == "" {
		return nil // nothing was ever created, and the list would be of other folders' jobs
	}
	known, named := make(map[string]*batchstate.Job), make(map[string]bool)
	for _, j := range c.Store.Jobs() {
		if j.Name != "" && (j.Live() || j.Cancel != nil) || j.Doubt && !j.Live() {
			known[j.DisplayName()] = j
		}
		named[j.DisplayName()] = true
	}
	if len(known) == 0 && !all {
		return nil
	}
	c.looked = true
	for remote, err := range c.Service.List(ctx, batchstate.DisplayPrefix+c.Store.Folder()) {
		if err != nil {
			c.Log.Warn("the endpoint's jobs cannot be listed, which would show jobs that were made twice: " + err.Error())
			return ctx.Err()
		}
		j := known[remote.DisplayName]
		switch {
		case !named[remote.DisplayName] && !remote.State.Ended():
			if err := c.unknown(ctx, remote); err != nil {
				return err
			}
		case j == nil:
		case remote.Name != j.Name:
			if err := c.keepOlder(ctx, j, remote); err != nil {
				return err
			}
		case !j.Live() && remote.State == batches.Succeeded && j.State == batches.Cancelled:
			c.Log.Warn(fmt.Sprintf("the batch job %s was cancelled, and has succeeded all the same: its rows were billed, and those that were asked again are billed twice", j.Name))
		}
	}
	return nil
}

// unknown is what follows for a job that carries the mark of the record, and is not in it:
// lines of the record were removed, or an older copy was put in its place. Its rows are not
// known, so nothing may be sent before it has ended.
func (c *creator) unknown(ctx context.Context, remote *batches.Job) error {
	if !c.EndUnknown {
		return spec.Errorf("genbatch cancel ends it, and its answers are lost",
			"the endpoint has the batch job %s (%s), which carries the mark of this job and is not in its record: its rows might be asked twice", remote.Name, remote.State)
	}
	if err := c.end(ctx, remote.Name); err != nil {
		return err
	}
	c.Log.Warn(fmt.Sprintf("the batch job %s, which is not in the record of this job, is cancelled: what it has answered is lost, and may have been billed", remote.Name))
	return nil
}

// findDoubted looks for the others of jobs of which there may be another one, as long as
// they last, because nobody says how late the endpoint lists a job. The last look comes when
// the job has ended.
func (c *creator) findDoubted(ctx context.Context) error {
	for _, j := range c.Store.Live() {
		if j.Doubt && j.Name != "" {
			return c.findOthers(ctx, false)
		}
	}
	return nil
}

// keepOlder decides between a job's own and another one of the same requests. Of a job that
// was given up before the endpoint listed it, there is only the other.
func (c *creator) keepOlder(ctx context.Context, j *batchstate.Job, other *batches.Job) error {
	younger := other.Name
	if other.Created.Before(j.Created) && j.AtWork() {
		younger, j.Name, j.Created, j.State = j.Name, other.Name, other.Created, other.State
	}
	if slices.Contains(j.Others, younger) {
		return nil
	}
	if err := c.end(ctx, younger); err != nil {
		return err
	}
	j.Others = append(j.Others, younger)
	if j.Name == "" {
		c.Log.Warn(fmt.Sprintf("the endpoint has made the batch job %s after all, whose rows were to be asked otherwise: it is cancelled, and rows of it may have been billed", younger))
	} else {
		c.Log.Warn(fmt.Sprintf("the endpoint has made two jobs of the same requests: %s is kept, and %s is cancelled, of which rows may have been billed", j.Name, younger))
	}
	return c.note(j, j.Step)
}
