//go:build unix

package durable

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A process that is forked has all files open until it becomes another program. A lock that
// was given back meanwhile is free all the same.
func TestUnlockWhileForked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := FS{}.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	forked, err := syscall.Dup(int(l.f.Fd())) // as fork does
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(forked)
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	l, err = FS{}.Lock(path)
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
}
