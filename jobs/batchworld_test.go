package jobs

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A batchWorld is a job whose batches the simulator makes, in a bubble. Time passes only when
// all wait, so that a day is over at once and every moment is exact. Between the two is the
// client as users have it, with the handler of the simulator in the place of the network.
type batchWorld struct {
	*fixture
	sim  *sim.Server
	log  bytes.Buffer // the warnings
	seen []wireCall   // what the endpoint was asked, in order

	mu   sync.Mutex // guards seen, log and what follows
	down bool       // no call arrives
}

// A wireCall is one call of the endpoint.
type wireCall struct {
	at     time.Time
	what   string // upload, create, poll, list, cancel, remove, download, delete, call
	about  string // the job or file; the model of a creation or call
	status int    // 0: the connection broke
	body   string // of a creation, or a call
}

// inBatchWorld runs a test in a bubble, with a simulator that fails as told.
func inBatchWorld(t *testing.T, faults string, test func(t *testing.T, w *batchWorld)) {
	t.Helper()
	inBatchWorldOf(t, sim.Config{Batches: sim.Batches{Faults: parsed(t, faults), Pending: time.Minute, Running: 10 * time.Minute}}, test)
}

func inBatchWorldOf(t *testing.T, c sim.Config, test func(t *testing.T, w *batchWorld)) {
	t.Helper()
	f := newFixture(t)
	f.spec.Endpoint, f.spec.BaseURL, f.spec.Auth, f.spec.Tier = "google", "http://127.0.0.1:1", "", spec.List{"batch"}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(bubbleBegin))
		w := &batchWorld{fixture: f}
		f.t, f.calls = t, new(sync.WaitGroup)
		c.CountAnswers = true
		w.sim = f.simulated(c)
		defer f.calls.Wait() // given up by their caller, they may go on for a while
		test(t, w)
	})
}

func parsed(t *testing.T, faults string) []sim.BatchFault {
	t.Helper()
	list, err := sim.ParseBatchFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// RoundTrip hands an exchange to the simulator. A connection that the simulator breaks has
// what was written until then.
func (w *batchWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	c := wireCall{at: time.Now()}
	c.what, c.about = whatIs(r)
	if r.Body == nil {
		r.Body = http.NoBody
	} else if c.what == "create" || c.what == "call" {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		c.body = string(text)
		r.Body = io.NopCloser(strings.NewReader(c.body))
	}
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	if down {
		return nil, io.EOF
	}
	answered := make(chan *http.Response, 1)
	w.calls.Go(func() {
		rec := httptest.NewRecorder()
		broken := serveUnlessBroken(w.sim, rec, r)
		if broken {
			if rec.Body.Len() == 0 {
				c.status = 0
				w.saw(c)
				answered <- nil
				return
			}
			resp := rec.Result()
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rec.Body.Bytes()), brokenReader{}))
			c.status = resp.StatusCode
			w.saw(c)
			answered <- resp
			return
		}
		resp := rec.Result()
		c.status = resp.StatusCode
		w.saw(c)
		answered <- resp
	})
	select {
	case resp := <-answered:
		if resp == nil {
			return nil, io.EOF
		}
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// serveUnlessBroken reports whether the handler broke the connection.
func serveUnlessBroken(h http.Handler, w http.ResponseWriter, r *http.Request) (broken bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			broken = true
		} else if p != nil {
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

func (w *batchWorld) saw(c wireCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, c)
}

// whatIs names a call by its method and path.
func whatIs(r *http.Request) (what, about string) {
	p := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/upload"), "/download")
	p = strings.TrimPrefix(p, "/v1beta/")
	name, action, _ := strings.Cut(p, ":")
	switch {
	case action == "batchGenerateContent":
		return "create", path.Base(name)
	case action == "cancel":
		return "cancel", name
	case action == "download":
		return "download", name
	case action == "generateContent", action == "streamGenerateContent":
		return "call", path.Base(name)
	case strings.HasPrefix(r.URL.Path, "/upload"):
		return "upload", ""
	case name == "batches":
		return "list", ""
	case strings.HasPrefix(name, "batches/") && r.Method == http.MethodDelete:
		return "remove", name
	case strings.HasPrefix(name, "batches/"):
		return "poll", name
	case strings.HasPrefix(name, "files/") && r.Method == http.MethodDelete:
		return "delete", name
	}
	return r.Method, p
}

// options are those with which the world's jobs are opened.
func (w *batchWorld) options() Options {
	return Options{Env: noEnv, Model: offlineClient(w.t, w.spec, w), Log: slog.New(slog.NewTextHandler(lockedLog{w}, nil))}
}

type lockedLog struct{ w *batchWorld }

func (l lockedLog) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(p)
}

func (w *batchWorld) run() (*Summary, error) {
	w.t.Helper()
	return w.runWith(w.options())
}

func (w *batchWorld) mustRun() *Summary {
	w.t.Helper()
	s, err := w.run()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, &w.log)
	}
	return s
}

// count returns how many calls of a kind arrived.
func (w *batchWorld) count(what string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.seen {
		if c.what == what {
			n++
		}
	}
	return n
}

// bills checks the simulator's own count of jobs, rows in them that were billed, calls that
// were, and rows that were billed more than once.
func (w *batchWorld) bills(what, want string) {
	w.t.Helper()
	s := w.sim.Stats().Batches
	if got := fmt.Sprint(s.Created, s.Billed, s.Single, s.Repeats); got != want {
		w.t.Errorf("%s: the ledger has %s, want %s (jobs, rows billed in them, single calls billed, rows billed again)\n%s", what, got, want, &w.log)
	}
}

// warned checks that a warning says all of these.
func (w *batchWorld) warned(parts ...string) {
	w.t.Helper()
	for _, p := range parts {
		if !strings.Contains(w.log.String(), p) {
			w.t.Errorf("no warning says %q:\n%s", p, &w.log)
		}
	}
}

// reach says whether calls arrive from now on.
func (w *batchWorld) reach(endpoint bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = !endpoint
}
