package state

import (
	"os"
	"slices"
)

// A Standing says what the file at the output's path is to the job as it is now.
type Standing string

// The standings.
const (
	Unwritten Standing = "unwritten" // no output was finished, and no file is there
	Current   Standing = "current"   // the job would write the same again, as far as sizes and times tell
	Touched   Standing = "touched"   // likewise, but times of inputs differ, as in a copy: their content may have changed
	Outdated  Standing = "outdated"  // the job has written it, from another input, job or journal
	Missing   Standing = "missing"   // it was finished, and the file is not there any more
	Foreign   Standing = "foreign"   // the job has not written it, or it was changed since
)

// StandingOf returns what the output that is there is to the job. m is the folder's
// manifest, or nil if it has none that can be read, and now is that of the sources as they
// are now. All commands that tell of the output ask it, so that they agree.
func StandingOf(f *Folder, m, now *Manifest) Standing {
	info, err := os.Stat(f.Output)
	switch {
	case err != nil && m == nil:
		return Unwritten
	case err != nil:
		return Missing
	case m == nil || !m.Output.matches(f.Output, info):
		if f.wroteOutput(info) {
			return Outdated // by a run that ended before it could say so, or before the folder was set aside
		}
		return Foreign
	}
	same := *now
	same.Genbatch = m.Genbatch // another version derives it anew, and nearly always the same
	if same.SameSources(m) {
		return Current
	}
	same.Inputs = slices.Clone(same.Inputs)
	for i := range same.Inputs {
		if i < len(m.Inputs) && same.Inputs[i].Path == m.Inputs[i].Path && same.Inputs[i].Size == m.Inputs[i].Size {
			same.Inputs[i].ModTime = m.Inputs[i].ModTime
		}
	}
	if same.SameSources(m) {
		return Touched
	}
	return Outdated
}
