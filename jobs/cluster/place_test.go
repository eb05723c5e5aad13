package cluster_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster"
)

// batchWorld makes a job of so many rows that goes by batch.
func batchWorld(t *testing.T, rows, nodes int, running time.Duration) *world {
	t.Helper()
	w := newWorld(t, rows, nodes, sim.Config{Batches: sim.Batches{Pending: -1, Running: running}})
	w.spec.Endpoint, w.spec.Tier = "sim", jobs.List{"batch"} // whose batches are followed at a pace for tests
	return w
}

// hold takes the place of a job.
func (w *world) hold(s jobs.Spec, confirm func(string) bool) (*cluster.Place, error) {
	return cluster.Hold(w.t.Context(), s, cluster.ServeConfig{URL: w.url, Options: jobs.Options{Env: env, Log: w.log("serve"), Confirm: confirm}})
}

// runAlone takes the place of a job, runs the job and gives the place back if it is finished.
func runAlone(ctx context.Context, s jobs.Spec, c cluster.ServeConfig) (summary *jobs.Summary, err error) {
	place, err := cluster.Hold(ctx, s, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, place.Close(err == nil)) }()
	o := c.Options
	o.Shared = place.Shared()
	j, err := jobs.Open(s, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Run(ctx)
}

// TestBatchJobIsRunAlone serves a job by batch and another one at the same servers. Workers ask the
// rows of the other one, and none of those that are in a batch.
func TestBatchJobIsRunAlone(t *testing.T) {
	t.Parallel()
	w := batchWorld(t, 40, 1, 300*time.Millisecond)
	other := newWorld(t, 60, 0, sim.Config{})
	other.url = w.url
	if !cluster.RunsAlone(w.spec) || cluster.RunsAlone(other.spec) {
		t.Error("which job is run alone is not told right")
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := other.work(t.Context(), "worker", w.url); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		m, err := other.serve(t.Context(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		other.check(m, err, 0)
	})
	s, err := runAlone(t.Context(), w.spec, cluster.ServeConfig{URL: w.url, Options: jobs.Options{Env: env, Log: w.log("serve")}})
	all.Wait()
	if err != nil || s.Job.Rows != 40 || s.Job.Status["ok"] != 40 {
		t.Fatalf("%+v, %v", s, err)
	}
	if b := w.sim.Stats().Batches; b.Created != 1 || b.Billed != 40 || b.Single != 0 {
		t.Errorf("%d batch jobs, %d rows billed in them and %d in single calls", b.Created, b.Billed, b.Single)
	}
}

// TestOnePlace has a job be served from two folders, as those of two machines. The second is
// refused, also while nobody serves the first one, until somebody agrees to pay twice.
func TestOnePlace(t *testing.T) {
	t.Parallel()
	w := batchWorld(t, 1, 1, 0)
	first, second := w.spec, w.spec
	first.State, second.State = filepath.Join(w.dir, "first"), filepath.Join(w.dir, "second")

	place, err := w.hold(first, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		_, err := w.hold(second, nil)
		taken, ok := errors.AsType[*cluster.TakenError](err)
		if locked := new(jobs.LockedError); !ok || taken.Folder != first.State || !errors.As(err, &locked) {
			t.Errorf("the second one: %v", err)
		}
	}
	refused()
	if _, err := w.hold(first, nil); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("the same folder once more: %v", err)
	}
	if err := place.Close(false); err != nil {
		t.Fatal(err)
	}
	refused()
	again, err := w.hold(first, nil)
	if err != nil {
		t.Fatal(err)
	}

	var asked string
	taker, err := w.hold(second, func(sentence string) bool { asked = sentence; return true })
	if err != nil || !strings.Contains(asked, "paid for, again") {
		t.Fatalf("taken over with %v, asked %q", err, asked)
	}
	if err := again.Close(true); err != nil { // which must not give away what is another's by now
		t.Fatal(err)
	}
	if _, err := w.hold(first, nil); err == nil {
		t.Error("the place of the second folder was given back by the first")
	}
	if err := taker.Close(true); err != nil {
		t.Fatal(err)
	}
	place, err = w.hold(first, nil)
	if err != nil {
		t.Fatalf("after the end: %v", err)
	}
	if err := place.Close(true); err != nil {
		t.Fatal(err)
	}
}

// TestHoldRefuses has jobs by batch that cannot be served.
func TestHoldRefuses(t *testing.T) {
	t.Parallel()
	w := batchWorld(t, 1, 0, 0)
	for _, c := range []struct {
		change func(*jobs.Spec, *cluster.ServeConfig)
		want   string
	}{
		{func(_ *jobs.Spec, c *cluster.ServeConfig) { c.Shards = 4 }, "is not divided into shards"},
		{func(s *jobs.Spec, _ *cluster.ServeConfig) { s.State = "s3://bucket/state" }, "on its own disk"},
		{func(_ *jobs.Spec, c *cluster.ServeConfig) { c.Listen = "0.0.0.0:0" }, "no token keeps strangers out"},
	} {
		s, config := w.spec, cluster.ServeConfig{Options: jobs.Options{Env: env}}
		c.change(&s, &config)
		_, err := cluster.Hold(t.Context(), s, config)
		if _, ok := errors.AsType[*jobs.SpecError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want a mistake in the job: %s", err, c.want)
		}
	}
}

// TestBatchAfterShards refuses to serve a job by batch that was begun in shards, which are not
// merged.
func TestBatchAfterShards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20, 1, sim.Config{})
	s := w.spec
	s.Shard = "1/2"
	j, err := jobs.Open(s, jobs.Options{Env: env})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	w.spec.Endpoint, w.spec.Tier = "sim", jobs.List{"batch"}
	_, err = runAlone(t.Context(), w.spec, cluster.ServeConfig{URL: w.url, Options: jobs.Options{Env: env}})
	if _, ok := errors.AsType[*jobs.SpecError](err); !ok || !strings.Contains(err.Error(), "genbatch merge") {
		t.Errorf("it ends with %v", err)
	}
	if n := w.sim.Stats().Batches.Created; n > 0 {
		t.Errorf("%d batch jobs were created", n)
	}
}
