package main

import (
	"os"
	"syscall"
)

// peakMemory returns the most bytes that a process, or one that it waited for,
// had in memory.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10
}
