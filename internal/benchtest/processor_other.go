//go:build !unix

package benchtest

import "time"

// Processor returns 0, because the processor time is not known on this system.
func Processor() time.Duration { return 0 }
