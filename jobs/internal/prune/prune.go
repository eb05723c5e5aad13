// Package prune chooses which results of a journal are to go, and counts what that means:
// answers that would have to be paid for again are not given up by mistake.
package prune

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Choose counts in r what is to go, and returns what decides that of each result. It is
// nil if nothing goes. list is nil if there is no input to compare with. The error is a
// [*spec.Error] if what goes would have to be paid for again, and p.Yes is not set.
func Choose(p record.Pruning, list *work.List, jl *journal.Journal, prices *price.Table, r *record.Pruned) (remove func(*journal.Candidate) bool, err error) {
	before := time.Now().Add(-p.OlderThan)
	if list != nil {
		if all, has := list.WithoutPilots(); has {
			if p.Orphaned {
				if r.Elsewhere, err = list.CountElsewhere(); err != nil {
					return nil, err
				}
			}
			list = all // no run asks for what pilots have asked in other ways
		}
		for it, err := range list.All() {
			if err != nil {
				return nil, err
			}
			if it.Fate == work.Bad {
				r.Bad++
			}
		}
	}
	remove = func(c *journal.Candidate) bool {
		if p.Orphaned && c.Orphaned || p.Superseded && c.Superseded {
			return true
		}
		if p.OlderThan <= 0 {
			return false
		}
		res, err := c.Result()
		return err == nil && res.At.Before(before)
	}
	for c, err := range jl.Candidates() {
		if err != nil {
			return nil, err
		}
		if !remove(c) {
			r.Kept++
			continue
		}
		if err := count(r, c, prices); err != nil {
			return nil, err
		}
	}
	switch {
	case r.Results == 0 || p.DryRun:
		return nil, nil
	case p.Yes:
	case r.Again > 0:
		return nil, spec.Errorf("add --yes to go on, or see what would go with --dry-run",
			"%d rows of the input would lose their answer, and be asked and paid for again", r.Again)
	case r.Bad > 0 && r.Orphaned > 0 && p.Orphaned:
		return nil, spec.Errorf("mend them first, or add --yes",
			"%d rows of the input cannot be read or rendered, and answers that they once got would go as orphaned", r.Bad)
	}
	return remove, nil
}

// count adds a result that goes to r.
func count(r *record.Pruned, c *journal.Candidate, prices *price.Table) error {
	res, err := c.Result()
	if err != nil {
		return err
	}
	r.Results++
	r.Bytes += c.Bytes
	switch {
	case !r.Compared:
		if c.Superseded {
			r.Superseded++
		}
	case c.Orphaned:
		r.Orphaned++
	case c.Superseded:
		r.Superseded++
	case c.Status.Settled():
		r.Again++
	}
	r.Removed.AddResult(res, prices)
	if !c.Superseded && c.Status != batch.Pending {
		r.Removed.AddStatus(c.Status)
	}
	return nil
}
