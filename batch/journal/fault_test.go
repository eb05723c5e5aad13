package journal_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

// groups are writes that together do all that Write can do: begin the journal, continue a
// segment, write blobs, begin the next segment, write an answer that rows share, and refer to
// it from another write.
func groups() [][]*batch.Result {
	blob := result(5)
	blob.Response = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("x", 300))
	shared := pack(8, 11)
	return [][]*batch.Result{results(0, 2), results(2, 3), {result(4), blob}, results(6, 8), shared[:2], shared[2:]}
}

func faultConfig(dir string) journal.Config {
	return journal.Config{Dir: dir, SegmentBytes: 1500, BlobBytes: 200}
}

// torn makes a journal in dir that ends in the middle of a write.
func torn(t *testing.T, dir string) {
	t.Helper()
	whole := segmentOf(t, result(100), result(101))
	put(t, whole[:len(whole)-50], dir, first)
}

// The order of the writes is what makes them safe: the blob before its line, the data
// before the name, the copy before the cut.
func TestOrderOfWrites(t *testing.T) {
	dir := t.TempDir()
	torn(t, dir)
	var ops []string
	c := faultConfig(dir)
	c.FS.Hook = func(op durable.Op, path string) (bool, error) {
		name := filepath.Base(path)
		switch {
		case path == dir:
			name = "dir"
		case len(name) == 64:
			name = "blob"
		}
		ops = append(ops, strings.TrimSuffix(string(op)+" "+name, ".jsonl"))
		return true, nil
	}
	j := open(t, c)
	for _, g := range groups() {
		ops = append(ops, "|")
		write(t, j, g...)
	}
	got := strings.Join(ops, ", ")
	kept := j.Damage()[0]
	copied := fmt.Sprintf("torn-results-000001-%d.bin", kept.Offset)
	want := []string{
		"syncdir " + filepath.Base(filepath.Dir(dir)),
		"open results-000001",
		"create " + copied, "write " + copied, "sync " + copied, "rename " + copied, "syncdir dir",
		"truncate results-000001", "sync results-000001", "sync results-000001", "syncdir dir",
		"|", "write results-000001", "sync results-000001",
		"|", "write results-000001", "sync results-000001",
		"|", "syncdir " + filepath.Base(filepath.Dir(dir)), "mkdir blobs", "syncdir dir", "create blob", "write blob", "sync blob", "rename blob", "syncdir blobs",
		"open results-000002", "write results-000002", "write results-000002", "sync results-000002", "syncdir dir",
		"|", "write results-000002", "sync results-000002",
		"|", "open results-000003", "write results-000003", "write results-000003", "sync results-000003", "syncdir dir",
		"|", "write results-000003", "sync results-000003",
	}
	if w := strings.Join(want, ", "); got != w {
		t.Errorf("operations are\n%s\nwant\n%s", strings.ReplaceAll(got, "|, ", "\n"), strings.ReplaceAll(w, "|, ", "\n"))
	}
}

// Each operation fails once, and is carried out or not. Then the failure is reported,
// nothing is written after it, and the next Open finds all acknowledged results and can
// write more.
func TestFaults(t *testing.T) {
	var ops []string
	run := func(t *testing.T, dir string, fail int, apply bool) (acked []*batch.Result) {
		ops = nil
		c := faultConfig(dir)
		c.FS.Hook = func(op durable.Op, path string) (bool, error) {
			ops = append(ops, fmt.Sprint(op, " ", filepath.Base(path)))
			switch n := len(ops) - 1; {
			case n == fail:
				return apply, errInjected
			case fail >= 0 && n > fail:
				t.Errorf("%s follows the failed %s", ops[n], ops[fail])
			}
			return unsynced.Hook(op, path)
		}
		j, err := journal.Open(c)
		if err != nil {
			if !errors.Is(err, errInjected) || !strings.Contains(err.Error(), dir) {
				t.Errorf("Open: %v, want the injected error and the folder", err)
			}
			return nil
		}
		defer j.Close()
		has(t, j, result(100))
		var failed error
		for _, g := range groups() {
			last := j.Last()
			err := j.Write(g)
			if failed != nil && err != failed {
				t.Errorf("Write after a failure: %v, want %v", err, failed)
			}
			if err != nil {
				failed = err
				if !errors.Is(err, errInjected) || !strings.Contains(err.Error(), dir) {
					t.Errorf("Write: %v, want the injected error and the folder", err)
				}
				hasNot(t, j, g...)
				if j.Last() != last || g[0].Seq != 0 {
					t.Errorf("a failed Write counts: Last is %d, was %d, Seq %d", j.Last(), last, g[0].Seq)
				}
				continue
			}
			acked = append(acked, g...)
			has(t, j, acked...)
		}
		if fail >= 0 && failed == nil {
			t.Error("the failure was not reported")
		}
		return acked
	}

	total := 0
	t.Run("none", func(t *testing.T) {
		dir := t.TempDir()
		torn(t, dir)
		if acked := run(t, dir, -1, false); len(acked) != 10 {
			t.Errorf("%d results are acknowledged, want 10", len(acked))
		}
		total = len(ops)
	})
	for fail := range total {
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d applied %v", fail, apply), func(t *testing.T) {
				dir := t.TempDir()
				torn(t, dir)
				acked := run(t, dir, fail, apply)
				what := ops[fail]
				c := faultConfig(dir)
				c.FS = unsynced
				j := open(t, c)
				for _, d := range j.Damage() {
					if d.Kind != journal.Torn {
						t.Errorf("%s: damage: %v", what, &d)
					}
				}
				has(t, j, result(100))
				has(t, j, acked...)
				rows, damage := all(t, j)
				if damage != nil || len(rows) < 1+len(acked) {
					t.Errorf("%s: All yields rows %v, damage %v", what, rows, damage)
				}

				// The results that the journal does not have can be written again.
				var want []*batch.Result
				for _, g := range groups() {
					want = append(want, g...)
					var again []*batch.Result
					for _, r := range g {
						if _, ok := j.Lookup(r.Fingerprint, 0); !ok {
							again = append(again, r)
						}
					}
					write(t, j, again...)
				}
				j.Close()
				j = open(t, c)
				noDamage(t, j)
				has(t, j, result(100))
				has(t, j, want...)
				rows, _ = all(t, j)
				slices.Sort(rows)
				if !slices.Equal(rows, []int64{0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 100}) {
					t.Errorf("%s: All yields rows %v, want each once", what, rows)
				}
			})
		}
	}
}
