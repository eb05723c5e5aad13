package planner

import (
	"cmp"

	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/jobs/plan"
)

// lineBytes is about what stands around a request in the file of a job: {"key":…,"request":…}
// with a key that holds a fingerprint.
const lineBytes = 100

// batches returns the jobs of the Batch API that the demands go into. A job is of one model.
func (l demands) batches(limitsOf func(model string) batches.Limits) *plan.Batches {
	p, most := new(plan.Batches), int64(1)
	for _, d := range l {
		limits, size := limitsOf(d.model), d.bytes+d.calls*lineBytes
		p.Jobs += limits.JobsFor(d.calls, size, d.input)
		p.Bytes += size
		p.AsOf = cmp.Or(p.AsOf, limits.AsOf)
		for _, by := range [...]struct {
			bound      string
			jobs       int64
			most, next int64
		}{
			{"rows", limits.JobsFor(d.calls, 0, 0), limits.Rows, 0},
			{"bytes", limits.JobsFor(d.calls, size, 0), limits.Bytes, 0},
			{"tokens", limits.JobsFor(d.calls, 0, d.input), limits.Tokens, limits.Tiers[1]},
		} {
			if by.jobs > most {
				most = by.jobs
				p.Bound, p.Most, p.Next, p.AsOf = by.bound, by.most, by.next, limits.AsOf
			}
		}
	}
	return p
}
