package state

import (
	"os"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// UpToDate returns the manifest of the job's output if neither input, job, journal nor
// output has changed since it was written and no row is to be asked again: then a run
// has nothing to read. It returns nil when that is not certain. The sources are
// without a journal, which is not read for this. retry holds the statuses that are to
// be asked again.
func (f *Folder) UpToDate(s Sources, retry map[batch.Status]bool) *Manifest {
	info, err := os.Stat(f.Path(manifestFile))
	if err != nil {
		return nil
	}
	old, err := ReadManifest(f.Dir)
	if err != nil || len(old.Journal) == 0 {
		return nil
	}
	for status, rows := range old.Summary.Status {
		if rows > 0 && status != batch.Skipped && (!status.Settled() || retry[status]) {
			return nil
		}
	}
	now, err := s.Manifest()
	if err != nil {
		return nil
	}
	if now.Journal, err = journalFiles(f.Dir); err != nil {
		return nil
	}
	// The journal is the same.
	now.LastSeq, now.Pruned, now.Damage = old.LastSeq, old.Pruned, old.Damage
	if !old.SameSources(now) || !slices.EqualFunc(old.Journal, now.Journal, FileID.sameTime) {
		return nil
	}
	for _, id := range slices.Concat(now.Inputs, now.Journal) {
		if info.ModTime().Sub(id.ModTime) <= durable.ClockStep {
			return nil
		}
	}
	if !f.outputIs(old) {
		return nil
	}
	return old
}

// Finished returns the manifest of the job's output if it was derived from these
// sources, holds no pending row, and is there as it was written; else nil.
func (f *Folder) Finished(now *Manifest) *Manifest {
	old, err := ReadManifest(f.Dir)
	if err != nil || !old.SameSources(now) || old.Media != now.Media || old.Summary.Status[batch.Pending] > 0 || !f.outputIs(old) {
		return nil
	}
	return old
}

// outputIs reports whether the output is there as a manifest knows it.
func (f *Folder) outputIs(m *Manifest) bool {
	info, err := os.Stat(f.Output)
	return err == nil && m.Output.Matches(f.Output, info)
}

// InvalidateStale marks the manifest as invalid if it was written when the journal held
// more results than now, where last is the last one. Once the journal has grown back
// to that length, equal sequence numbers would stand for other answers. It returns the
// damage that the manifest says was made good.
func (f *Folder) InvalidateStale(last int64) (madeGood []string, err error) {
	m, err := ReadManifest(f.Dir)
	if err != nil {
		return nil, nil // none that counts
	}
	if m.LastSeq <= last {
		return m.Damage, nil
	}
	m.LastSeq = -1
	return m.Damage, f.WriteManifest(m)
}
