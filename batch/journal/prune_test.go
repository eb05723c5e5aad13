package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

// big returns a result whose answer goes to a blob.
func big(n int) *batch.Result {
	r := result(n)
	r.Response = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat(fmt.Sprint(n), 300))
	return r
}

// prunable makes a journal of three segments in dir. It has rows 0 to 9; row 3 was asked
// twice, and rows 4 and 8 have blobs.
func prunable(t *testing.T, dir string) {
	t.Helper()
	c := faultConfig(dir)
	c.FS = unsynced
	j := open(t, c)
	failed := result(3)
	failed.Status, failed.Response = batch.Failed, nil
	write(t, j, result(0), result(1), result(2), failed)
	write(t, j, big(4), result(5))
	write(t, j, result(6), result(7))
	write(t, j, big(8), result(9), result(3))
	j.Close()
}

// byRow returns a function that prunes the given rows.
func byRow(t *testing.T, rows ...int64) func(*journal.Candidate) bool {
	return func(c *journal.Candidate) bool {
		r, err := c.Result()
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(rows, r.Row)
	}
}

// files returns the names of the files of a journal and of its blobs.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*", "blobs/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			names = append(names, filepath.Base(p))
		}
	}
	return names
}

// rowsOf returns the rows of all results that are not damaged, including repeated ones.
func rowsOf(t *testing.T, j *journal.Journal) (rows []int64) {
	for c, err := range j.Candidates() {
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Result()
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.Row)
	}
	return rows
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	prunable(t, dir)
	c := faultConfig(dir)
	j := open(t, c)
	if err := j.Prune(byRow(t, 0, 1, 4, 9)); err != nil {
		t.Fatal(err)
	}
	if err := j.Write(results(20, 21)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Prune: %v", err)
	}

	j = open(t, c)
	check := func(rows ...int64) {
		t.Helper()
		noDamage(t, j)
		if got, _ := all(t, j); !slices.Equal(got, rows) {
			t.Errorf("All yields rows %v, want %v", got, rows)
		}
		has(t, j, result(2), result(5), result(6), result(7), big(8), result(3))
		hasNot(t, j, result(0), result(1), big(4), result(9))
	}
	check(2, 3, 5, 6, 7, 8, 3)
	if j.Last() != 11 || j.Generation() != 1 {
		t.Errorf("Last is %d, want 11 as before; Generation %d, want 1", j.Last(), j.Generation())
	}
	if got := len(j.Superseded(fingerprint(3), 0)); got != 1 {
		t.Errorf("row 3 has %d superseded results, want 1", got)
	}
	names := files(t, dir)
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "results-0") || strings.Contains(n, "tmp") }) || len(names) < 4 {
		t.Errorf("files after pruning: %v", names)
	}
	if n := slices.IndexFunc(names, func(n string) bool { return n == "blobs" }); n < 0 || len(names)-1-slices.Index(names, "results-p1-000002.jsonl") != 1 {
		t.Errorf("one blob must be left: %v", names)
	}

	// The journal can be written to, and can be pruned again.
	write(t, j, result(10))
	if err := j.Prune(byRow(t, 10, 2, 3)); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	noDamage(t, j)
	if got, _ := all(t, j); !slices.Equal(got, []int64{5, 6, 7, 8}) || j.Last() != 12 || j.Generation() != 2 {
		t.Errorf("All yields rows %v, Last is %d, Generation %d", got, j.Last(), j.Generation())
	}
	// All results can be pruned.
	if err := j.Prune(func(*journal.Candidate) bool { return true }); err != nil {
		t.Fatal(err)
	}
	j = open(t, c)
	noDamage(t, j)
	if got, _ := all(t, j); len(got) != 0 || j.Last() != 12 {
		t.Errorf("All yields rows %v, Last is %d", got, j.Last())
	}
	if names := files(t, dir); !slices.Equal(names, []string{"blobs", "results-p3-000001.jsonl"}) {
		t.Errorf("files: %v", names)
	}
	write(t, j, result(30))
	if j.Last() != 13 {
		t.Errorf("Last is %d, want 13", j.Last())
	}
}

