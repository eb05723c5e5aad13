package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch"
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

// ready proves that the journal is as Write has left it, and closes a segment that has no
// room for what encode has prepared. Nothing must be added to a file that another program
// has changed. A file that has lost its name takes all that there is to write, so that one
// copy of it is enough.
func ready(j *Journal) error {
	if j.out != nil && j.out.InPlace() != nil {
		return nil
	}
	if err := unchanged(j); err != nil {
		return err
	}
	if j.out == nil || j.out.Size() == 0 || j.out.Size()+int64(len(j.enc.buf)) <= j.config.SegmentBytes {
		return nil
	}
	// All of this segment is synced already, and it needs no link to the next one.
	err := j.out.Close()
	j.out = nil
	return err
}

// unchanged returns a [*durable.ResizedError] if a file of the journal is missing, or not as
// long as it was written. Of the blobs it looks only at the newest one, which shows whether
// their folder is there. It costs one system call for each 256 MiB.
func unchanged(j *Journal) error {
	for i := range j.segments {
		seg := &j.segments[i] // no copy, since readers set f meanwhile
		var err error
		if j.out != nil && i == len(j.segments)-1 {
			err = j.out.SameSize()
		} else {
			err = durable.SameSize(filepath.Join(j.config.Dir, seg.name), seg.size)
		}
		if err != nil {
			return err
		}
	}
	if j.newest != "" {
		if _, err := os.Stat(j.blobPath(j.newest)); errors.Is(err, os.ErrNotExist) {
			return &durable.ResizedError{Path: j.blobPath(j.newest), Found: -1}
		}
	}
	return nil
}

// A LostError says that another program has deleted, moved, replaced or changed the journal
// while it was written.
type LostError struct {
	Dir     string                // where the journal was
	moved   *durable.MovedError   // the last segment is not at its place; or nil
	resized *durable.ResizedError // a file is not as it was written; nil if moved is set

	// Kept is the file with the last segment, or, if that was changed, with the results
	// that were just to be written: Results of them, which are synced. It is empty if
	// nothing had to be copied, or if that failed with Err.
	Kept    string
	Results int
	Err     error
	Before  int   // segments before the last one, which are not copied
	Gone    int64 // rows whose results were in the journal, and are not any more
}

// Unwrap returns Err.
func (e *LostError) Unwrap() error { return e.Err }

// Safe reports whether all results are kept that were written.
func (e *LostError) Safe() bool { return e.Err == nil && e.Before == 0 && e.Gone == 0 }

// Error says what happened, where the results are, and what to do.
func (e *LostError) Error() string {
	if e.resized != nil {
		return e.changed()
	}
	before := ""
	if e.Before > 0 {
		before = fmt.Sprintf("; %d older files of the journal are not: bring them back from a copy, or their rows are asked again", e.Before)
	} else if e.Gone > 0 {
		before = fmt.Sprintf("; of these %d have lost their long answers, which stood in %s, and their rows are asked, and paid for, again", e.Gone, blobDir)
	}
	switch {
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

// changed is the text of an error about a changed file.
func (e *LostError) changed() string {
	text := []string{fmt.Sprintf("another program has changed the journal while the run wrote to it: %v", e.resized)}
	add := func(format string, args ...any) { text = append(text, fmt.Sprintf(format, args...)) }
	switch {
	case e.Gone == 1:
		add("1 result that was kept is gone, and its row is asked, and paid for, again")
	case e.Gone > 1:
		add("%d results that were kept are gone, and their rows are asked, and paid for, again", e.Gone)
	case e.Err == nil:
		add("all results are still there")
	}
	if e.Kept != "" {
		add("the %d newest are in %s", e.Results, e.Kept)
	}
	if e.Err != nil {
		add("what is left of it cannot be used: %v", e.Err)
	} else {
		add("the same command carries on")
	}
	return strings.Join(text, "; ")
}

// rescue returns err, unless another program has taken the journal away or changed it: then
// that is the cause, and rescue saves what it can. It copies a segment that has lost its name
// while it is still open. If a file was changed, it writes the new results to a segment of
// their own. kept says whether these count; written, whether the open segment has them.
func rescue(j *Journal, rs []*batch.Result, blobs []blob, written bool, err error) (kept bool, _ error) {
	lost := &LostError{Dir: j.config.Dir}
	if j.out != nil {
		lost.moved, _ = errors.AsType[*durable.MovedError](j.out.InPlace())
	}
	_, resized := errors.AsType[*durable.ResizedError](err)
	if lost.moved == nil && (resized || errors.Is(err, os.ErrNotExist)) {
		lost.resized, _ = errors.AsType[*durable.ResizedError](unchanged(j))
	}
	switch {
	case lost.resized != nil:
		kept = keepApart(j, rs, blobs, lost)
	case lost.moved == nil:
		return false, err
	case !lost.moved.Removed: // whoever has the file has all of it
		return written, lost
	default:
		lost.Before = len(j.segments) - 1
		var lines int
		lost.Kept, lines, lost.Err = j.out.Rescue()
		lines-- // the header
		for _, p := range j.answers {
			if int(p.segment) == lost.Before {
				lines-- // no result either
			}
		}
		lost.Results = max(0, lines)
		kept = written && lost.Err == nil
	}
	if lost.Before == 0 && lost.Err == nil && (lost.Kept == "" || filepath.Dir(lost.Kept) == j.config.Dir) {
		lost.Gone, lost.Err = reread(j)
	}
	return kept, lost
}

// keepApart writes what encode has prepared to a segment of its own, after a changed one.
func keepApart(j *Journal, rs []*batch.Result, blobs []blob, lost *LostError) (kept bool) {
	if j.out != nil {
		j.out.Close() // all of it is synced, as far as it is still there
		j.out = nil
	}
	j.newest = "" // the folder may be gone
	if kept, lost.Err = j.commit(rs, blobs); lost.Err != nil {
		return false
	}
	lost.Kept, lost.Results = j.out.Path(), len(j.enc.results)
	return kept
}

// reread makes the index anew from what the files hold by now, which is what the next Open
// will find, and returns how many rows have no result any more.
func reread(j *Journal) (gone int64, err error) {
	now := &Journal{config: j.config}
	now.config.ReadOnly = true
	if err := now.open(); err != nil {
		return 0, errors.Join(err, now.Close())
	}
	for _, n := range j.Rows() {
		gone += n
	}
	for _, n := range now.Rows() {
		gone -= n
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, seg := range j.segments {
		if seg.f != nil {
			seg.f.Close()
		}
	}
	j.index, j.answers, j.segments = now.index, now.answers, now.segments
	return max(0, gone), nil
}
