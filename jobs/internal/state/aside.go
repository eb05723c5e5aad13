package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// asideLayout is the time in the name of a folder that was set aside.
const asideLayout = "20060102T150405Z"

// asides returns the folders that were set aside for dir.
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

// SetAside renames the folder, so that the run begins a new journal, and makes it anew.
// Aside tells its new name. The error is a *durable.LockedError while a process runs
// the job.
func (f *Folder) SetAside() error {
	lock, err := f.FS.Lock(f.Path(lockFile))
	if err != nil {
		return err
	}
	defer lock.Unlock()
	old, err := ReadManifest(f.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var aside string
	for at := time.Now().UTC(); ; at = at.Add(time.Second) {
		aside = fmt.Sprintf("%s.%s.genbatch", strings.TrimSuffix(f.Dir, ".genbatch"), at.Format(asideLayout))
		if _, err := os.Lstat(aside); err != nil { // else it is of the same second
			break
		}
	}
	if err := f.FS.Rename(f.Dir, aside); err != nil {
		return err
	}
	if err := f.Create(); err != nil {
		return err
	}
	f.Aside = aside
	// The output that is there stays this job's own, to be replaced, also when the
	// folder that was set aside is deleted.
	if old != nil {
		old.LastSeq = -1 // of another journal
		return f.WriteManifest(old)
	}
	return nil
}
