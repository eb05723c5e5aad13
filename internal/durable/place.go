package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A MovedError says that a path does not name the file any more that this process has open
// under it. What is written to that file is where it was, or nowhere once the process ends.
type MovedError struct {
	Path    string
	Removed bool   // the file has no name any more, and vanishes when it is closed
	Now     string // the name that the file has now; empty if it has none, or none that is known
}

func (e *MovedError) Error() string {
	switch {
	case e.Removed:
		return e.Path + " was deleted while it was in use"
	case e.Now != "":
		return fmt.Sprintf("%s was moved to %s while it was in use", e.Path, e.Now)
	}
	return e.Path + " is not at its place any more: it was moved or replaced while it was in use, or its file system was unmounted"
}

// inPlace returns a [*MovedError] if path does not name the open file any more. It costs
// two system calls that do not reach the disk.
func inPlace(f *os.File, path string) error {
	own, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(path)
	if err == nil && os.SameFile(own, named) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) && !isNotDir(err) {
		return err
	}
	moved := &MovedError{Path: path, Removed: isRemoved(own)}
	// Linux alone tells, and other systems have no such path.
	now, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err == nil && !moved.Removed && now != path && !strings.HasSuffix(now, " (deleted)") {
		moved.Now = now
	}
	return moved
}

// InPlace returns a [*MovedError] if the path of the lock's file does not name that file
// any more. Then another process could take the lock as well.
func (l *Lock) InPlace() error { return inPlace(l.f, l.f.Name()) }

// InPlace returns a [*MovedError] if the path does not name the file any more.
func (a *Appender) InPlace() error { return inPlace(a.f, a.f.Name()) }

// A ResizedError says that a file has another length than this process, which alone may
// write to it, has given it. So another program has truncated it, written to it, or
// written it anew in place.
type ResizedError struct {
	Path         string
	Wrote, Found int64 // bytes; Found is -1 if there is no such file any more
}

func (e *ResizedError) Error() string {
	if e.Found < 0 {
		return e.Path + " is gone"
	}
	return fmt.Sprintf("%s has %d bytes, and %d were written to it", e.Path, e.Found, e.Wrote)
}

// SameSize returns a [*ResizedError] if the file is not as long as this Appender has left it.
func (a *Appender) SameSize() error {
	info, err := a.f.Stat()
	return sameSize(a.f.Name(), a.size, info, err)
}

// SameSize returns a [*ResizedError] if the file at path is missing, or not size bytes long.
func SameSize(path string, size int64) error {
	info, err := os.Stat(path)
	return sameSize(path, size, info, err)
}

func sameSize(path string, size int64, info fs.FileInfo, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &ResizedError{path, size, -1}
	case err != nil:
		return err
	case info.Size() != size:
		return &ResizedError{path, size, info.Size()}
	}
	return nil
}

// Rescue writes a file whose name is gone again, durably, while it is still open. It gets
// its old path, or if something else is there by now, the same name in a folder beside its
// own, which is then called .rescued. It also returns how many lines the file has.
func (a *Appender) Rescue() (path string, lines int, err error) {
	// A folder is deleted file by file, so that a copy can be deleted with the rest.
	const tries, pause = 5, 50 * time.Millisecond
	for range tries {
		if path, lines, err = a.rescue(); err != nil {
			return "", 0, err
		}
		time.Sleep(pause)
		if _, err := os.Lstat(path); err == nil {
			return path, lines, nil
		}
	}
	return "", 0, fmt.Errorf("%s is deleted again and again", path)
}

func (a *Appender) rescue() (path string, lines int, err error) {
	dir, name := filepath.Split(a.f.Name())
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(a.f.Name()); err == nil {
		dir += ".rescued"
	}
	if err := a.fs.MkdirAll(dir); err != nil {
		return "", 0, err
	}
	path = filepath.Join(dir, name)
	out, err := a.fs.CreateFile(path)
	if err != nil {
		return "", 0, err
	}
	defer out.Abort()
	var count lineCounter
	if _, err := io.Copy(io.MultiWriter(out, &count), io.NewSectionReader(a.f, 0, a.size)); err != nil {
		return "", 0, err
	}
	return path, int(count), out.Commit()
}

// A lineCounter counts the lines that are written to it.
type lineCounter int

func (n *lineCounter) Write(p []byte) (int, error) {
	*n += lineCounter(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

// IsSame reports whether two paths lead to the same file, or are the same.
func IsSame(a, b string) bool {
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
