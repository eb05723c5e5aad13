// Package registry remembers where the jobs of this user are that were run on this machine, and
// how their last runs ended, so that they can be listed: a [Registry] has a [Job] for each. It is
// a convenience. A job loses nothing without it, and whatever is not there, or cannot be written,
// is left out of the list.
package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/durable"
)

// most is how many jobs are remembered: those that were started last.
const most = 1000

// A Registry is a folder with a file for each job. It is safe for concurrent use, also by several
// processes.
type Registry struct {
	Dir string // empty: nothing is remembered
}

// Of returns the registry of the user whose environment is given, as by [os.Getenv]. It stands
// in genbatch/jobs below $XDG_STATE_HOME.
func Of(env func(string) string) Registry {
	dir := durable.UserDir(env)
	if dir == "" {
		return Registry{}
	}
	return Registry{Dir: filepath.Join(dir, "genbatch", "jobs")}
}

// A Job is what is remembered of one. It holds nothing secret.
type Job struct {
	State   string    `json:"state"`              // the state folder, absolute
	Output  string    `json:"output"`             // likewise
	JobFile string    `json:"job_file,omitempty"` // likewise; empty if there was none
	Model   string    `json:"model"`
	First   time.Time `json:"first_started"`
	Last    time.Time `json:"last_started"`

	// Ending is how the run ended that began at Last. It is nil if that goes on, or did not come
	// to say how it ended, since it was killed.
	Ending *Ending `json:"ending,omitempty"`
}

// An Ending is how a run ended.
type Ending struct {
	At       time.Time `json:"at"`
	ExitCode int       `json:"exit_code"`
	Rows     int64     `json:"rows"`   // of the job; 0 if they were not counted
	NotOK    int64     `json:"not_ok"` // of the output; 0 if it was not written
	Left     int64     `json:"left"`   // rows without a result

	// Cost is that of the output, all runs, or of this run alone if no output was written. It is
	// nil if a price is not known.
	Cost      *price.USD `json:"cost_picousd"`
	Simulated bool       `json:"simulated,omitempty"`

	// Until is when a quota of the day, which has ended the run, begins anew; zero if none has.
	Until time.Time `json:"until,omitzero"`
}

// path returns the file of the job of a state folder.
func (r Registry) path(stateDir string) string {
	sum := sha256.Sum256([]byte(stateDir))
	return filepath.Join(r.Dir, hex.EncodeToString(sum[:8])+suffix)
}

const suffix = ".json"

// Begin remembers that a run of a job begins at its Last. It sets First, and forgets the jobs
// that are too many.
func (r Registry) Begin(j Job) error {
	if r.Dir == "" {
		return nil
	}
	j.First, j.Ending = j.Last, nil
	if old, err := read(r.path(j.State)); err == nil {
		j.First = old.First
	}
	if err := (durable.FS{}).MkdirAll(r.Dir); err != nil {
		return err
	}
	if err := r.write(&j); err != nil {
		return err
	}
	return r.forget()
}

// End remembers how the run ended that was begun last.
func (r Registry) End(stateDir string, e Ending) error {
	if r.Dir == "" {
		return nil
	}
	j, err := read(r.path(stateDir))
	if err != nil {
		return err
	}
	j.Ending = &e
	return r.write(j)
}

func (r Registry) write(j *Job) error {
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return durable.FS{}.WriteFile(r.path(j.State), append(text, '\n'), 0o600)
}

func read(path string) (*Job, error) {
	text, err := durable.ReadRegular(path)
	if err != nil {
		return nil, err
	}
	j := new(Job)
	return j, json.Unmarshal(text, j)
}

// List returns the jobs that are remembered, the ones that were started last first. It forgets
// those whose state folder is gone, and passes over files that it cannot read.
func (r Registry) List() ([]Job, error) {
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	var all []Job
	for _, f := range files {
		path := filepath.Join(r.Dir, f.Name())
		j, err := read(path)
		if err != nil || r.path(j.State) != path {
			continue
		}
		if _, err := os.Stat(j.State); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(path) // it is tried again the next time
			continue
		}
		all = append(all, *j)
	}
	slices.SortStableFunc(all, func(a, b Job) int { return b.Last.Compare(a.Last) })
	return all, nil
}

// files returns the files of jobs.
func (r Registry) files() ([]fs.DirEntry, error) {
	if r.Dir == "" {
		return nil, nil
	}
	files, err := os.ReadDir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return slices.DeleteFunc(files, func(f fs.DirEntry) bool { return !strings.HasSuffix(f.Name(), suffix) }), err
}

// forget removes the files that were written first, as far as there are too many.
func (r Registry) forget() error {
	files, err := r.files()
	if err != nil || len(files) <= most {
		return err
	}
	type aged struct {
		name string
		at   time.Time
	}
	var all []aged
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			all = append(all, aged{f.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return b.at.Compare(a.at) })
	for _, f := range all[min(most, len(all)):] {
		err = errors.Join(err, os.Remove(filepath.Join(r.Dir, f.name)))
	}
	return err
}
