package state

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/jobs/spec"
)

// CheckPaths refuses a job whose inputs, output and folder get in each other's way.
// patterns are the inputs as the job names them, and paths are the files that match. Its
// errors are of type [*spec.Error].
func (f *Folder) CheckPaths(patterns, paths []string) error {
	for _, pattern := range patterns {
		if pattern == "-" {
			continue
		}
		// The next run would take this one's output for input. A pattern that is itself
		// the name of a file stands for that file alone.
		_, err := os.Lstat(pattern)
		matches, _ := filepath.Match(pattern, f.Output) // it was valid for the reader
		if err != nil && matches {
			return spec.Errorf("write it to another folder, or give it another extension", "the output %s is one of the files that the input %s matches", f.Output, pattern)
		}
		if within(f.Dir, pattern) {
			return spec.Errorf("name a folder that holds nothing else", "the input %s stands in the state folder %s", pattern, f.Dir)
		}
	}
	if slices.Contains(paths, f.Output) {
		return spec.Errorf("write to another file", "%s is input and output", f.Output)
	}
	// --fresh renames the folder, and the output with it.
	if within(f.Dir, f.Output) {
		return spec.Errorf("name a folder that holds nothing else", "the output %s stands in the state folder %s", f.Output, f.Dir)
	}
	return nil
}

// within reports whether path is dir or stands in it; both are absolute.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
