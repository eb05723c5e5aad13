package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// spareMemory has the garbage collector run whenever about 32 MiB have been added to
// what is in use, and not, as it would by itself, as much again: a small run so
// collects less often, and one of ten million rows, whose index takes half a gigabyte,
// does not take twice that. A collection costs little then too, since the index holds
// no pointers. Measured at a million settled rows: 123 MiB and not 163. GOGC in the
// environment is obeyed instead.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		afterCollections(100)
	}
}

// afterCollections sets the collector's percentage anew after each collection.
func afterCollections(percent int) {
	const room, least, most = 32 << 20, 12, 400
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 {
		n := int(min(max(room*100/max(live[0].Value.Uint64(), 1), least), most))
		if n > percent+percent/8 || n < percent-percent/8 {
			percent = n
			debug.SetGCPercent(percent)
		}
	}
	// What nothing refers to is found by the next collection.
	runtime.AddCleanup(new([16]byte), afterCollections, percent)
}
