package page

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs"
)

// Save writes a page to a file that only its owner can read, since it holds what rows hold. A
// file that is there is replaced if it is such a page, or if force is set; else the error is a
// [*jobs.SpecError] that wraps a [*jobs.OutputError]. A device or a pipe is never replaced, nor
// are the input, the output and the state of a job: needed are the jobs that the page is of.
func Save(page io.WriterTo, path string, force bool, needed ...jobs.Spec) (size int64, err error) {
	for i := range needed {
		if isNeeded(&needed[i], path) {
			return 0, &jobs.SpecError{Err: errors.New(path + " is the input, the output or the state of a run"), Hint: "write the page to another file, with --output"}
		}
	}
	if err := replaceable(path); err != nil {
		return 0, err
	}
	if !force {
		if err := check(path); err != nil {
			return 0, err
		}
	}
	var b bytes.Buffer
	if _, err := page.WriteTo(&b); err != nil {
		return 0, err
	}
	return int64(b.Len()), durable.FS{}.WriteFile(path, b.Bytes(), 0o600)
}

// replaceable refuses what would be another thing once a page has taken its place, such as
// /dev/null. To look into a pipe would wait for whoever writes to it.
func replaceable(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return &jobs.SpecError{Err: errors.New(path + " is a folder, a device or a pipe, and a page is a file that can be replaced"), Hint: "name a file with --output, or - for stdout"}
	}
	return nil
}

// check refuses a path at which a file stands that is no page.
func check(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if !isOwn(f) {
		return &jobs.SpecError{Err: &jobs.OutputError{Path: path, Why: "is there, and is no page that genbatch has made"}, Hint: "name another file with --output, or replace it with --force"}
	}
	return nil
}

// isNeeded reports whether a job needs what is at a path.
func isNeeded(s *jobs.Spec, path string) bool {
	if durable.IsSame(path, s.Output) || durable.IsSame(filepath.Dir(path), s.StateDir()) {
		return true
	}
	return slices.ContainsFunc(append(s.InputFiles(), s.Input...), func(file string) bool { return durable.IsSame(path, file) })
}
