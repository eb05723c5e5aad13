package durable

import (
	"os"
	"syscall"
)

// Windows has no fsync for folders: NTFS journals the names itself.
func syncDir(string) error { return nil }

// openLocked opens or makes the file in such a way that nobody else can open it for
// writing before the process ends, however it ends. held is true, and f open for
// reading, when another has it.
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

func isRunning(pid int) bool {
	p, err := os.FindProcess(pid) // opens it, so it must exist
	if err != nil {
		return false
	}
	p.Release()
	return true
}
