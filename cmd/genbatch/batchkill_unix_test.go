//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/billtest"
)

// killsEnv says how many jobs TestBatchKill completes, where it is not usualBatchKills.
const (
	killsEnv        = "GENBATCH_KILLS"
	usualBatchKills = 25
)

// killFaults are the faults of batches under which jobs are killed. Every other job has
// none.
var killFaults = []string{
	"lostcreate=0.5,create503=0.2,refuse503=0.2,list503=0.2,listdelay:200ms",
	"poll404=0.2,poll503=0.2,pollreset=0.1,download404=0.3,truncated=0.3,lateoutput:300ms=0.5",
	"missing=0.1,twice=0.1,foreign=0.1,shuffled",
	"rowcode13=0.1,rowstatus:14=0.1,failed=0.2,nokey=0.05",
	"lostcreate=0.3,create500=0.2,poll404=0.1,truncated=0.2,missing=0.05,rowcode=0.05,twice=0.05,failed=0.1",
	"inline,missing=0.1,lostcreate=0.3",
}

// A killedJob is one job of TestBatchKill: its rows ask three models, so that it has at
// least three batch jobs.
type killedJob struct {
	dir, sim string
	seed     uint64
	faults   string

	kills, starts, detached, cancelled int
	ledger                             batchLedger
}

const killedRows = 30

// passing is how a run may end that has to be run again, because by chance a small job had
// nothing but faults.
var passing = regexp.MustCompile("batch jobs in a row failed as a whole|do not say which rows they are of")

// batchLedger is what /sim/stats says of batches.
type batchLedger struct {
	Created                  int
	Billed, Repeats, Doubled int64
	Single                   int64
	Faults                   map[string]int64
	Jobs                     []struct {
		Name, State string
		Rows        int
		Billed      int64
	}
}

// kill -9 at any moment, again and again until a job is complete, with the program and the
// simulator in processes of their own: whatever else fails, each row has its own answer
// once, in order. The simulator has billed each row once, and each row whose result it has
// lost once more for that; no batch job lives on, and all of them are in the record. Some of the
// processes are detached runs, or cancels, whose jobs may have billed rows in vain.
func TestBatchKill(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves this out: it runs processes and kills them")
	}
	t.Parallel()
	want := usualBatchKills
	if text := os.Getenv(killsEnv); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s is %q, and a number is needed", killsEnv, text)
		}
		want = n
	}
	begin := time.Now()
	jobs := make([]*killedJob, want)
	slots := make(chan struct{}, 8) // a job mostly waits
	var group sync.WaitGroup
	for n := range jobs {
		k := &killedJob{dir: t.TempDir(), seed: uint64(n) + 1}
		if jobs[n] = k; n%2 == 1 {
			k.faults = killFaults[n/2%len(killFaults)]
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := k.run(); err != nil {
				t.Errorf("job %d with the faults %q, %d kills: %v", k.seed, k.faults, k.kills, err)
			}
		})
	}
	group.Wait()
	kinds := map[string]*killedJob{}
	var all killedJob
	for _, k := range jobs {
		sum := kinds[k.faults]
		if sum == nil {
			sum = &killedJob{faults: k.faults}
			kinds[k.faults] = sum
		}
		for _, s := range []*killedJob{sum, &all} {
			s.starts += k.starts
			s.kills += k.kills
			s.detached += k.detached
			s.cancelled += k.cancelled
			s.seed++ // of the sum: how many
			s.ledger.Created += k.ledger.Created
			s.ledger.Billed += k.ledger.Billed
			s.ledger.Repeats += k.ledger.Repeats
		}
	}
	for _, s := range kinds {
		t.Logf("%3d jobs of %d rows: %3d kills, %2d runs detached, %2d times cancelled, %3d batch jobs, %d rows billed, %d again; faults %q",
			s.seed, killedRows, s.kills, s.detached, s.cancelled, s.ledger.Created, s.ledger.Billed, s.ledger.Repeats, s.faults)
	}
	t.Logf("%d kills of %d jobs, %d starts, %.1f s", all.kills, want, all.starts, time.Since(begin).Seconds())
}

// run begins a job, kills it until it is complete, and returns what is wrong with it then.
func (k *killedJob) run() error {
	var rows strings.Builder
	for n := range killedRows {
		model := []string{"gemini-2.5-flash-lite", "gemini-3.1-flash-lite", "gemini-2.5-flash"}[n%3]
		fmt.Fprintf(&rows, "{\"q\":\"question %d\",\"m\":%q}\n", n, model)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "in.jsonl"), []byte(rows.String()), 0o600); err != nil {
		return err
	}
	stop, err := k.simulate()
	if err != nil {
		return err
	}
	defer stop()
	random := rand.New(rand.NewPCG(k.seed, 9))
	const most = 3 // kills of one job
	for {
		k.starts++
		args := []string{"run", "-i", "in.jsonl", "-o", "out.jsonl", "-m", "gemini-2.5-flash", "--set", "model={{.m}}", "-p", "{{.q}}",
			"--endpoint", "sim", "--base-url", k.sim, "--tier", "batch", "--max-attempts", "20", "--quiet"}
		cancels := false
		switch random.IntN(8) {
		case 0, 1:
			args = append(args, "--detach")
		case 2:
			if _, err := os.Stat(filepath.Join(k.dir, "out.jsonl.genbatch", "job.json")); err == nil && k.kills < most {
				args, cancels = []string{"cancel", "out.jsonl"}, true
			}
		}
		var after time.Duration
		if k.kills < most && (!cancels || random.IntN(2) == 0) {
			after = time.Duration(20+random.IntN(900)) * time.Millisecond
		}
		code, out, err := k.genbatch(after, args...)
		switch {
		case err != nil:
			return err
		case code == 0 && cancels:
			k.cancelled++
		case code == 0:
			return k.check()
		case code == 5:
			k.detached++
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		case code == -1:
			k.kills++
		case code == 4 && passing.MatchString(out):
		default:
			return fmt.Errorf("exit code %d: %s", code, out)
		}
		if k.starts > 60 {
			return fmt.Errorf("it does not come to its end: %s", out)
		}
	}
}

