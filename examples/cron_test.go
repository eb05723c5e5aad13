package examples_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var crontabLine = regexp.MustCompile(`^(?:[0-9*/,-]+ +){5}((?:/|cd /).+)$`)

// A cron runs the command of the example's crontab as cron does: by /bin/sh, with the
// environment that the crontab gives and nothing else, and without a stdin.
type cron struct {
	t       *testing.T
	dir     string
	env     []string
	command string
}

func newCron(t *testing.T) *cron {
	dir := copyFolder(t, "cron")
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".config/genbatch"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, ".config/genbatch/gemini.key"), "key-of-the-example\n")
	c := &cron{t: t, dir: dir, env: []string{"HOME=" + home, "LOGNAME=you", "SHELL=/bin/sh"}}
	for line := range strings.Lines(read(t, "cron/crontab")) {
		line = strings.TrimSpace(line)
		name, value, isVariable := strings.Cut(line, "=")
		switch m := crontabLine.FindStringSubmatch(line); {
		case line == "" || line[0] == '#':
		case m != nil:
			c.command = strings.Replace(m[1], "/home/you/tickets", dir, 1)
		case isVariable:
			c.env = append(c.env, name+"="+strings.Replace(value, "/usr/local/bin", filepath.Dir(program()), 1))
		default:
			t.Fatalf("cron would not understand the line %q", line)
		}
	}
	if !strings.HasPrefix(c.command, dir) {
		t.Fatalf("the crontab runs %q", c.command)
	}
	return c
}

func (c *cron) start(env ...string) (*exec.Cmd, *strings.Builder) {
	run := exec.Command("/bin/sh", "-c", c.command)
	run.Dir, run.Env = c.env[0][len("HOME="):], append(c.env, env...)
	mail := new(strings.Builder)
	run.Stdout, run.Stderr = mail, mail
	if err := run.Start(); err != nil {
		c.t.Fatal(err)
	}
	return run, mail
}

// run returns the exit code of cron's command, and what cron would mail.
func (c *cron) run(env ...string) (int, string) {
	run, mail := c.start(env...)
	var exit *exec.ExitError
	if err := run.Wait(); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return run.ProcessState.ExitCode(), mail.String()
}

func (c *cron) path(name string) string { return filepath.Join(c.dir, name) }

// log returns what the example's log holds.
func (c *cron) log() string {
	files, err := filepath.Glob(c.path("log/2*.log"))
	if err != nil || len(files) == 0 {
		c.t.Fatal("there is no log")
	}
	return read(c.t, files[len(files)-1])
}

// breakJournal puts a folder where the journal of an output must be, so that a run breaks.
func breakJournal(t *testing.T, output string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(output+".genbatch", "results-000001.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func unixOnly(t *testing.T) {
	if _, err := exec.LookPath("/bin/sh"); err != nil {
		t.Skip("there is no /bin/sh: run the test on a Unix")
	}
}

// Each exit code of genbatch leads to what the script says: a mail, or silence.
func TestCron(t *testing.T) {
	unixOnly(t)
	block := func(c *cron) { replace(c.t, c.path("tickets.csv"), "Opening hours", "[[sim:block]]") }
	for _, test := range []struct {
		name     string
		sim      []string
		env      []string
		change   func(*cron)
		code     int    // of the script
		genbatch string // its exit code, as the log has it
		mail     string // the beginning; empty: no mail
	}{
		{name: "every row ok", genbatch: "0"},
		{name: "broken", genbatch: "1", code: 1, mail: "genbatch ended with exit code 1 in ",
			change: func(c *cron) { breakJournal(c.t, c.path("out/labels.csv")) }},
		{name: "a mistake", genbatch: "2", code: 2, mail: "genbatch ended with exit code 2 in ",
			change: func(c *cron) { replace(c.t, c.path("job.yaml"), "max_cost:", "max_costs:") }},
		{name: "some rows not ok", genbatch: "3", mail: "genbatch: 1 of 12 rows is not ok", change: block},
		{name: "refused", sim: []string{"--accept-key", "another"}, genbatch: "4", code: 4, mail: "genbatch ended with exit code 4 in "},
		{name: "quota of the day", sim: []string{"--rpd", "5"}, genbatch: "5"},
		{name: "cap", env: []string{"GENBATCH_MAX_COST=0.0003"}, genbatch: "6", code: 6, mail: "genbatch ended with exit code 6 in "},
		{name: "too many failures", sim: []string{"--faults", "500=1"}, env: []string{"GENBATCH_MAX_ATTEMPTS=1", "GENBATCH_MAX_FAILURES=2"},
			genbatch: "8", code: 8, mail: "genbatch ended with exit code 8 in "},
		{name: "not in PATH", env: []string{"PATH=/usr/bin:/bin"}, genbatch: "127", code: 127, mail: "genbatch ended with exit code 127 in "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCron(t)
			if test.change != nil {
				test.change(c)
			}
			sim := simulate(t, test.sim...)
			code, mail := c.run(append(test.env, "GENBATCH_ENDPOINT="+sim.url)...)
			log := c.log()
			if code != test.code || !strings.HasPrefix(mail, test.mail) || (mail == "") != (test.mail == "") {
				t.Errorf("the script ends with %d and mails %q, want %d and %q…\nlog: %s", code, mail, test.code, test.mail, log)
			}
			if !strings.Contains(log, " exit code "+test.genbatch+"\n") {
				t.Errorf("genbatch's exit code is not %s; log: %s", test.genbatch, log)
			}
			if strings.Contains(log+mail, "key-of-the-example") {
				t.Errorf("the key is in the log or the mail:\n%s%s", log, mail)
			}
		})
	}
}

