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

// asideLayout is the layout of the time in the name of a folder that was set aside:
// out.jsonl.20060102T150405Z.genbatch for out.jsonl.genbatch.
const asideLayout = "20060102T150405Z"

// asides returns the folders that were set aside from dir.
func asides(dir string) []string {
	prefix := strings.TrimSuffix(filepath.Base(dir), ".genbatch") + "."
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return nil // the output is then taken for somebody else's
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

// SetAside renames the folder, which must exist, and creates it anew, so that the run
// begins a new journal. Aside has the new name afterwards. The error is a
// [*record.LockedError] while a process runs the job.
func (f *Folder) SetAside() error {
	lock, err := lockOf(f)
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
		if _, err := os.Lstat(aside); err != nil { // the name is free: no folder was set aside in this second
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
	if old == nil {
		return nil
	}
	// The output that is there stays this job's own, which may be replaced, even if the
	// folder that was set aside is deleted.
	old.LastSeq = -1
	return f.WriteManifest(old)
}
