package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs"
)

// opened returns a job that is ready to run, with rows that a model answers when release is
// closed.
func opened(t *testing.T, dir string, rows int) (j *jobs.Job, release chan struct{}) {
	t.Helper()
	in := filepath.Join(dir, "in.jsonl")
	var text strings.Builder
	for i := range rows {
		fmt.Fprintf(&text, "{\"q\":\"row %d\"}\n", i)
	}
	if err := os.WriteFile(in, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	release = make(chan struct{})
	j, err := jobs.Open(jobs.Spec{
		Input: jobs.List{in}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash", Prompt: "{{.q}}",
		Endpoint: "http://127.0.0.1:1", Auth: "none", Concurrency: 2, MaxOutputTokens: 10, MaxCost: "5",
	}, jobs.Options{Env: func(string) string { return "" }, Model: model(release)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, release
}

// running runs a job that is served, and returns a Client of it, and what ends the run.
func running(t *testing.T, dir string, rows int) (c *Client, finish func() error) {
	t.Helper()
	j, release := opened(t, dir, rows)
	local := &Local{Job: j, JobFile: filepath.Join(dir, "job.yaml")}
	state := filepath.Join(dir, "out.jsonl.genbatch")
	server, err := Serve(state, local)
	if err != nil {
		t.Fatal(err)
	}
	var end error
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, end = j.Run(context.Background())
		local.End(0, end)
	}()
	finished := false
	finish = func() error {
		if !finished {
			finished = true
			close(release)
			<-done
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}
		return end
	}
	t.Cleanup(func() { _ = finish() })
	if c, err = Dial(state); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, finish
}

// await asks for the state until it is as wanted.
func await(t *testing.T, c Controller, what string, want func(*State) bool) *State {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		s, err := c.State(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if want(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not come: %+v", what, s)
		}
	}
}

func inFlight(s *State) int {
	var p struct {
		InFlight int `json:"in_flight"`
	}
	json.Unmarshal(s.Progress, &p)
	return p.InFlight
}

// What a Client has the run do, it does, and says so.
func TestClient(t *testing.T) {
	c, finish := running(t, t.TempDir(), 50)
	ctx := t.Context()
	s := await(t, c, "two calls in flight", func(s *State) bool { return inFlight(s) == 2 })
	if s.Type != "state" || s.Schema != 1 || s.Process.PID != os.Getpid() || filepath.Base(s.Output) != "out.jsonl" || s.Model != "gemini-2.5-flash" ||
		filepath.Base(s.JobFile) != "job.yaml" || s.Ended != nil || *s.MaxCost != "5" || *s.ThisRun != "0" || s.Failures == nil || s.Samples == nil || s.Batches == nil {
		t.Errorf("the state is %+v", s)
	}
	if l := s.Limits; l.RPM.Value != nil || l.RPM.Source != "none" || *l.Concurrency.Value != 2 || l.Concurrency.Source != "job" {
		t.Errorf("the limits are %+v", l)
	}
	if s, err := c.Do(ctx, Pause); err != nil || s.PausedSince == nil {
		t.Errorf("%v, %+v", err, s)
	}
	s, err := c.Set(ctx, jobs.Limits{RPM: new(6_000_000), Concurrency: new(20), MaxCost: new("7.50")})
	if err != nil || *s.Limits.RPM.Value != 6_000_000 || s.Limits.RPM.Source != "control" || *s.Limits.Concurrency.Value != 20 || *s.MaxCost != "7.5" || s.PausedSince == nil {
		t.Errorf("%v, %+v", err, s)
	}
	if s, err := c.Do(ctx, Retry); err != nil || !s.RetryAsked {
		t.Errorf("%v, %+v", err, s)
	}
	if s, err := c.Do(ctx, Resume); err != nil || s.PausedSince != nil {
		t.Errorf("%v, %+v", err, s)
	}
	// The cap lets four calls through until one of them is answered.
	await(t, c, "four calls in flight", func(s *State) bool { return inFlight(s) == 4 })
	var wrong *jobs.SpecError
	if _, err := c.Set(ctx, jobs.Limits{RPM: new(-4)}); !errors.As(err, &wrong) || wrong.Hint == "" {
		t.Errorf("a limit below 0: %v", err)
	}
	if _, err := c.Do(ctx, "sleep"); err == nil {
		t.Error("an action that there is not")
	}
	if s, err := c.Do(ctx, Stop); err != nil || !s.Stopping {
		t.Errorf("%v, %+v", err, s)
	}
	if err := finish(); err == nil || !strings.Contains(err.Error(), "stopped on request") {
		t.Errorf("the run ends with %v", err)
	}
}

// Whoever follows a run sees its end, and nobody else holds it up.
func TestEndIsSeen(t *testing.T) {
	c, finish := running(t, t.TempDir(), 3)
	await(t, c, "the calls", func(s *State) bool { return inFlight(s) > 0 })
	s, err := c.State(t.Context(), 0) // who asks twice follows
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan *State)
	go func() {
		for s.Ended == nil {
			time.Sleep(100 * time.Millisecond)
			next, err := c.State(context.Background(), 0)
			if err != nil {
				break
			}
			s = next
		}
		seen <- s
	}()
	if err := finish(); err != nil {
		t.Fatal(err)
	}
	if s := <-seen; s.Ended == nil || s.Ended.ExitCode != 0 {
		t.Errorf("the last state is %+v", s)
	}
	if _, err := c.Do(t.Context(), Pause); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("after the end: %v", err)
	}
}

