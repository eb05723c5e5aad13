package state

import (
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
)

// CheckPaths refuses a job whose inputs, output and folder get in each other's way.
// patterns are the inputs as the job names them, and paths are the files that match. Its
// errors are of type [*spec.Error].
func (f *Folder) CheckPaths(patterns, paths []string) error {
	target, err := target(f.Output)
	if err != nil {
		return spec.Errorf("name another file", "the output %w", err)
	}
	for _, pattern := range patterns {
		if pattern == "-" {
			continue
		}
		// The next run would take this one's output for input. A pattern that is itself
		// the name of a file stands for that file alone.
		if reader.Matches(pattern, f.Output) || reader.Matches(pattern, target) {
			return spec.Errorf("write it to another folder, or give it another extension", "the output %s is one of the files that the input %s matches", f.Output, pattern)
		}
		if !store.IsAddress(pattern) && within(f.Dir, pattern) {
			return spec.Errorf("name a folder that holds nothing else", "the input %s stands in the state folder %s", pattern, f.Dir)
		}
	}
	for _, path := range paths {
		if path == f.Output || durable.IsSame(path, target) {
			return spec.Errorf("write to another file", "%s is input and output", f.Output)
		}
	}
	// --fresh renames the folder, and the output with it. Only what goes to stdout is kept
	// there.
	if !store.IsAddress(f.Output) && within(f.Dir, f.Output) && !keepsStdout(f.Dir, f.Output) {
		return spec.Errorf("name a folder that holds nothing else", "the output %s stands in the state folder %s", f.Output, f.Dir)
	}
	return nil
}

// CheckOther refuses to write a file over what the job needs, which is not the job's own output:
// over an input, or into the state folder. inputs are the job's input files. Links lead to what
// they name. Its errors are of type [*spec.Error].
func (f *Folder) CheckOther(path string, inputs []string) error {
	target, err := target(path)
	if err != nil {
		return spec.Errorf("name another file", "the file %w", err)
	}
	for _, in := range inputs {
		if durable.IsSame(in, target) {
			return spec.Errorf("write to another file", "%s is an input", in)
		}
	}
	if path == f.Output && keepsStdout(f.Dir, path) || store.IsAddress(path) {
		return nil
	}
	dir, err := filepath.Abs(filepath.Dir(target))
	for last := ""; err == nil && dir != last; last, dir = dir, filepath.Dir(dir) {
		if durable.IsSame(dir, f.Dir) {
			return spec.Errorf("write to another folder", "%s stands in the state folder %s", path, f.Dir)
		}
	}
	return err
}

// target returns the file to which a path leads. An address leads nowhere else.
func target(path string) (string, error) {
	if store.IsAddress(path) {
		return path, nil
	}
	return durable.Target(path)
}

// keepsStdout reports whether an output is what goes to stdout, kept in the folder dir.
func keepsStdout(dir, output string) bool {
	return filepath.Dir(output) == dir && filepath.Base(output) == "stdout"
}

// within reports whether path is dir or stands in it; both are absolute.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
