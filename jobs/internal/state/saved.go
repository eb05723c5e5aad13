package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/spec"
)

// SpecPath returns the path of job.json in a state folder, for those who take it to another machine.
func SpecPath(dir string) string { return filepath.Join(dir, specFile) }

// A savedJob is job.json: what the other commands need to know of a job.
type savedJob struct {
	Genbatch string    `json:"genbatch"` // the version that wrote it
	Wording  int       `json:"wording"`  // see SaveSpec
	Spec     spec.Spec `json:"spec"`

	// File is what the job file said, before flags and environment; nil if there was none.
	File *spec.Spec `json:"file,omitempty"`
}

// WordingOf returns the version of the texts that a folder's requests are made of: that
// with which the folder began, and the latest for a new one. So an upgrade never buys a
// job again. The shards of a job all have the wording of the one that began first.
func WordingOf(dir string, latest int) int {
	old, err := readSaved(dir)
	if jobDir, _, isShard := spec.ParseShardDir(dir); err != nil && isShard {
		old, err = readJob(jobDir)
	} else if err != nil {
		old, err = readJob(dir)
	}
	if err != nil || old.Wording < 1 || old.Wording > latest { // SaveSpec refuses later ones
		return latest
	}
	return old.Wording
}

// SaveSpec writes job.json, without secrets. wording is what [WordingOf] returned; a
// folder that knows a later version is refused with a [*spec.Error]. If the folder was
// begun with a job that asks something else, SaveSpec returns what that means for its rows. file
// is what the job file said; see [spec.Renewed].
func (f *Folder) SaveSpec(s, file *spec.Spec, wording int) (asksElse string, err error) {
	old, err := readSaved(f.Dir)
	if err != nil {
		old = nil // what cannot be read is replaced
	}
	if old != nil && old.Wording > wording {
		return "", spec.Errorf("use that version, or begin anew with --fresh",
			"%s was begun by genbatch %s, which words requests in a way that this version does not know", f.Dir, old.Genbatch)
	}
	if old != nil {
		asksElse = elseAsked(&old.Spec, s)
	}
	saved := savedJob{Genbatch: version.Version(), Wording: wording, Spec: s.WithoutSecrets()}
	if file != nil {
		saved.File = new(file.WithoutSecrets())
	}
	text, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return "", err
	}
	return asksElse, f.FS.WriteFile(f.Path(specFile), append(text, '\n'), 0o600)
}

// elseAsked says what it means for rows that a folder was begun with another question, or returns
// "" if it was not. Where only the sharing of calls differs, a pilot may have asked them in both ways.
func elseAsked(old, s *spec.Spec) string {
	if spec.SameQuestion(old, s) {
		return ""
	}
	asBefore := *s
	asBefore.RowsPerCall = old.RowsPerCall
	switch {
	case !spec.SameQuestion(old, &asBefore):
		return "was begun with another model, prompt or request: rows that ask another thing now are asked, and paid for, anew"
	case s.SharesCalls():
		return "was begun with one row a call: rows that have not shared a call yet are asked, and paid for, anew"
	}
	return "was begun with rows that share calls: rows that have not been asked alone yet are asked, and paid for, anew"
}

// ReadsElse names the settings by which a job reads its input in another way than when a
// folder was last run with it; see [spec.Reads]. It returns none for a folder without results.
func ReadsElse(dir string, s *spec.Spec) []string {
	old, err := readSaved(dir)
	if err != nil || !HasResults(dir) {
		return nil
	}
	return spec.Reads(&old.Spec, s)
}

// OtherJob returns the output of the job that has left its results in a folder, if that seems to be
// another one: the names of its output and of its inputs are others, wherever these are. It is
// empty for the same job, and for a folder without results.
func OtherJob(dir string, s *spec.Spec) string {
	old, err := readSaved(dir)
	if err != nil || !HasResults(dir) || filepath.Base(old.Spec.Output) == filepath.Base(s.Output) {
		return ""
	}
	for _, was := range old.Spec.Input {
		if slices.ContainsFunc(s.Input, func(now string) bool { return filepath.Base(now) == filepath.Base(was) }) {
			return ""
		}
	}
	return old.Spec.Output
}

// readSaved reads job.json, with paths as they are now.
func readSaved(dir string) (*savedJob, error) {
	path := SpecPath(dir)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var saved savedJob
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // numbers of request: are sent as they were written
	if err := d.Decode(&saved); err != nil {
		return nil, &DamagedError{Path: path}
	}
	moved := move{from: saved.Spec.JobDir(), to: dir}
	if jobDir, _, ok := spec.ParseShardDir(dir); ok && saved.Spec.Shard != "" {
		moved.to = jobDir
	} else if saved.Spec.Shard != "" {
		return nil, spec.Errorf("move it back into the folder shards of its job", "%s is the folder of a shard, and is not at its place", dir)
	}
	moved.spec(&saved.Spec)
	if saved.File != nil {
		moved.spec(saved.File)
	}
	return &saved, nil
}

