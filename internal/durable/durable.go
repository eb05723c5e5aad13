// Package durable holds every rule about making files survive a crash of the process or
// of the machine. Nothing else in genbatch calls fsync or rename.
//
// These are the system calls of each operation if none of them fails:
//
//	CreateFile .. Commit  open(path.tmp-N, O_EXCL), write.., fsync, close, rename, fsync(folder)
//	CreateShared          the same, with fchmod after the open if a file is replaced
//	WriteFile             the same, with fchmod before the fsync
//	Rename                rename, fsync(folder)
//	MkdirAll              fsync(parent of the lowest that exists), and for each other: mkdir, fsync(parent)
//	MkdirShared           mkdir, fsync(parent)
//	OpenAppend            open(path, O_CREAT|O_APPEND)
//	Appender.Write        write
//	Appender.Sync         fdatasync (Linux), F_FULLFSYNC (macOS), fsync elsewhere
//	Appender.Truncate     truncate, and as Sync
//	Ledger.Append         as OpenAppend, Write and Sync, then close, fsync(folder)
//	Remove                unlink
//	SyncDir               open(folder), fsync, close
//	Lock                  open(path, O_CREAT), flock, ftruncate, write
//
// A file with a new name is durable only after its folder has been synced too. Commit
// and WriteFile sync it. After OpenAppend the caller has to, and can do so once for
// several files.
//
// A failed fsync is final. Linux marks the pages that it could not write as clean, so
// that a second fsync on the same descriptor succeeds without having written them
// (https://wiki.postgresql.org/wiki/Fsync_Errors). Therefore errors are sticky here.
//
// BUG: after a failed fsync the page cache may show data that the disk does not have,
// to other descriptors and later processes as well, until the machine is restarted. No
// system call reports this. Code that reads such data back must be able to check it
// (the journal has a checksum in each line) and to do without it.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An Op is a kind of operation, as [FS.Hook] is told of it.
type Op string

// The operations. The path that comes with one to a Hook is the path that the caller named. It
// is never that of a temporary file.
const (
	OpMkdir    Op = "mkdir"
	OpCreate   Op = "create" // of a temporary file
	OpOpen     Op = "open"   // for appending
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpRename   Op = "rename"
	OpTruncate Op = "truncate"
	OpSyncDir  Op = "syncdir" // path is the folder
)

// An FS makes durable changes to the file system. The zero value is ready for use;
// only tests use another. An FS is safe for concurrent use if its Hook is.
type FS struct {
	// Hook, if not nil, is called before each operation and can make it fail. It
	// returns the error to report, and whether the operation is carried out even so:
	// a failure may have changed nothing or everything. If err is nil, apply must be
	// true, except that a sync may be left out.
	Hook func(op Op, path string) (apply bool, err error)

	// Trace, if not nil, is called after each operation that was carried out, and after a
	// write that failed half way. Here path is the name that the file has at that time, which
	// may be a temporary one. to is the new name in a rename, and otherwise empty. What a sync
	// does is up to the Trace: no file or folder is really synced.
	Trace func(op Op, path, to string)
}

// did tells the Trace of an operation.
func (s FS) did(op Op, path, to string) {
	if s.Trace != nil {
		s.Trace(op, path, to)
	}
}

// do carries out an operation, as far as the Hook allows it.
func (s FS) do(op Op, path string, f func() error) error {
	if s.Hook == nil {
		return f()
	}
	apply, err := s.Hook(op, path)
	if apply {
		if ferr := f(); ferr != nil {
			return ferr
		}
	}
	return err
}

// A File is a file that is being written. It has a temporary name beside its own until
// Commit gives it its own, all at once. The caller must call Commit or Abort; a deferred
// Abort is always right. A File is for one goroutine.
type File struct {
	fs     FS
	path   string
	f      *os.File
	err    error // sticky: that of the first failed write, or os.ErrClosed
	closed bool
}

// CreateFile begins a file with mode 0600, to become the file at path. The folder must
// exist. An older file at path stays as it is until Commit. A killed process leaves a
// file named path + ".tmp-" + digits behind; see [RemoveTemps].
func (s FS) CreateFile(path string) (*File, error) {
	file := &File{fs: s, path: path}
	err := s.do(OpCreate, path, func() (err error) {
		if file.f, err = os.CreateTemp(filepath.Dir(path), filepath.Base(path)+tempMark+"*"); err == nil {
			s.did(OpCreate, file.f.Name(), "")
		}
		return err
	})
	if err != nil {
		if file.f != nil {
			file.Abort()
		}
		return nil, err
	}
	return file, nil
}

// Write implements io.Writer. After an error every later Write and Commit fails with the
// same error.
func (f *File) Write(p []byte) (n int, err error) {
	if f.err != nil {
		return 0, f.err
	}
	f.err = f.fs.do(OpWrite, f.path, func() (err error) {
		n, err = f.f.Write(p)
		f.fs.did(OpWrite, f.f.Name(), "")
		return err
	})
	return n, f.err
}

// Commit makes the file durable and gives it its name, in place of an older file. If
// Commit fails, the name stands for the old file or for the new one, whole in either
// case, and the temporary file is removed.
func (f *File) Commit() error {
	if f.err != nil {
		return errors.Join(f.err, f.Abort())
	}
	err := f.fs.do(OpSync, f.path, func() error { return f.fs.sync(OpSync, f.f.Name(), f.f.Sync) })
	if err != nil {
		f.err = err
		return errors.Join(err, f.Abort())
	}
	f.closed, f.err = true, os.ErrClosed
	err = f.f.Close() // before the rename: Windows renames no open file
	if err == nil {
		err = f.fs.do(OpRename, f.path, func() error { return f.fs.rename(f.f.Name(), f.path) })
	}
	if err != nil {
		return errors.Join(err, f.fs.remove(f.f.Name()))
	}
	return f.fs.SyncDir(filepath.Dir(f.path))
}

