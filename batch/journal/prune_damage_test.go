package journal_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/genbatch/genbatch/batch/journal"
)

// Damage is found in a pruned journal as in any other, and pruning keeps it.
func TestPruneAndDamage(t *testing.T) {
	const pruned = "results-p1-000001.jsonl"
	fresh := func(t *testing.T) (string, [][]byte) {
		dir := t.TempDir()
		c := journal.Config{Dir: dir, FS: unsynced}
		j := open(t, c)
		write(t, j, results(0, 8)...)
		if err := j.Prune(byRow(t, 0, 3, 4, 7)); err != nil {
			t.Fatal(err)
		}
		j = open(t, c)
		noDamage(t, j)
		j.Close()
		lines := bytes.SplitAfter(read(t, dir, pruned), []byte("\n"))
		// header, mark 1, rows 1 and 2, mark 4-5, rows 5 and 6, mark 8
		if len(lines) != 9 {
			t.Fatalf("lines %q", lines)
		}
		return dir, lines[:8]
	}
	for name, test := range map[string]struct {
		change func(lines [][]byte) [][]byte
		kind   journal.DamageKind
	}{
		"a result removed":  {func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) }, journal.Gap},
		"a result repeated": {func(l [][]byte) [][]byte { return slices.Insert(l, 3, l[2]) }, journal.Repeat},
		"a result altered":  {func(l [][]byte) [][]byte { l[5] = bytes.Replace(l[5], []byte("answer"), []byte("Answer"), 1); return l }, journal.Corrupt},
		"a mark removed":    {func(l [][]byte) [][]byte { return slices.Delete(l, 4, 5) }, journal.Gap},
		"a mark repeated":   {func(l [][]byte) [][]byte { return slices.Insert(l, 5, l[4]) }, journal.Repeat},
		"a mark altered":    {func(l [][]byte) [][]byte { l[4] = bytes.Replace(l[4], []byte("_to"), []byte("-to"), 1); return l }, journal.Corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			dir, lines := fresh(t)
			put(t, bytes.Join(test.change(lines), nil), dir, pruned)
			j := open(t, journal.Config{Dir: dir})
			if d := j.Damage(); len(d) == 0 || d[0].Kind != test.kind {
				t.Errorf("damage %s, want %s", kinds(j), test.kind)
			}
			was := kinds(j)
			rows := rowsOf(t, j)
			if err := j.Prune(byRow(t, 6)); err != nil {
				t.Fatal(err)
			}
			j = open(t, journal.Config{Dir: dir})
			// A repeated mark is merged with the mark itself: nothing is lost by it.
			if d := j.Damage(); name != "a mark repeated" && (len(d) == 0 || d[0].Kind != test.kind) {
				t.Errorf("after pruning again: damage %s, was %s", kinds(j), was)
			}
			after := rowsOf(t, j)
			if want := slices.DeleteFunc(rows, func(n int64) bool { return n == 6 }); !slices.Equal(after, want) || j.Last() != 8 {
				t.Errorf("rows %v, want %v; Last %d", after, want, j.Last())
			}
		})
	}
}

// A second copy of a line is damage, and its attempts count once.
func TestRepeatedLineCountsOnce(t *testing.T) {
	dir := t.TempDir()
	lines := bytes.SplitAfter(segmentOf(t, results(0, 3)...), []byte("\n"))
	put(t, bytes.Join(slices.Insert(lines, 3, lines[1]), nil), dir, first)
	j := open(t, journal.Config{Dir: dir})
	if d := j.Damage(); len(d) != 1 || d[0].Kind != journal.Repeat {
		t.Errorf("damage %s", kinds(j))
	}
	has(t, j, results(0, 3)...)
	if e := j.Superseded(fingerprint(0), 0); len(e) != 0 {
		t.Errorf("the repeated line counts as a result of its own: %v", e)
	}
}