// LoadSpec returns the Spec that a folder was last run with. Its errors are of type
// [*spec.Error].
func LoadSpec(dir string) (*spec.Spec, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	saved, err := readJob(dir)
	if err != nil {
		return nil, unknownJob(dir, err)
	}
	return &saved.Spec, nil
}

// LoadFile returns the job that a folder was last run with, as its job file has it now, and
// the keys by which it differs: see [spec.Renewed]. The paths of file are absolute, and its
// own files are read. Its errors are of type [*spec.Error].
func LoadFile(file *spec.Spec) (job *spec.Spec, changed []string, err error) {
	if _, err := file.ShardOf(); err != nil { // which one, the environment of a run says
		whole := *file
		whole.Shard = ""
		file = &whole
	}
	dir := file.StateDir()
	saved, err := readJob(dir)
	if err != nil && hasJournal(dir) {
		return file, nil, nil // what was last run is not known, and the file says enough
	}
	if err != nil {
		return nil, nil, unknownJob(dir, err)
	}
	// The file says where the output and the state are, as it was found by that.
	job, changed, err = spec.Renewed(&saved.Spec, saved.File, file)
	if err == nil {
		job.State = file.JobDir()
	}
	return job, changed, err
}

// hasJournal reports whether a folder holds a part of a journal.
func hasJournal(dir string) bool { return len(segmentsOf(dir)) > 0 }

// HasResults reports whether the journal of a folder holds a result.
func HasResults(dir string) bool {
	return slices.ContainsFunc(segmentsOf(dir), func(path string) bool {
		f, err := os.Open(path)
		if err != nil {
			return true // which is not known
		}
		defer f.Close()
		r := bufio.NewReader(f)
		_, err = r.ReadString('\n') // the header
		if err == nil {
			_, err = r.ReadByte()
		}
		return err == nil
	})
}

func segmentsOf(dir string) []string {
	segments, err := fs.Glob(os.DirFS(dir), "results-*")
	if err != nil {
		return nil // impossible, for a pattern that is well formed
	}
	for i, name := range segments {
		segments[i] = filepath.Join(dir, name)
	}
	return segments
}

// unknownJob says why a folder does not tell which job it is of.
func unknownJob(dir string, err error) error {
	if damaged, ok := errors.AsType[*DamagedError](err); ok {
		return spec.Errorf("name the job file, or run the job again, which writes it anew", "%w", damaged)
	}
	if err := CheckAccess(dir); err != nil {
		return err
	}
	if told, ok := errors.AsType[*spec.Error](err); ok {
		return told
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return &spec.Error{Err: err}
	}
	if hasJournal(dir) {
		return spec.Errorf("name the job file, or run the job again, which writes it anew", "%s is not there", SpecPath(dir))
	}
	if output := strings.TrimSuffix(dir, ".genbatch"); output != dir && exists(output) && !exists(dir) {
		return &spec.Error{
			Err:  noStateError(fmt.Sprintf("no run has left its state in %s, though %s is there", dir, output)),
			Hint: "name the job file, or the address with --state, if the state is in an object store; else bring the folder back from a copy, since without it a run asks, and pays for, every row again",
		}
	}
	return NoState(dir)
}

// A noStateError says that a folder is not there, or holds no job.
type noStateError string

func (e noStateError) Error() string { return string(e) }

// Unwrap returns [fs.ErrNotExist].
func (e noStateError) Unwrap() error { return fs.ErrNotExist }

// NoState returns the [*spec.Error] for a folder in which no run has left its state. It wraps
// [fs.ErrNotExist].
func NoState(dir string) error {
	return &spec.Error{
		Err:  noStateError("no run has left its state in " + dir),
		Hint: "name the job file, the output of a run, or its folder or address with --state",
	}
}

// SaveForecast writes forecast.json: what a pilot says that the whole job will cost, as
// package plan writes it.
func (f *Folder) SaveForecast(text []byte) error {
	return f.FS.WriteFile(f.Path(forecastFile), append(text, '\n'), 0o600)
}

// Forecast returns what SaveForecast has written. It is nil if there was no pilot.
func (f *Folder) Forecast() ([]byte, error) {
	text, err := os.ReadFile(f.Path(forecastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}
