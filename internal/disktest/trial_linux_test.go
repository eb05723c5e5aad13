package disktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
)

// A place is a file system that can lose its power.
type place interface {
	// mount makes what is safe available in the folder at.
	mount(at string) error
	// cut has kill called at one moment of the disk, and lets it lose what is not safe by
	// then. What is written afterwards is lost too, until the next mount.
	cut(r *rand.Rand, l loss, kill func())
	// unmount undoes mount. Without a mount it does nothing.
	unmount() error
}

// A kind is a way to run a job.
type kind struct {
	name   string
	rows   int
	binary string
	stdin  bool // the rows come through a pipe, and genbatch keeps them
	giants int  // every so many rows, one has an answer that becomes a blob; 0: none
	batch  bool
}

// atOnce is how many calls are in flight.
const atOnce = 32

// waiting is how many answers may wait for the disk beside those in flight.
const waiting = 256

// giantBytes is the length of an answer that becomes a blob.
const giantBytes = 1_100_000

func (k *kind) giant(row int) bool { return k.giants > 0 && row%k.giants == k.giants-1 }

func (k *kind) question(row int) string {
	if k.giant(row) {
		return fmt.Sprintf("question %d of the table [[sim:giant=%d]]", row, giantBytes)
	}
	return fmt.Sprintf("question %d of the table", row)
}

func (k *kind) table() []byte {
	var b bytes.Buffer
	for row := range k.rows {
		fmt.Fprintf(&b, "{\"q\":%q}\n", k.question(row))
	}
	return b.Bytes()
}

// A moment says when the power goes.
type moment int

const (
	starting moment = iota // before or soon after the first row is asked
	during                 // after any number of answers
	finished               // once the output is being written, until its name is safe
	ended                  // after the run has said that it is complete
)

// A trial is a job on a place whose power is cut.
type trial struct {
	kind     *kind
	place    place
	at       string // where the place is mounted
	random   *rand.Rand
	duration time.Duration // of a run that is not cut
	keep     string        // folder for the files of a trial that fails; "": they are lost

	server  *sim.Server
	url     string
	replies atomic.Int64 // of the server, of any kind
	result  result
}

// A result is what a trial came to.
type result struct {
	cuts, partial int            // partial: cuts at which some rows had been answered, but not all
	torn          int            // ends of segments that were cut off, because they were torn
	again, bound  int            // answers that were bought again, and that may be
	said          map[string]int // what the runs warned of, without its numbers
}

// A broken is a promise of genbatch that a trial found broken. Any other error of a trial is one
// of the disk or of the test.
type broken struct{ error }

// run runs the job, cuts the power some times, and runs it to its end.
func (t *trial) run(cuts int) (err error) {
	t.result.said = map[string]int{}
	t.server = sim.New(sim.Config{
		CountAnswers: true, Latency: 6 * time.Millisecond, Jitter: 6 * time.Millisecond,
		Batches: sim.Batches{Pending: 70 * time.Millisecond, Running: 170 * time.Millisecond},
	})
	defer t.server.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.server.ServeHTTP(w, r)
		t.replies.Add(1)
	}))
	defer server.Close()
	t.url = server.URL
	defer func() {
		if err != nil && t.keep != "" {
			err = errors.Join(err, os.CopyFS(t.keep, os.DirFS(t.at)))
		}
		err = errors.Join(err, t.place.unmount())
	}()
	if err := t.place.mount(t.at); err != nil {
		return err
	}
	if err := t.prepare(); err != nil {
		return err
	}
	for range cuts {
		if err := t.cut(); err != nil {
			return err
		}
	}
	begin := time.Now()
	if code, out := t.genbatch("run"); code != 0 {
		return broken{fmt.Errorf("the last run ends with %d: %s", code, out)}
	}
	t.duration = time.Since(begin)
	return t.check()
}

