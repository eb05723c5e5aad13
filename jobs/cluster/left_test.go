package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cluster"
)

// TestJobNotServed has a worker leave answers of a job that nobody serves any more, in its spool. The
// next worker is not held up by that: it works on another job, and sends what was left once the first
// job is served again, before it asks any of its rows.
func TestJobNotServed(t *testing.T) {
	t.Parallel()
	a := newWorld(t, 300, 1, sim.Config{Latency: 80 * time.Millisecond})
	b := newWorld(t, 20, 0, sim.Config{})
	b.url = a.url
	spool := t.TempDir()
	work := func(ctx context.Context, name string) error {
		return cluster.Work(ctx, cluster.WorkConfig{URL: a.url, Spool: spool, Env: env, Log: a.log(name)})
	}
	one := func(c *cluster.ServeConfig) { c.Shards = 1 }

	serving, stop := context.WithCancel(t.Context())
	working, leave := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() {
		if err := work(working, "first"); !errors.Is(err, batch.ErrInterrupted) {
			t.Error(err)
		}
	})
	ended := make(chan error, 1)
	go func() {
		_, err := a.serve(serving, one)
		ended <- err
	}()
	a.await(10)
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		t.Fatal(err)
	}
	a.await(300)
	leave()
	first.Wait()

	var second sync.WaitGroup
	second.Go(func() {
		if err := work(t.Context(), "second"); err != nil {
			t.Error(err)
		}
	})
	limited, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := b.serve(limited, one)
	b.check(m, err, 0)
	m, err = a.serve(t.Context(), one)
	second.Wait()
	a.check(m, err, 0)
}
