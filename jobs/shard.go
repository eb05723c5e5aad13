package jobs

import (
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// This file runs shards: jobs that take a part of the rows, and leave the output to [Merge].

// isShard reports whether the job is a shard of another one.
func isShard(j *Job) bool { return j.spec.Shard != "" }

// checkBeside refuses to run a shard beside its whole job, and a whole job beside its shards. The
// job must hold its own lock: of two that begin at once, at least one finds the other's then.
func checkBeside(j *Job) error {
	switch shard, _ := j.spec.ShardOf(); {
	case shard.Count > 0:
		return state.CheckShard(j.spec.JobDir(), shard.Count)
	case j.options.Fresh:
		return nil // all of it is set aside
	}
	return state.CheckWhole(j.state.Dir)
}

// beginShard notes what the input is, so that a merge can tell whether all shards have had the
// same. A shard that was merged already is not to ask anything more, since the merged job does.
func beginShard(j *Job) error {
	if !isShard(j) {
		return nil
	}
	merged, err := state.Merge(j.spec.JobDir())
	if err != nil {
		return err
	}
	if merged != nil {
		n, err := j.list.CountAsked()
		if err != nil {
			return &spec.Error{Err: err}
		}
		if n > 0 {
			return spec.Errorf("run it without --shard: it asks what is left", "the shards of the job were merged at %s, and so %s would be asked twice",
				merged.At.Local().Format(time.DateTime), message.Plural(int(n), "row"))
		}
	}
	return state.SaveShard(j.state, recordInput(j.list.Input))
}

// recordInput returns what a state folder notes of an input.
func recordInput(in *reader.Input) state.InputRecord {
	var sizes []state.InputSize
	for _, s := range in.Sizes() {
		sizes = append(sizes, state.InputSize(s))
	}
	return state.RecordInput(sizes)
}

// finishShard counts what the rows of a shard have come to, in which no row is pending. It writes
// no output.
func finishShard(j *Job, s *Summary) error {
	totals := new(Totals)
	d := j.deriver()
	for it, err := range j.list.Items() {
		if err == nil {
			_, err = d.Count(&it, totals)
		}
		if err != nil {
			return err
		}
	}
	if n := totals.Status[batch.Pending]; n > 0 {
		return fmt.Errorf("the input changed while the run went on: %s without an answer; run again", message.Plural(int(n), "row"))
	}
	s.Job, s.Kept, s.Simulated = totals, totals.Bill.Kept, totals.Simulated()
	return nil
}
