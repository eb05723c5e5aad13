package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cluster"
)

// loseStream removes the stream of results with all that it has acknowledged, as servers do whose
// disks are lost.
func (w *world) loseStream() {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.spec.StateDir(), "shards", "served.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var served struct{ Job string }
	if err := json.Unmarshal(text, &served); err != nil {
		w.t.Fatal(err)
	}
	nc, err := nats.Connect(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := js.DeleteStream(w.t.Context(), "genbatch-results-"+served.Job); err != nil {
		w.t.Fatal(err)
	}
}

// await waits until the endpoint has answered so many calls.
func (w *world) await(n int64) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); w.sim.Stats().Answered < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%d answers after a minute, want %d", w.sim.Stats().Answered, n)
		}
	}
}

// TestStreamLost loses nearly all results of a shard, which the stream had acknowledged and the
// collector had not read. The stream that follows is much shorter than the one before. The worker
// sends them again, and the job ends.
func TestStreamLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 700, 1, sim.Config{Latency: 30 * time.Millisecond, Jitter: 20 * time.Millisecond})
	one := func(c *cluster.ServeConfig) { c.Shards = 1 }
	ctx, stop := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := w.work(t.Context(), "worker", w.url); err != nil {
			t.Error(err)
		}
	})
	ended := make(chan error, 1)
	go func() {
		_, err := w.serve(ctx, one)
		ended <- err
	}()
	w.await(20)
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		t.Fatal(err)
	}
	w.await(680)
	w.loseStream()
	again, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	m, err := w.serve(again, one)
	worker.Wait()
	w.check(m, err, 0)
}
