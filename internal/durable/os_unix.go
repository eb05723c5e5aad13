//go:build unix

package durable

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// syncDir syncs a folder, where the file system can.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	// Some file systems (CIFS, several in user space) have no fsync of folders.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// openLocked opens or creates the file and takes its flock. The kernel releases the
// flock when the process ends, however it ends. If somebody else has it, held is true
// and f is open for reading.
func openLocked(path string) (f *os.File, held bool, err error) {
	f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return f, false, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return f, true, nil
	}
	return nil, false, errors.Join(err, f.Close())
}

// closeLocked gives the lock back and closes the file. Closing alone does not end a flock
// while another process has the file open too: one that was forked from this one has, for the
// moment before it becomes another program.
func closeLocked(f *os.File) error {
	return errors.Join(flock(f, syscall.LOCK_UN), f.Close())
}

// flock calls flock(2).
func flock(f *os.File, how int) error {
	for {
		switch err := syscall.Flock(int(f.Fd()), how); err {
		case nil:
			return nil
		case syscall.EINTR:
		default:
			return &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}

func isRunning(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}

// isRemoved reports whether a file that is open has no name any more.
func isRemoved(info fs.FileInfo) bool {
	sys, ok := info.Sys().(*syscall.Stat_t)
	return ok && sys.Nlink == 0
}

// isNotDir reports whether an error says that a folder of a path is a file.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// OwnedBy returns the name of the user to whom a file belongs, or "" if that cannot be told.
func OwnedBy(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.FormatUint(uint64(sys.Uid), 10)
	u, err := user.LookupId(id)
	if err != nil {
		return "user " + id
	}
	return u.Username
}

// MaxOpenFiles returns how many files and connections the process may have open at once;
// 0 if that cannot be told, or is without bound.
func MaxOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	if n := uint64(limit.Cur); n < math.MaxInt32 {
		return int(n)
	}
	return 0
}
