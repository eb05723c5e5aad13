package durable

import (
	"io/fs"
	"os"
	"syscall"
)

// syncDir does nothing: Windows has no fsync of folders, and NTFS journals the names
// itself.
func syncDir(string) error { return nil }

// openLocked opens or creates the file so that nobody else can open it for writing until
// the process ends, however it ends. If somebody else has done so, held is true and f
// is open for reading.
func openLocked(path string) (f *os.File, held bool, err error) {
	const sharingViolation syscall.Errno = 32
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE,
		syscall.FILE_SHARE_READ, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case err == nil:
		return os.NewFile(uintptr(h), path), false, nil
	case err == sharingViolation:
		f, err = os.Open(path)
		return f, true, err
	}
	return nil, false, &os.PathError{Op: "open", Path: path, Err: err}
}

// closeLocked closes the file, which gives the lock back.
func closeLocked(f *os.File) error { return f.Close() }

func isRunning(pid int) bool {
	p, err := os.FindProcess(pid) // it opens the process, which must exist for that
	if err != nil {
		return false
	}
	p.Release()
	return true
}

// isRemoved returns false: Windows does not remove a file that is open here.
func isRemoved(fs.FileInfo) bool { return false }

// isNotDir returns false: such a path does not exist for Windows.
func isNotDir(error) bool { return false }

// OwnedBy returns "": Windows has more to say about owners than a name.
func OwnedBy(string) string { return "" }

// MaxOpenFiles returns 0: Windows has no such bound.
func MaxOpenFiles() int { return 0 }
