//go:build unix

package cluster_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cluster/internal/bus"
	"github.com/genbatch/genbatch/jobs/cluster/internal/clustertest"
)

// This file measures, with processes of their own, what docs/scale.md says of several machines:
//
//	go test ./jobs/cluster -run '^$' -bench . -benchtime 1x -timeout 30m

const (
	scaleCalls  = 16  // in flight, of a worker
	scaleShards = 4   // for each worker
	scaleRows   = 160 // of a shard, about 15 s
)

// newTroupe makes a collector with a server of its own, and workers, ready to start.
func newTroupe(b *testing.B, rows, shards, workers int, config sim.Config) *cast {
	c := &cast{world: newWorld(b, rows, 0, config), spools: b.TempDir()}
	c.result = filepath.Join(c.dir, "result.json")
	c.spec.Concurrency = scaleCalls
	listen := clustertest.FreeAddress(b)
	c.url = "nats://" + listen
	c.serve = c.process("serve", role{Serve: &serveRole{Spec: c.spec, Listen: listen, Shards: shards, Nodes: 1, Lease: 8 * time.Second, Result: c.result}})
	for i := range workers {
		c.workers = append(c.workers, c.worker(fmt.Sprint("worker", i), c.url))
	}
	return c
}

// calls that take 1 to 2 s, so that the processor has time for all of 128.
var scaleLatency = sim.Config{Latency: time.Second, Jitter: time.Second}

// pace waits until all rows are answered, and returns how many were a second, from the first answer
// to the last.
func (w *world) pace(b *testing.B) float64 {
	var begin time.Time
	var first int64
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		n := w.sim.Stats().Answered
		switch {
		case time.Now().After(end):
			b.Fatalf("%d of %d rows are answered", n, w.rows)
		case n > 0 && begin.IsZero():
			begin, first = time.Now(), n
		case n >= int64(w.rows):
			return float64(n-first) / time.Since(begin).Seconds()
		}
	}
}

// BenchmarkWorkers has more and more workers ask rows of a slow model, as many each. The
// processor time is that of all workers and of the process that serves, with its server.
func BenchmarkWorkers(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				c := newTroupe(b, n*scaleShards*scaleRows, n*scaleShards, n, scaleLatency)
				begin := time.Now()
				c.begin()
				pace := c.pace(b)
				c.serve.wait(time.Minute)
				whole := time.Since(begin)
				c.end(0)
				used := c.serve.processor()
				for _, p := range c.workers {
					if !p.wait(time.Minute) {
						b.Fatalf("%s does not end", p.name)
					}
					used += p.processor()
				}
				b.ReportMetric(pace, "rows/s")
				b.ReportMetric(float64(c.rows)/whole.Seconds(), "whole-rows/s")
				b.ReportMetric(float64(used.Microseconds())/float64(c.rows), "cpu-µs/row")
			}
		})
	}
}

// BenchmarkAlone has one process ask the rows that eight workers ask in BenchmarkWorkers, with as
// many calls in flight.
func BenchmarkAlone(b *testing.B) {
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				w := newWorld(b, n*scaleShards*scaleRows, 0, scaleLatency)
				w.spec.Concurrency = n * scaleCalls
				c := &cast{world: w}
				p := c.process("alone", role{Run: &w.spec})
				begin := time.Now()
				p.start()
				pace := w.pace(b)
				if !p.wait(time.Minute) {
					b.Fatal("the run does not end")
				}
				b.ReportMetric(pace, "rows/s")
				b.ReportMetric(float64(w.rows)/time.Since(begin).Seconds(), "whole-rows/s")
				b.ReportMetric(float64(p.processor().Microseconds())/float64(w.rows), "cpu-µs/row")
			}
		})
	}
}

// BenchmarkTakeover kills a worker that has a shard, again and again, while another one has none. It
// measures how long it takes until that one has the shard, with the lease that is the default.
func BenchmarkTakeover(b *testing.B) {
	c := newTroupe(b, 2000, 1, 2, scaleLatency)
	c.begin()
	keys, err := bus.Connect(bus.Config{URL: c.url})
	if err != nil {
		b.Fatal(err)
	}
	defer keys.Close()
	holder := func() (attempt string, at int) {
		for _, claim := range c.claims(keys) {
			for i, p := range c.workers {
				if claim.State == "held" && strings.HasSuffix(claim.Worker, fmt.Sprint("/", p.cmd.Process.Pid)) {
					return claim.Attempt, i
				}
			}
		}
		return "", -1
	}
	var took, most time.Duration
	for b.Loop() {
		c.answered(c.sim.Stats().Answered + 1)
		attempt, at := holder()
		for ; at < 0; attempt, at = holder() {
			time.Sleep(10 * time.Millisecond)
		}
		begin := time.Now()
		c.workers[at].kill()
		for next := attempt; next == attempt; next, _ = holder() {
			time.Sleep(10 * time.Millisecond)
		}
		d := time.Since(begin)
		took, most = took+d, max(most, d)
		c.workers[at].start()
		time.Sleep(12 * time.Second) // in which it looks for longer than a lease
	}
	b.ReportMetric(took.Seconds()/float64(b.N), "s/takeover")
	b.ReportMetric(most.Seconds(), "most-s")
	c.end(int64(b.N) * scaleCalls)
}
