package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/output"
	"github.com/genbatch/genbatch/jobs/spec"
)

// chunk is how many rows pass through the stages before the writer together.
const chunk = 64

// deriveTo derives the job's output as JSONL into w.
func deriveTo(ctx context.Context, j *Job, w io.Writer) error {
	_, _, err := j.deriver().Derive(ctx, output.Target{To: w, Path: j.spec.Output})
	return err
}

// The stages before the writer keep the order of the input over many chunks, of rows
// that are long, bad and unasked too, and end when nobody takes any more.
func TestDeriveKeepsTheOrder(t *testing.T) {
	f := newFixture(t)
	rows := lines(5*chunk + 7)
	rows[70] = strings.TrimSuffix(rows[70], "}") + `, "more": "` + strings.Repeat("long ", 64<<10) + `"}`
	rows[200] = `{"id": 200`
	f.input(rows...)
	f.mustRun()
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()

	var out bytes.Buffer
	if err := deriveTo(t.Context(), j, &out); err != nil {
		t.Fatal(err)
	}
	next := 0
	for line := range bytes.Lines(out.Bytes()) {
		var row struct{ Q, Response, Status string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		want := "ok"
		if next == 200 {
			want = "skipped"
		}
		if row.Status != want || want == "ok" && (row.Q != rows[next] || row.Response != rows[next]) {
			t.Fatalf("row %d, %.40q, comes as %.200v", next+1, rows[next], row)
		}
		next++
	}
	if next != len(rows) {
		t.Errorf("%d rows come, of %d", next, len(rows))
	}

	// All of its goroutines have ended by now, or the race detector finds them reading.
	if err := deriveTo(t.Context(), j, writerFunc(func([]byte) (int, error) { return 0, io.ErrShortWrite })); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("where nothing can be written the end is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := deriveTo(ctx, j, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })); !errors.Is(err, batch.ErrInterrupted) {
		t.Errorf("after the interrupt the end is %v", err)
	}
}

// A writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// An answer that turns out to be damaged ends the output with its place.
func TestDeriveEndsAtDamage(t *testing.T) {
	f := newFixture(t)
	f.input(lines(3 * chunk)...)
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
func TestDeriveHoldsFewLongRows(t *testing.T) {
	long(t, "it measures memory, of which the race detector takes much")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	f := newFixture(t)
	f.spec.Prompt = "{{.id}}"
	rows := make([]string, 9)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":%d,"q":"%s"}`, i, strings.Repeat("long ", 3<<20/5))
	}
	f.input(rows...)
	f.inBubble(func(t *testing.T) {
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
		before, most, written := heap(), 0, 0
		err = deriveTo(t.Context(), j, writerFunc(func(p []byte) (int, error) {
			if written += len(p); most == 0 && written > 3<<20 { // the first row and a part of the second
				synctest.Wait() // the stages before it have run ahead as far as they may
				most = heap() - before
			}
			return len(p), nil
		}))
		if err != nil || written < 27<<20 || most == 0 || most > 45 {
			t.Errorf("%d MiB of rows, with %d MiB of them in memory: %v", written>>20, most, err)
		}
	})
}

// What is not sent is derived again from the raw answers, for nothing.
func TestExportAsksNothing(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "x"}, {Name: "y"}}}
	f.e.Reply = func(prompt string, n int) (int, string) { return 200, jobtest.AnswerBody(`"x"`) }
	f.input("a", "b")
	f.mustRun()
	f.e.Requests()
	for name, change := range map[string]func(*spec.Spec){
		"a.csv":     func(s *spec.Spec) { s.Columns = spec.List{"q", "label"} },
		"b.parquet": func(s *spec.Spec) { s.Prefix = "ai_" },
		"c.tsv.gz":  func(s *spec.Spec) { s.RawResponse = true },
		"d.jsonl":   func(s *spec.Spec) { s.CSVSafe = true },
	} {
		spec := f.spec
		change(&spec)
		j, err := View(spec, Options{})
		if err != nil {
			t.Fatal(err)
		}
		totals, err := j.Export(filepath.Join(f.dir, name), "", nil, false)
		if err != nil || totals.Status[batch.OK] != 2 || totals.Labels[""]["x"] != 2 {
			t.Errorf("%s: %+v, %v", name, totals, err)
		}
		j.Close()
	}
	jobtest.Equal(t, "asked", f.e.Requests())
	f.proven("exports elsewhere leave the output alone", 0)
}

// An export to the job's own output keeps out of the way of a run, and a run out of
// its way.
func TestExportTakesLock(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.mustRun()
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	lock, err := durable.FS{}.Lock(filepath.Join(f.spec.StateDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := j.Export(f.spec.Output, "", nil, false); !errors.As(err, &locked) {
		t.Errorf("while a run holds the lock: %v, want a LockedError", err)
	}
	if _, err := j.Export(filepath.Join(f.dir, "other.csv"), "", nil, false); err != nil {
		t.Errorf("to another file, meanwhile: %v", err)
	}
	lock.Unlock()
	if _, err := j.Export(f.spec.Output, "", nil, false); err != nil {
		t.Error(err)
	}
	f.mustRun()
}
