package jobtest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

// Unsynced is a file system that leaves out syncs. They take most of a test's time, and
// matter only to a machine that loses its power.
var Unsynced = durable.FS{Hook: func(op durable.Op, _ string) (bool, error) {
	return op != durable.OpSync && op != durable.OpSyncDir, nil
}}

// A Fault is an operation on a disk that fails.
type Fault struct {
	N     int  // which operation it is, from 0; -1 for none
	Apply bool // whether the operation is carried out in spite of its failure

	Op   string // the operation and the file's name; empty until it has failed
	Path string // where it failed

	ops int
}

// FS returns a file system whose operation N fails with [syscall.ENOSPC]. All others
// succeed, on [Unsynced].
func (f *Fault) FS() durable.FS {
	return durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		f.ops++
		if f.ops-1 != f.N {
			return Unsynced.Hook(op, path)
		}
		f.Op, f.Path = fmt.Sprintf("%s %s", op, filepath.Base(path)), path
		return f.Apply, &fs.PathError{Op: string(op), Path: path, Err: syscall.ENOSPC}
	}}
}

// String says which operation failed, for messages.
func (f *Fault) String() string {
	return fmt.Sprintf("operation %d, %s, applied %v", f.N, f.Op, f.Apply)
}

// EachFault runs change once for each operation that it does on the disk, with a Fault of
// that operation, which is carried out or not. change makes its own fixture, whose files
// are below the folder that it returns. Its error must name the path of the fault, and no
// temporary file may be left. Then check looks at what change has left. When all its
// operations have failed, change must succeed; there must be atLeast so many.
func EachFault(t *testing.T, atLeast int, change func(*Fault) (dir string, err error), check func(*Fault)) {
	t.Helper()
	for _, apply := range []bool{false, true} {
		for n := 0; ; n++ {
			fault := &Fault{N: n, Apply: apply}
			dir, err := change(fault)
			if fault.Op == "" {
				if err != nil || n < atLeast {
					t.Errorf("without a fault among %d operations: %v", n, err)
				}
				break
			}
			if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), fault.Path) {
				t.Errorf("%s: %v, want an error that names %s", fault, err, fault.Path)
			}
			if left := TempFiles(t, dir); left != nil {
				t.Errorf("%s: left behind are %q", fault, left)
			}
			check(fault)
		}
	}
}

// TempFiles returns the temporary files below a folder.
func TempFiles(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(filepath.Base(path), ".tmp-") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
