// Package version tells which version of genbatch is running.
//
// All of it comes from what the Go compiler records in each binary. So a binary that
// somebody built by "go install" or from a clone tells as much as a released one, and no
// linker flag can make it say something else than what it is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// devel is the version of a build that knows no other.
const devel = "devel"

// Version returns the version of genbatch that is running, such as v0.4.0, or "devel" where
// it is not known.
func Version() string { return Running().Version }

// A Build is what is known of a binary.
type Build struct {
	Version  string    // such as v0.4.0; "devel" if the build knows none
	Commit   string    // of Git, in full; empty if it is not known
	Time     time.Time // of the commit, in UTC; zero if it is not known
	Modified bool      // files differed from the commit
	Go       string    // the version of Go that built it
	Platform string    // as linux/amd64
}

// Running returns what is known of the binary that is running.
func Running() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return of(info)
}

func of(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version, Go: info.GoVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = devel
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time, _ = time.Parse(time.RFC3339, s.Value) // of Go's own making; zero else
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// CommitText tells people the commit, or why there is none.
func (b Build) CommitText() string {
	switch {
	case b.Commit != "":
		text := b.short()
		if !b.Time.IsZero() {
			text += " of " + b.Time.UTC().Format(time.DateOnly)
		}
		if b.Modified {
			text += ", with changes that are not committed"
		}
		return text
	case b.Version != devel:
		// The module proxy keeps versions, and a version is a commit for good.
		return "not recorded; built from the published module " + b.Version
	default:
		// Go takes note of a clone, and neither of a linked worktree nor with -buildvcs=false.
		return "unknown; Go recorded none, as outside a clone of Git"
	}
}

// String is one line, for --version.
func (b Build) String() string {
	commit := "commit unknown"
	if b.Commit != "" {
		commit = "commit " + b.short()
		if b.Modified {
			commit += ", modified"
		}
	}
	return fmt.Sprintf("%s (%s, %s, %s)", b.Version, commit, b.Go, b.Platform)
}

// short returns as much of the commit as Go writes into the versions of modules.
func (b Build) short() string { return b.Commit[:min(12, len(b.Commit))] }
