package state

import (
	"os"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
)

// UpToDate returns the manifest of the job's output if a run would change nothing. Then
// neither inputs, job, journal nor output have changed since the output was written, and
// no row is to be asked again. It returns nil if that is not certain. It reads neither
// inputs nor journal: s needs no journal. retry holds the statuses that are asked again
// although they are settled.
func (f *Folder) UpToDate(s Sources, retry map[batch.Status]bool) *Manifest {
	info, err := os.Stat(f.Path(manifestFile))
	if err != nil {
		return nil
	}
	old, err := ReadManifest(f.Dir)
	if err != nil || len(old.Journal) == 0 { // without files the journal was damaged
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
	// If its files are the same, so is all that the journal says of itself.
	now.LastSeq, now.Pruned, now.Damage = old.LastSeq, old.Pruned, old.Damage
	if !old.SameSources(now) || !slices.EqualFunc(old.Journal, now.Journal, FileID.sameTime) {
		return nil
	}
	// A file as young as the manifest may have changed since without another time. An object
	// that is written again has another version.
	for _, id := range slices.Concat(now.Inputs, now.Journal) {
		if id.Version == "" && info.ModTime().Sub(id.ModTime) <= durable.ClockStep {
			return nil
		}
	}
	if !f.outputIs(old) {
		return nil
	}
	return old
}

// Finished returns the manifest of the job's output if deriving it from the sources in
// now would give the same file. Then it was derived from just these, holds no pending
// row, and is as it was written. Otherwise it returns nil.
func (f *Folder) Finished(now *Manifest) *Manifest {
	old, err := ReadManifest(f.Dir)
	if err != nil || !old.SameSources(now) || old.Media != now.Media || old.Summary.Status[batch.Pending] > 0 || !f.outputIs(old) {
		return nil
	}
	return old
}

// outputIs reports whether the output is there, as a manifest describes it.
func (f *Folder) outputIs(m *Manifest) bool {
	info, err := store.Stat(f.Output)
	return err == nil && m.Output.matches(f.Output, info)
}

// InvalidateStale marks the manifest invalid if the journal held more results when it
// was written than now, where last is the number of the last one. Once the journal has
// grown back to that length, equal numbers would stand for different answers. It returns
// the damage for which the manifest says that the rows concerned were asked again.
func (f *Folder) InvalidateStale(last int64) (repaired []string, err error) {
	m, err := ReadManifest(f.Dir)
	if err != nil {
		return nil, nil // no manifest, or one that cannot be read, describes no output
	}
	if m.LastSeq <= last {
		return m.Damage, nil
	}
	m.LastSeq = -1
	return m.Damage, f.WriteManifest(m)
}
