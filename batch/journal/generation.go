package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentPrefix = "results-"
	segmentSuffix = ".jsonl"
)

// segmentName names a segment of the journal as it is after so many prunings. The
// generation is in the name so that no name ever stands for two contents.
func segmentName(generation, number int) string {
	if generation > 0 {
		return fmt.Sprintf("%sp%d-%06d%s", segmentPrefix, generation, number, segmentSuffix)
	}
	return fmt.Sprintf("%s%06d%s", segmentPrefix, number, segmentSuffix)
}

// parseSegment is the inverse of segmentName.
func parseSegment(name string) (generation, number int, ok bool) {
	rest := strings.TrimSuffix(strings.TrimPrefix(name, segmentPrefix), segmentSuffix)
	if p, found := strings.CutPrefix(rest, "p"); found {
		var err error
		if p, rest, found = strings.Cut(p, "-"); !found {
			return 0, 0, false
		}
		if generation, err = strconv.Atoi(p); err != nil || generation < 1 {
			return 0, 0, false
		}
	}
	number, err := strconv.Atoi(rest)
	return generation, number, err == nil && number > 0 && segmentName(generation, number) == name
}

// segmentFiles are the files of a folder that a journal is, or was, made of.
type segmentFiles struct {
	generation int
	numbers    []int    // of its segments, in order
	stale      []string // of generations before it, and of one that was not finished
}

// listSegments finds the generation that counts: the last one whose first segment is
// there, for that is written last. Files with other names are nobody's business.
func listSegments(dir string) (segmentFiles, error) {
	var files segmentFiles
	entries, err := os.ReadDir(dir)
	if err != nil {
		return files, err
	}
	numbers := make(map[int][]int) // by generation
	latest := 0
	for _, e := range entries {
		if generation, number, ok := parseSegment(e.Name()); ok {
			numbers[generation] = append(numbers[generation], number)
			latest = max(latest, generation)
			if number == 1 {
				files.generation = max(files.generation, generation)
			}
		} else if name, _, temporary := strings.Cut(e.Name(), ".tmp-"); temporary {
			if _, _, ok := parseSegment(name); ok {
				files.stale = append(files.stale, e.Name())
			}
		}
	}
	if files.numbers = numbers[files.generation]; len(files.numbers) == 0 && latest > 0 {
		// What is left is no half-made generation, for the one before it would be
		// there: it is the journal, and must not be taken for refuse.
		return files, fmt.Errorf("%s is missing, and other segments of that journal are there: bring it back from a copy, or begin a new journal (--fresh)",
			segmentName(latest, 1))
	}
	slices.Sort(files.numbers)
	for generation, ns := range numbers {
		for _, n := range ns {
			if generation != files.generation {
				files.stale = append(files.stale, segmentName(generation, n))
			}
		}
	}
	slices.Sort(files.stale)
	return files, nil
}

// openSegment opens a segment for reading.
func (j *Journal) openSegment(name string) (*os.File, error) {
	f, err := os.Open(filepath.Join(j.config.Dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: if the journal has just been pruned, start again", err)
	}
	return f, err
}

// outdated reports whether another process has pruned the journal since it was
// opened.
func (j *Journal) outdated() bool {
	files, err := listSegments(j.config.Dir)
	return err == nil && files.generation != j.generation
}

// Generation returns how often the journal has been pruned.
func (j *Journal) Generation() int { return j.generation }

// removeStale removes what a pruning, finished or not, has left behind: blobs that
// nothing refers to, and then the segments. They go last because it is by them that
// the next Open would know that there is something to do.
func (j *Journal) removeStale(stale []string) error {
	if len(stale) == 0 {
		return nil
	}
	// The name that made this generation count may be in the page cache only.
	if err := j.config.FS.SyncDir(j.config.Dir); err != nil {
		return err
	}
	if err := j.removeBlobs(); err != nil {
		return err
	}
	for _, name := range stale {
		if err := j.config.FS.Remove(filepath.Join(j.config.Dir, name)); err != nil {
			return err
		}
	}
	return j.config.FS.SyncDir(j.config.Dir)
}

// removeBlobs removes the blobs that no line refers to.
func (j *Journal) removeBlobs() error {
	dir := filepath.Join(j.config.Dir, blobDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	used := make(map[string]bool)
	for c, err := range j.Candidates() {
		if err != nil {
			return err
		}
		if b := blobOf(c.body); b != "" {
			used[b] = true
		}
	}
	removed := false
	for _, e := range entries {
		if name := e.Name(); len(name) == 64 && !used[name] {
			removed = true
			if err := j.config.FS.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	if !removed {
		return nil
	}
	return j.config.FS.SyncDir(dir)
}
