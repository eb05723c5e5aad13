package state

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A lock is for one holder, tells who that is, and is kept by a second Lock that fails.
func TestLock(t *testing.T) {
	f, _ := newFolder(t)
	if owner, err := Owner(f.Dir); owner != nil || err != nil {
		t.Errorf("the owner before is %+v, %v", owner, err)
	}
	if err := f.Unlock(); err != nil || f.Locked() {
		t.Errorf("Unlock without Lock: %v", err)
	}
	if err := f.Lock(); err != nil || !f.Locked() {
		t.Fatalf("locked %v, %v", f.Locked(), err)
	}
	if owner, err := Owner(f.Dir); err != nil || owner == nil || owner.PID != os.Getpid() {
		t.Errorf("the owner is %+v, %v", owner, err)
	}
	if err := f.Lock(); !isLocked(err) || !f.Locked() {
		t.Errorf("a second Lock: %v, and it is locked: %v", err, f.Locked())
	}
	if err := f.Unlock(); err != nil || f.Locked() {
		t.Errorf("Unlock: %v", err)
	}
	if err := f.Lock(); err != nil {
		t.Errorf("a Lock after Unlock: %v", err)
	}
	if err := f.Unlock(); err != nil {
		t.Error(err)
	}
}

// What killed runs leave of the folder's files and of the output goes. What others write
// stays, even next to them.
func TestRemoveTemps(t *testing.T) {
	f, s := newFolder(t)
	ours := []string{f.Path("job.json.tmp-1"), f.Path("manifest.json.tmp-2"), f.Path("next.json.tmp-3"), f.Path("stdin.csv.tmp-4"), s.Output + ".tmp-5"}
	others := []string{f.Path("torn-results-000001-7.bin.tmp-1"), f.Path("uploads.json.tmp-1"), s.Output + ".bak.tmp-1", s.Output, f.Path("job.json")}
	for _, path := range slices.Concat(ours, others) {
		write(t, path, "half")
	}
	if err := f.RemoveTemps(); err != nil {
		t.Fatal(err)
	}
	left := contents(t, filepath.Dir(f.Dir))
	delete(left, "in.jsonl")
	var want []string
	for _, path := range others {
		rel, _ := filepath.Rel(filepath.Dir(f.Dir), path)
		want = append(want, rel)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(left)); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}

// A job that was never run has an empty journal, and looking at it creates nothing.
func TestViewJournalOfNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out.csv.genbatch")
	jl, err := ViewJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	if jl.Last() != 0 {
		t.Errorf("the journal ends at %d", jl.Last())
	}
	if err := jl.Close(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 0 {
		t.Errorf("created were %v, %v", entries, err)
	}
	f, s := newFolder(t)
	finish(t, f, s, "answers\n", 5)
	if jl, err = ViewJournal(f.Dir); err != nil || jl.Last() != 2 {
		t.Fatalf("the journal of a job that was run: %v", err)
	}
	if err := jl.Close(); err != nil {
		t.Error(err)
	}
}
