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
	Dir  string // where the journal was
	Path string // the segment that was written
	Now  string // where that segment was moved to; empty if it was not, or nobody knows

	// Deleted and Cut say that results are gone: the segment has no name any more, or does
	// not hold just as much as was written. Else it is somewhere, whole.
	Deleted, Cut bool
	Size, Want   int64 // bytes that a cut segment has, and that were written

	// Kept is the file to which the last segment was copied, with Results lines that are
	// synced. It is empty if nothing had to be copied, or if that failed with Err.
	Kept    string
	Results int
	Err     error
	Before  int // segments before the last one, which are not copied
}

// Unwrap returns Err.
func (e *LostError) Unwrap() error { return e.Err }

// Error says what happened, where the results are, and what to do.
func (e *LostError) Error() string {
	before := ""
	if e.Before > 0 {
		before = fmt.Sprintf("; %d older files of the journal are not: bring them back from a copy, or their rows are asked again", e.Before)
	}
	switch {
	case e.Cut:
		return fmt.Sprintf("%v while the run wrote to it; results that are not in it any more are lost: the same command asks, and pays for, their rows again, unless you bring the file back from a copy", &durable.SizeError{Path: e.Path, Size: e.Size, Want: e.Want})
	case e.Kept != "" && filepath.Dir(e.Kept) == e.Dir:
		return fmt.Sprintf("%s was deleted while the run wrote to it: its %d results are kept, in %s once more%s; the same command carries on from there", e.Path, e.Results, e.Kept, before)
	case e.Kept != "":
		return fmt.Sprintf("%s was replaced while the run wrote to it: its %d results are kept in %s%s; put that file in its place before you run the same command again", e.Path, e.Results, e.Kept, before)
	case e.Deleted:
		return fmt.Sprintf("%s was deleted while the run wrote to it, and what it held could not be written again: %v", e.Path, e.Err)
	case e.Now != "":
		return fmt.Sprintf("%s was moved while the run wrote to it: all results are in %s; move that folder back to %s before you run the same command again", e.Path, e.Now, e.Dir)
	}
	return fmt.Sprintf("%s was moved or replaced while the run wrote to it, or its file system was unmounted: all results are in the file that stood there; bring it back before you run the same command again", e.Path)
}

// rescue returns err, unless the last segment has lost its name: then that is the cause,
// and rescue copies the segment while it is still open.
func rescue(j *Journal, err error) error {
	if j.out == nil {
		return err
	}
	place := j.out.InPlace()
	if cut, ok := errors.AsType[*durable.SizeError](err); ok {
		return &LostError{Dir: j.config.Dir, Path: cut.Path, Cut: true, Size: cut.Size, Want: cut.Want}
	}
	moved, ok := errors.AsType[*durable.MovedError](place)
	if !ok {
		return err
	}
	lost := &LostError{Dir: j.config.Dir, Path: moved.Path, Now: moved.Now, Deleted: moved.Removed, Before: len(j.segments) - 1}
	if moved.Removed {
		var lines int
		lost.Kept, lines, lost.Err = j.out.Rescue()
		lost.Results = max(0, lines-1) // without the header
	}
	return lost
}
