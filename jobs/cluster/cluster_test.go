package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster"
	"github.com/genbatch/genbatch/jobs/cluster/internal/clustertest"
)

// lease is that of tests: short, so that they are.
const lease = 3 * time.Second

// A world is a job, the endpoint that it asks, and the servers.
type world struct {
	t       testing.TB
	dir     string
	rows    int
	sim     *sim.Running
	spec    jobs.Spec
	servers *clustertest.Servers // in this process; nil if there are none
	url     string
	witness *billtest.Witness
}

// newWorld makes a job of so many rows.
func newWorld(t testing.TB, rows, nodes int, config sim.Config) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), rows: rows}
	config.CountAnswers = true
	endpoint, err := sim.Listen("", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endpoint.Close() })
	w.sim = endpoint
	if nodes > 0 {
		w.servers = clustertest.Start(t, nodes)
		w.url = w.servers.URL()
	}
	var text bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&text, "{\"id\":%d,\"text\":\"what is said in row %d\"}\n", i, i)
	}
	input := filepath.Join(w.dir, "in.jsonl")
	if err := os.WriteFile(input, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.spec = jobs.Spec{
		Input: []string{input}, Output: filepath.Join(w.dir, "out.jsonl"), Model: "gemini-2.5-flash",
		BaseURL: endpoint.URL, Prompt: "Say it again: {{.text}}", Concurrency: 8,
	}
	w.witness = billtest.Watch(t, billtest.Witness{
		Dirs: []string{w.dir}, Billers: []billtest.Biller{endpoint},
		Totals: func(dir string) (*jobs.Totals, error) {
			s, err := jobs.ReadStatus(dir)
			if err != nil {
				return nil, err
			}
			return &s.Totals, nil
		},
	})
	return w
}

// log writes to the test's log.
func (w *world) log(who string) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{w.t, who}, nil))
}

type testWriter struct {
	t   testing.TB
	who string
}

func (w testWriter) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Logf("%s: %s", w.who, bytes.TrimSpace(p))
	}
	return len(p), nil
}

func env(name string) string {
	if name == "GENBATCH_API_KEY" {
		return "key"
	}
	return ""
}

// serve serves the job until its end.
func (w *world) serve(ctx context.Context, change func(*cluster.ServeConfig)) (*jobs.Merged, error) {
	c := cluster.ServeConfig{
		URL: w.url, Shards: 6, Lease: lease,
		Options: jobs.Options{Env: env, Log: w.log("serve")},
	}
	if change != nil {
		change(&c)
	}
	return cluster.Serve(ctx, w.spec, c)
}

// work works until no job is left.
func (w *world) work(ctx context.Context, name string, url string) error {
	return cluster.Work(ctx, cluster.WorkConfig{
		URL: url, Spool: filepath.Join(w.t.TempDir(), name), Env: env, Log: w.log(name),
	})
}

// check checks that the job has each row once, and that there were so many calls too many at
// most.
func (w *world) check(m *jobs.Merged, err error, extra int64) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	if n := m.Job.Rows; n != int64(w.rows) || m.Job.Status["ok"] != n {
		w.t.Errorf("%d rows, %v", n, m.Job.Status)
	}
	j, err := jobs.View(w.spec, jobs.Options{Env: env})
	if err != nil {
		w.t.Fatal(err)
	}
	defer j.Close()
	if v, err := j.Verify(); err != nil || len(v.Faults) > 0 {
		w.t.Errorf("verify: %+v, %v", v, err)
	}
	// The witness is to look at what was merged, and not at the shards once more.
	if err := os.Rename(filepath.Join(w.spec.StateDir(), "shards"), filepath.Join(w.t.TempDir(), "shards")); err != nil {
		w.t.Error(err)
	}
	w.witness.MayDie(int(extra))
	stats := w.sim.Stats()
	if more := stats.Answered - int64(w.rows); more < 0 || more > extra {
		w.t.Errorf("%d answers for %d rows, and at most %d more are allowed", stats.Answered, w.rows, extra)
	}
	w.t.Logf("%d extra calls, refused %v", stats.Answered-int64(w.rows), stats.Refused)
}

