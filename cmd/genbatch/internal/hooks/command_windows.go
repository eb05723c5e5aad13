package hooks

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// shell returns a command line as cmd.exe runs it, which reads the quotes in it by rules of its
// own: so the line goes to it as it stands.
func shell(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "cmd")
	c.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd /S /C "` + line + `"`}
	return c
}

// endGroup ends a process with all that it has started.
func endGroup(p *os.Process) error {
	return exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(p.Pid)).Run()
}

// killGroup does nothing: endGroup leaves nothing running.
func killGroup(*os.Process) {}
