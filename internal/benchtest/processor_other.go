//go:build !unix

package benchtest

import "time"

// Processor is not known here.
func Processor() time.Duration { return 0 }