func TestServe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 300, 1, sim.Config{Latency: 20 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if err := w.work(t.Context(), fmt.Sprint("worker", i), w.url); err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	m, err := w.serve(t.Context(), nil)
	wg.Wait()
	w.check(m, err, 0)
}

// TestHandBack interrupts a worker in the middle of a shard. Whoever takes the shard asks only
// the rest.
func TestHandBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 200, 1, sim.Config{Latency: 50 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.work(ctx, "first", w.url); !errors.Is(err, batch.ErrInterrupted) {
			t.Errorf("an interrupted worker ends with %v", err)
		}
		if err := w.work(t.Context(), "second", w.url); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		for w.sim.Stats().Answered < 50 {
			time.Sleep(time.Millisecond)
		}
		stop()
	})
	m, err := w.serve(t.Context(), func(c *cluster.ServeConfig) { c.Shards = 2 })
	wg.Wait()
	w.check(m, err, 0)
}

// TestTwoJobs serves two jobs at once to the same workers.
func TestTwoJobs(t *testing.T) {
	t.Parallel()
	a := newWorld(t, 150, 1, sim.Config{Latency: 30 * time.Millisecond})
	b := newWorld(t, 150, 0, sim.Config{Latency: 30 * time.Millisecond})
	b.url = a.url
	var workers, jobs sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for i := range 3 {
		workers.Go(func() {
			if err := a.work(ctx, fmt.Sprint("worker", i), a.url); err != nil && !errors.Is(err, batch.ErrInterrupted) {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	for _, w := range []*world{a, b} {
		jobs.Go(func() {
			m, err := w.serve(t.Context(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			w.check(m, err, 0)
		})
	}
	jobs.Wait()
	stop()
	workers.Wait()
}

// TestOtherInput has a worker find another input than the job was served with. It hands its shard
// back and says so.
func TestOtherInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 50, 1, sim.Config{})
	serving, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	c := cluster.ServeConfig{URL: w.url, Shards: 2, Lease: lease, Options: jobs.Options{Env: env}}
	c.Ready = func(cluster.Address) {
		if err := os.WriteFile(w.spec.Input[0], []byte("{\"id\":0,\"text\":\"another\"}\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	go func() {
		_, err := cluster.Serve(serving, w.spec, c)
		ended <- err
	}()
	err := w.work(t.Context(), "worker", w.url)
	if err == nil || !strings.Contains(err.Error(), "handed back") || !strings.Contains(err.Error(), "the input is another one here") {
		t.Errorf("the worker ends with %v", err)
	}
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		t.Errorf("serving ends with %v", err)
	}
	if n := w.sim.Stats().Answered; n > 0 {
		t.Errorf("%d rows of another input were asked", n)
	}
}

// TestServeRefuses has jobs that cannot be served.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 0, sim.Config{})
	for _, c := range []struct {
		change func(*jobs.Spec, *cluster.ServeConfig)
		want   string
	}{
		{func(s *jobs.Spec, _ *cluster.ServeConfig) { s.Tier = jobs.List{"batch"} }, "one submitter"},
		{func(s *jobs.Spec, _ *cluster.ServeConfig) { s.Shard = "1/2" }, "a shard of a job cannot be served"},
		{func(_ *jobs.Spec, c *cluster.ServeConfig) { c.Replicas = 3 }, "has no place for 3 replicas"},
		{func(_ *jobs.Spec, c *cluster.ServeConfig) { c.Listen = "0.0.0.0:0" }, "no token keeps strangers out"},
		{func(s *jobs.Spec, _ *cluster.ServeConfig) { s.BaseURL, s.Endpoint = "", "sim" }, "each worker would start"},
		{func(s *jobs.Spec, _ *cluster.ServeConfig) { s.Header = []string{"Authorization=Bearer abc"} }, "a header holds a secret"},
	} {
		s, config := w.spec, cluster.ServeConfig{Options: jobs.Options{Env: env}}
		c.change(&s, &config)
		_, err := cluster.Serve(t.Context(), s, config)
		if _, ok := errors.AsType[*jobs.SpecError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want a mistake in the job: %s", err, c.want)
		}
	}
}
