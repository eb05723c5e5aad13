package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// needsChroot skips a test of a file system that is not this one.
func needsChroot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("run as root, which alone may change the root folder of a process")
	}
}

// run runs the program of a box with an exit code, and returns what it printed.
func (b *box) run(t *testing.T, code int, args ...string) string {
	t.Helper()
	c := &exec.Cmd{Path: b.program, Args: append([]string{b.program}, args...), Dir: b.dir, Env: append([]string{"PATH=/usr/bin"}, b.env...)}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: b.root, Credential: &syscall.Credential{Uid: uint32(b.user), Gid: uint32(b.user)}}
	text, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", c, err)
	}
	if got := c.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s: exit code %d, want %d\n%s", c, got, code, text)
	}
	return string(text)
}
