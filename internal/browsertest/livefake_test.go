package browsertest

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

type object = map[string]any

// A fakeRun takes the place of a run behind the socket in a state folder, for states that a
// real one is in for a moment only. It says what it is told to say, and notes what it is asked.
type fakeRun struct {
	output    string // of the job
	simulator string // its endpoint, which answers nothing
	stop      func() // ends the run without a word

	mu      sync.Mutex
	state   object
	asked   []string
	refusal object // the answer to controls, if it is not the state
}

// newFakeRun begins a run whose only call is never answered, and takes its place.
func newFakeRun(t *testing.T, state object) *fakeRun {
	t.Helper()
	f := &fakeRun{output: filepath.Join(t.TempDir(), "labels.csv"), simulator: startSimulator(t, "--latency", "1h"), state: state}
	f.start(t)
	return f
}

// start begins a run, and takes its socket, until stop or the end of the test.
func (f *fakeRun) start(t *testing.T) {
	t.Helper()
	dir := filepath.Dir(f.output)
	input, socket := filepath.Join(dir, "in.csv"), filepath.Join(f.output+".genbatch", "control.sock")
	if err := os.WriteFile(input, []byte("text\nhello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(genbatch, "run", "-i", input, "-o", f.output, "-m", "gemini-2.5-flash-lite", "-p", "{{.text}}", "--endpoint", f.simulator, "--quiet")
	run.Env = append(os.Environ(), "GENBATCH_API_KEY=any", "XDG_STATE_HOME="+dir)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Lstat(socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the run makes no socket")
		}
	}
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(l)
		close(served)
	}()
	f.stop = sync.OnceFunc(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
		server.Close()
		<-served
	})
	t.Cleanup(f.stop)
}

func (f *fakeRun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodPost {
		var body object
		_ = json.NewDecoder(r.Body).Decode(&body)
		text, _ := json.Marshal(body)
		f.asked = append(f.asked, strings.TrimSuffix(r.URL.Path+" "+string(text), " null"))
		if f.refusal != nil {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(f.refusal)
			return
		}
	}
	_ = json.NewEncoder(w).Encode(f.state)
}

// set changes the state.
func (f *fakeRun) set(changes object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = maps.Clone(f.state)
	maps.Copy(f.state, changes)
}

// refuse has the run answer controls with an error; nil ends that.
func (f *fakeRun) refuse(refusal object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = refusal
}

// told returns what the run was told since told was called before.
func (f *fakeRun) told() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := strings.Join(f.asked, ", ")
	f.asked = nil
	return asked
}

// aState is the state of a run that goes well.
func aState() object {
	now := time.Now().Truncate(time.Second)
	var samples []object
	rows, attempts, refused, faults := 0, 0, 0, 0
	for i := range 300 {
		rows += 9 + i%4
		attempts += 10 + i%4
		if i > 140 && i < 170 {
			refused += 3
		}
		if i%50 == 7 {
			faults++
		}
		samples = append(samples, object{
			"seq": i + 1, "at": now.Add(time.Duration(i-300) * time.Second).Format(time.RFC3339Nano), "elapsed_s": i + 1,
			"rows": rows, "ok": rows - faults, "failed": faults, "attempts": attempts, "refused": refused, "faults": faults,
			"in_flight": 24 + (i*7)%13, "waiting": 2, "queued": 12, "rpm": 900, "tpm": nil, "concurrency": 64,
			"paused": i > 200 && i < 220, "limit": "rpm",
		})
	}
	return object{
		"type": "state", "schema": 1, "output": "/home/you/reviews/labels.csv", "state": "/home/you/reviews/labels.csv.genbatch",
		"job_file": "job.yaml", "model": "gemini-2.5-flash", "endpoint": "google",
		"process": object{"pid": 4711, "host": "workstation", "since": now.Add(-300 * time.Second).Format(time.RFC3339)},
		"progress": object{
			"type": "progress", "seconds": 300.4, "total": 10_000, "rows": 4210, "share": .421,
			"status": object{"ok": 3150, "failed": 12, "blocked": 3}, "settled_before": 1045, "bad": 0, "copied": 0,
			"rows_per_second": 10.4, "eta_seconds": 560.0, "in_flight": 31, "attempts": 3400, "retries_waiting": 4,
			"tokens": 1_204_110, "cost_usd": 1.2345, "simulated": false,
			"quota": object{
				"text": "waiting: 900 rpm, next slot 0.1 s, 31 in flight, oldest 2 s", "limit": "rpm", "value": 900, "trouble": false, "why": "",
			},
		},
		"paused_since": nil, "stopping": false, "retry_asked": false, "ended": nil,
		"limits": object{
			"rpm": object{"value": 900, "source": "job"}, "tpm": object{"value": nil, "source": "none"},
			"rpd": object{"value": 10_000, "source": "learned"}, "concurrency": object{"value": 64, "source": "default"},
		},
		"max_cost_usd": "5.00", "cost_usd": "1.5011", "cost_this_run_usd": "1.2345",
		"failures": []object{
			{"seq": 1, "at": now.Add(-250 * time.Second).Format(time.RFC3339), "row": 188, "key": "", "status": "failed", "error": "HTTP 500: INTERNAL: An internal error has occurred."},
			{"seq": 2, "at": now.Add(-90 * time.Second).Format(time.RFC3339), "row": 2907, "key": "r-2907", "status": "blocked", "error": "the prompt was blocked: PROHIBITED_CONTENT"},
			{"seq": 3, "at": now.Add(-30 * time.Second).Format(time.RFC3339), "row": 4101, "key": "", "status": "failed", "error": "HTTP 400: INVALID_ARGUMENT: The document has no pages."},
		},
		"samples": samples, "batches": []object{},
	}
}

