package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// interpreter returns the path of Python 3 itself, which starts faster than a script
// that chooses among versions.
var interpreter = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(out)), err
})

// An airflow runs single tasks of the example's DAG, in a copy of its folder.
type airflow struct {
	t      *testing.T
	python string
	dir    string
	env    []string
}

// A task is what Airflow would know of a task after an attempt.
type task struct {
	State, Why string
	Retries    int
	Downstream []string
	XCom       struct {
		Output string
		Rows   int
		Status map[string]int
		Cost   float64 `json:"cost_usd"`
	}
}

func newAirflow(t *testing.T) *airflow {
	t.Helper()
	python, err := interpreter()
	if err != nil {
		t.Skipf("python3 is not installed (%v); on Debian: apt-get install python3", err)
	}
	a := &airflow{t: t, python: python, dir: copyFolder(t, "airflow")}
	a.env = append(cleanEnv(t), "PATH="+filepath.Dir(program())+":"+os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1")
	key := filepath.Join(a.dir, "gemini.key")
	write(t, key, "key-of-the-task\n")
	replace(t, a.path("label_tickets.py"), "/run/secrets/gemini.key", key)
	return a
}

func (a *airflow) path(name string) string { return filepath.Join(a.dir, name) }

func (a *airflow) command(version, name, endpoint string, env ...string) *exec.Cmd {
	driver, err := filepath.Abs("testdata/airflow.py")
	if err != nil {
		a.t.Fatal(err)
	}
	c := exec.Command(a.python, driver, version, name)
	c.Dir, c.Env = a.dir, append(append(a.env, "GENBATCH_ENDPOINT="+endpoint), env...)
	return c
}

func (a *airflow) result(out []byte) (result task) {
	a.t.Helper()
	if err := json.Unmarshal(out, &result); err != nil {
		a.t.Fatalf("the task says %q: %v", out, err)
	}
	return result
}

func (a *airflow) run(version, name, endpoint string, env ...string) (task, string) {
	a.t.Helper()
	c := a.command(version, name, endpoint, env...)
	var log strings.Builder
	c.Stderr = &log
	out, err := c.Output()
	if err != nil {
		a.t.Fatalf("%v: %s", err, &log)
	}
	return a.result(out), log.String()
}

// Each exit code becomes the state that Airflow can do most with.
func TestAirflowExitCodes(t *testing.T) {
	for _, test := range []struct {
		name   string
		sim    []string
		env    []string
		change func(*airflow)
		state  string
		why    string
	}{
		{name: "0", state: "success"},
		{name: "1", state: "up_for_retry", why: "the run broke",
			change: func(a *airflow) { breakJournal(t, a.path("out/labels.csv")) }},
		{name: "2", state: "failed", why: "max_costs",
			change: func(a *airflow) { replace(t, a.path("job.yaml"), "max_cost:", "max_costs:") }},
		{name: "3", state: "failed", why: "8.3% of the rows have no answer",
			change: func(a *airflow) { replace(t, a.path("tickets.csv"), "Opening hours", "[[sim:block]]") }},
		{name: "3, few rows", state: "success",
			change: func(a *airflow) {
				replace(t, a.path("tickets.csv"), "Opening hours", "[[sim:block]]")
				replace(t, a.path("label_tickets.py"), "max_not_ok=0.05", "max_not_ok=0.10")
			}},
		{name: "4", sim: []string{"--accept-key", "another"}, state: "failed", why: "refuses"},
		{name: "5", sim: []string{"--rpd", "5"}, state: "up_for_retry", why: "day"},
		{name: "6", env: []string{"GENBATCH_MAX_COST=0.0003"}, state: "failed", why: "max_cost is reached"},
		{name: "8", sim: []string{"--faults", "500=1"}, env: []string{"GENBATCH_MAX_ATTEMPTS=1", "GENBATCH_MAX_FAILURES=2"}, state: "failed", why: "too many rows failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newAirflow(t)
			if test.change != nil {
				test.change(a)
			}
			result, log := a.run("3", "label", simulate(t, test.sim...).url, test.env...)
			if result.State != test.state || !strings.Contains(result.Why, test.why) {
				t.Errorf("the task is %s: %q, want %s: …%s…\n%s", result.State, result.Why, test.state, test.why, log)
			}
			if result.Retries != 24 {
				t.Errorf("the task has %d retries, want 24", result.Retries)
			}
			if strings.Contains(log+result.Why, "key-of-the-task") {
				t.Errorf("the key is in the log: %s", log)
			}
			if ok := result.XCom; test.state == "success" && (ok.Rows != 12 || ok.Status["ok"] < 11 || ok.Cost <= 0 || filepath.Base(ok.Output) != "labels.csv") {
				t.Errorf("the task hands on %+v", ok)
			}
		})
	}
}

// The DAG's tasks run in their order, with the modules of either version.
func TestAirflowDAG(t *testing.T) {
	for _, version := range []string{"2", "3"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			a := newAirflow(t)
			sim := simulate(t, "--accept-key", "key-of-the-task")
			plan, log := a.run(version, "plan", sim.url)
			if plan.State != "success" || strings.Join(plan.Downstream, " ") != "label" || !strings.Contains(log, "12 to ask") {
				t.Errorf("the plan is %+v: %s", plan, log)
			}
			if n := sim.stats(t, "requests"); n != 0 {
				t.Errorf("the plan asked %d rows", n)
			}
			label, log := a.run(version, "label", sim.url)
			if label.State != "success" || strings.Join(label.Downstream, " ") != "verify" {
				t.Errorf("the run is %+v: %s", label, log)
			}
			if verify, log := a.run(version, "verify", sim.url); verify.State != "success" {
				t.Errorf("verify is %+v: %s", verify, log)
			}
		})
	}
}

// A task beside a run is skipped, and one that is stopped leaves its answers to the retry.
func TestAirflowOverlap(t *testing.T) {
	t.Parallel()
	a := newAirflow(t)
	// A run that is long enough for another one to meet it.
	slow, fast := simulate(t, "--latency", "1s"), simulate(t)
	c := a.command("3", "label", slow.url, "GENBATCH_CONCURRENCY=1")
	out := new(strings.Builder)
	c.Stdout = out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	slow.await(t, "inFlight", 1)
	if beside, log := a.run("3", "label", fast.url); beside.State != "skipped" {
		t.Errorf("beside a run, the task is %+v: %s", beside, log)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if stopped := a.result([]byte(out.String())); stopped.State != "up_for_retry" {
		t.Errorf("the task that was stopped is %+v", stopped)
	}
	if retry, log := a.run("3", "label", fast.url); retry.State != "success" {
		t.Errorf("the retry is %+v: %s", retry, log)
	}
	if n := slow.stats(t, "answered") + fast.stats(t, "answered"); n != 12 {
		t.Errorf("%d answers were paid for, want one for each of 12 rows", n)
	}
}
