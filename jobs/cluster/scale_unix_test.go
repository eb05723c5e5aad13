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

const scaleCalls = 16 // in flight, of a worker

// A load is what each worker has to do, in four shards.
type load struct {
	name  string
	rows  int // of a shard
	model sim.Config
}

var (
	// About 15 s a shard, and little to do for the processors even with 128 calls in flight.
	slow = load{"slow", 160, sim.Config{Latency: time.Second, Jitter: time.Second}}
	// As much as the processors can do.
	fast = load{"fast", 1500, sim.Config{Latency: 20 * time.Millisecond}}
)

const loadShards = 4 // for each worker

// newTroupe makes a collector with a server of its own, and workers, ready to start.
func newTroupe(b *testing.B, l load, workers int) *cast {
	shards := workers * loadShards
	c := &cast{world: newWorld(b, shards*l.rows, 0, l.model), spools: b.TempDir()}
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

// report reports how many rows a second there were in all, and the processor time of a row.
func (w *world) report(b *testing.B, pace float64, whole, used time.Duration) {
	b.ReportMetric(pace, "rows/s")
	b.ReportMetric(float64(w.rows)/whole.Seconds(), "whole-rows/s")
	b.ReportMetric(float64(used.Microseconds())/float64(w.rows), "cpu-µs/row")
}

// BenchmarkWorkers has more and more workers ask as many rows each. The processor time is that of all
// workers and of the process that serves, with its server.
func BenchmarkWorkers(b *testing.B) {
	for _, of := range []struct {
		load
		workers int
	}{{slow, 1}, {slow, 2}, {slow, 4}, {slow, 8}, {fast, 4}} {
		b.Run(fmt.Sprintf("%s/%d", of.name, of.workers), func(b *testing.B) {
			for b.Loop() {
				c := newTroupe(b, of.load, of.workers)
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
				c.report(b, pace, whole, used)
			}
		})
	}
}

// BenchmarkAlone has one process ask the rows that workers ask in BenchmarkWorkers, with as many
// calls in flight as these have together.
func BenchmarkAlone(b *testing.B) {
	for _, of := range []struct {
		load
		workers int
	}{{slow, 1}, {slow, 8}, {fast, 4}} {
		b.Run(fmt.Sprintf("%s/%d", of.name, of.workers), func(b *testing.B) {
			for b.Loop() {
				w := newWorld(b, of.workers*loadShards*of.rows, 0, of.model)
				w.spec.Concurrency = of.workers * scaleCalls
				c := &cast{world: w}
				p := c.process("alone", role{Run: &w.spec})
				begin := time.Now()
				p.start()
				pace := w.pace(b)
				if !p.wait(time.Minute) {
					b.Fatal("the run does not end")
				}
				w.report(b, pace, time.Since(begin), p.processor())
			}
		})
	}
}

// BenchmarkTakeover kills a worker that has a shard, again and again, while another one has none. It
// measures how long it takes until that one has the shard, with the lease that is the default.
func BenchmarkTakeover(b *testing.B) {
	c := newTroupe(b, slow, 2)
	c.serve.role.Serve.Shards = 1
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
	c.pace(b)
	c.end(int64(b.N) * scaleCalls)
}

// BenchmarkQuota has eight workers share one limit of requests. The endpoint counts by itself, and
// refuses what goes beyond.
func BenchmarkQuota(b *testing.B) {
	const rpm = 1200
	for b.Loop() {
		l := load{"quota", 75, sim.Config{Latency: time.Second, Quota: sim.Quota{RPM: rpm, Window: time.Minute}}}
		c := newTroupe(b, l, 8)
		c.serve.role.Serve.Spec.RPM = rpm
		c.begin()
		pace := c.pace(b)
		c.end(0)
		if n := c.sim.Stats().Refused["quota"]; n > 0 {
			b.Errorf("%d calls were refused for the quota", n)
		}
		b.ReportMetric(100*pace*60/rpm, "%used")
	}
}

// BenchmarkManyWorkers has very many workers, each with one call of 10 s in flight. They are in one
// process, with a connection, an engine and a spool each. The processor time is that of the process
// that serves, with its server.
func BenchmarkManyWorkers(b *testing.B) {
	for _, workers := range []int{100, 300, 1000} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			for b.Loop() {
				c := newTroupe(b, load{"many", 2, sim.Config{Latency: 10 * time.Second}}, workers)
				c.serve.role.Serve.Shards, c.serve.role.Serve.Spec.Concurrency = workers, 1
				c.workers = c.workers[:1]
				c.workers[0].role.Times = workers
				begin := time.Now()
				c.begin()
				pace := c.pace(b)
				whole := time.Since(begin)
				c.end(0)
				b.ReportMetric(pace, "rows/s")
				b.ReportMetric(c.serve.processor().Seconds()/whole.Seconds(), "processors")
			}
		})
	}
}
