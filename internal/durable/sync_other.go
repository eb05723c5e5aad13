//go:build !linux

package durable

import "os"

// datasync is fsync, or F_FULLFSYNC on macOS.
func datasync(f *os.File) error { return f.Sync() }
