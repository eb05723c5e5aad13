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
	"github.com/genbatch/genbatch/jobs/remote"
)

// A steeredWorld is a job that is served to workers, and what steers it.
type steeredWorld struct {
	*world
	control *cluster.Control
	ended   chan error // has room for how serving has ended
	all     sync.WaitGroup
}

// steer serves a job to so many workers.
func steer(w *world, workers int) *steeredWorld {
	s := &steeredWorld{world: w, ended: make(chan error, 1)}
	ready := make(chan *cluster.Control, 1)
	s.all.Go(func() {
		_, err := w.serve(w.t.Context(), func(c *cluster.ServeConfig) { c.Control = func(of *cluster.Control) { ready <- of } })
		s.ended <- err
	})
	for i := range workers {
		s.all.Go(func() {
			if err := w.work(w.t.Context(), fmt.Sprint("worker", i), w.url); err != nil {
				w.t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	s.control = <-ready
	return s
}

// do has the job do something.
func (s *steeredWorld) do(a remote.Action) *remote.State {
	s.t.Helper()
	state, err := s.control.Do(s.t.Context(), a)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// answered is how many rows were answered by now.
func (s *steeredWorld) answered() int64 { return s.sim.Stats().Answered }

// TestControl pauses a job on all workers, changes its limits, and resumes it.
func TestControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 400, 1, sim.Config{Latency: 40 * time.Millisecond})
	w.spec.Concurrency = 2
	s := steer(w, 2)
	await(t, "first answers", func() bool { return s.answered() > 20 })

	if p := s.do(remote.Pause); p.PausedSince == nil || p.Cluster.Shards != 6 {
		t.Errorf("the state in a pause is %+v", p)
	}
	time.Sleep(2 * time.Second) // in which each worker looks at the record of the job
	sent := s.answered()
	time.Sleep(500 * time.Millisecond)
	if n := s.answered(); n != sent || n == 400 {
		t.Errorf("%d rows were answered in the pause, after %d before", n-sent, sent)
	}

	var status *jobs.Status
	await(t, "all that was answered in the status", func() (ok bool) {
		var err error
		status, err = jobs.ReadStatus(w.spec.StateDir())
		return err == nil && status.Shards.Served != nil && status.Shards.Served.Results == sent
	})
	if at := status.Shards.Served; status.Shards.Server == nil || at.Held < 2 || len(at.Workers) != 1 || at.Done+at.Held+at.Open != 6 { // both workers are this process
		t.Errorf("the shards stand at %+v", at)
	}
	if status.Totals.Rows != sent || status.Input.Settled != sent || status.Attempts != sent {
		t.Errorf("after %d answers the status has %d rows, %d requests and the input %+v", sent, status.Totals.Rows, status.Attempts, status.Input)
	}

	var wrong *jobs.SpecError
	for what, l := range map[string]jobs.Limits{
		"each worker's own": {Concurrency: new(5)}, "cannot be negative": {RPM: new(-1)}, "has begun without one": {MaxCost: new("5")},
	} {
		if _, err := s.control.Set(t.Context(), l); !errors.As(err, &wrong) || !strings.Contains(err.Error(), what) || wrong.Hint == "" {
			t.Errorf("%v, want %s", err, what)
		}
	}
	if _, err := s.control.Do(t.Context(), remote.Retry); !errors.As(err, &wrong) {
		t.Errorf("asking again: %v", err)
	}

	// 300 a minute are 5 a second for all workers together, who would do 100.
	set, err := s.control.Set(t.Context(), jobs.Limits{RPM: new(300)})
	if err != nil || *set.Limits.RPM.Value != 300 || set.Limits.RPM.Source != "control" {
		t.Fatalf("%+v, %v", set, err)
	}
	if r := s.do(remote.Resume); r.PausedSince != nil {
		t.Errorf("the state after a pause is %+v", r)
	}
	await(t, "an answer after the pause", func() bool { return s.answered() > sent })
	begin, first := time.Now(), s.answered()
	time.Sleep(3 * time.Second)
	if n, most := s.answered()-first, int64(time.Since(begin).Seconds()*5)+4; n > most || n < 5 {
		t.Errorf("%d rows were answered in %v at 5 a second", n, time.Since(begin))
	}
	if _, err := s.control.Set(t.Context(), jobs.Limits{RPM: new(0)}); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err != nil {
		t.Fatal(err)
	}
	s.control.End(0, nil)
	if _, err := s.control.Do(t.Context(), remote.Pause); err == nil {
		t.Error("a job that has ended is paused")
	}
	s.all.Wait()
	if n := s.answered(); n != 400 {
		t.Errorf("%d answers for 400 rows", n)
	}
}

// TestStopOnRequest stops a job on all workers. Served again, it asks the rest.
func TestStopOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 400, 1, sim.Config{Latency: 40 * time.Millisecond})
	w.spec.Concurrency = 2
	s := steer(w, 2)
	await(t, "first answers", func() bool { return s.answered() > 20 })
	if state := s.do(remote.Stop); !state.Stopping {
		t.Errorf("the state is %+v", state)
	}
	err := <-s.ended
	if stopped, ok := errors.AsType[*cluster.StoppedError](err); !ok || stopped.Code != 130 || !strings.Contains(stopped.Why, "genbatch ctl") {
		t.Errorf("the job ends with %v", err)
	}
	s.all.Wait()
	if n := s.answered(); n == 400 {
		t.Error("the job was not stopped")
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := w.work(t.Context(), "later", w.url); err != nil {
			t.Error(err)
		}
	})
	m, err := w.serve(t.Context(), nil)
	all.Wait()
	w.check(m, err, 0)
}

