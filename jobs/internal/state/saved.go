package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A savedJob is job.json: what the other commands need to know of a job.
type savedJob struct {
	Genbatch string    `json:"genbatch"` // the version that wrote it
	Wording  int       `json:"wording"`  // see SaveSpec
	Spec     spec.Spec `json:"spec"`
}

// Wording returns the version of the texts that the folder's requests are made of: that
// with which the folder began, and the latest for a new one. So an upgrade never buys a
// job again.
func (f *Folder) Wording(latest int) int {
	old, err := readSaved(f.Dir)
	if err != nil || old.Wording < 1 || old.Wording > latest { // SaveSpec refuses later ones
		return latest
	}
	return old.Wording
}

// SaveSpec writes job.json, without secrets. wording is what [Folder.Wording] returned; a
// folder that knows a later version is refused with a [*spec.Error]. SaveSpec reports whether the folder was begun with a job that
// asks something else.
func (f *Folder) SaveSpec(s *spec.Spec, wording int) (asksElse bool, err error) {
	old, err := readSaved(f.Dir)
	if err != nil {
		old = nil // what cannot be read is replaced
	}
	if old != nil && old.Wording > wording {
		return false, spec.Errorf("use that version, or begin anew with --fresh",
			"%s was begun by genbatch %s, which words requests in a way that this version does not know", f.Dir, old.Genbatch)
	}
	asksElse = old != nil && !spec.SameQuestion(&old.Spec, s)
	text, err := json.MarshalIndent(savedJob{Genbatch: version.Version(), Wording: wording, Spec: s.WithoutSecrets()}, "", "  ")
	if err != nil {
		return false, err
	}
	return asksElse, f.FS.WriteFile(f.Path(specFile), append(text, '\n'), 0o600)
}

func readSaved(dir string) (*savedJob, error) {
	text, err := os.ReadFile(filepath.Join(dir, specFile))
	if err != nil {
		return nil, err
	}
	var saved savedJob
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // numbers of request: are sent as they were written
	if err := d.Decode(&saved); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, specFile), err)
	}
	return &saved, nil
}

// LoadSpec returns the Spec that a folder was last run with. Its errors are of type
// [*spec.Error].
func LoadSpec(dir string) (*spec.Spec, error) {
	saved, err := readSaved(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, spec.Errorf("name the job file, the output of a run, or its folder with --state", "no run has left its state in %s", dir)
	}
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	saved.Spec.State = dir
	return &saved.Spec, nil
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
