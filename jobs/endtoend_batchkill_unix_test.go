//go:build unix

package jobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/spec"
)

// batchChildEnv holds a batchChild, for the process that is killed.
const batchChildEnv = "GENBATCH_TEST_BATCH_CHILD"

// A batchChild is one run in the tier batch, in a process of its own.
type batchChild struct {
	Dir, URL string
	Rows     int
	Cleanup  bool

	// The process kills itself before the operation of this number on the record, the files
	// of batch jobs, or the journal, from 1. 0 means never.
	KillAt int
}

// batchChildJob is how many rows of a batchChild go into a job.
const batchChildJob = 6

func (c *batchChild) spec() spec.Spec {
	return spec.Spec{
		Input: spec.List{filepath.Join(c.Dir, "in.jsonl")}, Output: filepath.Join(c.Dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
		Endpoint: "sim", BaseURL: c.URL, Prompt: "{{.q}}", Tier: spec.List{"batch"}, BatchCleanup: c.Cleanup,
	}
}

func (c *batchChild) open(fsys durable.FS) (*Job, error) {
	return Open(c.spec(), Options{Env: noEnv, seams: seams{fs: fsys, batchRows: batchChildJob, batchPace: batchTestPace}})
}

// The files in which a child says what it did: where it killed itself, or all its operations.
func (c *batchChild) killedAt() string   { return filepath.Join(c.Dir, "killed-at") }
func (c *batchChild) operations() string { return filepath.Join(c.Dir, "operations") }

var batchFileID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{8}`)

// run is the process that is killed.
func (c *batchChild) run(t *testing.T) error {
	var labels []string
	j, err := c.open(durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		name := filepath.Base(path)
		if name != "batches" && filepath.Base(filepath.Dir(path)) != "batches" && !strings.HasPrefix(name, "results-") {
			return true, nil
		}
		labels = append(labels, string(op)+" "+batchFileID.ReplaceAllString(name, "ID"))
		if len(labels) == c.KillAt {
			if err := os.WriteFile(c.killedAt(), []byte(labels[c.KillAt-1]), 0o600); err != nil {
				return true, err
			}
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return true, nil
	}})
	if err != nil {
		return err
	}
	_, err = j.Run(t.Context())
	return errors.Join(err, j.Close(), os.WriteFile(c.operations(), []byte(strings.Join(labels, "\n")), 0o600))
}

// TestBatchKillChild is no test, but the process that TestEndToEndBatchKillAtEachStep kills.
func TestBatchKillChild(t *testing.T) {
	text := os.Getenv(batchChildEnv)
	if text == "" {
		t.Skip("runs only as a process of TestEndToEndBatchKillAtEachStep: run that test")
	}
	var c batchChild
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.run(t); err != nil {
		t.Fatal(err)
	}
}

// A batchGate stands before the simulator. It kills the process whose call it is to be the
// last one: before the simulator hears of the call, or after it has acted, and before the
// reply.
type batchGate struct {
	sim *sim.Server
	web *httptest.Server

	mu    sync.Mutex
	calls []string // since the last start
	at    int      // the number of the call, from 1; 0: none
	after bool
	kill  func() // returns when the process is dead

	created   int // creations so far, over all starts
	listAfter int // lists are empty until there were so many creations
}

// newBatchGate returns a gate for the jobs below a folder.
func newBatchGate(t *testing.T, dir string, c sim.Config) *batchGate {
	g := new(batchGate)
	g.sim, _ = simulated(t, dir, c)
	g.web = httptest.NewServer(g)
	t.Cleanup(g.web.Close)
	return g
}

func (g *batchGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	label := callLabel(r)
	g.calls = append(g.calls, label)
	here, after, kill := len(g.calls) == g.at, g.after, g.kill
	if label == "create" {
		g.created++
	}
	unlisted := label == "list" && g.created < g.listAfter
	g.mu.Unlock()
	switch {
	case unlisted:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}")) // as the API has it for a list without jobs
		return
	case here && after:
		g.sim.ServeHTTP(httptest.NewRecorder(), r)
		kill()
		panic(http.ErrAbortHandler)
	case here:
		kill()
		panic(http.ErrAbortHandler)
	}
	g.sim.ServeHTTP(w, r)
}

// callLabel names a kind of call.
func callLabel(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, "/v1beta/")
	switch {
	case strings.HasSuffix(path, ":batchGenerateContent"):
		return "create"
	case strings.HasPrefix(path, "/upload/"):
		return "upload " + cmp.Or(r.Header.Get("X-Goog-Upload-Command"), r.URL.Query().Get("upload_protocol"))
	case strings.HasPrefix(path, "/download/"):
		return "download"
	case path == "batches":
		return "list"
	case strings.HasSuffix(path, ":cancel"):
		return "cancel"
	}
	kind, _, _ := strings.Cut(path, "/")
	return r.Method + " " + kind
}

// start runs the child until its end, and reports whether it died of SIGKILL.
func (g *batchGate) start(c batchChild, at int, after bool) (killed bool, err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return false, err
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestBatchKillChild$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), batchChildEnv+"="+string(text), "GORACE=atexit_sleep_ms=0")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	dead := make(chan struct{})
	g.mu.Lock()
	g.calls, g.at, g.after = nil, at, after
	g.kill = func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-dead
	}
	if err = cmd.Start(); err != nil {
		g.mu.Unlock()
		return false, err
	}
	g.mu.Unlock()
	err = cmd.Wait()
	close(dead)
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("the run failed: %w\n%s", err, out.String())
	}
	return false, nil
}

// A batchStep is where a process is killed first.
type batchStep struct {
	op    int  // before the operation of this number
	call  int  // or at the call of this number
	after bool // the simulator has acted
	torn  bool // the last line of the record is cut in half, as by a machine that stops
}

// fixture returns the job of a child, whose input is written.
func (c *batchChild) fixture(t *testing.T) *fixture {
	f := &fixture{t: t, dir: c.Dir, spec: c.spec()}
	f.input(lines(c.Rows)...)
	return f
}

// killAndFinish kills a job at a step, then again at others, and runs it to its end. It
// returns where it was killed first, and what the ledger says then.
func (s batchStep) killAndFinish(t *testing.T, rows int, seed uint64, more int) (where string, kills int, ledger sim.Stats) {
	t.Helper()
	dir := t.TempDir()
	g := newBatchGate(t, dir, sim.Config{Batches: sim.Batches{Pending: 15 * time.Millisecond, Running: 60 * time.Millisecond}})
	c := batchChild{Dir: dir, URL: g.web.URL, Rows: rows, Cleanup: s.call > 0}
	f := c.fixture(t)
	random := rand.New(rand.NewPCG(seed, 16))
	what := fmt.Sprintf("%+v", s)
	for n := 0; n <= more; n++ {
		c.KillAt = s.op
		if n > 0 {
			s = batchStep{}
			if c.KillAt = 0; random.IntN(2) == 0 {
				c.KillAt = 1 + random.IntN(5*rows)
			} else {
				s.call, s.after = 1+random.IntN(rows+rows/2), random.IntN(2) == 0
			}
		}
		killed, err := g.start(c, s.call, s.after)
		if err != nil {
			t.Errorf("%s, start %d: %v", what, n+1, err)
			return "", kills, ledger
		}
		if !killed {
			break
		}
		kills++
		if next, _ := os.ReadFile(c.killedAt()); s.torn && string(next) == syncRecord {
			tearRecord(t, f.spec.StateDir())
		}
		if n == 0 {
			where = s.where(g, &c)
		}
	}
	what += ", killed " + where
	c.KillAt = 0
	j, err := c.open(durable.FS{})
	if err == nil {
		_, err = j.Run(t.Context())
		err = errors.Join(err, j.Close())
	}
	if err != nil {
		t.Errorf("%s, %d kills: the run that should end the job: %v", what, kills, err)
		return where, kills, ledger
	}
	ledger = g.sim.Stats()
	f.answeredOnce(what, rows)
	f.billedOnce(what, rows, &ledger)
	return where, kills, ledger
}

// where says where a child was killed: the last step of each job, and what came next.
func (s batchStep) where(g *batchGate, c *batchChild) string {
	next, _ := os.ReadFile(c.killedAt())
	if s.call > 0 {
		next = []byte(g.calls[s.call-1])
	}
	when := "before"
	if s.after {
		when = "after"
	}
	if s.torn {
		when = "torn, " + when
	}
	spec := c.spec()
	store, err := batchstate.View(spec.StateDir())
	if err != nil {
		return err.Error()
	}
	steps := []string{}
	for _, j := range store.Jobs() {
		steps = append(steps, string(j.Step))
	}
	return fmt.Sprintf("%-9s %s %s", strings.Join(steps, "+"), when, next)
}

// syncRecord is the operation before which the last line of the record may be torn.
const syncRecord = "sync jobs.jsonl"

// tearRecord cuts the last line of the record of batch jobs in half.
func tearRecord(t *testing.T, stateDir string) {
	path := filepath.Join(stateDir, "batches", "jobs.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndexByte(strings.TrimSuffix(string(text), "\n"), '\n') + 1
	if err := os.Truncate(path, int64(last+(len(text)-last)/2)); err != nil {
		t.Fatal(err)
	}
}

// A second job of the same requests is made where the endpoint lists the first one too late.
// It is found, and cancelled before it is at work, and the record names it: after a reply
// that was lost, and after kill -9 between the creation and its reply.
func TestEndToEndBatchSecondJob(t *testing.T) {
	long(t, "it runs processes and kills them")
	t.Parallel()
	for name, lost := range map[string]string{"reply lost": "lostcreate@1", "killed": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults, err := sim.ParseBatchFaults(lost)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			g := newBatchGate(t, dir, sim.Config{Batches: sim.Batches{Pending: 2 * time.Second, Running: 50 * time.Millisecond, Faults: faults}})
			g.listAfter = 2
			c := batchChild{Dir: dir, URL: g.web.URL, Rows: batchChildJob}
			f := c.fixture(t)
			if lost == "" {
				const create = 3
				if killed, err := g.start(c, create, true); err != nil || !killed || g.calls[create-1] != "create" {
					t.Fatalf("killed %v after %q: %v", killed, g.calls, err)
				}
			}
			j, err := c.open(durable.FS{})
			if err != nil {
				t.Fatal(err)
			}
			s, err := j.Run(t.Context())
			if err := errors.Join(err, j.Close()); err != nil {
				t.Fatal(err)
			}
			f.answeredOnce(name, batchChildJob)
			stats := g.sim.Stats()
			f.billedOnce(name, batchChildJob, &stats)
			if b := stats.Batches; b.Created != 2 || b.Ended["CANCELLED"] != 1 || b.Jobs[1].State != "CANCELLED" || b.Repeats > 0 {
				t.Errorf("%+v, want a second job that was cancelled before it was at work", b)
			}
			if len(s.Batches) != 1 || len(s.Batches[0].Others) != 1 {
				t.Errorf("the summary has the jobs %+v, want one, with the name of the other", s.Batches)
			}
		})
	}
}

// kill -9 before every operation on the record of batch jobs, on their files and on the
// journal, and before and after every call to the endpoint; then often once more, anywhere. What
// is on the disk after an operation is what is there before the next one, and what happens
// between two of them is a call. Each row is answered, and billed, once.
func TestEndToEndBatchKillAtEachStep(t *testing.T) {
	long(t, "it runs processes and kills them")
	t.Parallel()
	rows, more := batchChildJob, 2
	if wantedKills(t) > usualKills { // on demand, two jobs at a time
		rows, more = 2*batchChildJob, 3
	}
	begin := time.Now()
	dir := t.TempDir()
	g := newBatchGate(t, dir, sim.Config{Batches: sim.Batches{Pending: 15 * time.Millisecond, Running: 60 * time.Millisecond}})
	c := batchChild{Dir: dir, URL: g.web.URL, Rows: rows, Cleanup: true}
	f := c.fixture(t)
	if _, err := g.start(c, 0, false); err != nil {
		t.Fatal(err)
	}
	f.answeredOnce("not killed", rows)
	whole := g.sim.Stats()
	f.billedOnce("not killed", rows, &whole)
	text, err := os.ReadFile(c.operations())
	if err != nil {
		t.Fatal(err)
	}
	ops := strings.Split(string(text), "\n")
	var steps []batchStep
	for i, op := range ops {
		steps = append(steps, batchStep{op: i + 1})
		if op == syncRecord {
			steps = append(steps, batchStep{op: i + 1, torn: true})
		}
	}
	for i := range g.calls {
		steps = append(steps, batchStep{call: i + 1}, batchStep{call: i + 1, after: true})
	}
	t.Logf("%d operations, calls %q", len(ops), g.calls)

	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		all    int
		places = map[string]int{}
		slots  = make(chan struct{}, 6) // a run mostly waits
	)
	first, step := pointsOf(t)
	for i, s := range steps {
		if i%step != first {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			where, kills, ledger := s.killAndFinish(t, rows, uint64(i), i%more)
			mu.Lock()
			defer mu.Unlock()
			all += kills
			places[fmt.Sprintf("%-45s %d jobs, %d rows billed, %d twice", where, ledger.Batches.Created, ledger.Batches.Billed, ledger.Batches.Repeats)]++
		})
	}
	group.Wait()
	for _, p := range slices.Sorted(maps.Keys(places)) {
		t.Logf("%3d x %s", places[p], p)
	}
	t.Logf("%d kills of %d jobs, %.1f s", all, len(steps), time.Since(begin).Seconds())
}
