package jobs

import (
	"context"
	"errors"

	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// This file looks at single rows.

// Shown are single rows of a job with all that is known of them.
type Shown struct {
	Found

	State   string   // the job's state folder
	Running *Owner   // nil if no process runs the job
	Damage  []Damage // places where the journal is damaged, whose rows are pending

	Simulated bool // whether any of the rows was answered by the simulator

	// InputError is why the input cannot be read, or what is wrong with it. Then the rows are
	// those that the journal has results of, without their columns and requests. It is nil if
	// the input could be read.
	InputError error
}

// Show looks for rows of a job, and tells all that is known of each: its request, its answer,
// what each attempt used, and what that cost. It sends nothing, needs no key, and does not
// disturb a process that runs the job. The journal is read as it stands.
//
// The error is a [*SpecError] if the job cannot be read, or the selection names a row, key,
// label or column that the job does not have; it is that of [Job.Rows] if the input or the
// journal breaks half way, or ctx ends.
func Show(ctx context.Context, job Spec, o Options, s Selection) (*Shown, error) {
	j, err := prepare(job, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	shown := &Shown{State: j.state.Dir}
	if shown.Running, err = state.Owner(j.state.Dir); err != nil {
		return nil, err
	}
	if shown.InputError, err = openToShow(j); err != nil {
		return nil, err
	}
	shown.Damage = j.journal.Damage()
	found, err := j.deriver().Show(ctx, &s)
	if err != nil {
		if _, refused := errors.AsType[*SpecError](err); refused && shown.InputError != nil {
			err = errors.Join(err, shown.InputError) // which may be why it is not there
		}
		return nil, err
	}
	shown.Found = *found
	for _, d := range shown.Rows {
		shown.Simulated = shown.Simulated || d.Result != nil && cost.IsSimulated(d.Result.ModelVersion)
	}
	return shown, batchstate.Locate(j.state.Dir, shown.Rows)
}

// openToShow opens the journal as it stands, and the input. inputErr is why the input cannot be
// read; then there is no list.
func openToShow(j *Job) (inputErr, err error) {
	if j.journal, err = state.ViewJournal(j.state.Dir); err != nil {
		return nil, err
	}
	in, err := j.openReader()
	if err == nil {
		err = j.makeList(in)
	}
	if err != nil {
		j.list = nil
		return err, nil
	}
	j.list.Use(j.journal)
	return nil, j.takeSample()
}
