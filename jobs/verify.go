package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// This file proves on the files of a job that its promises were kept.

// A Verification is what Verify found.
type Verification struct {
	cost.Totals
	Faults []string // empty: promises kept
	Notes  []string // what is worth knowing, and no fault
}

func (v *Verification) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

func (v *Verification) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

// Verify proves on the files that every row of the input has one result, that every
// result in the journal is whole, and that the output holds each row once and in
// order: it is derived again, and compared with the file byte by byte. Each fault
// says what to do about it. An error says that the files could not be read, and proves
// nothing.
func (j *Job) Verify() (*Verification, error) {
	if err := j.openJournal(); err != nil {
		return nil, err
	}
	var v Verification
	m, err := state.ReadManifest(j.state.Dir)
	damaged, isDamaged := errors.AsType[*state.DamagedError](err)
	if isDamaged {
		v.fault("%v: it says what the output was derived from; run the job again, which writes it anew and costs nothing", damaged)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, d := range j.journal.Damage() {
		// The manifest is written when no row is pending. So rows that this damage
		// has cost their answer were answered again before, or are not asked for.
		if m != nil && slices.Contains(m.Damage, d.Error()) {
			v.note("damage in the journal that has been made good since: %v", d.Error())
			continue
		}
		v.fault("the journal is damaged: %v; run the job again: it asks the rows concerned, and no other", d.Error())
	}
	c, err := j.compareOutput(m)
	if err != nil {
		return nil, err
	}
	if c.totals != nil {
		v.Totals = *c.totals // each row has been read by the comparison
	} else if err := j.verifyRows(&v); err != nil {
		return nil, err
	}
	if m == nil {
		pending := v.Status[batch.Pending]
		parts, err := shardsOf(j.state.Dir)
		if err != nil {
			return nil, err
		}
		switch {
		case isDamaged:
		case pending == 0:
			v.fault("all rows have a result, but the output was not written: run the job again")
		case state.StandingOf(j.state, nil, nil) == OutputForeign:
			v.note("%d rows have no result yet, and %s is not this job's: the run that finishes it will refuse to replace that file", pending, j.spec.Output)
		case parts.unmerged() && parts.Begun > 0:
			v.note("the job runs in %d shards, which are not merged, and so there is no output: genbatch merge joins them, or says which rows are left", parts.Count)
		default:
			v.note("%d rows have no result yet, and so there is no output: run the job to finish it", pending)
		}
		return &v, nil
	}
	if m.LastSeq > j.journal.Last() {
		v.fault("the journal ends at result %d, and the output was derived from %d results: bring its end back from a copy, or run the job again, which asks for what is lost",
			j.journal.Last(), m.LastSeq)
	}
	return &v, j.verifyOutput(&v, m, c)
}

// verifyRows checks that each row's result can be read.
func (j *Job) verifyRows(v *Verification) error {
	deriver := j.deriver()
	for it, err := range j.list.Items() {
		if err != nil {
			return err
		}
		if _, err := deriver.Count(&it, &v.Totals); err != nil {
			v.fault("%s: %v; run the job again", it.Row.Place(), err)
		}
	}
	return nil
}

// verifyOutput checks the output itself.
func (j *Job) verifyOutput(v *Verification, m *state.Manifest, c comparison) error {
	path := m.Output.Path
	sum, err := state.Sum(path)
	if err != nil && store.IsAddress(path) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the output %s cannot be read: %w", path, err)
	}
	if err != nil {
		v.fault("the output cannot be read: %v; genbatch export writes it again", err)
		return nil
	}
	difference := c.difference
	rows, err := output.CountRows(&j.spec, path)
	if err != nil && sum == m.Output.SHA256 {
		v.fault("the output is as it was written, and cannot be read: %v; genbatch export --force writes it again", err)
		return nil
	}
	if err == nil && rows != m.Rows {
		difference = strings.TrimPrefix(fmt.Sprintf("%s; it holds %d rows, and had %d", difference, rows, m.Rows), "; ")
	}
	switch {
	case sum != m.Output.SHA256 && j.state.Announced(sum):
		v.fault("%s was replaced by a run that was interrupted before it could say so: run the job again, which costs nothing", path)
	case sum != m.Output.SHA256:
		if difference == "" {
			difference = "its SHA-256 is " + sum + ", and was " + m.Output.SHA256
		}
		v.fault("%s is not as it was written: %s; genbatch export --force writes it again", path, difference)
	case difference != "":
		v.fault("%s is not what the job derives from input and journal: %s; genbatch export --force writes it again", path, difference)
	case c.current && m.Rows != v.Rows:
		v.fault("the input has %d rows, and the output %d: run the job again", v.Rows, m.Rows)
	case m.Pruned != j.journal.Generation():
		v.note("the journal was pruned after the output was written, so the two were not compared; the next run writes it anew")
	case !c.current:
		v.note("input, job or journal have changed since the output was written, so they were not compared; the next run brings it up to date")
	}
	return nil
}

// A comparison is of an output with what the job derives now.
type comparison struct {
	current    bool         // input, job and journal are those that the output was derived from
	difference string       // where the file differs; empty if it does not, or was not compared
	totals     *cost.Totals // of the derivation, if all of it is equal
}

// compareOutput derives the output again, if it is current, and compares it with the
// file. A result that cannot be read is left to be found with its row.
func (j *Job) compareOutput(m *state.Manifest) (r comparison, err error) {
	if m == nil {
		return r, nil
	}
	now, err := j.sources().Manifest()
	if err != nil {
		return r, err
	}
	// What has another time can be the same, as in a copy of the folder.
	r.current = now.SameSources(m)
	if m.Output.Path != j.spec.Output || m.LastSeq > j.journal.Last() {
		return r, nil
	}
	f, _, err := store.Open(m.Output.Path)
	if err != nil {
		return r, nil // verifyOutput says so
	}
	defer f.Close()
	c := output.NewComparer(f)
	totals, _, err := j.derive(context.Background(), output.Target{To: c, Path: m.Output.Path, Format: j.spec.OutputFormat})
	if _, damaged := errors.AsType[*journal.Damage](err); damaged {
		return r, nil
	}
	if file, differs := errors.AsType[*output.FileError](err); differs {
		if r.current {
			r.difference = file.Error()
		}
		return r, nil
	}
	difference := c.End()
	if err != nil && difference == "" {
		return r, err
	}
	if !r.current && difference != "" {
		return r, nil
	}
	r.current = true
	if difference != "" && j.media != nil {
		pass := j.media.NewPass()
		for it, err := range j.list.Items() {
			if err != nil {
				return r, err
			}
			pass.Add(it.Request, it.Err)
		}
		if pass.End(); j.media.LastSeen() != m.Media {
			r.current = false // the files that rows name are part of the input
			return r, nil
		}
	}
	if r.difference = difference; difference == "" {
		r.totals = totals
	}
	return r, nil
}
