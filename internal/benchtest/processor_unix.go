//go:build unix

package benchtest

import (
	"syscall"
	"time"
)

// Processor returns the processor time that the process has used so far, including that
// of the kernel on its behalf. On a shared machine it is far steadier than elapsed time.
// It returns 0 if the time is not known.
func Processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
