package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file holds what the folder does about the output: it announces, records and
// recognizes it.

// Announce states the size and SHA-256 of the output that is about to get its name. It
// is step 3 of the protocol in the package comment.
func (f *Folder) Announce(size int64, sha256 string) error {
	text, err := json.Marshal(FileID{Path: f.Output, Size: size, SHA256: sha256})
	if err != nil {
		return err
	}
	return f.FS.WriteFile(f.Path(nextFile), append(text, '\n'), 0o600)
}

// Announced reports whether the output with this SHA-256 was announced last. Such an
// output is the job's own even if the manifest describes another one.
func (f *Folder) Announced(sha256 string) bool {
	id, err := readNext(f.Dir)
	return err == nil && id.SHA256 == sha256
}

// readNext returns the output that was announced last, without its time.
func readNext(dir string) (FileID, error) {
	var id FileID
	text, err := os.ReadFile(filepath.Join(dir, nextFile))
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	return id, err
}

// CheckOutput refuses to replace a file or an object that this job did not write, and a file
// that is read-only, unless force is set. A symbolic link counts as the file to which it leads.
// Its errors are of type [*spec.Error], around a [*record.OutputError], unless an object store
// cannot be asked.
func (f *Folder) CheckOutput(force bool) error {
	info, err := store.Stat(f.Output)
	return allows(f, info, err, force)
}

// allows is CheckOutput, with what is known of the output, or why it is not known.
func allows(f *Folder, info store.Info, err error, force bool) error {
	isObject := store.IsAddress(f.Output)
	switch {
	case force:
		return nil
	case isObject && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("whether the output %s is there cannot be seen: %w; give the credentials the right to read and list there, or replace whatever is there with --force", f.Output, err)
	case isObject && err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("whether the output %s is there cannot be seen: %w", f.Output, err)
	case err != nil, isObject && info.Mode.IsDir(): // a folder of objects is only a part of their names
		return nil
	case !isObject && info.Mode.Perm()&0o222 == 0:
		return &spec.Error{Err: &record.OutputError{Path: f.Output, Why: "is read-only"}, Hint: "make it writable, or replace it with --force"}
	case f.wroteOutput(info):
		return nil
	}
	why := "exists and was not written by this job"
	if _, err := ReadManifest(f.Dir); err == nil {
		why = "exists and is not as this job has written it"
	}
	return &spec.Error{Err: &record.OutputError{Path: f.Output, Why: why}, Hint: "choose another --output, or replace it with --force"}
}

// An AppearedError says that the output could not get its name, because another file has
// it since the run began. It is no mistake of the job, so that no [*spec.Error] is to be
// found in it.
type AppearedError struct {
	Err *record.OutputError
}

// Appeared returns err as an [*AppearedError] if it is one of [Folder.CheckOutput].
func Appeared(err error) error {
	if file, ok := errors.AsType[*record.OutputError](err); ok {
		return &AppearedError{Err: file}
	}
	return err
}

func (e *AppearedError) Error() string {
	return fmt.Sprintf("%v; it is left as it is. All answers are in the journal: genbatch export --output FILE writes them elsewhere, and the same command with --force replaces this one", e.Err)
}

// Unwrap returns what is the matter with the file.
func (e *AppearedError) Unwrap() error { return e.Err }

// CheckPlace refuses a path or an address at which no output can be written, whatever is there now: a
// folder, a device or a pipe, and a path where no file can be made. Its
// errors are of type [*spec.Error], except for faults of the disk.
func (f *Folder) CheckPlace(path string) error {
	if path == f.Output && keepsStdout(f.Dir, path) {
		return nil // the folder is made later
	}
	if store.IsAddress(path) {
		return checkAddress(path)
	}
	target, err := durable.Target(path)
	if err != nil {
		return spec.Errorf("name another file", "the output %w", err)
	}
	shown := path
	if target != path {
		shown = path + " -> " + target
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.IsDir():
		return spec.Errorf("name a file in it", "the output %s is a folder", shown)
	case err == nil && !info.Mode().IsRegular():
		return spec.Errorf("write to stdout with --output -", "the output %s is a device or a pipe, and an output is a file that can be replaced", shown)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &spec.Error{Err: err}
	}
	parent := filepath.Dir(target)
	if !durable.IsDir(parent) {
		return spec.Errorf("make it first", "the output's folder %s does not exist", parent)
	}
	// All is paid for when the output is written, so that its folder is tried before. If
	// the state folder is to be made there, that is the trial.
	if _, err := os.Stat(f.Dir); err != nil && filepath.Dir(f.Dir) == parent {
		return nil
	}
	probe, err := f.FS.CreateShared(target)
	if err == nil {
		err = probe.Abort()
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	if err != nil {
		return fmt.Errorf("the output %s cannot be written: %w; choose another --output, or make the folder writable", shown, err)
	}
	return nil
}

// wroteOutput reports whether the job itself wrote the output that is there, as this
// folder says or one that was set aside.
func (f *Folder) wroteOutput(info store.Info) bool {
	return wrote(f.Dir, f.Output, info) || setAsideWith(f, info)
}

// setAsideWith reports whether a folder that was set aside knows the output that is there.
func setAsideWith(f *Folder, info store.Info) bool {
	return slices.ContainsFunc(asides(f.Dir), func(dir string) bool { return wrote(dir, f.Output, info) })
}

// wrote reports whether a folder says that its job wrote an output.
func wrote(dir, output string, info store.Info) bool {
	if m, err := ReadManifest(dir); err == nil && m.Output.matches(output, info) {
		return true
	}
	id, err := readNext(dir)
	return err == nil && id.matches(output, info)
}

// Identify returns the ID of the output that is there, whose SHA-256 is known.
func Identify(f *Folder, sha256 string) (FileID, error) {
	id, err := identify(f.Output)
	id.SHA256 = sha256
	return id, err
}

// Record writes the manifest of a finished output. It is step 5 of the protocol in the
// package comment. sources is the manifest of step 1, which Record does not change,
// totals are those of the output, and media is what the pass over the rows saw.
func (f *Folder) Record(sources *Manifest, totals *cost.Totals, output FileID, media string, jl *journal.Journal) (err error) {
	m := *sources
	m.Rows, m.Summary, m.Media, m.Output = totals.Rows, *totals, media, output
	m.Before = before(f.Dir, m.Asked, m.LastSeq)
	if len(jl.Damage()) == 0 {
		if m.Journal, err = journalFiles(f.Dir); err != nil {
			return err
		}
	}
	return f.WriteManifest(&m)
}
