package durable_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
)

// TestMain also plays the other process of the lock tests. That process takes the lock,
// says so, and holds it until it is killed or its input ends.
func TestMain(m *testing.M) {
	if path := os.Getenv("DURABLE_TEST_LOCK"); path != "" {
		if _, err := (durable.FS{}).Lock(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		bufio.NewReader(os.Stdin).ReadString('\n')
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := durable.FS{}.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = durable.FS{}.Lock(path)
	held, ok := errors.AsType[*durable.LockedError](err)
	if !ok {
		t.Fatalf("second lock: %v, want a LockedError", err)
	}
	host, _ := os.Hostname()
	if held.Owner.PID != os.Getpid() || held.Owner.Host != host || time.Since(held.Owner.Since) > time.Minute ||
		held.Owner.Command != filepath.Base(os.Args[0]) {
		t.Errorf("owner is %+v, want this process", held.Owner)
	}
	if want := fmt.Sprintf("process %d on %s, since 2", os.Getpid(), host); !strings.Contains(err.Error(), want) {
		t.Errorf("error is %q, want it to say %q", err, want)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("after Unlock the file is %v, %v, want it there and empty", info, err)
	}
	l, err = durable.FS{}.Lock(path)
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	l.Unlock()
}

// A killed owner leaves its text behind, but no lock.
func TestLockOfKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	long := strings.Repeat("x", 4096) // stale text longer than the new one
	if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DURABLE_TEST_LOCK="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("other process says %q, %v", line, err)
	}
	_, err = durable.FS{}.Lock(path)
	held, ok := errors.AsType[*durable.LockedError](err)
	if !ok || held.Owner.PID != cmd.Process.Pid {
		t.Fatalf("error is %v, want a LockedError that names process %d", err, cmd.Process.Pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if text, err := os.ReadFile(path); err != nil || len(text) == 0 {
		t.Fatalf("lock file is %q, %v, want the text of the killed owner", text, err)
	}
	l, err := durable.FS{}.Lock(path)
	if err != nil {
		t.Fatalf("after the owner was killed: %v", err)
	}
	defer l.Unlock()
	_, err = durable.FS{}.Lock(path)
	if held, ok := errors.AsType[*durable.LockedError](err); !ok || held.Owner.PID != os.Getpid() {
		t.Errorf("error is %v, want the new owner's name", err)
	}
}

func TestLockOwnerUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := durable.FS{}.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Unlock()
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Skip("this system lets nobody else write to a locked file, so what the test makes cannot happen here")
	}
	_, err = durable.FS{}.Lock(path)
	if held, ok := errors.AsType[*durable.LockedError](err); !ok || held.Owner != (durable.Owner{}) {
		t.Errorf("error is %v, want a LockedError without an owner", err)
	}
	if want := path + " is locked by another process"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestLockFolderMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "lock")
	if _, err := (durable.FS{}).Lock(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v, want one that names the path", err)
	}
}
