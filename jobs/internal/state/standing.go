package state

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/record"
)

// StandingOf returns what the output that is there is to the job. m is the folder's
// manifest, or nil if it has none that can be read, and now is that of the sources as they
// are now. All commands that tell of the output ask it, so that they agree.
func StandingOf(f *Folder, m, now *Manifest) record.Standing {
	info, err := store.Stat(f.Output)
	switch {
	case err != nil && store.IsAddress(f.Output) && !errors.Is(err, fs.ErrNotExist):
		return record.Unseen
	case err != nil && m == nil:
		return record.Unwritten
	case err != nil:
		return record.Missing
	case m == nil || !m.Output.matches(f.Output, info):
		if f.wroteOutput(info) {
			return record.Outdated // by a run that ended before it could say so, or before the folder was set aside
		}
		return record.Foreign
	}
	same := *now
	same.Genbatch = m.Genbatch // another version derives it anew, and nearly always the same
	if same.SameSources(m) {
		return record.Current
	}
	same.Inputs = slices.Clone(same.Inputs)
	for i := range same.Inputs {
		if i < len(m.Inputs) && same.Inputs[i].Path == m.Inputs[i].Path && same.Inputs[i].Size == m.Inputs[i].Size {
			same.Inputs[i].ModTime, same.Inputs[i].Version = m.Inputs[i].ModTime, m.Inputs[i].Version
		}
	}
	if same.SameSources(m) {
		return record.Touched
	}
	return record.Outdated
}
