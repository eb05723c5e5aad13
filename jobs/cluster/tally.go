package cluster

import (
	"fmt"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/record"
)

// mostFailures bounds the failures that a tally remembers one by one.
const mostFailures = 100

// A tally is what the results come to that were collected since the job is served.
type tally struct {
	prices *price.Table
	limit  batch.FailureLimit

	mu       sync.Mutex
	totals   cost.Totals
	bad      map[shardRow]bool // rows that have no answer by now
	ended    int64             // rows with a result, those that are bad included
	number   int64             // of the last failure
	failures []record.Failure  // the last ones, the oldest first
	tooMany  string            // says that the limit is reached; empty: it is not
}

// A shardRow tells the rows of a job apart: occurrences are counted in each shard.
type shardRow struct {
	shard int
	rowKey
}

// newTally returns a tally with the limit of failures of a job. Without one it is what a run has:
// that all of the first rows fail.
func newTally(prices *price.Table, limit batch.FailureLimit) *tally {
	if limit == (batch.FailureLimit{}) {
		limit.Percent = 100
	}
	return &tally{prices: prices, limit: limit, bad: make(map[shardRow]bool)}
}

// add counts results that are safe in the journal of their shard. A row that failed at one worker
// and is asked again by another counts once, as it came out last.
func (t *tally) add(shard int, rs []*batch.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rs {
		t.totals.AddResult(r, t.prices)
		if r.Status == batch.Pending {
			continue
		}
		t.totals.AddStatus(r.Status)
		if r.Status != batch.OK {
			t.totals.AddProblem(r.Status, r.Error)
			t.note(r)
		}
		row := shardRow{shard, rowKey{r.Fingerprint, r.Occurrence}}
		was := t.bad[row]
		if !was {
			t.ended++
		}
		if r.Status == batch.OK || r.Status == batch.Truncated {
			delete(t.bad, row)
			continue
		}
		t.bad[row] = true
		if t.tooMany == "" && t.limit.Reached(int64(len(t.bad)), t.ended) {
			t.tooMany = fmt.Sprintf("%v: %d of %d, the last with: %s", batch.ErrMaxFailures, len(t.bad), t.ended, r.Error)
		}
	}
}

// note remembers a row that is not ok. mu is held.
func (t *tally) note(r *batch.Result) {
	t.number++
	if len(t.failures) == mostFailures {
		t.failures = append(t.failures[:0], t.failures[1:]...)
	}
	t.failures = append(t.failures, record.Failure{Seq: t.number, At: r.At, Row: r.Row, Key: r.Key, Status: string(r.Status), Error: r.Error})
}

// stands returns what was counted by now.
func (t *tally) stands() (totals cost.Totals, failures []record.Failure, tooMany string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.totals.Clone(), append([]record.Failure{}, t.failures...), t.tooMany
}
