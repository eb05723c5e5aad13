//go:build unix

package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// childEnv holds a child, for the process that is killed.
const childEnv = "GENBATCH_TEST_CHILD"

const killConcurrency = 32

// lostAtKill is how many answers a kill may lose: those of the calls under way, and a group
// that waits for its sync.
const lostAtKill = killConcurrency + 256

// A child is one run of a job in a process of its own.
type child struct {
	Dir      string
	Endpoint string
	Rows     int

	RowsPerCall int // 0: each row has a call of its own

	// The process kills itself before or after the nth operation with a label.
	Label string
	Nth   int
	After bool

	Log string // file that gets the labels of all operations; "": none
}

func (c *child) spec() spec.Spec {
	s := spec.Spec{
		Input: spec.List{"-"}, Output: filepath.Join(c.Dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
		Endpoint: c.Endpoint, Prompt: "{{.q}}", Concurrency: killConcurrency,
	}
	if c.RowsPerCall > 0 {
		s.Prompt, s.Summarize, s.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, c.RowsPerCall
	}
	return s
}

// stdin is what the run is given each time.
func (c *child) stdin() string {
	var b strings.Builder
	for n := range c.Rows {
		fmt.Fprintf(&b, "{\"q\":%q}\n", question(n))
	}
	return b.String()
}

func question(n int) string { return fmt.Sprintf("question %d of the table", n) }

// open opens the job with segments so short that a run begins several.
func (c *child) open(fsys durable.FS) (*Job, error) {
	return Open(c.spec(), Options{
		Env: func(string) string { return "key" }, Stdin: strings.NewReader(c.stdin()),
		seams: seams{fs: fsys, segmentBytes: int64(c.Rows) * 200},
	})
}

var digits = regexp.MustCompile(`[0-9]+`)

// label names a kind of operation: "sync results-#.jsonl".
func (c *child) label(op durable.Op, path string) string {
	name := filepath.Base(path)
	if path == c.Dir {
		name = "folder of the output"
	}
	return string(op) + " " + digits.ReplaceAllString(name, "#")
}

// run is the process that is killed.
func (c *child) run(t *testing.T) error {
	var (
		labels []string
		times  = map[string]int{}
		armed  bool // killed before the next operation
	)
	kill := func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	j, err := c.open(durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		l := c.label(op, path)
		labels = append(labels, l)
		times[l]++
		switch here := l == c.Label && times[l] == c.Nth; {
		case armed, here && !c.After:
			kill()
		case here:
			armed = true
		}
		return true, nil
	}})
	if err != nil {
		return err
	}
	if _, err := j.Run(t.Context()); err != nil {
		return err
	}
	if armed {
		kill()
	}
	if c.Log != "" {
		return errors.Join(j.Close(), os.WriteFile(c.Log, []byte(strings.Join(labels, "\n")), 0o600))
	}
	return j.Close()
}

// TestKillChild is no test, but the process that TestEndToEndKill and TestEndToEndKillAtEachPoint
// kill.
func TestKillChild(t *testing.T) {
	text := os.Getenv(childEnv)
	if text == "" {
		t.Skip("runs only as a process of TestEndToEndKill: run that test")
	}
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.run(t); err != nil {
		t.Fatal(err)
	}
}

// start runs the child, kills it after a time (0: never), and reports whether it
// died of SIGKILL.
func (c *child) start(t *testing.T, after time.Duration) (killed bool) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GORACE=atexit_sleep_ms=0")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { cmd.Process.Kill() }).Stop()
	}
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("the run failed: %v\n%s", err, out.String())
	}
	return false
}