// watch starts genbatch watch for a job. It returns the address of its page, and what ends it.
func watch(t *testing.T, output string) (address string, stop func()) {
	t.Helper()
	c := exec.Command(genbatch, "watch", output)
	c.Stderr = os.Stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(os.Interrupt)
		if err := c.Wait(); err != nil {
			t.Errorf("genbatch watch: %v", err)
		}
	})
	t.Cleanup(stop)
	return addressIn(t, stdout), stop
}

// shows waits until an expression of JavaScript is true. In it, $ finds an element by its id.
func (b *browser) shows(t *testing.T, expression string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !get(t, b, chromedp.Evaluate[bool]("(($) => Boolean("+expression+"))((id) => document.getElementById(id))")) {
		if time.Now().After(deadline) {
			t.Fatalf("the page never comes to: %s\n%s\ncomplaints: %q", expression, get(t, b, chromedp.Evaluate[string]("document.body.innerText")), b.complained())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// states are what a run can be in, each as a change of aState, with what the page says of it.
func states() map[string]struct {
	change object
	says   string // an expression of JavaScript that becomes true
} {
	now := time.Now()
	with := func(changes object) object {
		progress := aState()["progress"].(object)
		maps.Copy(progress, changes)
		return progress
	}
	type state = struct {
		change object
		says   string
	}
	return map[string]state{
		"running": {object{"progress": with(object{"quota": object{"text": "31 in flight, oldest 2 s", "limit": "", "trouble": false, "why": ""}})},
			`$("badge").textContent === "running" && document.title === "42% · labels.csv"`},
		"quota": {object{}, `$("why").innerText.startsWith("Waiting: 900 rpm")`},
		"paused": {object{"paused_since": now.Format(time.RFC3339)},
			`$("badge").textContent === "paused" && $("pause").textContent === "Resume" && $("why").innerText.includes("31 calls in flight are still answered")`},
		"trouble": {object{"progress": with(object{"rows_per_second": 0.0, "eta_seconds": nil, "in_flight": 1, "quota": object{
			"text": "waiting: trouble at google: HTTP 503: UNAVAILABLE: The model is overloaded. Please try again later., probing again in 12 s, 1 in flight, oldest 4 s", "limit": "pause", "trouble": true, "why": "HTTP 503",
		}})}, `$("badge").textContent === "trouble at the endpoint" && $("why").innerText.includes("The model is overloaded")`},
		"stopping": {object{"stopping": true}, `$("badge").textContent === "stopping" && $("pause").disabled && $("stop").disabled`},
		"ended": {object{"ended": object{"exit_code": 3, "error": ""}, "progress": with(object{"rows": 10_000, "share": 1.0, "eta_seconds": nil, "in_flight": 0})},
			`$("badge").textContent === "done" && $("notice-command").textContent.includes("genbatch run job.yaml")`},
		"cap": {object{"ended": object{"exit_code": 6, "error": "the job has cost $5.00, and --max-cost is 5.00"}, "cost_usd": "5.0000"},
			`$("notice-text").textContent.includes("--max-cost is 5.00")`},
	}
}
