package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
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

// CopyTo copies all of the file, also after its name is gone.
func (a *Appender) CopyTo(w io.Writer) error {
	_, err := io.Copy(w, io.NewSectionReader(a.f, 0, a.size))
	return err
}
