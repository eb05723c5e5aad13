// Package state is a job's state folder, as an object: who holds its lock, what job it
// was last run with, what the output was derived from, and what stdin held. The
// journal in the folder keeps itself; see package journal.
//
// Two names cannot change at once. So what is about to change is noted first, and a
// process that is killed in between leaves nothing that the next one cannot place: an
// output that its [Manifest] does not know yet is known from what was announced, or
// from a folder that was set aside.
package state

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The folder's files, beside the journal's own.
const (
	lockFile     = "lock"          // held by the process that runs the job
	specFile     = "job.json"      // the effective Spec
	manifestFile = "manifest.json" // what the output was derived from
	nextFile     = "next.json"     // the output that is about to appear
	spoolName    = "stdin"         // what stdin held
)

// A Folder is the state folder of one job. It is not safe for concurrent use. The
// folder itself need not exist before Create.
type Folder struct {
	Dir    string     // absolute
	Output string     // the job's own output, absolute
	FS     durable.FS // all that the job writes, it writes with it

	// Aside is where the folder's former content went; empty: it was not set aside.
	Aside string

	lock *durable.Lock // nil: the folder is only read
}

// Path returns the path of a file in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Create makes the folder, unless it is there.
func (f *Folder) Create() error { return f.FS.MkdirAll(f.Dir) }

// Lock takes the job's lock until Unlock. The error is a *durable.LockedError when
// another process runs the job.
func (f *Folder) Lock() (err error) {
	f.lock, err = f.FS.Lock(f.Path(lockFile))
	return err
}

// Locked reports whether this process holds the lock by Lock.
func (f *Folder) Locked() bool { return f.lock != nil }

// Unlock gives the lock back, if Lock took it.
func (f *Folder) Unlock() error {
	if f.lock == nil {
		return nil
	}
	lock := f.lock
	f.lock = nil
	return lock.Unlock()
}

// Owner returns the process that holds the lock; nil: none does.
func Owner(dir string) (*durable.Owner, error) {
	o, err := durable.LockOwner(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return o, err
}

// HasJob reports whether a run has left its job in a folder.
func HasJob(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, specFile))
	return err == nil
}

// RemoveTemps removes what killed runs have left of files that only the holder of the
// lock writes: those of the folder, and the job's output.
func (f *Folder) RemoveTemps() error {
	return errors.Join(
		durable.RemoveTemps(f.Dir, func(name string) bool {
			return name == specFile || name == manifestFile || name == nextFile || strings.HasPrefix(name, spoolName+".")
		}),
		durable.RemoveTemps(filepath.Dir(f.Output), func(name string) bool { return name == filepath.Base(f.Output) }),
	)
}

// Announce notes the output that is about to get its name, by its size and SHA-256.
func (f *Folder) Announce(size int64, sha256 string) error {
	text, err := json.Marshal(FileID{Path: f.Output, Size: size, SHA256: sha256})
	if err != nil {
		return err
	}
	return f.FS.WriteFile(f.Path(nextFile), append(text, '\n'), 0o600)
}

// Announced reports whether the output with a SHA-256 is the one announced last.
func (f *Folder) Announced(sha256 string) bool {
	id, err := readNext(f.Dir)
	return err == nil && id.SHA256 == sha256
}

// readNext returns the output that was announced last.
func readNext(dir string) (FileID, error) {
	var id FileID
	text, err := os.ReadFile(filepath.Join(dir, nextFile))
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	return id, err
}

// CheckOutput refuses to replace a file that this job did not write, unless force is
// set. Its errors are spec.Errors.
func (f *Folder) CheckOutput(force bool) error {
	info, err := os.Stat(f.Output)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent := filepath.Dir(f.Output); !durable.IsDir(parent) {
			return spec.Errorf("make it first", "the output's folder %s does not exist", parent)
		}
		return nil
	case err != nil:
		return &spec.Error{Err: err}
	case info.IsDir():
		return spec.Errorf("name a file in it", "the output %s is a folder", f.Output)
	case force || f.wroteOutput(info):
		return nil
	}
	what := "was not written by this job"
	if _, err := ReadManifest(f.Dir); err == nil {
		what = "is not as this job has written it"
	}
	return spec.Errorf("choose another --output, or replace it with --force", "%s exists and %s", f.Output, what)
}

// wroteOutput reports whether the job itself wrote the output that is there, with this
// folder or with one that was set aside since.
func (f *Folder) wroteOutput(info fs.FileInfo) bool {
	return slices.ContainsFunc(append([]string{f.Dir}, asides(f.Dir)...), func(dir string) bool {
		if m, err := ReadManifest(dir); err == nil && m.Output.Matches(f.Output, info) {
			return true
		}
		id, err := readNext(dir)
		return err == nil && id.Matches(f.Output, info)
	})
}

// ViewJournal opens the journal of a folder for reading. A job that was never run has
// an empty one.
func ViewJournal(dir string) (*journal.Journal, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if dir, err = os.MkdirTemp("", "genbatch-"); err != nil {
			return nil, err
		}
		defer os.Remove(dir)
	}
	return journal.Open(journal.Config{Dir: dir, ReadOnly: true})
}
