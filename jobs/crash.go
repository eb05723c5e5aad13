package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/writer"
)

// Two names cannot change at once. So what is about to change is noted first, and
// a process that is killed in between leaves nothing that the next one cannot
// place: an output that its manifest does not know yet is known from nextFile, or
// from a state folder that was set aside.

// announce notes the output that is about to get its name.
func (j *Job) announce(sum writer.Sum) error {
	text, err := json.Marshal(fileID{Path: j.spec.Output, Size: sum.Size, SHA256: sum.SHA256})
	if err != nil {
		return err
	}
	return j.fs.WriteFile(filepath.Join(j.spec.StateDir(), nextFile), append(text, '\n'), 0o600)
}

// readNext returns the output that was announced last.
func readNext(dir string) (fileID, error) {
	var id fileID
	text, err := os.ReadFile(filepath.Join(dir, nextFile))
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	return id, err
}

// announced reports whether the output with a SHA-256 is the one announced last.
func (j *Job) announced(sum string) bool {
	id, err := readNext(j.spec.StateDir())
	return err == nil && id.SHA256 == sum
}

// ownOutput reports whether the job itself wrote the output that is there, so that
// it may replace it.
func (j *Job) ownOutput(info fs.FileInfo) bool {
	dir := j.spec.StateDir()
	return slices.ContainsFunc(append([]string{dir}, asides(dir)...), func(dir string) bool {
		return wrote(dir, j.spec.Output, info)
	})
}

// wrote reports whether the output was written with a state folder.
func wrote(dir, output string, info fs.FileInfo) bool {
	if m, err := readManifest(dir); err == nil && m.Output.matches(output, info) {
		return true
	}
	id, err := readNext(dir)
	return err == nil && id.matches(output, info)
}

// removeTemps removes what killed runs have left of the files that only the holder
// of the lock writes.
func (j *Job) removeTemps() {
	dir := j.spec.StateDir()
	err := errors.Join(
		durable.RemoveTemps(dir, func(name string) bool {
			return name == specFile || name == manifestFile || name == nextFile || strings.HasPrefix(name, spoolName+".")
		}),
		durable.RemoveTemps(filepath.Dir(j.spec.Output), func(name string) bool { return name == filepath.Base(j.spec.Output) }),
		durable.RemoveTemps(filesDir(j.spec.Output), func(name string) bool { return name == filesMark || fileName.MatchString(name) }),
	)
	if err != nil {
		// They take space, and do no harm.
		j.log.Warn("what an interrupted run left cannot be removed: " + err.Error())
	}
}

// holdLock takes the job's lock, unless the job has it already.
func (j *Job) holdLock() (unlock func(), err error) {
	if j.lock != nil {
		return func() {}, nil
	}
	lock, err := j.fs.Lock(filepath.Join(j.spec.StateDir(), lockFile))
	if err != nil {
		return nil, err
	}
	j.removeTemps()
	return func() {
		// Nothing is lost when the text of an owner stays behind.
		_ = lock.Unlock()
	}, nil
}

// asideLayout is the time in the name of a state folder that was set aside.
const asideLayout = "20060102T150405Z"

// asides returns the state folders that were set aside for dir.
func asides(dir string) []string {
	prefix := strings.TrimSuffix(filepath.Base(dir), ".genbatch") + "."
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return nil // and nothing is known of what they hold
	}
	var found []string
	for _, e := range entries {
		at, ours := strings.CutPrefix(e.Name(), prefix)
		at, isState := strings.CutSuffix(at, ".genbatch")
		if _, err := time.Parse(asideLayout, at); ours && isState && err == nil {
			found = append(found, filepath.Join(filepath.Dir(dir), e.Name()))
		}
	}
	return found
}

// setAside renames a state folder, so that the run begins a new journal, and
// returns its new name. It fails with a *durable.LockedError while a process runs
// the job.
func setAside(fsys durable.FS, dir string) (string, error) {
	lock, err := fsys.Lock(filepath.Join(dir, lockFile))
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	old, err := readManifest(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var aside string
	for at := time.Now().UTC(); ; at = at.Add(time.Second) {
		aside = fmt.Sprintf("%s.%s.genbatch", strings.TrimSuffix(dir, ".genbatch"), at.Format(asideLayout))
		if _, err := os.Lstat(aside); err != nil { // else it is of the same second
			break
		}
	}
	if err := fsys.Rename(dir, aside); err != nil {
		return "", err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return "", err
	}
	// The output that is there stays this job's own, to be replaced, also when the
	// folder that was set aside is deleted.
	if old != nil {
		old.LastSeq = -1 // of another journal
		return aside, old.write(fsys, dir)
	}
	return aside, nil
}