// What one run leaves, a later one takes up, and rows that are not ok are mailed once.
func TestCronGoesOn(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	c := newCron(t)
	replace(t, c.path("tickets.csv"), "Opening hours", "[[sim:block]]")
	small := simulate(t, "--rpd", "5")
	if code, mail := c.run("GENBATCH_ENDPOINT=" + small.url); code != 0 || mail != "" {
		t.Fatalf("the day's quota ends the script with %d and mails %q, want 0 and no mail", code, mail)
	}
	next := simulate(t)
	code, mail := c.run("GENBATCH_ENDPOINT=" + next.url)
	if code != 0 || !strings.Contains(mail, "1 blocked") {
		t.Fatalf("the next day ends with %d and mails %q", code, mail)
	}
	if n := next.stats(t, "requests"); n != 12-5 {
		t.Errorf("the next day asks %d rows, want the 7 that were left", n)
	}
	if rows := readCSV(t, c.path("out/labels.csv")); len(rows) != 1+12 {
		t.Errorf("the output has %d rows, want 12", len(rows)-1)
	}
	if code, mail := c.run("GENBATCH_ENDPOINT=" + next.url); code != 0 || mail != "" {
		t.Errorf("the hour after ends with %d and mails %q again", code, mail)
	}
	if n := next.stats(t, "requests"); n != 12-5 {
		t.Errorf("the hour after asks %d rows again", n-7)
	}
}

// Runs that overlap do no harm: neither cron's own, nor one that was started by hand.
// One that is stopped by the system says nothing, and is taken up.
func TestCronOverlap(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	c := newCron(t)
	// A run that is long enough for others to meet it.
	slow, fast := simulate(t, "--latency", "1s"), simulate(t)
	first, firstMail := c.start("GENBATCH_ENDPOINT="+slow.url, "GENBATCH_CONCURRENCY=1")
	endpoint := "GENBATCH_ENDPOINT=" + fast.url
	slow.await(t, "inFlight", 1)
	if code, mail := c.run(endpoint); code != 0 || mail != "" {
		t.Errorf("while the script runs, it ends with %d and mails %q", code, mail)
	}

	// The lock of genbatch itself, without that of the script.
	if err := os.Remove(c.path("log/lock")); err != nil {
		t.Fatal(err)
	}
	if code, mail := c.run(endpoint); code != 0 || mail != "" || !strings.Contains(c.log(), "exit code 7\n") {
		t.Errorf("while genbatch runs, the script ends with %d and mails %q; log: %s", code, mail, c.log())
	}

	status := exec.Command(program(), "status", c.path("job.yaml"), "--json")
	status.Env = c.env
	out, err := status.Output()
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Running struct{ PID int } }
	if err := json.Unmarshal(out, &state); err != nil || state.Running.PID == 0 {
		t.Fatalf("status tells of no running process: %s", out)
	}
	p, err := os.FindProcess(state.Running.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil || firstMail.String() != "" || !strings.Contains(c.log(), "exit code 130\n") {
		t.Errorf("a run that is stopped ends the script with %v and mails %q; log: %s", err, firstMail, c.log())
	}
	if code, mail := c.run(endpoint); code != 0 || mail != "" {
		t.Errorf("the run after ends with %d and mails %q", code, mail)
	}
	if n := slow.stats(t, "answered") + fast.stats(t, "answered"); n != 12 {
		t.Errorf("%d answers were paid for, want one for each of 12 rows", n)
	}
}