// simulate starts the simulator.
func (k *killedJob) simulate() (stop func(), err error) {
	cmd := exec.Command("genbatch", "simulate", "--batch-time", "240ms", "--batch-faults", k.faults, "--seed", strconv.FormatUint(k.seed, 10))
	cmd.Dir, cmd.Env = k.dir, k.env()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = cmd.Wait()                          // by the signal
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if k.sim = regexp.MustCompile(`http://\S+`).FindString(line); err != nil || k.sim == "" {
		stop()
		return nil, fmt.Errorf("the simulator says %q: %v", line, err)
	}
	return stop, nil
}

func (k *killedJob) env() []string {
	return append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GENBATCH_") }), "HOME="+k.dir, "XDG_STATE_HOME="+filepath.Join(k.dir, ".state"), "GORACE=atexit_sleep_ms=0")
}

// genbatch runs the program, and kills it after a time, unless that is 0. The code is -1 if
// the program was killed.
func (k *killedJob) genbatch(after time.Duration, args ...string) (code int, out string, err error) {
	cmd := exec.Command("genbatch", args...)
	cmd.Dir, cmd.Env = k.dir, k.env()
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	if err := cmd.Start(); err != nil {
		return 0, "", err
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop() // it may have ended by itself
	}
	_ = cmd.Wait() // its state says more
	return cmd.ProcessState.ExitCode(), all.String(), nil
}

// check returns what is wrong with a complete job.
func (k *killedJob) check() error {
	text, err := os.ReadFile(filepath.Join(k.dir, "out.jsonl"))
	if err != nil {
		return err
	}
	n := 0
	for line := range bytes.Lines(text) {
		var row struct{ Q, Response, Status string }
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("%w in %s", err, line)
		}
		if q := fmt.Sprintf("question %d", n); row.Q != q || row.Response != q || row.Status != "ok" {
			return fmt.Errorf("row %d is %s", n, line)
		}
		n++
	}
	if n != killedRows {
		return fmt.Errorf("the output has %d rows", n)
	}
	if code, out, err := k.genbatch(0, "verify", "out.jsonl"); err != nil || code != 0 {
		return fmt.Errorf("verify ends with %d, %v: %s", code, err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(k.dir, "out.jsonl.genbatch", "batches", "*")); len(left) != 1 {
		return fmt.Errorf("files of batch jobs are left: %q", left)
	}
	w := witness(k.dir)
	w.Billers = []billtest.Biller{distant(k.sim)}
	return errors.Join(k.checkLedger(), w.Compare())
}

// checkLedger holds the simulator's ledger against what the program knows.
func (k *killedJob) checkLedger() error {
	_, out, err := k.genbatch(0, "status", "out.jsonl", "--json")
	if err != nil {
		return err
	}
	type batchJob struct {
		ID, Name, State string
		Live            bool
		Others          []string
	}
	var status struct {
		Batches []batchJob
		Unknown []batchJob `json:"unknown_batches"`
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return fmt.Errorf("status: %w: %s", err, out)
	}
	if len(status.Unknown) > 0 {
		return fmt.Errorf("the record does not know the jobs %+v", status.Unknown)
	}
	reply, err := http.Get(k.sim + "/sim/stats")
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	var stats struct{ Batches batchLedger }
	if err := json.NewDecoder(reply.Body).Decode(&stats); err != nil {
		return err
	}
	l := &stats.Batches
	k.ledger = *l
	var twice int64 // rows of jobs that were made a second time, or cancelled
	for _, j := range l.Jobs {
		if j.State == "PENDING" || j.State == "RUNNING" {
			return fmt.Errorf("the job %s lives on: %s", j.Name, j.State)
		}
		if j.State == "CANCELLED" || slices.ContainsFunc(status.Batches, func(b batchJob) bool { return slices.Contains(b.Others, j.Name) }) {
			twice += j.Billed
		}
	}
	for _, b := range status.Batches {
		if b.Live {
			return fmt.Errorf("rows are left in the job %s, %s", b.ID, b.State)
		}
	}
	lost := l.Faults["missing"] + l.Faults["nokey"] // lines that are billed, and cannot be used
	if l.Single != 0 || l.Billed != killedRows+l.Repeats || l.Repeats != l.Doubled || l.Repeats > lost+twice {
		return fmt.Errorf("%d rows are billed and %d of them again, where %d results were lost and %d were in second and cancelled jobs: %+v",
			l.Billed, l.Repeats, lost, twice, *l)
	}
	return nil
}
