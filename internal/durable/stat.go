package durable

import (
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
