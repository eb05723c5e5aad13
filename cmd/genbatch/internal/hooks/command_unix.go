//go:build unix

package hooks

import (
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shell returns a command line as the shell runs it, in a process group of its own.
func shell(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// endGroup asks all processes of the group that p leads to end.
func endGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGTERM) }

// killGroup ends those that have not obeyed. That there are none is no error.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
