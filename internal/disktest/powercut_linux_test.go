package disktest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The variables of the environment that these tests know.
const (
	askEnv    = "GENBATCH_REALDISKS"        // 1: run them
	trialsEnv = "GENBATCH_REALDISKS_TRIALS" // on each file system
	seedEnv   = "GENBATCH_REALDISKS_SEED"   // of the first trial; the others follow it
)

const usualTrials = 30

// asked skips the test unless it is asked for, and can be done.
func asked(t *testing.T) {
	t.Helper()
	if os.Getenv(askEnv) == "" {
		t.Skipf("takes the power from disks for minutes; run it as root on Linux: cd internal/disktest && %s=1 go test -v -timeout 90m .", askEnv)
	}
	if os.Geteuid() != 0 {
		t.Skip("mounts file systems, so it needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("needs FUSE: %v", err)
	}
}

// number returns the number that a variable holds.
func number(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q, and a number is needed", name, text)
	}
	return n
}

// fileSystems are what the kernel may have, and the forgetful one.
var fileSystems = []string{"ext4", "xfs", "forgetful", "btrfs"}

// newPlace returns a function that makes an empty place of a kind.
func newPlace(t *testing.T, name string) func() place {
	t.Helper()
	if name == "forgetful" {
		return func() place { return &forgetful{tree: newTree(flushTime)} }
	}
	for _, tool := range []string{makers[name][0], checkers[name][0], "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	if list, err := os.ReadFile("/proc/filesystems"); err != nil || !slices.Contains(strings.Fields(string(list)), name) {
		t.Skipf("the kernel has no %s", name)
	}
	var system unix.Utsname
	if err := unix.Uname(&system); err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(makers[name][0], "-V").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	t.Logf("Linux %s, %s", unix.ByteSliceToString(system.Release[:]), first)
	empty, dir := newImage(t, name), t.TempDir()
	return func() place { return &kernelDisk{kind: name, dir: dir, image: cloneSparse(empty)} }
}

// kinds returns the ways to run a job.
func kinds(t *testing.T) []*kind {
	t.Helper()
	plain := build(t)
	return []*kind{
		{name: "file", rows: 3000, binary: plain},
		{name: "stdin", rows: 3000, binary: plain, stdin: true},
		{name: "blobs", rows: 1500, binary: plain, giants: 50},
		{name: "segments", rows: 3000, binary: build(t, shortSegments...)},
		{name: "batch", rows: 400, binary: plain, batch: true},
	}
}

// measured returns how long a run of each kind takes if the power stays on. Such a run buys
// nothing again.
func measured(t *testing.T, newPlace func() place, kinds []*kind, at string) map[*kind]time.Duration {
	t.Helper()
	all := map[*kind]time.Duration{}
	for _, k := range kinds {
		tr := trial{kind: k, place: newPlace(), at: at, random: rand.New(rand.NewPCG(0, 0))}
		if err := tr.run(0); err != nil {
			t.Fatalf("without a cut, %s: %v", k.name, err)
		}
		all[k] = tr.duration
	}
	return all
}

// The power goes at any moment of a run, once or twice: the same command then completes the
// job. Each row has its answer once, in order, verify agrees, and what was bought again was
// in flight or waited for the disk. The seed decides when and what the disk loses, and the
// machine the rest, so that a trial cannot be repeated to the byte: -artifacts keeps the files
// of those that fail.
func TestPowerCut(t *testing.T) {
	asked(t)
	kinds := kinds(t)
	trials, first := number(t, trialsEnv, usualTrials), number(t, seedEnv, 1)
	for _, name := range fileSystems {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			newPlace, at := newPlace(t, name), t.TempDir()
			durations := measured(t, newPlace, kinds, at)
			all := map[string]*tally{}
			said := map[string]int{}
			for seed := first; seed < first+trials; seed++ {
				k := kinds[seed%len(kinds)]
				tr := trial{kind: k, place: newPlace(), at: at, random: rand.New(rand.NewPCG(uint64(seed), 0)), duration: durations[k]}
				tr.keep = filepath.Join(t.ArtifactDir(), fmt.Sprint("seed-", seed))
				if err := tr.run(1 + tr.random.IntN(4)/3); err != nil {
					t.Errorf("seed %d, %s: %v", seed, k.name, err)
				}
				for _, name := range []string{k.name, "all"} {
					if all[name] == nil {
						all[name] = &tally{}
					}
					all[name].add(&tr.result)
				}
				for text, n := range tr.result.said {
					said[text] += n
				}
			}
			for _, name := range slices.Sorted(maps.Keys(all)) {
				t.Logf("%-8s %v", name, all[name])
			}
			for _, text := range slices.Sorted(maps.Keys(said)) {
				t.Logf("said %d times: %s", said[text], text)
			}
			t.Logf("seeds %d to %d, %.0f s", first, first+trials-1, time.Since(begin).Seconds())
		})
	}
}

// A tally adds up results.
type tally struct{ trials, cuts, partial, torn, again, most int }

func (a *tally) add(r *result) {
	a.trials++
	a.cuts += r.cuts
	a.partial += r.partial
	a.torn += r.torn
	a.again += r.again
	if r.cuts > 0 {
		a.most = max(a.most, (r.again+r.cuts-1)/r.cuts)
	}
}

func (a *tally) String() string {
	return fmt.Sprintf("%3d trials, %3d cuts, %3d of them with some rows answered, %2d torn ends; bought again: %d at most, %.1f on average a cut; the bound is %d",
		a.trials, a.cuts, a.partial, a.torn, a.most, float64(a.again)/float64(max(1, a.cuts)), atOnce+waiting)
}
