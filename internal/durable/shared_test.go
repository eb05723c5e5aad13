package durable

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A new shared file gets the mode that a file of any other program gets here. One that
// replaces another file keeps the mode of that file.
func TestCreateShared(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	usual, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "out")
	for i, want := range []os.FileMode{usual.Mode(), 0o640} {
		f, err := FS{}.CreateShared(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte{'a' + byte(i)}); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != want && runtime.GOOS != "windows" {
			t.Errorf("file %d has mode %v, %v, want %v", i+1, info.Mode(), err, want)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != string(rune('a'+i)) {
			t.Errorf("file %d holds %q, %v", i+1, text, err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	f, err := FS{}.CreateShared(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v are left, want plain and out", entries, err)
	}
}
