//go:build unix

package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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
			if again := j.Write(results(5, 6)); !errors.Is(again, err) {
				t.Errorf("a second Write returns %v, want the same error", again)
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

// A journal that is cut or written to in place is noticed by the next Write: what it held is
// gone, and no more is to be paid for.
func TestCutSegment(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"shorter": func(path string) error { return os.Truncate(path, 300) },
		"longer": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("x\n")
			return errors.Join(err, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, journal.Config{Dir: dir})
			write(t, j, results(0, 5)...)
			if err := change(filepath.Join(dir, "results-000001.jsonl")); err != nil {
				t.Fatal(err)
			}
			lost, ok := errors.AsType[*journal.LostError](j.Write(results(5, 6)))
			if !ok || lost.Safe() {
				t.Errorf("Write returns %v, want a LostError that is not safe", lost)
			}
		})
	}
}
