package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/durable"
)

// A Verification is what Verify found.
type Verification struct {
	Totals
	Faults []string // empty: promises kept
}

// Verify proves on the files that every row of the input has one result, that
// every result in the journal is whole, and that the output is the one that was
// derived from them.
func (j *Job) Verify() (*Verification, error) {
	var v Verification
	fault := func(format string, args ...any) { v.Faults = append(v.Faults, fmt.Sprintf(format, args...)) }
	for _, d := range j.journal.Damage() {
		fault("the journal is damaged: %v", d.Error())
	}
	for it, err := range j.items() {
		if err != nil {
			return nil, err
		}
		if _, _, err := j.values(&it, &v.Totals); err != nil {
			fault("%s: %v", it.row.Place(), err)
		}
	}
	m, err := readManifest(j.spec.StateDir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if v.Status[batch.Pending] == 0 {
			fault("all rows have a result, but the output was not written: run the job again")
		}
		return &v, nil
	case err != nil:
		return nil, err
	}
	sum, err := sumFile(m.Output.Path)
	switch {
	case err != nil:
		fault("the output cannot be read: %v", err)
	case sum != m.Output.SHA256 && j.announced(sum):
		fault("%s was replaced by a run that was interrupted before it could say so: run the job again, which costs nothing", m.Output.Path)
	case sum != m.Output.SHA256:
		fault("%s is not as it was written: its SHA-256 is %s, and was %s", m.Output.Path, sum, m.Output.SHA256)
	}
	if m.LastSeq > j.journal.Last() {
		fault("the journal ends at result %d, and the output was derived from %d results", j.journal.Last(), m.LastSeq)
	}
	if before, err := j.sources(); err != nil {
		return nil, err
	} else if before.sameSources(m) && m.Rows != v.Rows {
		fault("the input has %d rows, and the output %d", v.Rows, m.Rows)
	}
	return &v, nil
}

// A Status is how a job stands, also while another process runs it.
type Status struct {
	State    string
	Output   string
	Running  *durable.Owner // nil: no process runs it
	Finished bool           // the output is written, and the journal has not grown since
	InOutput int64          // rows of the finished output; 0: not known
	LastSeq  int64          // results in the journal
	LastAt   time.Time      // of the last result
	Totals                  // over the journal, the last result of each row
	Cost     price.USD
	Unpriced int64
	Damage   []journal.Damage
}

// ReadStatus reads how the job of a state folder stands, without disturbing a
// process that runs it.
func ReadStatus(dir string) (*Status, error) {
	spec, err := LoadState(dir)
	if err != nil {
		return nil, err
	}
	prices := price.Default()
	if spec.Prices != "" {
		if prices, err = price.LoadFile(spec.Prices); err != nil {
			return nil, &SpecError{Err: err}
		}
	}
	jl, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer jl.Close()
	s := &Status{State: dir, Output: spec.Output, LastSeq: jl.Last(), Damage: jl.Damage()}
	if s.Running, err = durable.LockOwner(filepath.Join(dir, lockFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for r, err := range jl.All() {
		var damage *journal.Damage
		if errors.As(err, &damage) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.addResult(r, prices)
		s.LastAt = r.At
	}
	s.Status = jl.Rows()
	for _, n := range s.Status {
		s.Totals.Rows += n
	}
	s.Cost, s.Unpriced = s.CostUSD()
	if m, err := readManifest(dir); err == nil {
		s.InOutput = m.Rows
		if _, err := os.Stat(m.Output.Path); err == nil {
			s.Finished = m.LastSeq == s.LastSeq
		}
	}
	return s, nil
}
