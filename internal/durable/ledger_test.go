package durable_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

type note struct{ Key, Value string }

func (n note) String() string { return n.Key + "=" + n.Value }

func readNotes(t *testing.T, path string) []note {
	t.Helper()
	notes, err := (&durable.Ledger[note]{Path: path}).Read()
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

func TestLedger(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "l.jsonl")
	fsys, ops := failAt(-1, false)
	l := &durable.Ledger[note]{FS: fsys, Path: path}
	if notes, err := l.Read(); err != nil || notes != nil {
		t.Fatalf("without a file: %v, %v", notes, err)
	}
	for _, notes := range [][]note{{{"a", "1"}}, {{"b", "2"}, {"a", "3"}}} {
		*ops = nil
		if err := l.Append(notes...); err != nil {
			t.Fatal(err)
		}
		want := "open l.jsonl, write l.jsonl, sync l.jsonl, syncdir " + filepath.Base(dir)
		if got := strings.Join(*ops, ", "); got != want {
			t.Errorf("operations are\n%s, want\n%s", got, want)
		}
	}
	text, err := os.ReadFile(path)
	want := `{"Key":"a","Value":"1"}` + "\n" + `{"Key":"b","Value":"2"}` + "\n" + `{"Key":"a","Value":"3"}` + "\n"
	if err != nil || string(text) != want {
		t.Errorf("the file is %q, %v, want %q", text, err, want)
	}
	if got, want := fmt.Sprint(readNotes(t, path)), "[a=1 b=2 a=3]"; got != want {
		t.Errorf("read back %s, want %s", got, want)
	}
}

// A crash cuts the file anywhere. What was whole is read, and what is appended later is
// read as well.
func TestLedgerCutAtEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	if err := (&durable.Ledger[note]{Path: path}).Append(note{"a", "1"}, note{"b", "2"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(text) + 1 {
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		l := &durable.Ledger[note]{Path: path}
		before, err := l.Read()
		if err != nil {
			t.Fatal(err)
		}
		// A record counts without its line end too: JSON says where it ends.
		if whole := strings.Count(string(text[:n]), "}"); len(before) != whole {
			t.Errorf("cut after %d bytes: read %v, want %d records", n, before, whole)
		}
		if err := l.Append(note{"c", "3"}); err != nil {
			t.Fatal(err)
		}
		if got, want := readNotes(t, path), append(before, note{"c", "3"}); !slices.Equal(got, want) {
			t.Errorf("cut after %d bytes: read %v, want %v", n, got, want)
		}
	}
}

// Each step of an Append fails once, and is carried out or not. The failure is reported,
// and loses nothing of the appends before and after it.
func TestLedgerFaults(t *testing.T) {
	for n, step := range []durable.Op{durable.OpOpen, durable.OpWrite, durable.OpSync, durable.OpSyncDir} {
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s applied %v", step, apply), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "l.jsonl")
				if err := (&durable.Ledger[note]{Path: path}).Append(note{"a", "1"}); err != nil {
					t.Fatal(err)
				}
				fsys, ops := failAt(n, apply)
				l := &durable.Ledger[note]{FS: fsys, Path: path}
				if _, err := l.Read(); err != nil {
					t.Fatal(err)
				}
				if err := l.Append(note{"b", "2"}); !errors.Is(err, errInjected) {
					t.Errorf("error is %v, want the injected one", err)
				}
				if got := (*ops)[n]; !strings.HasPrefix(got, string(step)+" ") {
					t.Fatalf("the failed step is %s", got)
				}
				if err := l.Append(note{"c", "3"}); err != nil {
					t.Fatalf("a further Append: %v", err)
				}
				want := []note{{"a", "1"}, {"c", "3"}}
				if written := step == durable.OpSync || step == durable.OpSyncDir || step == durable.OpWrite && apply; written {
					want = slices.Insert(want, 1, note{"b", "2"})
				}
				if got := readNotes(t, path); !slices.Equal(got, want) {
					t.Errorf("read %v, want %v", got, want)
				}
			})
		}
	}
}

// Half a line that a failed write has left does not swallow the next record.
func TestLedgerAfterHalfAWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	failed := false
	l := &durable.Ledger[note]{Path: path, FS: durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		if op != durable.OpWrite || failed {
			return true, nil
		}
		failed = true
		return false, errors.Join(errInjected, os.WriteFile(path, []byte(`{"Key":"a"`), 0o600))
	}}}
	if err := l.Append(note{"a", "1"}); !errors.Is(err, errInjected) {
		t.Errorf("error is %v, want the injected one", err)
	}
	if err := l.Append(note{"b", "2"}); err != nil {
		t.Fatal(err)
	}
	if got, want := readNotes(t, path), []note{{"b", "2"}}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// A Ledger that cannot be read can be appended to: what is there already stays apart from
// what is added.
func TestLedgerAppendsToWhatItHasNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	if err := os.WriteFile(path, []byte(`{"Key":"a"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&durable.Ledger[note]{Path: path}).Append(note{"b", "2"}); err != nil {
		t.Fatal(err)
	}
	if got, want := readNotes(t, path), []note{{"b", "2"}}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}
