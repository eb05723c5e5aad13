package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster"
)

// TestInputGrows has rows be added while a job is not served. Nothing is paid for again unless the
// user says so, and then each row has its answer, those of shards that were done as well.
func TestInputGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 320, 1, sim.Config{Latency: 60 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	working, leave := context.WithCancel(t.Context())
	shards := func(c *cluster.ServeConfig) { c.Shards = 4 }
	ended := make(chan error, 2)
	go func() {
		_, err := w.serve(ctx, func(c *cluster.ServeConfig) {
			shards(c)
			c.Progress = func(p cluster.Progress) {
				if p.Done > 0 {
					leave()
				}
			}
		})
		ended <- err
	}()
	if err := w.work(working, "first", w.url); !errors.Is(err, batch.ErrInterrupted) {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		t.Fatal(err)
	}
	asked := w.sim.Stats().Answered
	f, err := os.OpenFile(w.spec.Input[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		fmt.Fprintf(f, "{\"id\":%d,\"text\":\"what is said in row %d\"}\n", w.rows, w.rows)
		w.rows++
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = w.serve(t.Context(), shards)
	if _, ok := errors.AsType[*jobs.SpecError](err); !ok || !strings.Contains(err.Error(), "was begun with another input") {
		t.Errorf("it is served with %v", err)
	}
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := w.work(t.Context(), "second", w.url); err != nil {
			t.Error(err)
		}
	})
	var sentences []string
	m, err := w.serve(t.Context(), func(c *cluster.ServeConfig) {
		shards(c)
		c.Options.Confirm = func(sentence string) bool { sentences = append(sentences, sentence); return true }
	})
	worker.Wait()
	if len(sentences) != 1 {
		t.Errorf("the user is asked %q", sentences)
	}
	w.check(m, err, asked)
}
