//go:build !unix

package writer

import "time"

// processorTime is not measured here.
func processorTime() time.Duration { return 0 }
