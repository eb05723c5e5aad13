package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/spec"
)

// fixture is a job over one JSONL file, and the endpoint that it asks.
type fixture struct {
	t       *testing.T
	dir     string
	e       *jobtest.Endpoint
	spec    spec.Spec
	handler http.Handler    // of the endpoint, for bubbles; newFixture sets that of e
	calls   *sync.WaitGroup // of the handler in a bubble; nil: the job asks over HTTP

	// What runWatched knows of all its runs: the prompts that were asked, and those of which
	// runs were told that their answers are in the journal.
	asked, safe []string
	gallery     *jobtest.Gallery // that is asked; nil: e is

	bill    *billtest.Witness // of the simulator, if there is one
	batches *sim.Server       // the simulator, for powercut_test.go; nil unless the job has batches, and so needs a bubble
}

// newFixture returns a job whose endpoint echoes what it is asked.
func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, dir: t.TempDir(), e: jobtest.NewEndpoint(t)}
	f.handler = f.e.Config.Handler
	f.spec = spec.Spec{
		Input: spec.List{filepath.Join(f.dir, "in.jsonl")}, Output: filepath.Join(f.dir, "out.jsonl"),
		Model: "gemini-2.5-flash-lite", Endpoint: f.e.URL, Auth: "none", Prompt: "{{.q}}",
	}
	return f
}

// inBubble runs a test in a synctest bubble, in which time passes only when all wait.
// The job calls its handler without a network, since a socket would keep the bubble
// awake. All else is as over HTTP: the client is the same.
func (f *fixture) inBubble(test func(t *testing.T)) {
	f.t.Helper()
	outer := f.t
	defer func() { f.t, f.calls = outer, nil }()
	synctest.Test(outer, func(t *testing.T) {
		f.t, f.calls = t, new(sync.WaitGroup)
		defer func() {
			f.calls.Wait() // given up by their caller, they may go on for a while
			if f.bill != nil {
				f.bill.Settle(t)
			}
		}()
		time.Sleep(time.Until(bubbleBegin))
		test(t)
	})
}

