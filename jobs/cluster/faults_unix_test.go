//go:build unix

package cluster_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cluster/internal/clustertest"
)

const (
	faultRows = 800
	inFlight  = 8 // calls of a worker
)

// faultsVariable has the faults be tested, too, that are left out of the suite for its time.
const faultsVariable = "GENBATCH_CLUSTER_FAULTS"

func onDemand(t *testing.T) {
	t.Helper()
	if os.Getenv(faultsVariable) == "" {
		t.Skipf("set %s=1 to test it", faultsVariable)
	}
}

func faultWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts processes and kills them")
	}

	return newWorld(t, faultRows, 0, sim.Config{Latency: 150 * time.Millisecond, Jitter: 50 * time.Millisecond})
}

// TestWorkersKilled kills two workers. What they had in flight is asked again, and nothing else.
func TestWorkersKilled(t *testing.T) {
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	c.answered(200)
	c.workers[0].kill()
	c.answered(400)
	c.workers[1].kill()
	c.end(2 * inFlight)
}

// TestWorkerReturns kills a worker, and starts it again with its spool.
func TestWorkerReturns(t *testing.T) {
	onDemand(t)
	t.Parallel()
	c := newCast(t, faultWorld(t), 2)
	c.begin()
	c.answered(200)
	c.workers[0].kill()
	c.workers[0].start()
	c.end(inFlight)
}

// TestNodesKilled kills each server in turn. Nobody loses a shard by it, and so nothing is asked
// twice.
func TestNodesKilled(t *testing.T) {
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	for i, n := range c.nodes {
		c.answered(int64(150 * (i + 1)))
		n.kill()
		time.Sleep(500 * time.Millisecond)
		n.start()
		time.Sleep(time.Second) // it catches up, as an operator would wait for
	}
	c.end(0)
}

// TestServersAway stops two of three servers for longer than a lease: nobody can renew a claim,
// and nobody takes one over.
func TestServersAway(t *testing.T) {
	onDemand(t)
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	c.answered(200)
	c.nodes[0].kill()
	c.nodes[1].kill()
	time.Sleep(2 * lease)
	c.nodes[0].start()
	c.nodes[1].start()
	c.end(0)
}

// TestCollectorKilled kills the process that serves, twice.
func TestCollectorKilled(t *testing.T) {
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	for _, n := range []int64{150, 450} {
		c.answered(n)
		c.serve.kill()
		time.Sleep(500 * time.Millisecond)
		c.serve.start()
	}
	c.end(0)
}

// TestAllKilled kills everything at once, and starts it again.
func TestAllKilled(t *testing.T) {
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	c.answered(300)
	all := append(append([]*process{c.serve}, c.workers...), c.nodes...)
	for _, p := range all {
		p.signal(syscall.SIGKILL)
	}
	for _, p := range all {
		<-p.ended
		p.start()
	}
	c.end(4 * inFlight)
}

// TestPartition cuts a worker off for longer than its lease. It stops by itself, before another
// takes its shard over.
func TestPartition(t *testing.T) {
	t.Parallel()
	c := newCast(t, faultWorld(t), 3)
	first, _, _ := strings.Cut(strings.TrimPrefix(c.url, "nats://"), ",")
	proxy := clustertest.NewProxy(t, first)
	// A cluster tells its clients of all servers; this one is to know of the proxy alone.
	c.workers = append(c.workers, c.worker("cut off", proxy.URL()))
	c.workers[3].role.Work.Fixed = true
	c.begin()
	c.answered(300)
	proxy.Cut(true)
	time.Sleep(2 * lease)
	proxy.Cut(false)
	c.end(inFlight)
}

// TestWorkerPaused stops a worker for longer than its lease, and lets it go on.
func TestWorkerPaused(t *testing.T) {
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	c.answered(300)
	c.workers[0].signal(syscall.SIGSTOP)
	time.Sleep(2 * lease)
	c.workers[0].signal(syscall.SIGCONT)
	c.end(inFlight)
}

// TestRollingRestart restarts every process in turn, as for an upgrade.
func TestRollingRestart(t *testing.T) {
	onDemand(t)
	t.Parallel()
	c := newCast(t, faultWorld(t), 4)
	c.begin()
	c.answered(100)
	for _, n := range c.nodes {
		n.signal(syscall.SIGTERM)
		if !n.wait(20 * time.Second) {
			t.Fatal("a server does not end")
		}
		n.start()
		time.Sleep(time.Second)
	}
	for _, p := range append(c.workers, c.serve) {
		p.signal(syscall.SIGTERM)
		if !p.wait(30 * time.Second) {
			t.Fatalf("%s does not end", p.name)
		}
		p.start()
	}
	c.end(0)
}

// TestOneQuota has four workers share a limit of requests while one of them and a server are
// killed: the endpoint, which counts by itself, never refuses a call, and little of the limit is
// left unused.
func TestOneQuota(t *testing.T) {
	onDemand(t)
	t.Parallel()
	const rpm = 1200
	w := newWorld(t, faultRows, 0, sim.Config{Latency: 150 * time.Millisecond, Quota: sim.Quota{RPM: rpm, Window: 20 * time.Second}})
	w.spec.RPM = rpm
	c := newCast(t, w, 4)
	c.begin()
	c.answered(1)
	begin := time.Now()
	c.answered(200)
	c.workers[0].kill()
	c.answered(400)
	c.nodes[0].kill()
	time.Sleep(500 * time.Millisecond)
	c.nodes[0].start()
	c.end(inFlight)
	took := time.Since(begin)
	if n := w.sim.Stats().Refused["quota"]; n > 0 {
		t.Errorf("%d calls were refused for the quota", n)
	}
	least := time.Duration(float64(faultRows) / rpm * float64(time.Minute))
	t.Logf("%v for what the limit allows in %v", took, least)
	if took > 2*least {
		t.Errorf("it took %v, and the limit allows it in %v", took, least)
	}
}

// TestOneCap has four workers share a cap, and one of them killed. What the simulator bills
// stays below the cap, the job stops, and with a higher cap it is finished.
func TestOneCap(t *testing.T) {
	t.Parallel()
	w := faultWorld(t)
	w.spec.MaxCost, w.spec.MaxOutputTokens = "0.50", 4000
	c := newCast(t, w, 4)
	c.begin()
	c.answered(100)
	c.workers[0].kill()
	if !c.serve.wait(2 * time.Minute) {
		t.Fatal("the job has not ended after two minutes")
	}
	if r := c.came(); r.Code != 6 {
		t.Fatalf("the job ended with %d: %s", r.Code, r.Err)
	}
	spent := w.spent()
	t.Logf("$%.3f of $0.50 is spent", spent)
	if spent > 0.5 || spent < 0.3 {
		t.Errorf("$%.3f is spent, and the cap is $0.50", spent)
	}
	for _, p := range c.workers[1:] {
		if !p.wait(20 * time.Second) {
			t.Errorf("%s has not ended", p.name)
		}
	}
	c.serve.role.Serve.Spec.MaxCost = "5"
	c.spec.MaxCost = "5"
	c.begin()
	c.end(inFlight)
}

// spent is what the simulator bills, by the list price of the model.
func (w *world) spent() (dollars float64) {
	for _, l := range w.sim.Stats().Bill {
		dollars += float64(l.Prompt)*0.30e-6 + float64(l.Output+l.Thoughts)*2.50e-6
	}
	return dollars
}
