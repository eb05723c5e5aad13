package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// grace is how long a command that is told to end has to do so, before it is killed.
const grace = time.Second

// call runs the command with the record on its stdin, in a process group of its own. All of the
// group is ended with it if it takes too long, or if ctx ends.
func (h *Hooks) call(ctx context.Context, r *Run) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.patient, errTooLong)
	defer cancel()
	c := shell(ctx, h.command)
	c.Dir, c.Env = h.dir, append(h.environ, r.variables()...)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(append(bytes.TrimSpace(r.Record), '\n')), h.stderr, h.stderr
	c.Cancel = func() error { return endGroup(c.Process) }
	c.WaitDelay = grace
	if err := c.Start(); err != nil {
		return err
	}
	err := c.Wait()
	if ctx.Err() != nil {
		killGroup(c.Process) // what is left of it: the shell alone is waited for
		if errors.Is(context.Cause(ctx), errTooLong) {
			return fmt.Errorf("the command took longer than %v and was ended (see on_finish_timeout)", h.patient)
		}
		return errors.New("the command was ended by a signal")
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("the command failed: %v", exit)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it has left something running that holds stderr open
	}
	return err
}

// errTooLong is why the context of a command has ended whose time is over.
var errTooLong = errors.New("the time of the command is over")
