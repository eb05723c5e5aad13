package state

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// savedPilots is pilots.json. It tells which answers of the journal to look for: without it they
// are taken for those of rows that are gone, and a run finds its own all the same.
type savedPilots struct {
	RowsPerCall []int `json:"rows_per_call"`
}

// PilotsIn returns the numbers of rows a call in which pilots have asked, in order. There are none
// if there was no pilot, or if the file cannot be read.
func PilotsIn(dir string) []int {
	var saved savedPilots
	text, err := os.ReadFile(filepath.Join(dir, pilotsFile))
	if err != nil || json.Unmarshal(text, &saved) != nil {
		return nil
	}
	return saved.RowsPerCall
}

// AddPilots notes that a pilot asks with these numbers of rows a call, and returns all that are
// known.
func (f *Folder) AddPilots(rowsPerCall []int) ([]int, error) {
	old := PilotsIn(f.Dir)
	all := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(old), rowsPerCall...))))
	if slices.Equal(all, old) {
		return all, nil
	}
	text, err := json.Marshal(savedPilots{all})
	if err != nil {
		return nil, err
	}
	return all, f.FS.WriteFile(f.Path(pilotsFile), append(text, '\n'), 0o600)
}

// ForgetPilots forgets them, once their answers are gone.
func (f *Folder) ForgetPilots() error {
	err := os.Remove(f.Path(pilotsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
