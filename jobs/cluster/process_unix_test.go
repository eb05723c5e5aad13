//go:build unix

package cluster_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cluster"
	"github.com/genbatch/genbatch/jobs/cluster/internal/clustertest"
	"github.com/genbatch/genbatch/jobs/cluster/internal/node"
)

// This file runs servers, workers and the collector as processes of their own, which can be
// killed. Each is this test's binary with another role.

const roleVariable = "GENBATCH_TEST_ROLE"

// A role is what a process does.
type role struct {
	Node  *node.Config
	Serve *serveRole
	Work  *cluster.WorkConfig
	Times int        // how many workers there are in the process; 0 = 1
	Run   *jobs.Spec // on one machine
}

type serveRole struct {
	Spec   jobs.Spec
	URL    string        // empty: a server of its own
	Listen string        // of that
	Lease  time.Duration // 0 = that of tests
	Shards int
	Nodes  int
	Result string // the file for what it came to
}

// A result is what serving has come to.
type result struct {
	Merged *jobs.Merged
	Err    string
	Code   int // of a job that was stopped
}

func TestMain(m *testing.M) {
	text := os.Getenv(roleVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := play(ctx, r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(ctx context.Context, r role) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	switch {
	case r.Node != nil:
		n, err := node.Start(*r.Node)
		if err != nil {
			return err
		}
		<-ctx.Done()
		n.Close()
		return nil
	case r.Work != nil:
		r.Work.Env, r.Work.Log = env, log
		var workers errgroup.Group
		for i := range max(1, r.Times) {
			one := *r.Work
			if r.Times > 1 {
				one.Spool = filepath.Join(one.Spool, fmt.Sprint(i))
			}
			workers.Go(func() error { return cluster.Work(ctx, one) })
		}
		return workers.Wait()
	case r.Run != nil:
		j, err := jobs.Open(*r.Run, jobs.Options{Env: env, Log: log})
		if err != nil {
			return err
		}
		_, err = j.Run(ctx)
		return errors.Join(err, j.Close())
	}
	s := r.Serve
	c := cluster.ServeConfig{URL: s.URL, Listen: s.Listen, Shards: s.Shards, Lease: cmp.Or(s.Lease, lease), Replicas: s.Nodes, Options: jobs.Options{Env: env, Log: log}}
	var m *jobs.Merged
	var err error
	if cluster.RunsAlone(s.Spec) {
		m = new(jobs.Merged)
		m.Summary, err = runAlone(ctx, s.Spec, c)
	} else {
		m, err = cluster.Serve(ctx, s.Spec, c)
	}
	if ctx.Err() != nil {
		return err
	}
	came := result{Merged: m}
	if err != nil {
		came.Err = err.Error()
	}
	if stopped, ok := errors.AsType[*cluster.StoppedError](err); ok {
		came.Code = stopped.Code
	}
	text, err := json.Marshal(came)
	if err != nil {
		return err
	}
	return os.WriteFile(s.Result, text, 0o600)
}

// A process is one with a role.
type process struct {
	t    testing.TB
	name string
	role role
	log  string

	mu    sync.Mutex
	cmd   *exec.Cmd // nil: it does not run
	ended chan struct{}
	err   error
}

// start starts the process, also again.
func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.role)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.ended = cmd, ended
	p.mu.Unlock()
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(ended)
	}()
}

// signal sends a signal, if the process runs.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s) // it may have ended
	}
}

// kill kills the process at once, and waits for that.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait waits for the end, and returns whether it came in time.
func (p *process) wait(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// processor returns how much processor time the process has used, once it has ended.
func (p *process) processor() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// A cast is all processes of a job.
type cast struct {
	*world
	nodes   []*process
	workers []*process
	serve   *process
	result  string
	spools  string // apart from the job, whose bill is looked at
}

// newCast starts three servers, and makes a collector and workers ready to start.
func newCast(t *testing.T, w *world, workers int) *cast {
	t.Helper()
	c := &cast{world: w, result: filepath.Join(w.dir, "result.json"), spools: t.TempDir()}
	dir := t.TempDir()
	var routes, urls []string
	var configs []node.Config
	for i := range 3 {
		routes = append(routes, clustertest.FreeAddress(t))
		listen := clustertest.FreeAddress(t)
		urls = append(urls, "nats://"+listen)
		configs = append(configs, node.Config{Name: fmt.Sprint("n", i), Dir: filepath.Join(dir, fmt.Sprint("node", i)), Listen: listen, Cluster: routes[i]})
	}
	for i := range configs {
		configs[i].Routes = routes
		p := c.process(fmt.Sprint("node", i), role{Node: &configs[i]})
		c.nodes = append(c.nodes, p)
		p.start()
	}
	c.url = strings.Join(urls, ",")
	c.serve = c.process("serve", role{Serve: &serveRole{Spec: w.spec, URL: c.url, Shards: 12, Nodes: 3, Result: c.result}})
	for i := range workers {
		c.workers = append(c.workers, c.worker(fmt.Sprint("worker", i), c.url))
	}
	return c
}

// process makes a process, which is killed at the end of the test. Its log is shown if the test
// fails.
func (c *cast) process(name string, r role) *process {
	p := &process{t: c.t, name: name, role: r, log: filepath.Join(c.dir, name+".log")}
	c.t.Cleanup(func() {
		how := "it was running"
		if p.cmd != nil {
			select {
			case <-p.ended:
				how = fmt.Sprintf("it had ended: %v", p.err)
			default:
				if c.t.Failed() {
					p.signal(syscall.SIGQUIT) // to show in its log what it was doing
					p.wait(2 * time.Second)
				}
				p.signal(syscall.SIGKILL)
				<-p.ended
			}
		}
		if c.t.Failed() {
			text, _ := os.ReadFile(p.log)
			c.t.Logf("%s (%s):\n%s", name, how, text)
		}
	})
	return p
}

func (c *cast) worker(name, url string) *process {
	return c.process(name, role{Work: &cluster.WorkConfig{URL: url, Spool: filepath.Join(c.spools, name)}})
}

// begin starts the collector and the workers.
func (c *cast) begin() {
	c.serve.start()
	for _, p := range c.workers {
		p.start()
	}
}

// answered waits until so many rows were answered.
func (c *cast) answered(n int64) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); c.sim.Stats().Answered < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%d answers after a minute, want %d", c.sim.Stats().Answered, n)
		}
	}
}

// end waits for the end of the job, and checks it.
func (c *cast) end(extra int64) {
	c.t.Helper()
	begin := time.Now()
	if !c.serve.wait(2 * time.Minute) {
		c.t.Fatal("the job has not ended after two minutes")
	}
	r := c.came()
	if r.Err != "" {
		c.t.Fatal(r.Err)
	}
	c.check(r.Merged, nil, extra)
	c.t.Logf("ended %v later", time.Since(begin).Round(time.Millisecond))
}

// came returns what serving has come to.
func (c *cast) came() (r result) {
	c.t.Helper()
	text, err := os.ReadFile(c.result)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		c.t.Fatal(err)
	}
	return r
}
