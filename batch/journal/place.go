package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/genbatch/genbatch/internal/durable"
)

// This file proves the journal's place before it is needed, and saves what is left of a
// journal that loses it.

// begin makes the first segment of a new journal, durably. So a folder in which nothing
// can be written is found before anything is sent.
func begin(j *Journal) error {
	if err := j.nextSegment(); err != nil {
		return err
	}
	if _, err := j.out.Write(appendHeader(nil, 1)); err != nil {
		return err
	}
	if err := j.out.Sync(); err != nil {
		return err
	}
	j.segments[0].size = j.out.Size()
	return j.config.FS.SyncDir(j.config.Dir)
}

// A LostError says that the journal was deleted, moved, replaced or cut while it was written.
type LostError struct {
	Dir   string              // where the journal was
	moved *durable.MovedError // the last segment is not at its place; or nil
	cut   *durable.SizeError  // what it held is gone, as far as the file lacks it; nil if moved is set

	// Kept is the file to which the last segment was copied, with Results lines that are
	// synced. It is empty if nothing had to be copied, or if that failed with Err.
	Kept    string
	Results int
	Err     error
	Before  int // segments before the last one, which are not copied
}

// Unwrap returns Err.
func (e *LostError) Unwrap() error { return e.Err }

// Safe reports whether all results are kept that were written.
func (e *LostError) Safe() bool { return e.Err == nil && e.Before == 0 && e.cut == nil }

// Error says what happened, where the results are, and what to do.
func (e *LostError) Error() string {
	before := ""
	if e.Before > 0 {
		before = fmt.Sprintf("; %d older files of the journal are not: bring them back from a copy, or their rows are asked again", e.Before)
	}
	switch {
	case e.cut != nil:
		return fmt.Sprintf("%v while the run wrote to it; results that are not in it any more are lost: the same command asks, and pays for, their rows again, unless you bring the file back from a copy", e.cut)
	case e.Kept != "" && filepath.Dir(e.Kept) == e.Dir:
		return fmt.Sprintf("%s was deleted while the run wrote to it: its %d results are kept, in %s once more%s; the same command carries on from there", e.moved.Path, e.Results, e.Kept, before)
	case e.Kept != "":
		return fmt.Sprintf("%s was replaced while the run wrote to it: its %d results are kept in %s%s; put that file in its place before you run the same command again", e.moved.Path, e.Results, e.Kept, before)
	case e.moved.Removed:
		return fmt.Sprintf("%s was deleted while the run wrote to it, and what it held could not be written again: %v", e.moved.Path, e.Err)
	case e.moved.Now != "":
		return fmt.Sprintf("%s was moved while the run wrote to it: all results are in %s; move that folder back to %s before you run the same command again", e.moved.Path, e.moved.Now, e.Dir)
	}
	return fmt.Sprintf("%s was moved or replaced while the run wrote to it, or its file system was unmounted: all results are in the file that stood there; bring it back before you run the same command again", e.moved.Path)
}

// rescue returns err, unless the last segment has lost its name: then that is the cause,
// and rescue copies the segment while it is still open.
func rescue(j *Journal, err error) error {
	if j.out == nil {
		return err
	}
	place := j.out.InPlace()
	if cut, ok := errors.AsType[*durable.SizeError](err); ok {
		return &LostError{Dir: j.config.Dir, cut: cut}
	}
	moved, ok := errors.AsType[*durable.MovedError](place)
	if !ok {
		return err
	}
	lost := &LostError{Dir: j.config.Dir, moved: moved, Before: len(j.segments) - 1}
	if moved.Removed {
		var lines int
		lost.Kept, lines, lost.Err = j.out.Rescue()
		lost.Results = max(0, lines-1) // without the header
	}
	return lost
}