// The fields of a candidate follow from the last pass and from the index.
func TestCandidates(t *testing.T) {
	j := open(t, journal.Config{Dir: t.TempDir()})
	failed := result(1)
	failed.Status = batch.Failed
	twin := result(0)
	twin.Occurrence, twin.Row = 1, 10
	other := result(2)
	other.Occurrence, other.Row = 1, 12
	write(t, j, failed, result(0), twin, result(1), result(2), other, result(3))
	pass := j.Pass()
	for _, n := range []int{2, 0, 0, 1} {
		pass.Next(fingerprint(n))
	}
	var got []string
	for c, err := range j.Candidates() {
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Result()
		if err != nil || r.Response != nil {
			t.Errorf("Result gives the answer %s, error %v", r.Response, err)
		}
		got = append(got, fmt.Sprintf("%d %s %v %v", r.Row, c.Status, c.Superseded, c.Orphaned))
	}
	want := []string{"1 failed true false", "0 ok false false", "10 ok false false", "1 ok false false",
		"2 ok false false", "12 ok false true", "3 ok false true"}
	if !slices.Equal(got, want) {
		t.Errorf("candidates\n%q, want\n%q", got, want)
	}
	n := 0
	for e := range j.Orphans() {
		if r, err := j.Read(e); err != nil || r.Row != 12 && r.Row != 3 {
			t.Errorf("orphan %+v, %v", r, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d orphans, want 2", n)
	}
}

// Wherever Prune, or the Open that ends it, is interrupted, the journal is the old one or
// the new one. A result that is kept is never lost.
func TestPruneFaults(t *testing.T) {
	gone := []int64{0, 3, 4}
	var ops []string
	run := func(t *testing.T, dir string, fail int, apply bool) {
		ops = nil
		broken := false
		c := faultConfig(dir)
		c.FS.Hook = func(op durable.Op, path string) (bool, error) {
			ops = append(ops, fmt.Sprint(op, " ", filepath.Base(path)))
			switch n := len(ops) - 1; {
			case n == fail:
				broken = true
				return apply, errInjected
			case broken:
				t.Errorf("%s follows the failed %s", ops[n], ops[fail])
			}
			return unsynced.Hook(op, path)
		}
		j, err := journal.Open(c)
		if err == nil {
			err = j.Prune(byRow(t, gone...))
		}
		if err == nil {
			if j, err = journal.Open(c); err == nil {
				err = j.Close()
			}
		}
		if (fail >= 0) != errors.Is(err, errInjected) {
			t.Errorf("operation %d: error %v", fail, err)
		}
	}

	var pristine string
	restore := func(t *testing.T) string {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	pristine = t.TempDir()
	prunable(t, pristine)
	t.Run("none", func(t *testing.T) { run(t, restore(t), -1, false) })
	all1 := slices.Clone(ops)
	switched := slices.Index(all1, "rename results-p1-000001.jsonl")
	if switched < 0 || slices.Index(all1, "rename results-p1-000002.jsonl") > switched ||
		slices.Index(all1, "remove results-000001.jsonl") < switched || !slices.ContainsFunc(all1[:switched], func(s string) bool { return s == "sync results-p1-000001.jsonl" }) {
		t.Fatalf("the order of operations is %q", all1)
	}
	outcomes := make(map[int]int)
	for fail := range all1 {
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s applied %v", fail, all1[fail], apply), func(t *testing.T) {
				dir := restore(t)
				run(t, dir, fail, apply)
				c := faultConfig(dir)
				c.FS = unsynced
				for _, c.ReadOnly = range []bool{true, false} {
					j := open(t, c)
					noDamage(t, j)
					has(t, j, result(1), result(2), result(5), result(6), result(7), big(8), result(9))
					rows, damage := all(t, j)
					switch want := []int64{1, 2, 5, 6, 7, 8, 9}; {
					case damage != nil:
						t.Errorf("damage %v", damage)
					case j.Last() != 11:
						t.Errorf("Last is %d, want 11", j.Last())
					case slices.Equal(rows, want):
						outcomes[1]++
					case slices.Equal(rows, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3}):
						outcomes[0]++
						has(t, j, result(0), big(4), result(3))
					default:
						t.Errorf("rows %v are neither the old journal nor the new one", rows)
					}
					j.Close()
				}
				// Nothing of the other generation is left, and the journal can be written to.
				j := open(t, c)
				generations := make(map[bool]bool)
				for _, name := range files(t, dir) {
					if strings.HasPrefix(name, "results-") {
						generations[strings.HasPrefix(name, "results-p1")] = true
					}
					if strings.Contains(name, "results") && strings.Contains(name, ".tmp-") {
						t.Errorf("%s is left", name)
					}
				}
				if len(generations) != 1 {
					t.Errorf("two generations are left: %v", files(t, dir))
				}
				write(t, j, result(40))
				if err := j.Prune(byRow(t, append(gone, 40)...)); err != nil {
					t.Fatal(err)
				}
				j = open(t, c)
				noDamage(t, j)
				if rows, _ := all(t, j); !slices.Equal(rows, []int64{1, 2, 5, 6, 7, 8, 9}) || j.Last() != 12 {
					t.Errorf("pruned in the end: rows %v, Last %d", rows, j.Last())
				}
			})
		}
	}
	if outcomes[0] == 0 || outcomes[1] == 0 {
		t.Errorf("outcomes %v: both must occur", outcomes)
	}
}

// A killed process leaves temporary files and unfinished generations. They are never read.
func TestHalfMadeGeneration(t *testing.T) {
	dir := t.TempDir()
	prunable(t, dir)
	put(t, []byte("half a li"), dir, "results-p1-000002.jsonl")
	put(t, []byte("half a li"), dir, "results-p1-000001.jsonl.tmp-123")
	for _, readOnly := range []bool{true, false} {
		c := faultConfig(dir)
		c.ReadOnly = readOnly
		j := open(t, c)
		noDamage(t, j)
		has(t, j, result(0), result(1), big(8))
		j.Close()
	}
	if names := files(t, dir); slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "p1") }) {
		t.Errorf("files %v", names)
	}
}

