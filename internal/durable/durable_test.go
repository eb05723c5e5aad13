package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

var errInjected = errors.New("injected")

// failAt returns an FS whose n-th operation (from 0) fails, and the list of
// operations it has seen.
func failAt(n int, apply bool) (durable.FS, *[]string) {
	var ops []string
	return durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		ops = append(ops, string(op)+" "+filepath.Base(path))
		if len(ops)-1 == n {
			return apply, errInjected
		}
		return true, nil
	}}, &ops
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	fsys, ops := failAt(-1, false)
	for _, text := range []string{"one", "another"} {
		if err := fsys.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("read back %q, %v, want %q", got, err, text)
		}
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("folder holds %q, want only the file", got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 && runtime.GOOS != "windows" {
		t.Errorf("mode is %v, want 0640", info.Mode())
	}
	want := "create f, write f, sync f, rename f, syncdir " + filepath.Base(dir)
	if got := strings.Join((*ops)[:len(*ops)/2], ", "); got != want {
		t.Errorf("operations are\n%s, want\n%s", got, want)
	}
}

// Each step fails once, and is carried out or not. The file is the old one or the new one,
// the failure is reported, and nothing else is left in the folder.
func TestWriteFileFaults(t *testing.T) {
	const steps = 5
	for n := range steps {
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d applied %v", n, apply), func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "f")
				if err := (durable.FS{}).WriteFile(path, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
				fsys, ops := failAt(n, apply)
				if err := fsys.WriteFile(path, []byte("new"), 0o600); !errors.Is(err, errInjected) {
					t.Errorf("error is %v, want the injected one", err)
				}
				if len(*ops) != n+1 {
					t.Errorf("operations are %q, want none after the failed one", *ops)
				}
				want := "old"
				if (*ops)[n] == "rename f" && apply || n == steps-1 {
					want = "new"
				}
				if got, err := os.ReadFile(path); err != nil || string(got) != want {
					t.Errorf("file is %q, %v, want %q", got, err, want)
				}
				if got := names(t, dir); len(got) != 1 {
					t.Errorf("folder holds %q, want only the file", got)
				}
			})
		}
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")

	f, err := durable.FS{}.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "some")
	if got := names(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], "f.tmp-") {
		t.Errorf("while it is written the folder holds %q, want f.tmp-*", got)
	}
	for range 2 {
		if err := f.Abort(); err != nil {
			t.Errorf("Abort: %v", err)
		}
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("after Abort the folder holds %q, want nothing", got)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Abort: %v, want os.ErrClosed", err)
	}
	if err := f.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Commit after Abort: %v, want os.ErrClosed", err)
	}

	f, err = durable.FS{}.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "whole")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Errorf("Abort after Commit: %v", err)
	}
	if err := f.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Commit: %v, want os.ErrClosed", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "whole" {
		t.Errorf("file is %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode is %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := (durable.FS{}).CreateFile(filepath.Join(dir, "missing", "f")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("CreateFile in a missing folder: %v, want fs.ErrNotExist", err)
	}
}

func TestFileFailedWriteIsSticky(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	fsys, ops := failAt(1, true)
	f, err := fsys.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := f.Write([]byte("x")); !errors.Is(err, errInjected) {
			t.Errorf("Write: %v, want the injected error", err)
		}
	}
	if err := f.Commit(); !errors.Is(err, errInjected) {
		t.Errorf("Commit: %v, want the injected error", err)
	}
	if got := len(*ops); got != 2 {
		t.Errorf("operations are %q, want create and one write", *ops)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 0 {
		t.Errorf("folder holds %q, want nothing", got)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	fsys, ops := failAt(-1, false)
	path := filepath.Join(dir, "a", "b")
	if err := fsys.MkdirAll(path); err != nil {
		t.Fatal(err)
	}
	want := "syncdir " + filepath.Base(filepath.Dir(dir)) + ", mkdir a, syncdir " + filepath.Base(dir) + ", mkdir b, syncdir a"
	if got := strings.Join(*ops, ", "); got != want {
		t.Errorf("operations are %s, want %s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("mode is %v, %v, want 0700", info.Mode(), err)
	}
	*ops = nil
	if err := fsys.MkdirAll(path + string(filepath.Separator)); err != nil {
		t.Errorf("of a folder that exists: %v", err)
	}
	if got := strings.Join(*ops, ", "); got != "syncdir a" {
		t.Errorf("operations on a folder that exists are %q, want a sync of its parent", got)
	}
	file := filepath.Join(dir, "file")
	if err := (durable.FS{}).WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "sub")} {
		if err := fsys.MkdirAll(path); err == nil {
			t.Errorf("MkdirAll(%s) succeeds over a file", path)
		}
	}
}

func TestAppender(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for i, want := range []string{"ab", "abab"} {
		a, err := durable.FS{}.OpenAppend(path)
		if err != nil {
			t.Fatal(err)
		}
		if a.Size() != int64(2*i) {
			t.Errorf("size is %d, want %d", a.Size(), 2*i)
		}
		fmt.Fprint(a, "abcd")
		if err := a.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := a.Truncate(int64(len(want))); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want || a.Size() != int64(len(want)) {
			t.Errorf("file is %q, %v, size %d, want %q", got, err, a.Size(), want)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := a.Sync(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Sync after Close: %v, want os.ErrClosed", err)
		}
	}
}

func TestAppenderErrorsAreSticky(t *testing.T) {
	steps := []struct {
		op durable.Op
		do func(a *durable.Appender) error
	}{
		{durable.OpWrite, func(a *durable.Appender) error { _, err := a.Write([]byte("x")); return err }},
		{durable.OpSync, (*durable.Appender).Sync},
		{durable.OpTruncate, func(a *durable.Appender) error { return a.Truncate(0) }},
	}
	for _, failed := range steps {
		for _, apply := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s applied %v", failed.op, apply), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "f")
				fsys, ops := failAt(1, apply)
				a, err := fsys.OpenAppend(path)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				if err := failed.do(a); !errors.Is(err, errInjected) {
					t.Errorf("error is %v, want the injected one", err)
				}
				before, _ := os.ReadFile(path)
				for _, s := range steps {
					if err := s.do(a); !errors.Is(err, errInjected) {
						t.Errorf("%s afterwards: %v, want the same error", s.op, err)
					}
				}
				if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
					t.Errorf("file changed from %q to %q after the failure", before, after)
				}
				if len(*ops) != 2 {
					t.Errorf("operations are %q, want none after the failed one", *ops)
				}
			})
		}
	}
}