// finish runs the job a last time and proves the promises on what there is. It
// returns how many rows were answered twice, and how often.
func (c *child) finish(t *testing.T, server *sim.Running, what string, kills int) (twice int) {
	t.Helper()
	f := &fixture{t: t, dir: c.Dir, spec: c.spec()}
	j, err := c.open(durable.FS{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	_, err = j.Run(t.Context())
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	want := make([]string, c.Rows)
	for n := range want {
		want[n] = fmt.Sprintf("%s | %s | ok", question(n), question(n))
	}
	text, err := os.ReadFile(c.spec().Output)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		var row struct{ Q, Response, Status string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v in %s", what, err, line)
		}
		got = append(got, fmt.Sprintf("%s | %s | %s", row.Q, row.Response, row.Status))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the output has %d rows, and not each of %d with its own answer, in order", what, len(got), c.Rows)
	}
	f.verified(what)
	if found := jobtest.TempFiles(t, c.Dir); found != nil {
		t.Errorf("%s: left behind are %q", what, found)
	}
	answers := server.Stats().Answers
	for _, n := range answers {
		twice += n - 1
	}
	if len(answers) != c.Rows {
		t.Errorf("%s: %d different rows were answered, want %d", what, len(answers), c.Rows)
	}
	if bound := kills * lostAtKill; twice > bound {
		t.Errorf("%s: %d answers were bought again, and at most %d were in flight at %d kills", what, twice, bound, kills)
	}
	return twice
}

// newChild returns a child with a simulator, and the witness of what it bills.
func newChild(t *testing.T, rows int, latency time.Duration) (child, *sim.Running, *billtest.Witness) {
	t.Helper()
	c := child{Dir: t.TempDir(), Rows: rows}
	server, w := listening(t, c.Dir, sim.Config{CountAnswers: true, Latency: latency, Jitter: latency})
	c.Endpoint = server.URL
	return c, server, w
}

// killsEnv says how often TestEndToEndKill kills.
const (
	killsEnv   = "GENBATCH_KILLS"
	usualKills = 20
)

// wantedKills returns how often to kill.
func wantedKills(t *testing.T) int {
	t.Helper()
	text := os.Getenv(killsEnv)
	if text == "" {
		return usualKills
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q, and a number is needed", killsEnv, text)
	}
	return n
}

// kill -9 at any moment, again and again until a job is complete, and then the next
// job: every row has its own answer once, in order, and what was bought again was
// in flight.
func TestEndToEndKill(t *testing.T) {
	long(t, "it runs processes and kills them")
	t.Parallel()
	want := wantedKills(t)
	const rows, latency = 1000, 6 * time.Millisecond
	begin := time.Now()
	whole, _, _ := newChild(t, rows, latency)
	whole.start(t, 0)
	duration := time.Since(begin)

	var killed, jobs, twice, most int
	for killed < want {
		c, server, bill := newChild(t, rows, latency)
		n := 0
		for killed+n < want && c.start(t, 1+rand.N(duration)) {
			n++
		}
		again := c.finish(t, server, fmt.Sprintf("job %d after %d kills", jobs, n), n)
		bill.MayDie(n * lostAtKill)
		killed, twice, jobs = killed+n, twice+again, jobs+1
		if n > 0 {
			most = max(most, (again+n-1)/n)
		}
	}
	t.Logf("%d kills over %d jobs of %d rows (%v each when not killed): %d of %d answers bought again, at most %d a kill on a job's average; the bound is %d a kill; %.1f s",
		killed, jobs, rows, duration.Round(time.Millisecond), twice, jobs*rows, most, lostAtKill, time.Since(begin).Seconds())
}

// kill -9 before, and after, each kind of write that a run makes.
func TestEndToEndKillAtEachPoint(t *testing.T) {
	long(t, "it runs processes and kills them")
	t.Parallel()
	first, step := pointsOf(t)
	const rows, latency = 100, time.Millisecond
	log := filepath.Join(t.TempDir(), "log")
	c, _, _ := newChild(t, rows, latency)
	c.Log = log
	c.start(t, 0)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	labels := strings.Split(string(text), "\n")
	for _, must := range []string{
		"write lock", "rename stdin.jsonl", "rename job.json", "open results-#.jsonl", "write results-#.jsonl", "sync results-#.jsonl",
		"syncdir out.jsonl.genbatch", "rename next.json", "create out.jsonl", "sync out.jsonl", "rename out.jsonl",
		"syncdir folder of the output", "rename manifest.json",
	} {
		if !slices.Contains(labels, must) {
			t.Errorf("there is no %q among the writes %q", must, labels)
		}
	}
	times := map[string]int{}
	for _, l := range labels {
		times[l]++
	}
	killed, twice, points := 0, 0, 0
	begin := time.Now()
	for i, l := range slices.Compact(slices.Sorted(slices.Values(labels))) {
		for _, nth := range slices.Compact([]int{1, max(1, times[l]-1)}) {
			for _, after := range []bool{false, true} {
				if i%step != first {
					continue
				}
				c, server, bill := newChild(t, rows, latency)
				c.Label, c.Nth, c.After = l, nth, after
				n := 0
				if c.start(t, 0) {
					n++
				} else if nth == 1 {
					t.Errorf("the run was not killed at %q", l)
				}
				twice += c.finish(t, server, fmt.Sprintf("killed at %q %d, after %v", l, nth, after), n)
				bill.MayDie(n * lostAtKill)
				killed, points = killed+n, points+1
			}
		}
	}
	t.Logf("%d kills at %d points, %d rows each: %d answers bought again; %.1f s", killed, points, rows, twice, time.Since(begin).Seconds())
}
