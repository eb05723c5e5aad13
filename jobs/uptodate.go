package jobs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

// recall returns the manifest of the job's output if neither input, job, journal
// nor output has changed since it was written and no row is to be asked again:
// then a run has nothing to read. It returns nil when that is not certain.
func (j *Job) recall() *manifest {
	dir := j.spec.StateDir()
	info, err := os.Stat(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil
	}
	old, err := readManifest(dir)
	if err != nil || len(old.Journal) == 0 || j.media != nil { // the files that rows name must be looked at
		return nil
	}
	for status, rows := range old.Summary.Status {
		if rows > 0 && status != batch.Skipped && (!status.Settled() || j.retry[status]) {
			return nil
		}
	}
	now, err := j.sources()
	if err != nil {
		return nil
	}
	if now.Journal, err = identifyJournal(dir); err != nil {
		return nil
	}
	// The journal is the same.
	now.LastSeq, now.Pruned, now.Damage = old.LastSeq, old.Pruned, old.Damage
	if !old.sameSources(now) || !slices.EqualFunc(old.Journal, now.Journal, fileID.sameTime) {
		return nil
	}
	for _, id := range slices.Concat(now.Inputs, now.Journal) {
		if info.ModTime().Sub(id.ModTime) <= durable.ClockStep {
			return nil
		}
	}
	output, err := os.Stat(j.spec.Output)
	if err != nil || !old.Output.matches(j.spec.Output, output) {
		return nil
	}
	return old
}

// openJournal reads the journal, and what only its reader needs, unless that was
// done. Open leaves it out for a job that is up to date.
func (j *Job) openJournal() (err error) {
	if j.journal != nil {
		return nil
	}
	dir := j.spec.StateDir()
	if j.journal, err = journal.Open(journal.Config{Dir: dir, FS: j.fs, SegmentBytes: j.segmentBytes}); err != nil {
		return err
	}
	made, err := j.disown()
	if err != nil {
		return err
	}
	for _, d := range j.journal.Damage() {
		if slices.Contains(made, d.Error()) {
			continue
		}
		j.log.Warn("the journal is damaged: " + d.Error() + "; the rows concerned are asked again")
	}
	if err := j.checkSimulated(); err != nil {
		return err
	}
	if err := j.saveSpec(); err != nil {
		return err
	}
	return j.chooseSample()
}

// identifyJournal lists the files of the journal in a state folder, and the folder
// of its blobs, whose time changes when one comes or goes.
func identifyJournal(dir string) ([]fileID, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []fileID
	for _, e := range entries {
		if name := e.Name(); name == "blobs" || strings.HasPrefix(name, "results-") {
			id, err := identify(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			id.Path = name // the folder may be moved
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (id fileID) sameTime(o fileID) bool {
	return id.Path == o.Path && id.Size == o.Size && id.ModTime.Equal(o.ModTime)
}

// unchanged is the summary of a run that had nothing to do.
func (j *Job) unchanged(m *manifest) *Summary {
	s := j.summary()
	s.ListPriced = j.listPriced(j.endpoint, &m.Summary)
	s.Bad = m.Summary.Status[batch.Skipped]
	s.Settled = m.Rows - s.Bad
	s.keep(j.spec.Output, m)
	return s
}

// keep says that the output is the one of an earlier run.
func (s *Summary) keep(output string, m *manifest) {
	s.Output, s.Unchanged, s.Job = output, true, &m.Summary
	cost, _ := m.Summary.CostUSD()
	s.Kept = cost - m.Summary.Bill.Retries.Cost
	s.Simulated = m.Summary.Simulated()
}
