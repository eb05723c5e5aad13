package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/record"
)

// The folder's files; see the package comment. The journal has its own beside them.
const (
	lockFile     = "lock"
	specFile     = "job.json"
	manifestFile = "manifest.json"
	nextFile     = "next.json"
	forecastFile = "forecast.json"
	pilotsFile   = "pilots.json"
	historyFile  = "history.jsonl"
	draftFile    = "output" // see Draft
	spoolName    = "stdin"  // without its extension, the format
)

// A Folder is the state folder of one job. The folder need not exist before Create. A
// Folder is for one goroutine at a time.
type Folder struct {
	Dir    string     // absolute
	Output string     // the path of the job's own output, absolute
	FS     durable.FS // writes all files of the folder

	// Aside is the new path of what SetAside renamed. It is empty if nothing was.
	Aside string

	lock *durable.Lock // nil if Lock has not taken it
}

// Path returns the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// HistoryPath returns the path of the file in a folder that says how runs went.
func HistoryPath(dir string) string { return filepath.Join(dir, historyFile) }

// Create makes the folder if it does not exist.
func (f *Folder) Create() error { return f.FS.MkdirAll(f.Dir) }

// Lock takes the job's lock until Unlock. The error is a [*record.LockedError] if
// another process runs the job.
func (f *Folder) Lock() error {
	lock, err := lockOf(f)
	if errors.Is(err, fs.ErrPermission) {
		return Forbidden(f.Dir, "write")
	}
	if err != nil {
		return err
	}
	f.lock = lock
	return nil
}

// lockOf takes the lock of a folder. The error is a [*record.LockedError] if another
// process has it.
func lockOf(f *Folder) (*durable.Lock, error) {
	lock, err := f.FS.Lock(f.Path(lockFile))
	if held, ok := errors.AsType[*durable.LockedError](err); ok {
		return nil, &record.LockedError{Path: held.Path, Owner: record.Owner(held.Owner)}
	}
	return lock, err
}

// LockedBy returns the error for a folder whose lock a process holds.
func LockedBy(dir string, owner *record.Owner) *record.LockedError {
	return &record.LockedError{Path: filepath.Join(dir, lockFile), Owner: *owner}
}

// Locked reports whether this Folder holds the lock.
func (f *Folder) Locked() bool { return f.lock != nil }

// Unlock gives the lock back. It does nothing if this Folder does not hold it.
func (f *Folder) Unlock() error {
	if f.lock == nil {
		return nil
	}
	lock := f.lock
	f.lock = nil
	return lock.Unlock()
}

// Owner returns the process that holds the lock of a folder, or nil if none does.
func Owner(dir string) (*record.Owner, error) {
	o, err := durable.LockOwner(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return (*record.Owner)(o), err
}

// HasJob reports whether a folder is one that a run has left.
func HasJob(dir string) bool {
	_, err := os.Stat(SpecPath(dir))
	return err == nil
}

// RemoveTemps removes temporary files that killed runs have left. The caller must hold
// the lock, because only its holder writes such files: those of the folder, and that of
// the job's output. The journal removes its own.
func (f *Folder) RemoveTemps() error {
	here := durable.RemoveTemps(f.Dir, func(name string) bool {
		return name == draftFile || name == specFile || name == manifestFile || name == nextFile || name == forecastFile || name == pilotsFile || name == historyFile || name == shardFile || strings.HasPrefix(name, spoolName+".")
	})
	if store.IsAddress(f.Output) {
		return here
	}
	target, err := durable.Target(f.Output)
	if err != nil {
		return err
	}
	return errors.Join(here, durable.RemoveTemps(filepath.Dir(target), func(name string) bool { return name == filepath.Base(target) }))
}

// ViewJournal opens the journal of a folder for reading. If the folder does not exist,
// the journal is empty, and nothing is created.
func ViewJournal(dir string) (*journal.Journal, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if dir, err = os.MkdirTemp("", "genbatch-"); err != nil {
			return nil, fmt.Errorf("no temporary folder can be made (TMPDIR names another place): %w", err)
		}
		defer os.Remove(dir)
	}
	return journal.Open(journal.Config{Dir: dir, ReadOnly: true})
}
