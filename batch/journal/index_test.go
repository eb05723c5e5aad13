package journal_test

import (
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

func TestPass(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	second := result(1)
	second.Occurrence, second.Status = 1, batch.Failed
	third := result(1)
	third.Occurrence, third.Status = 2, batch.Blocked
	write(t, j, result(2), second)

	type step struct {
		row, occurrence int
		status          batch.Status // empty: not known
	}
	run := func(name string, steps ...step) {
		t.Helper()
		p := j.Pass()
		for i, s := range steps {
			occurrence, e, known := p.Next(fingerprint(s.row))
			if occurrence != s.occurrence || e.Status != s.status || known != (s.status != "") {
				t.Errorf("%s, step %d: row %d gives %d, %q, %v, want %d, %q", name, i, s.row, occurrence, e.Status, known, s.occurrence, s.status)
			}
			if i == 2 && name == "first" {
				write(t, j, result(1), third) // results may be written during a pass
			}
		}
	}
	run("first", step{1, 0, ""}, step{2, 0, "ok"}, step{1, 1, "failed"}, step{3, 0, ""}, step{1, 2, "blocked"}, step{1, 3, ""}, step{2, 1, ""})
	run("second", step{1, 0, "ok"}, step{1, 1, "failed"}, step{3, 0, ""})
	hasNot(t, j, result(3)) // a pass has met the row, which does not make it known
	for range 600 {         // more passes than the mark in a slot can tell apart
		run("later", step{3, 0, ""})
	}
	run("last", step{1, 0, "ok"}, step{1, 1, "failed"}, step{2, 0, "ok"}, step{3, 0, ""}, step{3, 1, ""})

	j.Close()
	j = open(t, journal.Config{Dir: dir})
	run("reopened", step{1, 0, "ok"}, step{1, 1, "failed"}, step{1, 2, "blocked"}, step{2, 0, "ok"}, step{4, 0, ""})
}

// A million equal rows get their numbers, and the last one takes no longer than the first.
func TestPassIdenticalRows(t *testing.T) {
	j := open(t, journal.Config{Dir: t.TempDir()})
	const rows = 1_000_000
	mark := result(1)
	mark.Occurrence = rows - 1
	write(t, j, mark)
	p := j.Pass()
	for n := range rows {
		if occurrence, _, known := p.Next(fingerprint(1)); occurrence != n || known != (n == rows-1) {
			t.Fatalf("row %d gives occurrence %d, known %v", n, occurrence, known)
		}
	}
}
