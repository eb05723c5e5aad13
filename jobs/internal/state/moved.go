package state

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// This file finds a job's files when its folder is not where it was.

// A move is of a state folder, from where it was when a path was written down to where it
// is now. People move and copy whole folders, with inputs and outputs beside the state or
// below it; some inputs stay where they are.
type move struct{ from, to string } // state folders, absolute

// path returns where a file or a pattern is now. A file that moved along is at the same
// place, seen from the folder that holds the state. Where there is one, it is preferred to
// the file at the old place, which belongs to the original if the folder was copied.
func (m move) path(old string) string {
	if m.from == m.to || store.IsAddress(old) {
		return old
	}
	rel, err := filepath.Rel(filepath.Dir(m.from), old)
	if err != nil {
		return old // on another volume of Windows
	}
	now := filepath.Join(filepath.Dir(m.to), rel)
	if exists(now) || !exists(old) && within(filepath.Dir(m.from), old) {
		return now
	}
	return old
}

// output returns where the job's output is now, or would be. An output beside its state
// folder has stayed beside it, whether it is there or not: a copy of a job must never write
// to the original's output.
func (m move) output(old string) string {
	if m.from == m.to || old == "" || old == "-" || store.IsAddress(old) {
		return old
	}
	if spec.StateDirOf(old) != m.from {
		return m.path(old)
	}
	// Both were renamed, unless the folder alone was, as SetAside does: the name that is left
	// is then none of an output.
	if named := strings.TrimSuffix(m.to, ".genbatch"); named != m.to && (exists(named) || filepath.Ext(named) == filepath.Ext(old)) {
		return named
	}
	return filepath.Join(filepath.Dir(m.to), filepath.Base(old))
}

// spec moves the paths of a job.
func (m move) spec(s *spec.Spec) {
	output := m.output(s.Output)
	s.MapPaths(m.path)
	s.Output, s.State = output, m.to
}

// exists reports whether a path names something, or a pattern matches.
func exists(path string) bool {
	if _, err := os.Lstat(path); err == nil {
		return true
	}
	files, err := reader.Expand(path, "")
	return err == nil && !slices.Equal(files, []string{path})
}

// relative returns a path as seen from the folder that holds the state folder, if it is
// below that: then both move together.
func relative(dir, path string) string {
	if store.IsAddress(path) {
		return path
	}
	if rel, err := filepath.Rel(filepath.Dir(dir), path); err == nil && within(filepath.Dir(dir), path) {
		return filepath.ToSlash(rel)
	}
	return path
}
