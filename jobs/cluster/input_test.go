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

func inFour(c *cluster.ServeConfig) { c.Shards = 4 }

// begun serves a job in four shards, and ends when at least one of them is done. It returns how many
// rows were answered.
func (w *world) begun() int64 {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	working, leave := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := w.serve(ctx, func(c *cluster.ServeConfig) {
			inFour(c)
			c.Progress = func(p cluster.Progress) {
				if p.Done > 0 {
					leave()
				}
			}
		})
		ended <- err
	}()
	if err := w.work(working, "first", w.url); !errors.Is(err, batch.ErrInterrupted) {
		w.t.Fatal(err)
	}
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		w.t.Fatal(err)
	}
	return w.sim.Stats().Answered
}

// TestPromptChanges has a job be served with another prompt when one of its shards was done. The rows
// of that shard are asked with it, too.
func TestPromptChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 320, 1, sim.Config{Latency: 60 * time.Millisecond})
	asked := w.begun()
	w.spec.Prompt = "Say it in other words: {{.text}}"
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := w.work(t.Context(), "second", w.url); err != nil {
			t.Error(err)
		}
	})
	m, err := w.serve(t.Context(), func(c *cluster.ServeConfig) {
		inFour(c)
		c.Options.Confirm = func(string) bool { return true }
	})
	worker.Wait()
	w.check(m, err, asked)
	if n := w.sim.Stats().Answered - asked; n != int64(w.rows) {
		t.Errorf("%d rows are asked with the prompt, want %d", n, w.rows)
	}
}

// TestInputGrows has rows be added while a job is not served. Nothing is paid for again unless the
// user says so, and then each row has its answer, those of shards that were done as well.
func TestInputGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 320, 1, sim.Config{Latency: 60 * time.Millisecond})
	asked := w.begun()
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
	_, err = w.serve(t.Context(), inFour)
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
		inFour(c)
		c.Options.Confirm = func(sentence string) bool { sentences = append(sentences, sentence); return true }
	})
	worker.Wait()
	if len(sentences) != 1 {
		t.Errorf("the user is asked %q", sentences)
	}
	w.check(m, err, asked)
}