// Abort closes the file and removes it. After Commit or an earlier Abort it does
// nothing.
func (f *File) Abort() error {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.err == nil {
		f.err = os.ErrClosed
	}
	return errors.Join(f.f.Close(), f.fs.remove(f.f.Name()))
}

// remove removes a file. It is no error if there is none.
func (s FS) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.did(OpRemove, path, "")
	return nil
}

// rename gives a file or folder another name.
func (s FS) rename(from, to string) error {
	return s.traced(OpRename, from, to, os.Rename(from, to))
}

// sync makes a file or folder durable, or leaves that to the Trace.
func (s FS) sync(op Op, path string, really func() error) error {
	if s.Trace != nil {
		s.Trace(op, path, "")
		return nil
	}
	return really()
}

// traced tells the Trace of an operation, unless it has failed with err, and returns err.
func (s FS) traced(op Op, path, to string, err error) error {
	if err == nil {
		s.did(op, path, to)
	}
	return err
}

// WriteFile writes a whole file, as [FS.CreateFile] and Commit do. If it fails, the file
// at path may still hold what it held before.
func (s FS) WriteFile(path string, data []byte, perm fs.FileMode) error {
	f, err := s.CreateFile(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.f.Chmod(perm); err != nil {
		return err
	}
	return f.Commit()
}

// MkdirAll makes the folder path and the missing ones above it, with mode 0700. It also
// syncs the name of the lowest one that exists, because the process that made it may have
// died before its own sync.
func (s FS) MkdirAll(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	parent := filepath.Dir(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file, and a folder is needed there", path)
	case err == nil:
		// We may lack the right to read a folder of somebody else. Then path is not a
		// name that we have made there.
		if err := s.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist) || parent == path:
		return err
	}
	if err := s.MkdirAll(parent); err != nil {
		return err
	}
	if err := s.mkdir(path, 0o700); err != nil {
		return err
	}
	return s.SyncDir(parent)
}

// mkdir makes a folder. It is no error if another process has made it meanwhile.
func (s FS) mkdir(path string, perm fs.FileMode) error {
	err := s.do(OpMkdir, path, func() error { return s.traced(OpMkdir, path, "", os.Mkdir(path, perm)) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// SyncDir makes the names in a folder durable: those of files that were made, renamed or
// removed there. It does nothing on systems that cannot do so (Windows, some network
// file systems).
func (s FS) SyncDir(path string) error {
	return s.do(OpSyncDir, path, func() error { return s.sync(OpSyncDir, path, func() error { return syncDir(path) }) })
}

// An Appender writes at the end of a file. Once a call has failed, all later ones fail
// with the same error and touch nothing, because the content of the file is no longer
// known. An Appender is for one goroutine.
type Appender struct {
	fs   FS
	f    *os.File
	size int64
	err  error
}

// OpenAppend opens the file at path for appending, and creates it with mode 0600 if it
// does not exist. The name of a new file is durable only after [FS.SyncDir].
func (s FS) OpenAppend(path string) (*Appender, error) {
	a := &Appender{fs: s}
	err := s.do(OpOpen, path, func() (err error) {
		if a.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
			return err
		}
		s.did(OpOpen, path, "")
		info, err := a.f.Stat()
		if err == nil {
			a.size = info.Size()
		}
		return err
	})
	if err != nil {
		if a.f != nil {
			a.f.Close()
		}
		return nil, err
	}
	return a, nil
}

// Size returns the length of the file in bytes: its length at first, and what this
// Appender has written since.
func (a *Appender) Size() int64 { return a.size }

// Path returns the path under which the file was opened.
func (a *Appender) Path() string { return a.f.Name() }

func (a *Appender) do(op Op, f func() error) error {
	if a.err == nil {
		a.err = a.fs.do(op, a.f.Name(), f)
	}
	return a.err
}

// Write implements io.Writer. The next Sync makes durable what it has written.
func (a *Appender) Write(p []byte) (n int, err error) {
	err = a.do(OpWrite, func() (err error) {
		n, err = a.f.Write(p)
		a.fs.did(OpWrite, a.f.Name(), "")
		return err
	})
	a.size += int64(n)
	return n, err
}

// Sync makes durable what has been written to the file, by earlier processes too.
func (a *Appender) Sync() error {
	return a.do(OpSync, func() error { return a.fs.sync(OpSync, a.f.Name(), func() error { return datasync(a.f) }) })
}

// Truncate cuts the file to size bytes, durably.
func (a *Appender) Truncate(size int64) error {
	err := a.do(OpTruncate, func() error {
		// By name, because Windows does not truncate a file that is open for appending only.
		return a.fs.traced(OpTruncate, a.f.Name(), "", os.Truncate(a.f.Name(), size))
	})
	if err != nil {
		return err
	}
	a.size = size
	return a.Sync()
}

// Close closes the file but does not sync it. All later calls fail.
func (a *Appender) Close() error {
	if a.err == nil {
		a.err = os.ErrClosed
	}
	return a.f.Close()
}
