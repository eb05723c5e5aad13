//go:build unix

package state

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// A run whose lock is not at its place any more stops, and what it wrote counts.
func TestGuard(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"deleted":  os.Remove,
		"moved":    func(path string) error { return os.Rename(path, path+"2") },
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := newFolder(t)
			if err := f.Lock(); err != nil {
				t.Fatal(err)
			}
			defer f.Unlock()
			jl, err := journal.Open(journal.Config{Dir: f.Dir, FS: jobtest.Unsynced})
			if err != nil {
				t.Fatal(err)
			}
			defer jl.Close()
			sink := Guard(f, jl)
			result := func(n byte) []*batch.Result {
				return []*batch.Result{{Fingerprint: batch.Fingerprint{n}, Row: int64(n), Status: batch.OK}}
			}
			if err := sink.Write(result(1)); err != nil {
				t.Fatal(err)
			}
			if err := lose(f.Path(lockFile)); err != nil {
				t.Fatal(err)
			}
			err = sink.Write(result(2))
			if _, ok := errors.AsType[*durable.MovedError](err); !ok || !strings.Contains(err.Error(), "lock is lost") {
				t.Errorf("Write returns %v, want that the lock is lost", err)
			}
			if _, kept := errors.AsType[*batch.KeptError](err); !kept {
				t.Errorf("Write returns %T, and the journal has the result", err)
			}
			if jl.Last() != 2 {
				t.Errorf("the journal has %d results, want 2", jl.Last())
			}
		})
	}
}
