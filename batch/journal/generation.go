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

// This file names segments, and finds out which of those in a folder count.

const (
	segmentPrefix = "results-"
	segmentSuffix = ".jsonl"
)

// segmentName returns the name of a segment. The name has the generation, which is the
// number of prunings so far, so that no name ever stands for two contents.
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

// segmentFiles are the segments in a folder: those that count, and stale ones.
type segmentFiles struct {
	generation int
	numbers    []int    // of the segments of the generation, in order
	stale      []string // names of segments of earlier generations, and of an unfinished one
}

// listSegments finds the generation that counts. It is the last one whose first segment
// exists, because that segment gets its name last. Other files are ignored.
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
		// These segments are not those of an unfinished pruning, since the generation
		// before is missing too. They are the journal, and must not be removed as stale.
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

// outdated reports whether another process has pruned the journal since it was opened
// here.
func (j *Journal) outdated() bool {
	files, err := listSegments(j.config.Dir)
	return err == nil && files.generation != j.generation
}

// Generation returns how often the journal has been pruned.
func (j *Journal) Generation() int { return j.generation }

// removeStale removes what a finished or unfinished pruning has left behind: first the
// blobs to which no line refers, then the stale segments. The segments go last, because
// they tell the next Open that there is something left to remove. The caller has synced the
// folder, so that the name by which this generation counts is not in the page cache only.
func (j *Journal) removeStale(stale []string) error {
	if len(stale) == 0 {
		return nil
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

// removeBlobs removes the blobs to which no line refers.
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
	for l, err := range j.allLines() {
		if err != nil {
			return err
		}
		if b := blobOf(l.body); l.ok && b != "" {
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
