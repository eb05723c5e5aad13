package jobs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/jobs/spec"
)

// checkPaths refuses inputs, output and state folder that would meet each other.
// The input is open.
func (j *Job) checkPaths() error {
	output, state := j.spec.Output, j.spec.StateDir()
	for i, pattern := range j.spec.Input {
		if pattern == "-" {
			continue
		}
		// The next run would ask about this one's answers.
		_, err := os.Lstat(pattern)
		matches, _ := filepath.Match(pattern, output) // it was valid for the reader
		if err != nil && matches {
			return spec.Errorf("write it to another folder, or give it another extension", "the output %s is one of the files that the input %s matches", output, pattern)
		}
		if within(state, j.spec.Input[i]) {
			return spec.Errorf("name a folder that holds nothing else", "the input %s stands in the state folder %s", pattern, state)
		}
	}
	if slices.Contains(j.input.Paths(), output) {
		return spec.Errorf("write to another file", "%s is input and output", output)
	}
	// --fresh renames the folder.
	if within(state, output) {
		return spec.Errorf("name a folder that holds nothing else", "the output %s stands in the state folder %s", output, state)
	}
	return nil
}

// within reports whether path is dir or stands in it; both are absolute.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
