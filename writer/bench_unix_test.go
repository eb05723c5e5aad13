//go:build unix

package writer

import (
	"syscall"
	"time"
)

// processorTime is what the process has used of all processors. Where they are shared
// with others it is a far steadier measure than the time that went by.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
