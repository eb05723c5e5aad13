package journal_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

var errInjected = errors.New("injected")

func fingerprint(n int) batch.Fingerprint {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return batch.Fingerprint(sum[:16])
}

// result returns a small result of row n.
func result(n int) *batch.Result {
	return &batch.Result{
		Fingerprint: fingerprint(n),
		Row:         int64(n),
		Key:         fmt.Sprintf("k%d", n),
		Status:      batch.OK,
		Endpoint:    "sim",
		Model:       "m",
		At:          time.Date(2026, 1, 2, 3, 4, 5, n, time.UTC),
		Attempts:    1,
		Response:    fmt.Appendf(nil, `{"text":"answer %d"}`, n),
	}
}

func results(from, to int) []*batch.Result {
	var rs []*batch.Result
	for n := from; n < to; n++ {
		rs = append(rs, result(n))
	}
	return rs
}

func open(t testing.TB, c journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func write(t testing.TB, j *journal.Journal, rs ...*batch.Result) {
	t.Helper()
	if err := j.Write(rs); err != nil {
		t.Fatal(err)
	}
}

// has checks that the journal has these results and reads them as they were written,
// except for their Seq.
func has(t testing.TB, j *journal.Journal, rs ...*batch.Result) {
	t.Helper()
	for _, want := range rs {
		e, ok := j.Lookup(want.Fingerprint, want.Occurrence)
		if !ok || e.Status != want.Status {
			t.Errorf("row %d: Lookup gives status %q, %v, want %q", want.Row, e.Status, ok, want.Status)
			continue
		}
		got, err := j.Read(e)
		if err != nil {
			t.Errorf("row %d: %v", want.Row, err)
			continue
		}
		w := *want
		w.Seq = got.Seq
		if !reflect.DeepEqual(got, &w) {
			t.Errorf("row %d reads\n%+v, want\n%+v", want.Row, got, &w)
		}
	}
}

func hasNot(t testing.TB, j *journal.Journal, rs ...*batch.Result) {
	t.Helper()
	for _, r := range rs {
		if e, ok := j.Lookup(r.Fingerprint, r.Occurrence); ok {
			t.Errorf("row %d: Lookup gives %+v, want nothing", r.Row, e)
		}
	}
}

// all returns the rows that All yields, and the damage.
func all(t testing.TB, j *journal.Journal) (rows []int64, damage []*journal.Damage) {
	t.Helper()
	var seq int64
	for r, err := range j.All() {
		if d, ok := errors.AsType[*journal.Damage](err); ok {
			damage = append(damage, d)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq <= seq {
			t.Errorf("All yields seq %d after %d", r.Seq, seq)
		}
		seq = r.Seq
		rows = append(rows, r.Row)
	}
	return rows, damage
}

func noDamage(t testing.TB, j *journal.Journal) {
	t.Helper()
	for _, d := range j.Damage() {
		t.Errorf("damage: %v", &d)
	}
}

// kinds returns the damage that Open has found, in short.
func kinds(j *journal.Journal) string {
	s := ""
	for _, d := range j.Damage() {
		s += fmt.Sprintf("%s %s:%d@%d+%d ", d.Kind, d.Segment, d.Line, d.Offset, d.Length)
	}
	return s
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t testing.TB, data []byte, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// unsynced is a file system that leaves out the syncs, for tests that make thousands.
var unsynced = durable.FS{Hook: func(op durable.Op, _ string) (bool, error) {
	return op != durable.OpSync && op != durable.OpSyncDir, nil
}}

func isJSON(t testing.TB, line []byte) {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(line, &v); err != nil {
		t.Errorf("line is no JSON object: %v: %s", err, line)
	}
}
