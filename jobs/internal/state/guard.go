package state

import (
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// A guard is a Sink that stops the run once the job's lock does not protect it any more.
type guard struct {
	sink batch.Sink
	lock *durable.Lock
}

// Guard returns a Sink that writes to s, and fails if the lock's file is not at its place
// any more: another process could then run the job as well. What was written counts even
// so, see [batch.KeptError]. The folder must be locked.
func Guard(f *Folder, s batch.Sink) batch.Sink { return &guard{s, f.lock} }

// Write implements [batch.Sink].
func (g *guard) Write(rs []*batch.Result) error {
	if err := g.sink.Write(rs); err != nil {
		return err // also if the whole folder is gone, which the journal says best
	}
	if err := g.lock.InPlace(); err != nil {
		return &batch.KeptError{Err: fmt.Errorf("the job's lock is lost, so that another process could run the job at the same time: %w; what was answered is in the journal, and the same command carries on", err)}
	}
	return nil
}
