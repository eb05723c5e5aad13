package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

// What a killed process has left of a file is removed. What only looks like it stays.
func TestRemoveTemps(t *testing.T) {
	dir := t.TempDir()
	keep := []string{"out.csv", "out.csv.bak.tmp-1", "out.csv.tmp-", "out.csv.tmp-1x", "out.csv.tmp-old", "tmp-1", ".tmp-1"}
	for _, name := range append([]string{"out.csv.tmp-1", "out.csv.tmp-20406080"}, keep...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "out.csv.tmp-7"), 0o700); err != nil {
		t.Fatal(err)
	}
	keep = append(keep, "out.csv.tmp-7")
	slices.Sort(keep)

	f, err := durable.FS{}.CreateFile(filepath.Join(dir, "out.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.RemoveTemps(dir, func(name string) bool { return name == "out.csv" }); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, keep) {
		t.Errorf("folder holds %q, want %q", got, keep)
	}
	if err := f.Commit(); err == nil {
		t.Error("a file whose temporary one was removed is committed")
	}
	if err := durable.RemoveTemps(filepath.Join(dir, "missing"), func(string) bool { return true }); err != nil {
		t.Errorf("of a missing folder: %v", err)
	}
}

func TestRename(t *testing.T) {
	for n, want := range []string{"rename b", "rename b, syncdir ", "rename b, syncdir "} {
		for _, apply := range []bool{false, true} {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			if err := os.Mkdir(from, 0o700); err != nil {
				t.Fatal(err)
			}
			fsys, ops := failAt(n, apply)
			if err := fsys.Rename(from, to); errors.Is(err, errInjected) != (n < 2) {
				t.Errorf("failure at %d: %v", n, err)
			}
			if got := strings.Join(*ops, ", "); !strings.HasPrefix(got, want) {
				t.Errorf("operations are %s, want %s", got, want)
			}
			if got := names(t, dir); len(got) != 1 || (got[0] == "b") != (apply || n > 0) {
				t.Errorf("failure at %d, applied %v: folder holds %q", n, apply, got)
			}
		}
	}
}
