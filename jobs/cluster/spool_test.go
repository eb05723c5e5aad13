package cluster

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// TestSpoolsOfOurs has a folder whose locks are a process's, as those of NFS are: what attempts of this
// process work on is not taken for what was left, nor is its lock touched.
func TestSpoolsOfOurs(t *testing.T) {
	root := t.TempDir()
	n := spoolNote{Job: "j", Shard: 1, Count: 2, Attempt: "a"}
	s, err := newSpool(root, n)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.seed(t.TempDir(), func(func([]*batch.Result) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	find := func(ours bool) int {
		t.Helper()
		list, err := openSpools(root, "j", func(dir string) bool { return ours && dir == spoolDir(root, n) })
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			s.close()
		}
		return len(list)
	}
	if n := find(false); n > 0 {
		t.Errorf("%d spools are taken from who works on them", n)
	}
	s.close() // such a lock keeps no other part of the process out
	if n := find(true); n > 0 {
		t.Errorf("%d spools of ours are taken for what was left", n)
	}
	if n := find(false); n != 1 {
		t.Errorf("%d spools were left, want 1", n)
	}
}
