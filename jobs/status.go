package jobs

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// This file tells how a job stands, without disturbing a process that runs it.

// A Status is how a job stands, also while another process runs it.
type Status struct {
	State      string
	Output     string
	Shard      string    // which one the folder is of, such as 3/8; empty for the whole job
	Shards     *Shards   // of the whole job; nil if there are none
	Running    *Owner    // nil if no process runs it
	Finished   bool      // the output is written, and no row is left to be asked
	Standing   Standing  // what the output is to the job as it is now
	InOutput   int64     // rows of the finished output; 0 if not known
	LastSeq    int64     // results in the journal, and in those of shards that are not merged
	LastAt     time.Time // of the last result
	Damage     []journal.Damage
	Input      *InputStatus // nil if the input cannot be read, or takes too long
	InputError error        // why it cannot be read, or what is wrong with the job; nil if nothing is

	// The totals are over all that was paid for: the journal, or those of shards that are not merged.
	// Status counts the last result of each row, of rows that are in the input, if that is known.
	cost.Totals

	// Rate is how many rows a second got their result in the last minute of a job that
	// is running or served, and Left how long it takes at this pace, or by its quotas if they need
	// longer; 0 if not known.
	Rate float64
	Left time.Duration
}

const (
	// inputPatience is how long a status may take to read the input.
	inputPatience = 10 * time.Second
	// leftPatience is likewise for a run that was stopped, whose user waits to leave.
	leftPatience = 2 * time.Second
	// rateWindow is the time over which the pace is taken.
	rateWindow = time.Minute
)

// ReadStatus reads how the job stands that a state folder was last run with; see [LoadState]
// for its errors, and [StatusOf].
func ReadStatus(dir string) (*Status, error) {
	saved, err := LoadState(dir)
	if err != nil {
		return nil, err
	}
	return StatusOf(*saved)
}

// StatusOf reads how a job stands, without disturbing a process that runs it. The error is a
// [*SpecError], or a fault of the disk. What is wrong with the input is in the Status.
func StatusOf(job Spec) (*Status, error) {
	j, err := prepare(job, Options{})
	if err != nil {
		return nil, err
	}
	dir, prices := j.state.Dir, j.prices
	s := &Status{State: dir, Output: j.spec.Output}
	if s.Running, err = state.Owner(dir); err != nil {
		return nil, err
	}
	if s.Shard = j.spec.Shard; s.Shard == "" {
		if s.Shards, err = shardsOf(dir); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	jl, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer jl.Close()
	s.LastSeq, s.Damage = jl.Last(), jl.Damage()
	owner := s.Running
	if owner == nil && s.Shards != nil {
		owner = s.Shards.Server
	}
	since := now.Add(-rateWindow)
	if owner != nil && owner.Since.After(since) {
		since = owner.Since
	}
	recent := 0
	// The journal of the whole job has but copies of the shards' results, of a merge that was broken off.
	inShards := s.Shards.unmerged() && s.Shards.Begun > 0
	for r, err := range journal.Readable(jl) {
		if err != nil {
			return nil, err
		}
		if inShards {
			continue
		}
		s.AddResult(r, prices)
		s.LastAt = r.At
		if r.Status != batch.Pending && r.At.After(since) {
			recent++
		}
	}
	s.Status = jl.Rows()
	s.readInput(j, jl, now.Add(inputPatience))
	s.Rows = 0
	for _, n := range s.Status {
		s.Totals.Rows += n
	}
	if inShards {
		s.LastSeq = 0
		if recent, err = s.addShards(prices, since); err != nil {
			return nil, err
		}
	}
	if err := s.readOutput(j); err != nil {
		return nil, err
	}
	if d := now.Sub(since); owner != nil && d > 0 {
		s.Rate = float64(recent) / d.Seconds()
		if s.Input != nil && s.Rate > 0 {
			atThisPace := time.Duration(float64(s.Input.Left) / s.Rate * float64(time.Second))
			s.Left = max(atThisPace, j.Least(s.Input.Left)).Round(time.Second)
		}
	}
	return s, nil
}

// readInput compares the input with the journal. A status is no place to fail for what is
// wrong with the input, and neither to wait for it.
func (s *Status) readInput(j *Job, jl *journal.Journal, end time.Time) {
	j.journal = jl
	key := j.spec.Key
	j.spec.Key = "" // whether it is unique is not asked here
	s.InputError = j.openInput()
	j.spec.Key = key
	if s.InputError != nil {
		return
	}
	j.list.Use(jl)
	if s.InputError = j.takeSample(); s.InputError != nil {
		return
	}
	var byStatus map[batch.Status]int64
	if s.Input, byStatus = j.list.Status(end); s.Input != nil {
		s.Status = byStatus
	}
}

// readOutput says what the output is to the job.
func (s *Status) readOutput(j *Job) error {
	if isShard(j) { // which has none
		s.Finished = s.Input != nil && s.Input.Left == 0
		s.Standing = OutputUnwritten
		return nil
	}
	m, err := state.ReadManifest(j.state.Dir)
	if err != nil {
		m = nil // none is there, or one that verify finds damaged
	}
	var now *state.Manifest
	switch {
	case m == nil:
	case j.list != nil:
		if now, err = j.sources().Manifest(); err != nil {
			return err
		}
	default: // what is known of the input is that it cannot be read
		same := *m
		same.LastSeq = s.LastSeq
		now = &same
	}
	s.Standing = state.StandingOf(j.state, m, now)
	s.Finished = s.Standing == OutputCurrent || s.Standing == OutputTouched && s.Input != nil && s.Input.Left == 0
	if m != nil && s.Standing != OutputForeign {
		s.InOutput = m.Rows
	}
	if s.Finished {
		s.Judgement = m.Summary.Judgement
	}
	return nil
}

// Running returns the process that runs the job of a state folder, or serves it to workers, or nil
// if none does. The error is a [*SpecError] if the folder may not be read.
func Running(dir string) (*Owner, error) {
	if err := state.CheckAccess(dir); err != nil {
		return nil, err
	}
	owner, err := state.Owner(dir)
	if owner == nil && err == nil {
		owner, err = state.Server(dir)
	}
	return owner, err
}

// LiveBatches returns how many batch jobs of a state folder are at work at their endpoint, as
// far as its record can be read. The endpoint is not asked.
func LiveBatches(dir string) int {
	store, err := batchstate.View(dir)
	if err != nil {
		return 0
	}
	return len(store.Live())
}
