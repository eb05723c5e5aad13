package durable

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ClockStep is the coarsest step of a file system's clock that is in use: FAT's, of
// two seconds. A file that was changed at most so long ago can be changed again
// without getting another time, so that its time proves nothing.
const ClockStep = 2 * time.Second

// IsDir reports whether there is a folder at path, links followed.
func IsDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Regular returns what is known of the file at path, links not followed. The error is
// [fs.ErrNotExist], or says that it is no regular file: a cache must not wait for a pipe, or
// write to where a link leads.
func Regular(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: remove it", path)
	}
	return info, err
}

// ReadRegular reads the file at path, if it is a regular one; see [Regular].
func ReadRegular(path string) ([]byte, error) {
	if _, err := Regular(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
