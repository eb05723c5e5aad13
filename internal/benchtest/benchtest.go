// Package benchtest holds what benchmarks share: measuring processor time, and comparing
// our code with the library under it.
package benchtest

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// Compare runs three benchmarks below name. The first measures ours and is called who;
// the second measures library. The third runs both in turn and reports the ratio of
// their processor times. Each call of either handles the given number of rows and bytes.
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

// median returns the middle one of times. Other work on the machine disturbs it less
// than it does the mean.
func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// processorOf returns the processor time of do, including the collection of its garbage.
func processorOf(do func()) time.Duration {
	runtime.GC() // collects the garbage of what ran before
	start := Processor()
	do()
	runtime.GC()
	return Processor() - start
}
