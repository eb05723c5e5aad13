package version

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	const commit = "0624168a31c0f8f1f4a4e1f8a7a9c1d2e3f40516"
	platform := runtime.GOOS + "/" + runtime.GOARCH
	git := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "-trimpath", Value: "true"},
			{Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: commit},
			{Key: "vcs.time", Value: "2026-11-29T03:50:12Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for _, c := range []struct {
		name         string
		version      string
		settings     []debug.BuildSetting
		want, commit string
	}{
		{"a release", "v0.4.0", git("false"), "v0.4.0 (commit 0624168a31c0, go1.26.8, " + platform + ")", commit[:12] + " of 2026-11-29"},
		{
			"a clone with changes", "v0.4.1-0.20261129035012-0624168a31c0+dirty", git("true"),
			"v0.4.1-0.20261129035012-0624168a31c0+dirty (commit 0624168a31c0, modified, go1.26.8, " + platform + ")",
			commit[:12] + " of 2026-11-29, with changes that are not committed",
		},
		{
			"go install of a version", "v0.4.0", nil, "v0.4.0 (commit unknown, go1.26.8, " + platform + ")",
			"not recorded; built from the published module v0.4.0",
		},
		{
			"an unpacked archive of the sources", "(devel)", nil, "devel (commit unknown, go1.26.8, " + platform + ")",
			"unknown; Go recorded none, as outside a clone of Git",
		},
		{"a binary without a main module", "", nil, "devel (commit unknown, go1.26.8, " + platform + ")", "unknown; Go recorded none, as outside a clone of Git"},
	} {
		b := of(&debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: c.version}, Settings: c.settings})
		if b.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, b, c.want)
		}
		if got := b.CommitText(); got != c.commit {
			t.Errorf("%s: commit %q, want %q", c.name, got, c.commit)
		}
	}
}
