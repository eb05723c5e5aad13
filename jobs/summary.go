package jobs

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// This file holds what a run came to.

// A Summary is what a run came to.
type Summary struct {
	Output    string        `json:"output,omitempty"` // empty: not written, since rows are pending, or since it is a shard
	Shard     string        `json:"shard,omitempty"`  // which part of the job's rows this is, such as 3/8; empty for all
	Unchanged bool          `json:"unchanged,omitzero"`
	Elapsed   time.Duration `json:"-"`
	Seconds   float64       `json:"seconds"`
	Simulated bool          `json:"simulated,omitzero"`

	// ListPriced says that costs are Google's list prices although a gateway, which
	// charges its own, sends the bill.
	ListPriced bool `json:"list_priced,omitzero"`

	// Forecast is what a pilot said that the job would cost, all of it; nil if there was
	// no pilot, or the output was not written.
	Forecast *Forecast `json:"forecast,omitempty"`

	Learned []quota.Learned `json:"learned,omitempty"` // limits that the server taught

	Settled int64 `json:"settled_before"` // rows that needed no call in this run
	// Kept is what the answers of those cost when they were asked, and this run did not
	// pay again; 0 also where the output was not written, for then it is not known.
	Kept   price.USD `json:"kept_picousd,omitzero"`
	Bad    int64     `json:"bad"`    // rows that could not be read or rendered
	Copied int64     `json:"copied"` // rows that share the call of an identical one
	// Lost is how many rows have an answer no more, because another program has changed the
	// journal during the run; they are counted as answered, and as left.
	Lost int64 `json:"lost,omitzero"`

	Batches []Batch      `json:"batches,omitempty"` // the batch jobs of all runs, the oldest first
	Asked   []string     `json:"-"`                 // the service tiers that the job names, in its order; nil if none
	Input   *InputStatus `json:"-"`                 // how far the job is; nil if the run did not end early, or if counting takes too long

	Run cost.Totals  `json:"run"`           // what this run asked
	Job *cost.Totals `json:"job,omitempty"` // every row of the output, all runs; nil while rows are pending
}

// Left returns how many of the job's rows have no result, where total is the number of
// all rows. It is 0 if all have one, or if total is 0 because it is not known. Of a run
// that ended early it is what was counted then, since the run did not come to the
// settled rows at the end.
func (s *Summary) Left(total int64) int64 {
	switch {
	case s.Input != nil:
		return s.Input.Left
	case total == 0:
		return 0
	}
	return total - s.Settled - s.Bad - s.Copied - s.Run.Rows + s.Lost
}

// Pending returns how many rows the run left without a result.
func (s *Summary) Pending() int64 { return s.Run.Status[batch.Pending] }

// summary returns what the current run has come to so far.
func (j *Job) summary() *Summary {
	p := j.Progress()
	return &Summary{
		Shard: j.spec.Shard, Elapsed: p.Elapsed, Seconds: p.Elapsed.Seconds(),
		Settled: p.Settled, Bad: p.Bad, Copied: p.Copied, Run: p.Run,
		Simulated: p.Run.Simulated(),
	}
}

// unchanged is the summary of a run that had nothing to do.
func (j *Job) unchanged(m *state.Manifest) *Summary {
	s := j.summary()
	s.ListPriced = j.critic.ListPriced(j.conn.Endpoint, &m.Summary)
	s.Bad = m.Summary.Status[batch.Skipped]
	s.Settled = m.Rows - s.Bad
	s.keep(j.spec.Output, m)
	return s
}

// keep says that the output is the one of an earlier run.
func (s *Summary) keep(output string, m *state.Manifest) {
	s.Output, s.Unchanged, s.Job = output, true, &m.Summary
	amount, _ := m.Summary.CostUSD()
	s.Kept = amount - m.Summary.Bill.Retries.Cost
	s.Simulated = m.Summary.Simulated()
}
