// Package faultvalue reads the values that faults take, such as the 2s of slow:2s=0.1.
package faultvalue

import (
	"fmt"
	"time"
)

// CheckDuration says what is wrong with a duration, if anything is.
func CheckDuration(s string) error {
	if d, err := time.ParseDuration(s); err != nil || d < 0 {
		return fmt.Errorf("%q is no duration; write 500ms or 2s", s)
	}
	return nil
}

// Duration returns the duration that a text says, or another one if it says none.
func Duration(s string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(s); err == nil {
		return d
	}
	return otherwise
}
