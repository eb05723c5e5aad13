//go:build !unix

package jobs

import "time"

// processorTime is not measured here.
func processorTime() time.Duration { return 0 }