// Only the user can open the socket, and it goes with the run.
func TestSocketIsPrivate(t *testing.T) {
	dir := t.TempDir()
	_, finish := running(t, dir, 3)
	state := filepath.Join(dir, "out.jsonl.genbatch")
	info, err := os.Lstat(filepath.Join(state, socketFile))
	if err != nil || info.Mode()&fs.ModeSocket == 0 || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info, err)
	}
	finish()
	entries, err := os.ReadDir(state)
	for _, e := range entries {
		if strings.Contains(e.Name(), "control") {
			t.Errorf("%s is left", e.Name())
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// A path may be longer than the address of a socket can be, and a killed run may have left a
// socket, or a part of one.
func TestSocketInAnyFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[ab]", strings.Repeat("long/", 40))
	state := filepath.Join(dir, "out.jsonl.genbatch")
	if err := os.MkdirAll(filepath.Join(state, socketFile+".tmp-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	stale, err := listen(state)
	if err != nil {
		t.Fatal(err)
	}
	stale.Close() // which leaves its file
	if _, err := os.Lstat(filepath.Join(state, socketFile)); err != nil {
		t.Fatal(err)
	}
	before, err := filepath.Glob(filepath.Join(os.TempDir(), "genbatch-*"))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := running(t, dir, 3)
	if s, err := c.State(t.Context(), 0); err != nil || s.StateDir != state {
		t.Errorf("%v, %+v", err, s)
	}
	if after, _ := filepath.Glob(filepath.Join(os.TempDir(), "genbatch-*")); len(after) > len(before) {
		t.Errorf("left in the folder for temporary files: %q", after)
	}
	if _, err := os.Stat(filepath.Join(state, socketFile+".tmp-1")); err == nil {
		t.Error("what a killed run has left is there")
	}
}

// Why a run cannot be reached is said, with what there is to do.
func TestDialSaysWhy(t *testing.T) {
	dir := t.TempDir()
	says := func(what, want string) {
		t.Helper()
		_, err := Dial(dir)
		if wrong, ok := errors.AsType[*jobs.SpecError](err); !ok || !strings.Contains(err.Error(), want) || wrong.Hint == "" {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	says("no run", "no process runs the job of "+dir)
	lock := func(host string, pid int) {
		t.Helper()
		text := fmt.Sprintf(`{"pid":%d,"host":%q,"since":"2026-11-29T12:00:00Z","command":"genbatch"}`, pid, host)
		if err := os.WriteFile(filepath.Join(dir, "lock"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock("elsewhere", 7)
	says("another host", "process 7 on elsewhere")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	lock(host, os.Getpid())
	says("no socket", "it has no socket there")
	stale, err := listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	stale.Close()
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), Stop); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("nobody at the socket: %v", err)
	}
}

// A run in another user's name says so. Root may open everything.
func TestSocketOfAnotherUser(t *testing.T) {
	c := &Client{owner: jobs.Owner{PID: 7}}
	err := c.unreachable(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", fs.ErrPermission)})
	if !strings.Contains(err.Error(), "another user's") {
		t.Error(err)
	}
}

// A fake is a Controller that says what it was told.
type fake struct{ told []string }

func (f *fake) State(_ context.Context, since int64) (*State, error) {
	f.told = append(f.told, fmt.Sprint("state ", since))
	return &State{Type: "state", Progress: json.RawMessage(`{}`)}, nil
}

func (f *fake) Do(ctx context.Context, a Action) (*State, error) {
	f.told = append(f.told, string(a))
	if a == Retry {
		return nil, errors.New("the disk is full")
	}
	return &State{Progress: json.RawMessage(`{}`)}, nil
}

func (f *fake) Set(ctx context.Context, c jobs.Limits) (*State, error) {
	text, _ := json.Marshal(c)
	f.told = append(f.told, "set "+string(text))
	return &State{Progress: json.RawMessage(`{}`)}, nil
}

// The Handler tells its Controller what it is asked, and nothing else.
func TestHandler(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		code               int
		told, says         string
	}{
		{"GET", "/v1/state", "", 200, "state 0", `"type":"state"`},
		{"GET", "/v1/state?since=17", "", 200, "state 17", ""},
		{"GET", "/v1/state?since=x", "", 400, "", `"error":"since is \"x\""`},
		{"POST", "/v1/state", "", 404, "", ""},
		{"POST", "/v1/pause", "", 200, "pause", ""},
		{"GET", "/v1/pause", "", 405, "", ""},
		{"POST", "/v1/retry", "", 500, "retry", `"error":"the disk is full"`},
		{"POST", "/v1/sleep", "", 404, "", ""},
		{"POST", "/v1/set", `{"rpm":600,"tpm":null,"concurrency":0,"max_cost":"5.00"}`, 200, `set {"rpm":600,"concurrency":0,"max_cost":"5.00"}`, ""},
		{"POST", "/v1/set", `{"rpm":"fast"}`, 400, "", `"hint":"write {\"rpm\": 600}`},
		{"POST", "/v1/set", `{"speed":5}`, 400, "", "unknown field"},
		{"POST", "/v1/set", strings.Repeat(" ", maxBody+1), 400, "", "too large"},
		{"GET", "/", "", 404, "", ""},
	} {
		f := new(fake)
		w := httptest.NewRecorder()
		Handler(f).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
		body, _ := io.ReadAll(w.Body)
		if w.Code != tt.code || strings.Join(f.told, ", ") != tt.told || !strings.Contains(string(body), tt.says) {
			t.Errorf("%s %s: %d, told %q, says %s", tt.method, tt.path, w.Code, f.told, body)
		}
		if w.Code == http.StatusOK && w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept", tt.path)
		}
	}
}

// The log has a line for what changes, and none for what a run was told already.
func TestLogsWhatIsNew(t *testing.T) {
	j, _ := opened(t, t.TempDir(), 1)
	var log strings.Builder
	local := &Local{Job: j, Log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, a := range []Action{Pause, Pause, Retry, Retry, Resume, Resume} {
		if _, err := local.Do(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := local.Set(t.Context(), jobs.Limits{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, &log)
	}
}

// What people read fits into 80 columns.
func TestStateText(t *testing.T) {
	at := time.Date(2026, 11, 29, 18, 5, 0, 0, time.Local)
	s := State{
		Progress: json.RawMessage(`{"rows":1200,"total":50000,"in_flight":12,"quota":{"text":"waiting: 60 rpm, next slot 0.4 s, 12 in flight, oldest 2 s"}}`),
		Process:  Process{PID: 4711, Host: "server"},
		Steering: Steering{Limits: Limits{Limit{new(int64(60)), "learned"}, Limit{nil, "none"}, Limit{nil, "none"}, Limit{new(int64(200)), "control"}}},
		Money:    Money{MaxCost: new("5"), Cost: new("0.25")},
	}
	want := `state   running: process 4711 on server, 12 calls in flight
rows    1,200 of 50,000
now     waiting: 60 rpm, next slot 0.4 s, 12 in flight, oldest 2 s
limits  60 rpm (learned), no tpm, no rpd
        200 calls at a time (set in this run)
cost    $0.25 of at most $5
`
	if got := s.String(); got != want {
		t.Errorf("running:\n%s", got)
	}
	for what, change := range map[string]func(*State){
		"paused since 18:05:00: nothing new is sent; 12 calls in flight": func(s *State) { s.PausedSince = &at },
		"stopping: 12 calls in flight may finish within 30 s":            func(s *State) { s.Stopping = true },
		"ended with exit code 3":                                         func(s *State) { s.Ended = &Ended{ExitCode: 3} },
		"failed rows are asked again once the others are through":        func(s *State) { s.RetryAsked = true },
	} {
		changed := s
		change(&changed)
		if got := changed.String(); !strings.Contains(got, what) {
			t.Errorf("%s:\n%s", what, got)
		}
		for line := range strings.Lines(changed.String()) {
			if len(line) > 81 {
				t.Errorf("too long: %s", line)
			}
		}
	}
}
