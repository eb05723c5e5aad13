package jobs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/internal/prune"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file removes results from a journal for good, those that package prune chooses.

// Prune rewrites a job's journal without some of its results. It fails with a
// [*LockedError] while a process runs the job, and with a [*SpecError] when rows
// of the input would have to be asked again and p.Yes is not set, or no run has left its
// state, which is an [fs.ErrNotExist]; then nothing has changed. A crash leaves the journal
// as it was, or pruned.
func Prune(s spec.Spec, o Options, p Pruning) (*Pruned, error) {
	if !p.Orphaned && !p.Superseded && p.OlderThan <= 0 {
		return nil, spec.Errorf("choose --orphaned, --superseded or --older-than 30d", "nothing says what to prune")
	}
	s.Key = "" // names rows in messages; that it is unique is not asked here
	ready := prepareToWrite
	if p.DryRun {
		ready = prepare
	}
	j, err := ready(s, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	dir := j.state.Dir
	if !state.HasJob(dir) {
		return nil, state.NoState(dir)
	}
	if !p.DryRun {
		if err := lock(j); err != nil {
			return nil, err
		}
	}
	if err := openCopied(j, journal.Config{Dir: dir, FS: j.state.FS, ReadOnly: p.DryRun}); err != nil {
		return nil, err
	}
	r := &Pruned{State: dir, Damage: len(j.journal.Damage())}
	if err := j.openInput(); err == nil {
		r.Compared = true
		j.list.Use(j.journal)
	} else if p.Orphaned {
		return nil, spec.Errorf("bring the input back, or prune by --superseded and --older-than alone", "what is orphaned cannot be told without the input: %w", err)
	}
	list := j.list
	if !r.Compared {
		list = nil
	}
	remove, err := prune.Choose(p, list, j.journal, j.prices, r)
	if err != nil || remove == nil {
		return r, err
	}
	if err := j.pruneNow(remove, r); err != nil || r.Elsewhere == 0 {
		return r, copyLast(context.Background(), j, err)
	}
	return r, copyLast(context.Background(), j, j.state.ForgetPilots())
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
