package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// spareMemory lets the garbage collector run whenever about 32 MiB have been added to
// what is in use. By itself it waits until that has doubled. A small run then collects
// less often, and a run of ten million rows, whose index takes half a gigabyte, does not
// take twice that. Even there a collection costs little, since the index holds no
// pointers. A million settled rows took 123 MiB with it, and 163 MiB without. If the
// environment sets GOGC, that counts instead.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		afterCollections(100)
	}
}

// afterCollections sets the collector's percentage again after each collection.
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
	// Nothing refers to the new object, so the next collection finds it and calls us again.
	runtime.AddCleanup(new([16]byte), afterCollections, percent)
}
