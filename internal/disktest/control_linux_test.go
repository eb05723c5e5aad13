package disktest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/genbatch/genbatch/internal/overlaytest"
)

// These leave out the syncs: of what is appended, of files before they get their names, and
// of folders. A test that cannot tell such builds from the real one proves nothing.
var (
	noAppendSync = overlaytest.Replacement{File: "internal/durable/sync_linux.go", Old: "syscall.Fdatasync(int(fd))", New: "syscall.Fstat(int(fd), new(syscall.Stat_t))"}
	noFileSync   = overlaytest.Replacement{File: "internal/durable/durable.go", Old: ", f.f.Sync)", New: ", func() error { return nil })"}
	noFolderSync = overlaytest.Replacement{File: "internal/durable/os_unix.go", Old: "err = d.Sync()", New: "err = nil"}
)

// A build without syncs is tried so often before it counts as not found out: where it must be,
// and elsewhere. A missing sync of the output shows only in the trials whose power goes after
// the run has ended, which are one in nine.
const (
	requiredTrials = 60
	optionalTrials = 15
)

// The trials of TestPowerCut can fail: a build that leaves out syncs is found out by some of
// them. Real file systems save more than they are asked for, so they may let a build pass that
// does not sync files before a rename, or folders. The forgetful file system lets none pass.
func TestPowerCutTellsBuildsWithoutSyncs(t *testing.T) {
	asked(t)
	first := number(t, seedEnv, 1)
	for _, c := range []struct {
		name     string
		replaced []overlaytest.Replacement
		where    []string // must find it out
	}{
		{"no syncs", []overlaytest.Replacement{noAppendSync, noFileSync, noFolderSync}, fileSystems},
		{"no sync of what is appended", []overlaytest.Replacement{noAppendSync}, fileSystems},
		{"no sync of files before a rename", []overlaytest.Replacement{noFileSync}, []string{"forgetful"}},
		{"no sync of folders", []overlaytest.Replacement{noFolderSync}, []string{"forgetful"}},
	} {
		k := &kind{name: "file", rows: 3000, binary: build(t, c.replaced...)}
		for _, name := range fileSystems {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				newPlace, at := newPlace(t, name), t.TempDir()
				required, trials := slices.Contains(c.where, name), optionalTrials
				if required {
					trials = requiredTrials
				}
				duration := measured(t, newPlace, []*kind{k}, at)[k]
				for seed := first; seed < first+trials; seed++ {
					tr := trial{kind: k, place: newPlace(), at: at, random: rand.New(rand.NewPCG(uint64(seed), 0)), duration: duration}
					err := tr.run(1)
					if _, ok := errors.AsType[broken](err); ok {
						t.Logf("found out by trial %d: %.300s", seed-first+1, err)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if required {
					t.Errorf("not found out by %d trials", trials)
				} else {
					t.Logf("not found out by %d trials", trials)
				}
			})
		}
	}
}
