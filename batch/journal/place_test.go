//go:build unix

package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

// A folder in which nothing can be written is found before the first result, and what
// Open leaves there is a whole journal without results.
func TestPlaceProvedByOpen(t *testing.T) {
	for _, op := range []durable.Op{durable.OpOpen, durable.OpWrite, durable.OpSync, durable.OpSyncDir} {
		for _, apply := range []bool{false, true} {
			dir := t.TempDir()
			made := false
			fsys := durable.FS{Hook: func(o durable.Op, path string) (bool, error) {
				made = made || filepath.Base(path) == "results-000001.jsonl"
				if made && o == op {
					return apply, errInjected
				}
				return true, nil
			}}
			if _, err := journal.Open(journal.Config{Dir: dir, FS: fsys}); !errors.Is(err, errInjected) {
				t.Errorf("%s fails, applied %v: Open returns %v", op, apply, err)
			}
			j := open(t, journal.Config{Dir: dir})
			write(t, j, results(0, 2)...)
			has(t, j, results(0, 2)...)
			if d := j.Damage(); len(d) > 0 && op != durable.OpWrite {
				t.Errorf("%s failed, applied %v: damage %v", op, apply, d)
			}
		}
	}
}

// A journal that loses its place in the middle of a run is noticed by the next Write,
// which says where the results are, and writes them again if they would be gone.
func TestLostPlace(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose func(dir string) error
		kept string // where the results are, beside dir
		ends bool   // the results were moved, and need no copy
	}{
		{"folder deleted", os.RemoveAll, "state", false},
		{"segment deleted", func(dir string) error { return os.Remove(filepath.Join(dir, "results-000001.jsonl")) }, "state", false},
		{"folder moved", func(dir string) error { return os.Rename(dir, dir+"2") }, "state2", true},
		{"folder moved, and made anew", func(dir string) error { return errors.Join(os.Rename(dir, dir+"2"), os.Mkdir(dir, 0o700)) }, "state2", true},
		{"segment replaced", func(dir string) error {
			path := filepath.Join(dir, "results-000001.jsonl")
			return errors.Join(os.WriteFile(path+".new", []byte("x\n"), 0o600), os.Rename(path+".new", path))
		}, "state.rescued", false},
		{"a file in place of the folder", func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"2"), os.WriteFile(dir, nil, 0o600))
		}, "state2", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "state")
			j := open(t, journal.Config{Dir: dir})
			write(t, j, results(0, 3)...)
			if err := tt.lose(dir); err != nil {
				t.Fatal(err)
			}
			err := j.Write(results(3, 5))
			lost, ok := errors.AsType[*journal.LostError](err)
			if !ok {
				t.Fatalf("Write returns %v, want a LostError", err)
			}
			if _, kept := errors.AsType[*batch.KeptError](err); !kept {
				t.Errorf("Write returns %T, and its results are kept", err)
			}
			again := j.Write(results(5, 6))
			if _, kept := errors.AsType[*batch.KeptError](again); kept || !errors.Is(err, again) {
				t.Errorf("a second Write returns %v, want the same error, and nothing kept", again)
			}
			if tt.ends != (lost.Kept == "") || !tt.ends && lost.Results != 5 {
				t.Errorf("kept %q with %d results: %v", lost.Kept, lost.Results, err)
			}
			j.Close()
			j = open(t, journal.Config{Dir: filepath.Join(parent, tt.kept)})
			has(t, j, results(0, 5)...)
			if d := j.Damage(); len(d) > 0 {
				t.Errorf("damage: %v", d)
			}
		})
	}
}

// Where the results cannot be written again, the error says so, and why.
func TestLostForGood(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	gone := false
	fsys := durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		if gone && op == durable.OpMkdir {
			return false, errInjected
		}
		return true, nil
	}}
	j := open(t, journal.Config{Dir: dir, FS: fsys})
	write(t, j, results(0, 3)...)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	gone = true
	err := j.Write(results(3, 4))
	if lost, ok := errors.AsType[*journal.LostError](err); !ok || lost.Kept != "" || !errors.Is(err, errInjected) {
		t.Errorf("Write returns %v, want a LostError with its cause", err)
	} else if _, kept := errors.AsType[*batch.KeptError](err); kept {
		t.Errorf("Write returns %v, and kept nothing", err)
	}
}

// Segments before the last one are not copied, which is said.
func TestLostSegments(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j := open(t, journal.Config{Dir: dir, SegmentBytes: 1000})
	write(t, j, results(0, 3)...)
	write(t, j, results(3, 6)...)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if lost, ok := errors.AsType[*journal.LostError](j.Write(results(6, 7))); !ok || lost.Before == 0 {
		t.Errorf("got %+v, want segments that are not copied", lost)
	}
}

