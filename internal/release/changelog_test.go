package main

import (
	"os"
	"strings"
	"testing"
)

// TestChangelog holds the project's own changelog to its form: each release is cut from it.
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	sections, err := parseChangelog(string(text))
	if err != nil {
		t.Fatalf("CHANGELOG.md: %v", err)
	}
	if len(sections) < 2 || sections[0].version != "" {
		t.Errorf("CHANGELOG.md: the first section is not Unreleased, where the next change goes")
	}
	for _, s := range sections[1:] {
		if !strings.Contains(s.text, "\n- ") {
			t.Errorf("CHANGELOG.md: %s lists no change", s.version)
		}
	}
}

func TestParseChangelog(t *testing.T) {
	const good = "# Changelog\n\nWords.\n\n## Unreleased\n\n- c\n\n## 0.10.0 - 2026-12-02\n\n- b\n  b\n\n## 0.9.1 - 2026-12-02\n\n- a\n\n## 0.9.1-rc.1 - 2026-12-01\n\n- z\n"
	if _, err := parseChangelog(good); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"## Unreleased", "## unreleased", `line 5: "## unreleased" is neither`},
		{"## 0.10.0 - 2026-12-02", "## v0.10.0 - 2026-12-02", `line 9: "## v0.10.0 - 2026-12-02" is neither`},
		{"## 0.10.0 - 2026-12-02", "## 0.10.0", `line 9: "## 0.10.0" is neither`},
		{"## 0.10.0 - 2026-12-02", "## 0.10.0 - 2026-13-02", `"2026-13-02" is no date`},
		{"## 0.10.0 - 2026-12-02", "## 0.10.0 - 2026-11-30", "0.9.1 is of 2026-12-02, after 0.10.0 of 2026-11-30"},
		{"## 0.10.0 ", "## 0.9.0 ", "0.9.1 stands below 0.9.0"},
		{"## 0.10.0 ", "## 0.9.1 ", "0.9.1 stands below 0.9.1"},
		{"## 0.10.0 ", "## 0.9.1-rc.2 ", "0.9.1 stands below 0.9.1-rc.2"},
		{"## 0.9.1 - 2026-12-02", "## Unreleased", "stands below a version"},
	} {
		_, err := parseChangelog(strings.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}

	for version, want := range map[string]string{"v0.10.0": "- b\n  b\n", "0.9.1": "- a\n"} {
		got, err := notes(good, version)
		if err != nil || got != want {
			t.Errorf("notes of %s: %q, %v", version, got, err)
		}
	}
	if _, err := notes(good, "v0.11.0"); err == nil || !strings.Contains(err.Error(), "no version 0.11.0") {
		t.Errorf("notes of a version that is not there: %v", err)
	}
	if text, err := notes(good, "v"); err == nil {
		t.Errorf("notes of no version: %q", text)
	}
}
