package main

import (
	"context"
	"errors"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster"
	"github.com/genbatch/genbatch/jobs/compare"
)

// exitCode returns the exit code for what a command came to. Errors get their codes here
// alone, and docs/exit-codes.md documents them. s is nil for a command that is no run.
func exitCode(s *jobs.Summary, err error) int {
	var (
		spec    *jobs.SpecError
		stop    *batch.StopError
		day     *quota.DayError
		locked  *jobs.LockedError
		budget  *jobs.BudgetError
		late    *jobs.DeadlineError
		away    *jobs.DetachedError
		gate    *compare.GateError
		shards  *jobs.UnfinishedError
		stopped *cluster.StoppedError
	)
	switch {
	case err == nil:
		if s != nil && s.Job != nil && s.Job.Status[batch.OK] != s.Job.Rows {
			return 3
		}
		return 0
	case errors.As(err, &spec), errors.As(err, &shards) && !errors.As(err, &locked):
		return 2
	case errors.As(err, &stop):
		return 4
	case errors.As(err, &day), errors.As(err, &late), errors.As(err, &away):
		return 5
	case errors.As(err, &budget):
		return 6
	case errors.As(err, &locked):
		return 7
	case errors.As(err, &stopped):
		return stopped.Code
	case errors.Is(err, batch.ErrMaxFailures):
		return 8
	case errors.As(err, &gate):
		return 9
	case errors.Is(err, batch.ErrInterrupted), errors.Is(err, context.Canceled):
		return 130
	}
	return 1
}