// A file of the journal that another program changes, and leaves where it is, is noticed by
// the next Write. It keeps its own results apart, and the error says how many others are gone.
func TestChangedInPlace(t *testing.T) {
	const first, written = "results-000001.jsonl", 3 // the last of them has a long answer
	for _, tt := range []struct {
		name   string
		bytes  int64 // of a segment
		change func(dir string) error
		gone   int64
	}{
		{"truncated", 0, func(dir string) error { return os.Truncate(filepath.Join(dir, first), 0) }, 3},
		{"cut in the middle of a line", 0, func(dir string) error {
			info, err := os.Stat(filepath.Join(dir, first))
			return errors.Join(err, os.Truncate(filepath.Join(dir, first), info.Size()-20))
		}, 1},
		{"overwritten", 0, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, first), []byte("something else\n"), 0o600)
		}, 3},
		{"appended to", 0, func(dir string) error { return appendText(filepath.Join(dir, first), "garb") }, 0},
		{"made longer by zeros", 0, func(dir string) error { return os.Truncate(filepath.Join(dir, first), 1<<20) }, 0},
		{"an earlier segment truncated", 500, func(dir string) error { return os.Truncate(filepath.Join(dir, first), 0) }, 1},
		{"an earlier segment appended to", 500, func(dir string) error { return appendText(filepath.Join(dir, first), "{}\n") }, 0},
		{"the second segment deleted", 500, func(dir string) error { return os.Remove(filepath.Join(dir, "results-000002.jsonl")) }, 1},
		{"the first segment deleted", 500, func(dir string) error { return os.Remove(filepath.Join(dir, first)) }, 1},
		{"long answers deleted", 0, func(dir string) error { return os.RemoveAll(filepath.Join(dir, "blobs")) }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, journal.Config{Dir: dir, SegmentBytes: tt.bytes, BlobBytes: 400})
			for i := range written {
				rs := results(i, i+1)
				if i == written-1 {
					rs[0].Response = fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("long ", 100))
				}
				write(t, j, rs...)
			}
			if err := tt.change(dir); err != nil {
				t.Fatal(err)
			}
			last := results(written, written+2)
			err := j.Write(last)
			lost, ok := errors.AsType[*journal.LostError](err)
			if !ok || lost.Gone != tt.gone || lost.Err != nil || lost.Safe() != (tt.gone == 0) {
				t.Fatalf("Write returns %v: %+v", err, lost)
			}
			if _, kept := errors.AsType[*batch.KeptError](err); !kept || lost.Results != len(last) {
				t.Errorf("Write returns %T with %d results, want all of its results kept", err, lost.Results)
			}
			var left int64
			for _, n := range j.Rows() {
				left += n
			}
			if want := int64(written+len(last)) - tt.gone; left != want {
				t.Errorf("%d rows have a result, want %d", left, want)
			}
			j.Close()
			j = open(t, journal.Config{Dir: dir})
			for _, r := range last {
				if _, ok := j.Lookup(r.Fingerprint, r.Occurrence); !ok {
					t.Errorf("row %d, which was kept, is gone", r.Row)
				}
			}
			var again int64
			for _, n := range j.Rows() {
				again += n
			}
			if again != left {
				t.Errorf("the next Open finds %d rows, want %d", again, left)
			}
		})
	}
}

// A file that is cut just before it is synced is noticed by the same Write, whose results must
// not count as safe while they are gone.
func TestChangedDuringWrite(t *testing.T) {
	dir := t.TempDir()
	cut := false
	fsys := durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		if cut && op == durable.OpSync {
			cut = false
			if err := os.Truncate(path, 100); err != nil {
				t.Error(err)
			}
		}
		return true, nil
	}}
	j := open(t, journal.Config{Dir: dir, FS: fsys})
	write(t, j, results(0, 3)...)
	cut = true
	err := j.Write(results(3, 5))
	if lost, ok := errors.AsType[*journal.LostError](err); !ok || lost.Gone != 3 {
		t.Fatalf("Write returns %v: %+v, want a LostError of the 3 results before", err, lost)
	}
	j.Close()
	j = open(t, journal.Config{Dir: dir})
	for _, r := range results(3, 5) {
		if _, ok := j.Lookup(r.Fingerprint, r.Occurrence); !ok {
			t.Errorf("row %d, which was to be written then, is gone", r.Row)
		}
	}
}

func appendText(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// What is kept of a journal that another program takes away or changes has the answers that its
// rows share, also those that a Write before had written.
func TestLostShared(t *testing.T) {
	for name, tt := range map[string]struct {
		lose    func(dir string) error
		gone    int64
		results int   // in the file that is kept
		bytes   int64 // of a segment
	}{
		"deleted":                     {func(dir string) error { return os.Remove(filepath.Join(dir, "results-000001.jsonl")) }, 0, 7, 0},
		"an earlier segment deleted":  {func(dir string) error { return os.Remove(filepath.Join(dir, "results-000002.jsonl")) }, 3, 3, 500},
		"truncated":                   {func(dir string) error { return os.Truncate(filepath.Join(dir, "results-000001.jsonl"), 100) }, 4, 3, 0},
		"appended to":                 {func(dir string) error { return appendText(filepath.Join(dir, "results-000001.jsonl"), "garb") }, 0, 3, 0},
		"cut in the middle of a line": {func(dir string) error { return os.Truncate(filepath.Join(dir, "results-000001.jsonl"), 900) }, 3, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, journal.Config{Dir: dir, SegmentBytes: tt.bytes})
			rs := pack(0, 6)
			write(t, j, rs[:3]...)
			write(t, j, result(7))
			if err := tt.lose(dir); err != nil {
				t.Fatal(err)
			}
			err := j.Write(rs[3:])
			lost, ok := errors.AsType[*journal.LostError](err)
			if !ok || lost.Gone != tt.gone || lost.Err != nil || lost.Results != tt.results {
				t.Fatalf("Write returns %v: %+v", err, lost)
			}
			if want := 7 - tt.gone; j.Rows()[batch.OK] != want {
				t.Errorf("rows are %v, want %d", j.Rows(), want)
			}
			has(t, j, rs[3:]...)
			j.Close()
			j = open(t, journal.Config{Dir: dir})
			has(t, j, rs[3:]...)
			if n := j.Rows()[batch.OK]; n != 7-tt.gone {
				t.Errorf("the next Open finds %d rows, want %d", n, 7-tt.gone)
			}
		})
	}
}
