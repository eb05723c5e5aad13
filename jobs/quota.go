package jobs

import (
	"cmp"
	"path/filepath"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/quota"
)

// quotaStore is where the day's count and the learned limits are kept for all jobs
// of this user on this machine; nil where nothing is to be kept.
func (j *Job) quotaStore() *quota.Store { return j.storeOf(j.endpoint, j.keyID) }

func (j *Job) storeOf(e gemini.Endpoint, id string) *quota.Store {
	dir := j.userState()
	if dir == "" || e.Simulated { // the simulator begins anew with each run
		return nil
	}
	if j.spec.QuotaGroup != "" {
		id = quota.GroupID(j.spec.QuotaGroup)
	}
	return &quota.Store{Dir: filepath.Join(dir, "genbatch", "quota"), Endpoint: e.String(), KeyID: id, Log: j.log}
}

// userState is the folder for state of the user's programs; empty where there is none.
// https://specifications.freedesktop.org/basedir-spec/latest/
func (j *Job) userState() string {
	if dir := j.env("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification has others ignored
		return dir
	}
	home := cmp.Or(j.env("HOME"), j.env("USERPROFILE"))
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}
