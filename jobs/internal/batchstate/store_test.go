package batchstate

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/internal/durable"
)

func TestKey(t *testing.T) {
	id := batch.ID{Fingerprint: batch.Fingerprint{0, 1, 0xfe}, Occurrence: 12}
	key := KeyOf(id)
	if key != "r0001fe00000000000000000000000000-12" {
		t.Errorf("the key is %s", key)
	}
	if got, ok := ParseKey(key); !ok || got != id {
		t.Errorf("%s is the key of %v (%t)", key, got, ok)
	}
	for _, foreign := range []string{"", "7", "r12-0", strings.ToUpper(key), key + " ", key[:len(key)-2], key + "-1", strings.Replace(key, "-12", "-012", 1), strings.Replace(key, "-12", "--1", 1)} {
		if id, ok := ParseKey(foreign); ok {
			t.Errorf("%q counts as the key of %v", foreign, id)
		}
	}
}

// draftOf writes a draft of n rows.
func draftOf(t *testing.T, s *Store, n int) *Draft {
	t.Helper()
	d, err := s.NewDraft(Owner{Endpoint: "google", KeyID: "k"}, "m", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := &batch.Request{Row: int64(i + 1), Fingerprint: batch.Fingerprint{byte(i)}, Key: "name", InputTokens: 3}
		if err := d.Add(r, []byte(`{"key":"`+KeyOf(r.ID())+`","request":{"contents":[]}}`+"\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	return d
}

// open opens the record of a folder until the test ends.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, durable.FS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRecord(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d := draftOf(t, s, 3)
	if err := s.Note(d.Job, Intent); err != nil {
		t.Fatal(err)
	}
	d.Job.Name, d.Job.Created, d.Job.State = "batches/x", time.Now().UTC().Round(0), batches.Running
	if err := s.Note(d.Job, Created); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if len(again.Jobs()) != 1 || !reflect.DeepEqual(again.Jobs()[0], d.Job) {
		t.Fatalf("read back: %+v", again.Jobs())
	}
	if rows, err := again.LiveRows(); err != nil || len(rows) != 3 {
		t.Errorf("%d rows belong to the job (%v)", len(rows), err)
	}
	n := 0
	for r, err := range again.Each(again.Jobs()[0]) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if r.Row != int64(n) || r.Key != "name" || r.Model != "m" || r.Batch != d.ID || string(r.Body) != `{"contents":[]}` {
			t.Errorf("row %d is %+v", n, r.Request)
		}
	}
	if n != 3 {
		t.Errorf("%d rows", n)
	}
	// Ids of one record begin alike, so that a job that it has lost is known to be its own.
	if next := again.newID(); next[:8] != d.ID[:8] || next == d.ID {
		t.Errorf("the next id after %s is %s", d.ID, next)
	}
}

// TestRecordTorn cuts the record at every byte: what was synced before stays, and the next
// line begins where it must.
func TestRecordTorn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d := draftOf(t, s, 1)
	for _, step := range []Step{Intent, Uploaded, Created} {
		if err := s.Note(d.Job, step); err != nil {
			t.Fatal(err)
		}
	}
	path := s.path(recordFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	steps := []Step{"", Intent, Uploaded, Created}
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want, kept := 0, 0
		for want < 3 && cut >= kept+len(lines[want]) {
			kept += len(lines[want])
			want++
		}
		s, err := View(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		got := Step("")
		if len(s.Jobs()) > 0 {
			got = s.Jobs()[0].Step
		}
		if got != steps[want] {
			t.Fatalf("cut at %d: the job is at %q, want %q", cut, got, steps[want])
		}
	}
	if err := os.WriteFile(path, whole[:len(whole)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if err := again.Note(again.Jobs()[0], Created); err != nil {
		t.Fatal(err)
	}
	if s := open(t, dir); s.Jobs()[0].Step != Created {
		t.Errorf("after the torn line was cut off, the job is at %s", s.Jobs()[0].Step)
	}
}

// TestRecordDamaged changes each byte of a line that others follow. The record may name a job
// that holds rows, so nothing goes on.
func TestRecordDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d := draftOf(t, s, 1)
	for _, step := range []Step{Intent, Uploaded} {
		if err := s.Note(d.Job, step); err != nil {
			t.Fatal(err)
		}
	}
	path := s.path(recordFile)
	whole, _ := os.ReadFile(path)
	end := bytes.IndexByte(whole, '\n')
	for i := range end {
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 1
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, durable.FS{})
		if damage := (*DamageError)(nil); !errors.As(err, &damage) || damage.Line != 1 {
			t.Fatalf("byte %d was changed, and Open says %v", i, err)
		}
	}
	// A crash spoils one line at most: of two, the first one was synced.
	spoilt := bytes.Clone(whole)
	spoilt[1] ^= 1
	spoilt[len(spoilt)-3] ^= 1
	if err := os.WriteFile(path, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, durable.FS{})
	if damage := (*DamageError)(nil); !errors.As(err, &damage) || damage.Line != 1 {
		t.Errorf("both lines were changed, and Open says %v", err)
	}
	if now, _ := os.ReadFile(path); len(now) != len(whole) {
		t.Error("a damaged record was changed")
	}
}

// TestRecordUnreadable has a record that cannot be read to its end. That is no empty record:
// its jobs may hold rows.
func TestRecordUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, folderName, recordFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if s, err := View(dir); err == nil {
		t.Errorf("a record that cannot be read has the jobs %v", s.Jobs())
	}
}

// TestLeftovers removes what belongs to no job: files of a draft whose intent was not
// recorded, and those of jobs that are over.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	lost, over, live := draftOf(t, s, 1), draftOf(t, s, 1), draftOf(t, s, 1)
	for _, d := range []*Draft{over, live} {
		if err := s.Note(d.Job, Intent); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Note(over.Job, Dropped); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	entries, err := os.ReadDir(filepath.Join(dir, folderName))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) != 3 || strings.Contains(strings.Join(names, " "), lost.ID) {
		t.Errorf("what is left: %v", names)
	}
	if again.Live()[0].ID != live.ID {
		t.Errorf("live: %v", again.Live()[0])
	}
	b := again.Jobs()[0].Record()
	if text, err := json.Marshal(b); err != nil || b.Live || b.State != "dropped" {
		t.Errorf("%s, %v", text, err)
	}
}

// A cancelled job shows who cancelled it, and not how the endpoint words its end; a job that
// ended otherwise shows how.
func TestCancelledShowsWhy(t *testing.T) {
	for state, want := range map[batches.State]string{batches.Cancelled: "cancelled by genbatch cancel", batches.Expired: "EXPIRED"} {
		j := Job{Step: Dropped, Remote: Remote{State: state}, Cancel: &Cancel{Why: "cancelled by genbatch cancel"}, Why: "EXPIRED"}
		if got := j.Record().Why; got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}