// prepare makes the input safe, as it is when somebody begins a job on it.
func (t *trial) prepare() error {
	if err := os.WriteFile(t.file("in.jsonl"), t.kind.table(), 0o600); err != nil {
		return err
	}
	d, err := os.Open(t.file("in.jsonl"))
	if err != nil {
		return err
	}
	err = d.Sync()
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	if d, err = os.Open(t.at); err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func (t *trial) file(name string) string { return filepath.Join(t.at, name) }

// cut begins a run and cuts the power at a moment of it. Then it mounts what the disk has.
func (t *trial) cut() error {
	when := []moment{starting, during, during, during, during, during, finished, finished, ended}[t.random.IntN(9)]
	lost := []loss{loseAll, loseNone, loseSome, loseSome}[t.random.IntN(4)]
	// Another program that has all files written out lets the disk have bytes before
	// genbatch asks for that.
	stop := func() {}
	if t.random.IntN(2) == 0 {
		stop = t.writeBack()
	}
	p, err := t.start("run")
	if err != nil {
		stop()
		return err
	}
	t.await(p, when)
	t.place.cut(t.random, lost, p.kill)
	p.wait(time.Minute)
	stop()
	for t.server.Stats().InFlight > 0 {
		time.Sleep(time.Millisecond) // answers that nobody waits for are paid for too
	}
	if n := t.answered(); n > 0 && n < t.kind.rows {
		t.result.partial++
	}
	t.result.cuts++
	if err := t.place.unmount(); err != nil {
		return err
	}
	if err := t.place.mount(t.at); err != nil {
		return fmt.Errorf("mount after the cut: %w", err)
	}
	if p.running() {
		return errors.New("the run does not end")
	}
	switch code := p.code(); {
	case code == 0: // all is safe by its own word
		if err := t.checkOutput(); err != nil {
			return broken{fmt.Errorf("the run had said that it was complete: %w", err)}
		}
	case code != -1:
		return broken{fmt.Errorf("the run ends with %d before the cut: %s", code, p.out.String())}
	case !t.kind.batch:
		t.result.bound += atOnce + waiting
	}
	return nil
}

// await waits for a moment of a run, or for its end.
func (t *trial) await(p *process, when moment) {
	poll := func(reached func() bool) {
		for p.running() && !reached() {
			p.wait(time.Millisecond)
		}
		p.wait(time.Duration(t.random.Int64N(int64(15 * time.Millisecond))))
	}
	switch {
	case when == starting:
		p.wait(time.Duration(t.random.Int64N(int64(t.duration / 4))))
	case when == during && t.kind.batch: // whose rows are answered all at once
		p.wait(time.Duration(t.random.Int64N(int64(t.duration))))
	case when == during:
		after := t.replies.Load() + t.random.Int64N(int64(max(1, t.kind.rows-t.answered())))
		poll(func() bool { return t.replies.Load() >= after })
	case when == finished:
		poll(t.writing)
	case when == ended:
		p.wait(time.Minute)
	}
}

// writeBack has the file system write out all that it has, again and again, until stop is
// called. Another process does so: if this one waited for the file system that it serves, it
// could not even be killed.
func (t *trial) writeBack() (stop func()) {
	pause := fmt.Sprintf("0.0%02d", 5+t.random.IntN(60))
	cmd := exec.Command("sh", "-c", `while sleep "$2" && sync -f "$1"; do :; done`, "sh", t.at, pause)
	if err := cmd.Start(); err != nil {
		return func() {} // then this trial does without
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // by the signal
	}
}

// writing reports whether the run has begun to write the output.
func (t *trial) writing() bool {
	list, err := os.ReadDir(t.at)
	if err != nil {
		return false
	}
	for _, e := range list {
		if name := e.Name(); name == "out.jsonl" || strings.HasPrefix(name, "out.jsonl.tmp-") {
			return true
		}
	}
	return false
}

// A process is a command of genbatch that runs.
type process struct {
	cmd  *exec.Cmd
	out  bytes.Buffer // what it says; not to be read while it runs
	done chan struct{}
}

func (t *trial) start(name string) (*process, error) {
	args := []string{name, "out.jsonl"}
	if name == "run" {
		args = []string{
			"run", "-i", "in.jsonl", "-o", "out.jsonl", "-m", "gemini-2.5-flash-lite", "-p", "{{.q}}", "--max-attempts", "20",
			"--endpoint", "sim", "--base-url", t.url, "--concurrency", fmt.Sprint(atOnce), "--quiet",
		}
		if t.kind.stdin {
			args[2] = "-"
		}
		if t.kind.batch {
			args = append(args, "--tier", "batch")
		}
	}
	// The shell changes to the folder, because the test serves the file system: a fork that
	// did so would wait for the test, which waits for the fork.
	inFolder := []string{"-c", `cd "$1" && shift && exec "$@"`, "sh", t.at, t.kind.binary}
	p := &process{cmd: exec.Command("sh", append(inFolder, args...)...), done: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.at, "XDG_STATE_HOME=" + t.file(".state"), "TZ=UTC"}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if t.kind.stdin && name == "run" {
		p.cmd.Stdin = bytes.NewReader(t.kind.table())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // its state says more
		close(p.done)
	}()
	return p, nil
}

// wait waits for the end of the process, for at most so long.
func (p *process) wait(d time.Duration) {
	select {
	case <-p.done:
	case <-time.After(d):
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) kill() { _ = p.cmd.Process.Kill() } // it may have ended by itself

// code is the exit code, and -1 of a process that was killed.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// genbatch runs a command to its end.
func (t *trial) genbatch(name string) (code int, out string) {
	p, err := t.start(name)
	if err != nil {
		return 126, err.Error()
	}
	p.wait(2 * time.Minute)
	if p.running() {
		p.kill()
		<-p.done
		return 124, "it did not end within two minutes: " + p.out.String()
	}
	if name == "run" {
		for line := range strings.Lines(p.out.String()) {
			line = strings.ReplaceAll(strings.TrimSpace(line), t.at, "")
			t.result.said[numbers.ReplaceAllString(line, "#")]++
		}
	}
	return p.code(), p.out.String()
}

var numbers = regexp.MustCompile(`\b[0-9a-f]{32,}\b|[0-9]+`)

// check proves the promises on a job that is complete.
func (t *trial) check() error {
	if err := t.checkOutput(); err != nil {
		return broken{err}
	}
	if code, out := t.genbatch("verify"); code != 0 {
		return broken{fmt.Errorf("verify ends with %d: %s", code, out)}
	}
	torn, err := filepath.Glob(t.file("out.jsonl.genbatch/torn-*"))
	if err != nil {
		return err
	}
	t.result.torn = len(torn)
	t.result.again = t.answered() - t.kind.rows
	if t.result.again < 0 {
		return broken{fmt.Errorf("%d of %d rows were answered", t.answered(), t.kind.rows)}
	}
	if t.result.again > t.result.bound {
		return broken{fmt.Errorf("%d answers were bought again, where at most %d were not safe", t.result.again, t.result.bound)}
	}
	return nil
}

// answered counts the answers that were bought.
func (t *trial) answered() int {
	s := t.server.Stats()
	n := int(s.Batches.Billed) + int(s.Faults["giant"])
	for _, times := range s.Answers {
		n += times
	}
	return n
}

// checkOutput proves that the output has each row with its own answer, in order.
func (t *trial) checkOutput() error {
	f, err := os.Open(t.file("out.jsonl"))
	if err != nil {
		return err
	}
	defer f.Close()
	row := 0
	for d := json.NewDecoder(f); ; row++ {
		var got struct{ Q, Response, Status string }
		err := d.Decode(&got)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("row %d of the output: %w", row, err)
		}
		q := t.kind.question(row)
		right := got.Response == q
		if t.kind.giant(row) {
			right = len(got.Response) == giantBytes
		}
		if got.Q != q || got.Status != "ok" || !right {
			return fmt.Errorf("row %d of the output is %.200q, %s, %.200q", row, got.Q, got.Status, got.Response)
		}
	}
	if row != t.kind.rows {
		return fmt.Errorf("the output has %d rows of %d", row, t.kind.rows)
	}
	return nil
}
