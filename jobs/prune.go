package jobs

import (
	"errors"
	"io/fs"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file removes results from a journal for good.

// Pruning says which results [Prune] removes: those to which one of the first three
// applies.
type Pruning struct {
	Orphaned   bool          // no row of the input asks for them
	Superseded bool          // another result of the same row counts
	OlderThan  time.Duration // they are older; if 0, age does not matter

	DryRun bool // say what would be removed, and remove nothing
	Yes    bool // also what rows of the input would have to be asked for, and paid for, again
}

// Pruned is what Prune did, or would do.
type Pruned struct {
	State      string
	Results    int64 // removed
	Bytes      int64 // that they took in the journal, blobs aside
	Orphaned   int64 // of them
	Superseded int64 // of them, not orphaned
	Kept       int64 // results that stay
	Damage     int   // damaged places in the journal, which stay too

	// Again counts the rows of the input that have an answer now, and are asked again
	// by the next run. It is meaningful only if Compared is set: the input was there.
	Again    int64
	Compared bool
	Bad      int64 // rows of the input that cannot be read or rendered: what they once got counts as orphaned

	Removed cost.Totals // what the removed results' attempts used and cost; it leaves the job's totals
}

// Prune rewrites a job's journal without some of its results. It fails with a
// *durable.LockedError while a process runs the job, and with a SpecError when rows
// of the input would have to be asked again and p.Yes is not set; then nothing has
// changed. A crash leaves the journal as it was, or pruned.
func Prune(s spec.Spec, o Options, p Pruning) (*Pruned, error) {
	if !p.Orphaned && !p.Superseded && p.OlderThan <= 0 {
		return nil, spec.Errorf("choose --orphaned, --superseded or --older-than 30d", "nothing says what to prune")
	}
	before := time.Now().Add(-p.OlderThan)
	s.Key = "" // names rows in messages; that it is unique is not asked here
	j, err := prepare(s, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	dir := j.state.Dir
	if !state.HasJob(dir) {
		return nil, spec.Errorf("name the job file, the output of a run, or its folder with --state", "no run has left its state in %s", dir)
	}
	if !p.DryRun {
		if err := j.state.Lock(); err != nil {
			return nil, err
		}
	}
	if j.journal, err = journal.Open(journal.Config{Dir: dir, FS: j.state.FS, ReadOnly: p.DryRun}); err != nil {
		return nil, err
	}
	r := &Pruned{State: dir, Damage: len(j.journal.Damage())}
	if err := j.openInput(); err == nil {
		r.Compared = true
		j.list.Use(j.journal)
	} else if p.Orphaned {
		return nil, spec.Errorf("bring the input back, or prune by --superseded and --older-than alone", "what is orphaned cannot be told without the input: %w", err)
	}
	return r, j.prune(p, before, r)
}

// prune counts what goes, asks, and lets it go.
func (j *Job) prune(p Pruning, before time.Time, r *Pruned) error {
	if r.Compared {
		for it, err := range j.list.All() {
			if err != nil {
				return err
			}
			if it.Fate == work.Bad {
				r.Bad++
			}
		}
	}
	remove := func(c *journal.Candidate) bool {
		if p.Orphaned && c.Orphaned || p.Superseded && c.Superseded {
			return true
		}
		if p.OlderThan <= 0 {
			return false
		}
		res, err := c.Result()
		return err == nil && res.At.Before(before)
	}
	for c, err := range j.journal.Candidates() {
		if err != nil {
			return err
		}
		if !remove(c) {
			r.Kept++
			continue
		}
		if err := r.count(c, j.prices); err != nil {
			return err
		}
	}
	switch {
	case r.Results == 0 || p.DryRun:
		return nil
	case p.Yes:
	case r.Again > 0:
		return spec.Errorf("add --yes to go on, or see what would go with --dry-run",
			"%d rows of the input would lose their answer, and be asked and paid for again", r.Again)
	case r.Bad > 0 && r.Orphaned > 0 && p.Orphaned:
		return spec.Errorf("mend them first, or add --yes",
			"%d rows of the input cannot be read or rendered, and answers that they once got would go as orphaned", r.Bad)
	}
	return j.pruneNow(remove, r)
}

// count adds a result that goes.
func (r *Pruned) count(c *journal.Candidate, prices *price.Table) error {
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

// pruneNow prunes, and carries the output's manifest over to the pruned journal.
func (j *Job) pruneNow(remove func(*journal.Candidate) bool, r *Pruned) error {
	m, err := state.ReadManifest(j.state.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	current := false
	if m != nil && r.Compared {
		now, err := j.sources().Manifest()
		if err != nil {
			return err
		}
		current = now.SameSources(m)
	}
	if err := j.journal.Prune(remove); err != nil {
		return err
	}
	// The normal Open removes what the journal was made of before.
	if j.journal, err = journal.Open(journal.Config{Dir: j.state.Dir, FS: j.state.FS}); err != nil {
		j.journal = nil
		return err
	}
	if !current {
		return nil
	}
	// Damage that was made good before stays made good, in its new place. The output
	// itself is still the one that the job would derive if only orphans went;
	// otherwise (a row's cost is that of all its attempts) the next run derives it
	// anew. A crash before this costs one derivation.
	m.Damage = state.LastingDamage(j.journal)
	if r.Orphaned == r.Results {
		m.Pruned = j.journal.Generation()
	}
	return j.state.WriteManifest(m)
}