// bubbleBegin is when a test in a bubble begins. The clock of bubbles starts in the year
// 2000, in which no model has a price.
var bubbleBegin = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// offlineClient returns the client of a job's endpoint with something else in the place
// of the network.
func offlineClient(t *testing.T, s spec.Spec, to http.RoundTripper) batch.Model {
	t.Helper()
	e, err := gemini.ParseEndpoint(gemini.EndpointOptions{Name: s.Endpoint, BaseURL: s.BaseURL, Auth: s.Auth}, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	c, err := gemini.New(gemini.Config{
		Endpoint: e, Key: func() string { return "key" }, Timeout: s.Timeout, Stream: s.Stream, Transport: to,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A handlerTransport makes exchanges with a handler of the same process. Like the real
// transport it tells the trace that a request was written, and gives up when the
// request's context ends.
type handlerTransport struct {
	http.Handler
	calls *sync.WaitGroup // under way
}

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	answered := make(chan *http.Response, 1)
	if r.Body == nil {
		r.Body = http.NoBody // as servers have it
	}
	h.calls.Go(func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		answered <- w.Result()
	})
	select {
	case resp := <-answered:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// noEnv is an environment without variables.
func noEnv(string) string { return "" }

// input writes the input: each line a value of q, or a whole line where it begins
// with a brace.
func (f *fixture) input(lines ...string) {
	f.t.Helper()
	var b strings.Builder
	for _, l := range lines {
		if !strings.HasPrefix(l, "{") {
			l = fmt.Sprintf(`{"q":%q}`, l)
		}
		b.WriteString(l + "\n")
	}
	// A run that still reads the old file is not to find the new lines at its end.
	path := f.spec.Input[0]
	if err := os.WriteFile(path+".new", []byte(b.String()), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) run() (*Summary, error) {
	f.t.Helper()
	return f.runWith(f.options())
}

func (f *fixture) runWith(o Options) (*Summary, error) {
	f.t.Helper()
	j, err := Open(f.spec, o)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	s, err := j.Run(f.t.Context())
	if err == nil {
		f.agrees(s)
	}
	return s, err
}

// runLogged is run that also returns the log, which holds the warnings.
func (f *fixture) runLogged() (s *Summary, log string, err error) {
	f.t.Helper()
	var b strings.Builder
	o := f.options()
	o.Log = slog.New(slog.NewTextHandler(&b, nil))
	s, err = f.runWith(o)
	return s, b.String(), err
}

// options are those with which the fixture's jobs are opened to run.
func (f *fixture) options() Options {
	o := Options{Env: noEnv}
	if f.calls != nil {
		o.Model = offlineClient(f.t, f.spec, handlerTransport{f.handler, f.calls})
	}
	return o
}

func (f *fixture) mustRun() *Summary {
	f.t.Helper()
	s, err := f.run()
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// output returns the values of the output's columns, row by row, with blanks
// between.
func (f *fixture) output(columns ...string) []string {
	f.t.Helper()
	text, err := os.ReadFile(f.spec.Output)
	if err != nil {
		f.t.Fatal(err)
	}
	var rows []string
	for line := range bytes.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			f.t.Fatalf("%v in %s", err, line)
		}
		var values []string
		for _, c := range columns {
			values = append(values, fmt.Sprint(row[c]))
		}
		rows = append(rows, strings.Join(values, " "))
	}
	return rows
}

func (f *fixture) plan() *Plan {
	f.t.Helper()
	j, err := View(f.spec, Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	p, err := j.Plan()
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) verify() *Verification {
	f.t.Helper()
	j, err := View(f.spec, Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	v, err := j.Verify()
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

// proven checks that verify finds no fault, and as many notes.
func (f *fixture) proven(what string, notes int) {
	f.t.Helper()
	if v := f.verify(); len(v.Faults) > 0 || len(v.Notes) != notes {
		f.t.Errorf("%s: verify finds the faults %q and the notes %q, want %d notes", what, v.Faults, v.Notes, notes)
	}
}

// counts checks a plan in the order rows, new, changed, again, settled, bad, orphaned.
func (f *fixture) counts(what, want string) {
	f.t.Helper()
	p := f.plan()
	if got := fmt.Sprint(p.Rows, p.New, p.Changed, p.Again, p.Settled, p.Bad, p.Orphaned); got != want {
		f.t.Errorf("%s: plan counts %s, want %s (rows, new, changed, again, settled, bad, orphaned)", what, got, want)
	}
}

func (f *fixture) prune(p Pruning) *Pruned {
	f.t.Helper()
	r, err := Prune(f.spec, Options{}, p)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// lines returns n different prompts.
func lines(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("row %d", i)
	}
	return list
}

// spent is what the journal says that the job cost.
func (f *fixture) spent() price.USD {
	f.t.Helper()
	j, err := View(f.spec, Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	var all cost.Totals
	for r, err := range j.journal.All() {
		if err != nil {
			f.t.Fatal(err)
		}
		all.AddResult(r, j.prices)
	}
	cost, _ := all.CostUSD()
	return cost + all.UnreportedMost
}

// verified fails the test unless the job's files keep what is promised.
func (f *fixture) verified(what string) {
	f.t.Helper()
	j, err := View(f.spec, Options{Env: noEnv})
	if err != nil {
		f.t.Errorf("%s: %v", what, err)
		return
	}
	defer j.Close()
	if v, err := j.Verify(); err != nil || len(v.Faults) > 0 {
		f.t.Errorf("%s: verify: %v, %v", what, v, err)
	}
}

// rendered returns the body that a job sends for a row.
func rendered(t *testing.T, s *spec.Spec, r *batch.Row) string {
	t.Helper()
	if err := s.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	p, err := prompt.New(s, prompt.Wording)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := p.Render(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
