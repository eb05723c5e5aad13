package jobs

import (
	"os"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// This file tells how a job stands, without disturbing a process that runs it.

// A Status is how a job stands, also while another process runs it.
type Status struct {
	State       string
	Output      string
	Running     *durable.Owner // nil if no process runs it
	Finished    bool           // the output is written, and the journal has not grown since
	InOutput    int64          // rows of the finished output; 0 if not known
	LastSeq     int64          // results in the journal
	LastAt      time.Time      // of the last result
	cost.Totals                // over the journal, the last result of each row
	Damage      []journal.Damage
	Input       *InputStatus // nil if the input cannot be read, or takes too long

	// Rate is how many rows a second got their result in the last minute of a job that
	// is running, and Left how long it takes at this pace; 0 if not known.
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

// ReadStatus reads how the job of a state folder stands, without disturbing a
// process that runs it.
func ReadStatus(dir string) (*Status, error) {
	saved, err := LoadState(dir)
	if err != nil {
		return nil, err
	}
	prices, err := saved.PriceTable()
	if err != nil {
		return nil, err
	}
	s := &Status{State: dir, Output: saved.Output}
	if s.Running, err = state.Owner(dir); err != nil {
		return nil, err
	}
	now := time.Now()
	jl, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer jl.Close()
	s.LastSeq, s.Damage = jl.Last(), jl.Damage()
	since := now.Add(-rateWindow)
	if s.Running != nil && s.Running.Since.After(since) {
		since = s.Running.Since
	}
	recent := 0
	for r, err := range readable(jl) {
		if err != nil {
			return nil, err
		}
		s.AddResult(r, prices)
		s.LastAt = r.At
		if r.Status != batch.Pending && r.At.After(since) {
			recent++
		}
	}
	s.Status = jl.Rows()
	for _, n := range s.Status {
		s.Totals.Rows += n
	}
	if m, err := state.ReadManifest(dir); err == nil {
		s.InOutput = m.Rows
		if _, err := os.Stat(m.Output.Path); err == nil {
			s.Finished = m.LastSeq == s.LastSeq
		}
		if s.Finished {
			s.Evaluation = m.Summary.Evaluation
		}
	}
	s.Input = readInputStatus(*saved, jl, now.Add(inputPatience))
	if d := now.Sub(since); s.Running != nil && d > 0 {
		s.Rate = float64(recent) / d.Seconds()
		if s.Input != nil && s.Rate > 0 {
			s.Left = time.Duration(float64(s.Input.Left) / s.Rate * float64(time.Second)).Round(time.Second)
		}
	}
	return s, nil
}

// readInputStatus compares the input with a journal. It returns nil when that cannot
// be done, or not in time: a status is no place to complain about the input.
func readInputStatus(s Spec, jl *journal.Journal, end time.Time) *InputStatus {
	s.Key = "" // whether it is unique is not asked here
	j, err := prepare(s, Options{})
	if err != nil || j.openInput() != nil {
		return nil
	}
	j.list.Use(jl)
	if j.takeSample() != nil {
		return nil
	}
	return j.list.Status(end)
}
