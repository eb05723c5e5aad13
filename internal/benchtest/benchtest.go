// Package benchtest is what benchmarks share: the time of the processors, and the
// comparison of our code with the library under it.
package benchtest

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// Compare runs three benchmarks below name: ours, under the name who; the library; and
// the ratio of the processor time that the two take in turn. Each reads or writes so
// many rows, and bytes, at a call.
func Compare(b *testing.B, name, who string, rows, bytes int, ours, library func()) {
	for _, side := range []struct {
		name string
		do   func()
	}{{who, ours}, {"library", library}} {
		b.Run(name+"/"+side.name, func(b *testing.B) {
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for b.Loop() {
				side.do()
			}
			b.ReportMetric(float64(b.N)*float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run(name+"/ratio", func(b *testing.B) {
		var all [2][]time.Duration
		for b.Loop() {
			all[0] = append(all[0], processorOf(ours))
			all[1] = append(all[1], processorOf(library))
		}
		mine, theirs := median(all[0]), median(all[1])
		b.ReportMetric(float64(mine)/float64(rows), who+"-cpu-ns/row")
		b.ReportMetric(float64(theirs)/float64(rows), "library-cpu-ns/row")
		b.ReportMetric(float64(mine)/float64(theirs), "ratio")
	})
}

// median is less at the mercy of a machine that does other things than the mean.
func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// processorOf returns what do takes, the collection of its garbage included.
func processorOf(do func()) time.Duration {
	runtime.GC() // of what was before
	start := Processor()
	do()
	runtime.GC()
	return Processor() - start
}
