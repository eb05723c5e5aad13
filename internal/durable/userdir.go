package durable

import (
	"cmp"
	"path/filepath"
)

// UserDir is the folder for state of the user's programs; empty where there is none.
// https://specifications.freedesktop.org/basedir-spec/latest/
func UserDir(env func(string) string) string {
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification has others ignored
		return dir
	}
	home := cmp.Or(env("HOME"), env("USERPROFILE"))
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}
