package jobs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// The stages before the writer keep the order of the input over many stretches, of
// rows that are long, bad and unasked too, and end when nobody takes any more.
func TestFetchAll(t *testing.T) {
	f := newFixture(t)
	rows := lines(5*stretchRows + 7)
	rows[70] = strings.TrimSuffix(rows[70], "}") + `, "more": "` + strings.Repeat("long ", stretchBytes/4) + `"}`
	rows[200] = `{"id": 200`
	f.input(rows...)
	f.mustRun()
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()

	next := int64(1)
	for x, err := range j.fetchAll(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		want := batch.OK
		if next == 201 {
			want = batch.Skipped
		}
		if x.row.Number != next || x.reply.status != want {
			t.Fatalf("row %d comes as %d, with the status %s and not %s", x.row.Number, next, x.reply.status, want)
		}
		if want == batch.OK && x.result.Row != next {
			t.Fatalf("row %d has the answer of row %d", next, x.result.Row)
		}
		next++
	}
	if next != int64(len(rows))+1 {
		t.Errorf("%d rows come, of %d", next-1, len(rows))
	}

	for range j.fetchAll(t.Context()) {
		break // all of its goroutines have ended by now, or the race detector finds them reading
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, last := 0, error(nil)
	for _, err := range j.fetchAll(ctx) {
		if got++; got == 3 {
			cancel()
		}
		last = err
	}
	if got > len(rows) || !errors.Is(last, batch.ErrInterrupted) {
		t.Errorf("after the interrupt at the third row %d come, and the end is %v", got-3, last)
	}
}

// An answer that turns out to be damaged ends the output with its place.
func TestFetchAllDamage(t *testing.T) {
	f := newFixture(t)
	f.input(lines(3 * stretchRows)...)
	f.mustRun()
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	path := filepath.Join(f.spec.StateDir(), "results-000001.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = j.Export(filepath.Join(t.TempDir(), "out.jsonl"), "", nil, false)
	if d, ok := errors.AsType[*journal.Damage](err); !ok || d.Kind != journal.Corrupt {
		t.Errorf("the export ends with %v, want the damage", err)
	}
}

// Rows of megabytes are not gathered by as many as there are processors.
func TestFetchAllLongRows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	f := newFixture(t)
	rows := lines(9)
	for i := range rows {
		rows[i] = strings.TrimSuffix(rows[i], "}") + `, "more": "` + strings.Repeat("long ", 3<<20/5) + `"}`
	}
	f.input(rows...)
	f.mustRun()
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc >> 20)
	}
	before, most, n := heap(), 0, 0
	for _, err := range j.fetchAll(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			time.Sleep(200 * time.Millisecond) // as a slow disk lets the stages before it run ahead
			most = heap() - before
		}
	}
	if n != len(rows) || most > 45 {
		t.Errorf("%d rows of %d, with %d MiB of them in memory", n, len(rows), most)
	}
}