// If the first segment is lost, the others are still the journal, and are not taken for
// the remains of a pruning.
func TestLostFirstSegment(t *testing.T) {
	dir := t.TempDir()
	prunable(t, dir)
	j := open(t, faultConfig(dir))
	if err := j.Prune(byRow(t, 1)); err != nil {
		t.Fatal(err)
	}
	open(t, faultConfig(dir)).Close()
	before := files(t, dir)
	if err := os.Rename(filepath.Join(dir, "results-p1-000001.jsonl"), filepath.Join(t.TempDir(), "x")); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(faultConfig(dir)); err == nil || !strings.Contains(err.Error(), "results-p1-000001.jsonl is missing") {
		t.Errorf("error %v", err)
	}
	if after := files(t, dir); len(after) != len(before)-1 {
		t.Errorf("files %v, were %v", after, before)
	}
}

// A journal that is open for reading while another process prunes it gives the old answers
// or says what happened. One that is opened meanwhile is the old or the new journal.
func TestPruneUnderReader(t *testing.T) {
	dir := t.TempDir()
	prunable(t, dir)
	c := faultConfig(dir)
	w := open(t, c)
	r := c
	r.ReadOnly = true
	view := open(t, r)
	has(t, view, result(1))
	seen := make(map[int]bool)
	c.FS.Hook = func(durable.Op, string) (bool, error) {
		j := open(t, r)
		noDamage(t, j)
		has(t, j, result(2), big(8))
		rows, _ := all(t, j)
		seen[len(rows)] = true
		j.Close()
		return true, nil
	}
	w.Close()
	w = open(t, c)
	if err := w.Prune(byRow(t, 0, 1)); err != nil {
		t.Fatal(err)
	}
	open(t, c)
	if !maps.Equal(seen, map[int]bool{11: true, 9: true}) {
		t.Errorf("readers saw journals of %v results, want 11 and 9", seen)
	}
	e, _ := view.Lookup(fingerprint(9), 0)
	if got, err := view.Read(e); err == nil && got.Row != 9 || err != nil && !strings.Contains(err.Error(), "pruned") {
		t.Errorf("the old view reads %v, %v", got, err)
	}
}

// If the process is killed between any two operations, and all temporary files stay where
// they are, the journal is the old one or the new one. All that the disk must have before
// the switch is synced before it. Files are removed only after the switch is synced.
func TestPruneKilled(t *testing.T) {
	dir := t.TempDir()
	prunable(t, dir)
	var ops, states []string
	c := faultConfig(dir)
	c.FS.Hook = func(op durable.Op, path string) (bool, error) {
		ops = append(ops, fmt.Sprint(op, " ", filepath.Base(path)))
		state := t.TempDir()
		if err := os.CopyFS(state, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		states = append(states, state)
		return true, nil
	}
	j := open(t, c)
	if err := j.Prune(byRow(t, 0, 3, 4)); err != nil {
		t.Fatal(err)
	}
	open(t, c).Close()

	const first = "results-p1-000001.jsonl"
	at := func(op string) int { return slices.Index(ops, op) }
	switched := at("rename " + first)
	for i, op := range ops {
		name, isRename := strings.CutPrefix(op, "rename ")
		if isRename && (i > switched || at("sync "+name) < 0 || at("sync "+name) > switched) {
			t.Errorf("%s is not synced and named before the switch: %q", name, ops)
		}
		if strings.HasPrefix(op, "remove") && i < switched+1+slices.Index(ops[switched+1:], "syncdir "+filepath.Base(dir)) {
			t.Errorf("%s comes before the switch is synced: %q", op, ops)
		}
	}
	if removed := at("remove results-000001.jsonl"); removed < switched || switched < 0 || ops[len(ops)-1] != "syncdir "+filepath.Base(dir) {
		t.Errorf("operations %q", ops)
	}

	for i, state := range states {
		want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3}
		if i > switched {
			want = []int64{1, 2, 5, 6, 7, 8, 9}
		}
		c := faultConfig(state)
		c.FS = unsynced
		for _, c.ReadOnly = range []bool{true, false} {
			j := open(t, c)
			noDamage(t, j)
			has(t, j, result(1), result(2), result(5), result(6), result(7), big(8), result(9))
			if rows, _ := all(t, j); !slices.Equal(rows, want) || j.Last() != 11 {
				t.Errorf("killed before %s: rows %v, want %v; Last %d", ops[i], rows, want, j.Last())
			}
			j.Close()
		}
		for _, name := range files(t, state) {
			if strings.Contains(name, ".tmp-") || strings.HasPrefix(name, "results-p1") != (i > switched) && strings.HasPrefix(name, "results-") {
				t.Errorf("killed before %s: %s is left", ops[i], name)
			}
		}
	}
}