// TestCapIsChanged raises the cap of a job that is near it, and lowers it below what is spent.
func TestCapIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 300, 1, sim.Config{Latency: 20 * time.Millisecond})
	w.spec.Concurrency, w.spec.MaxCost, w.spec.MaxOutputTokens = 2, "5", 4000
	s := steer(w, 2)
	await(t, "first answers", func() bool { return s.answered() > 20 })
	if _, err := s.control.Set(t.Context(), jobs.Limits{MaxCost: new("0.0001")}); err != nil {
		t.Fatal(err)
	}
	err := <-s.ended
	if stopped, ok := errors.AsType[*cluster.StoppedError](err); !ok || stopped.Code != 6 {
		t.Errorf("the job ends with %v", err)
	}
	state, err := s.control.State(t.Context(), 0)
	if err != nil || *state.MaxCost != "0.0001" {
		t.Errorf("%+v, %v", state, err)
	}
	s.all.Wait()
}

// TestMaxFailures counts rows without an answer over all shards, of which none has as many.
func TestMaxFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit, want string
		rows        int
	}{
		{"40", "too many rows ended without an answer: 40 of ", 300},
		{"30%", "too many rows ended without an answer: ", 300},
		{"", "too many rows ended without an answer: 50 of 50", 240}, // all of the first 50, in shards of 40
	} {
		w := newWorld(t, c.rows, 1, sim.Config{Latency: 20 * time.Millisecond})
		w.spec.MaxFailures = c.limit
		var text strings.Builder
		for i := range c.rows {
			mark := ""
			if c.limit == "" || i%2 == 0 {
				mark = "[[sim:block]] "
			}
			fmt.Fprintf(&text, "{\"text\":\"%srow %d\"}\n", mark, i)
		}
		if err := os.WriteFile(w.spec.Input[0], []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		s := steer(w, 3)
		err := <-s.ended
		if stopped, ok := errors.AsType[*cluster.StoppedError](err); !ok || stopped.Code != 8 || !strings.HasPrefix(stopped.Why, c.want) {
			t.Errorf("with a limit of %q the job ends with %v", c.limit, err)
		}
		s.all.Wait()
	}
}

// TestAllRejected has the endpoint reject every row of a worker. The worker ends after a few, and no row
// counts as rejected for its own fault: another worker may have another key, and once the cause is
// mended all are asked.
func TestAllRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 240, 1, sim.Config{Latency: 20 * time.Millisecond})
	w.spec.Prompt = "[[sim:400]] {{.text}}"
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := w.serve(ctx, nil)
		ended <- err
	}()
	if err := w.work(t.Context(), "worker", w.url); err == nil || !strings.Contains(err.Error(), "10 identical refusals in a row") {
		t.Errorf("the worker ends with %v", err)
	}
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		t.Errorf("the job ends with %v", err)
	}
	status, err := jobs.ReadStatus(w.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	if n := status.Status[batch.Rejected]; n > 0 {
		t.Errorf("%d rows count as rejected", n)
	}
}

// TestRunningIsServed finds the process that serves a job by its state folder.
func TestRunningIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10, 1, sim.Config{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ready := make(chan bool)
	go func() {
		_, err := w.serve(ctx, func(c *cluster.ServeConfig) { c.Ready = func(cluster.Address) { close(ready) } })
		ended <- err
	}()
	<-ready
	if owner, err := jobs.Running(w.spec.StateDir()); err != nil || owner == nil || owner.PID != os.Getpid() {
		t.Errorf("the job is served by %+v, %v", owner, err)
	}
	stop()
	if err := <-ended; !errors.Is(err, batch.ErrInterrupted) {
		t.Error(err)
	}
	if owner, err := jobs.Running(w.spec.StateDir()); err != nil || owner != nil {
		t.Errorf("after its end the job is served by %+v, %v", owner, err)
	}
}

// await waits until something is as it should be.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("after a minute there is not " + what)
		}
	}
}
