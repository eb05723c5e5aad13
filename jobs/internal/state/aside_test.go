package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// The old folder is kept whole under a name with the time, also if two are set aside in
// one second. The output stays the job's own, and is derived anew.
func TestSetAside(t *testing.T) {
	f, s := newFolder(t)
	finish(t, f, s, "answers\n", 5)
	old := contents(t, f.Dir)
	if err := f.SetAside(); err != nil {
		t.Fatal(err)
	}
	first := f.Aside
	for name, text := range contents(t, first) {
		if old[name] != text {
			t.Errorf("%s is not what it was", name)
		}
	}
	if n := len(contents(t, first)); n != len(old) {
		t.Errorf("%d files were set aside, want %d", n, len(old))
	}
	if left := contents(t, f.Dir); len(left) != 1 || left[manifestFile] == "" {
		t.Errorf("the new folder holds %v, want a manifest", left)
	}
	m, err := ReadManifest(f.Dir)
	if err != nil || m.LastSeq != -1 || !f.outputIs(m) || f.Finished(m) == nil {
		t.Errorf("the manifest is %+v, %v", m, err)
	}
	if f.UpToDate(Sources{Spec: s, Inputs: s.Input}, nil) != nil {
		t.Error("a job whose journal was set aside is up to date")
	}
	if err := os.RemoveAll(first); err != nil {
		t.Fatal(err)
	}
	if err := f.CheckOutput(false); err != nil {
		t.Errorf("without the folder that was set aside: %v", err)
	}

	if err := f.SetAside(); err != nil {
		t.Fatal(err)
	}
	second := f.Aside
	if err := f.SetAside(); err != nil || f.Aside == second {
		t.Errorf("two folders in one second: %s and %s, %v", second, f.Aside, err)
	}
	if found := asides(f.Dir); len(found) != 2 {
		t.Errorf("set aside are %q, want two", found)
	}
}

// A folder without an output is set aside without a manifest, and not while somebody
// runs its job.
func TestSetAsideOfUnfinishedJob(t *testing.T) {
	f, _ := newFolder(t)
	other := *f
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := f.SetAside(); !isLocked(err) || f.Aside != "" {
		t.Errorf("while another holds the lock: %v", err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := f.SetAside(); err != nil {
		t.Fatal(err)
	}
	if left := contents(t, f.Dir); len(left) != 0 {
		t.Errorf("the new folder holds %v, want nothing", left)
	}
}

// Whatever fails, there is one journal, in one of the two folders, and the output may be
// replaced.
func TestSetAsideFaults(t *testing.T) {
	eachFault(t,
		func(f *Folder, s *spec.Spec) { finish(t, f, s, "answers\n", 5) },
		func(f *Folder, _ *spec.Spec) error { return f.SetAside() },
		func(what string, f *Folder, _ *spec.Spec) {
			segments, err := filepath.Glob(filepath.Join(filepath.Dir(f.Dir), "*.genbatch", "results-000001.jsonl"))
			if err != nil || len(segments) != 1 {
				t.Errorf("%s: the journals are %q, want one", what, segments)
			}
			if err := f.CheckOutput(false); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
}

// Only folders with the job's name and a time are those of the job.
func TestAsides(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"out.csv.genbatch", "out.csv.20260102T030405Z.genbatch", "out.csv.20260102T030406Z.genbatch",
		"out.csv.copy.genbatch", "out.csv.20260102T030405Z", "other.csv.20260102T030405Z.genbatch", "out.csv.2026.genbatch",
	} {
		mkdir(t, filepath.Join(dir, name))
	}
	var names []string
	for _, path := range asides(filepath.Join(dir, "out.csv.genbatch")) {
		names = append(names, filepath.Base(path))
	}
	if got := strings.Join(names, " "); got != "out.csv.20260102T030405Z.genbatch out.csv.20260102T030406Z.genbatch" {
		t.Errorf("set aside are %s", got)
	}
	if found := asides(filepath.Join(dir, "missing", "out.csv.genbatch")); found != nil {
		t.Errorf("in a folder that does not exist: %q", found)
	}
}

func isLocked(err error) bool {
	_, ok := errors.AsType[*record.LockedError](err)
	return ok
}
