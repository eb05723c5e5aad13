package quota

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/benchtest"
)

// BenchmarkAcquire is what a row takes of the limiter: an Acquire and its Release. The
// processor's time is what counts, cpu-ns/op: waiting for a slot is none.
func BenchmarkAcquire(b *testing.B) {
	for _, bm := range []struct {
		name    string
		config  Config
		learned int64 // estimated requests a minute
		shared  bool
		workers int
	}{
		{name: "nothing"},
		{name: "nothing-stored", shared: true},
		{name: "learned", learned: 1e12},
		{name: "high", config: Config{RPM: 1e9, TPM: 1e12}},
		{name: "high-shared", config: Config{RPM: 1e9, TPM: 1e12}, shared: true},
		{name: "high-shared-64", config: Config{RPM: 1e9, TPM: 1e12}, shared: true, workers: 64},
		{name: "binding-64", config: Config{RPM: 600_000}, workers: 64},
		{name: "binding-shared-64", config: Config{RPM: 600_000}, shared: true, workers: 64},
	} {
		b.Run(bm.name, func(b *testing.B) {
			if bm.shared {
				bm.config.Store, _ = store(b.TempDir())
			}
			l := New(bm.config)
			defer l.Close()
			if bm.learned > 0 {
				l.mu.Lock()
				m := l.model(testModel)
				m.rates.requests.put(bm.learned, false, time.Now())
				m.applyPaces()
				m.openWindow()
				l.mu.Unlock()
			}
			benchmarkRows(b, l, max(1, bm.workers))
		})
	}
}

func benchmarkRows(b *testing.B, l *Limiter, workers int) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	o := usage(120)
	row := func() {
		r := batch.Request{Model: testModel, InputTokens: 100}
		if err := l.Acquire(ctx, &r); err != nil {
			b.Error(err)
		}
		l.Release(&r, o)
	}
	for range 2 * DefaultConcurrency { // the slow start, and what is loaded from the store
		row()
	}
	var begun atomic.Int64
	done := make(chan bool)
	b.ReportAllocs()
	b.ResetTimer()
	before := benchtest.Processor()
	for range workers {
		go func() {
			for begun.Add(1) <= int64(b.N) {
				row()
			}
			done <- true
		}()
	}
	for range workers {
		<-done
	}
	b.StopTimer()
	b.ReportMetric(float64(benchtest.Processor()-before)/float64(b.N), "cpu-ns/op")
}

// BenchmarkMinute tells what the limiter remembers of the calls of the last minute, in
// bytes a call.
func BenchmarkMinute(b *testing.B) {
	const calls = 1_000_000
	for b.Loop() {
		l := New(Config{TPM: 1e12})
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		o := usage(120)
		for range calls {
			r := batch.Request{Model: testModel, InputTokens: 100}
			if err := l.Acquire(b.Context(), &r); err != nil {
				b.Fatal(err)
			}
			l.Release(&r, o)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/calls, "B/call")
		runtime.KeepAlive(l)
	}
}
