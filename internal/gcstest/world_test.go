package gcstest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cost"
)

// A world is a job in the tier batch of Vertex AI. The simulator makes its batches, and reads
// and writes them at the emulator of Cloud Storage.
type world struct {
	*testing.T
	storage *fakestorage.Server
	sim     *sim.Server
	bill    *billtest.Witness
	spec    jobs.Spec
	log     warnings
	rows    int

	// before is called with each call of the batch API and of Cloud Storage by the job's
	// client, and after when it was answered and the answer is not sent yet; each may be nil.
	before, after func(r *http.Request)
}

// warnings are what a job warns of.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// newWorld returns a job of some rows, each of which asks for itself. Batches take 60 ms and
// have faults.
func newWorld(t *testing.T, rows int, faults string) *world {
	t.Helper()
	return newWorldOf(t, rows, faults, 20*time.Millisecond, 40*time.Millisecond)
}

func newWorldOf(t *testing.T, rows int, faults string, pending, running time.Duration) *world {
	t.Helper()
	st, host := storage(t)
	list, err := sim.ParseBatchFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &world{T: t, storage: st, rows: rows, sim: sim.New(sim.Config{
		Dialect: sim.Vertex, CountAnswers: true,
		Batches: sim.Batches{Pending: pending, Running: running, Faults: list, Storage: "http://" + host},
	})}
	t.Cleanup(w.sim.Close)
	w.bill = billtest.Watch(t, billtest.Witness{Dirs: []string{dir}, Billers: []billtest.Biller{w.sim}, Totals: func(dir string) (*cost.Totals, error) {
		s, err := jobs.ReadStatus(dir)
		if err != nil {
			return nil, err
		}
		return &s.Totals, nil
	}})
	api, files := httptest.NewServer(w.watched(w.sim)), httptest.NewServer(nil)
	t.Cleanup(api.Close)
	t.Cleanup(files.Close)
	files.Config.Handler = w.watched(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = host // the emulator serves objects under no other
		st.HTTPHandler().ServeHTTP(rw, r)
	}))
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(files.URL, "http://"))
	t.Setenv("XDG_STATE_HOME", dir)
	w.spec = jobs.Spec{
		Input: jobs.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: "gemini-3.5-flash-lite", Prompt: "{{.q}}",
		Endpoint: "vertex", BaseURL: api.URL, Auth: "none", Header: jobs.List{"Authorization=Bearer anybody"}, Project: "shop", Location: "us-central1",
		Tier: jobs.List{"batch"}, BatchBucket: "gs://" + bucket + "/team",
	}
	w.input(func(i int) string { return fmt.Sprintf(`{"q":"row %d"}`, i) })
	return w
}

// watched lets the world see the calls of a handler.
func (w *world) watched(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.before != nil {
			w.before(r)
		}
		if w.after == nil {
			h.ServeHTTP(rw, r)
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		w.after(r)
		maps.Copy(rw.Header(), rec.Header())
		rw.WriteHeader(rec.Code)
		rw.Write(rec.Body.Bytes())
	})
}

// input writes the job's rows.
func (w *world) input(line func(i int) string) {
	w.Helper()
	var text strings.Builder
	for i := range w.rows {
		text.WriteString(line(i) + "\n")
	}
	if err := os.WriteFile(w.spec.Input[0], []byte(text.String()), 0o600); err != nil {
		w.Fatal(err)
	}
}

// run runs the job, as a process of its own would.
func (w *world) run(ctx context.Context) (*jobs.Summary, error) {
	w.Helper()
	j, err := jobs.Open(w.spec, w.options())
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return j.Run(ctx)
}

func (w *world) options() jobs.Options {
	return jobs.Options{Log: slog.New(slog.NewTextHandler(&w.log, nil))}
}

func (w *world) mustRun() *jobs.Summary {
	w.Helper()
	s, err := w.run(w.Context())
	if err != nil {
		w.Fatalf("%v\n%s", err, &w.log)
	}
	return s
}

// A row is a line of the output.
type row struct {
	Q        string
	Response string
	Status   string
	Error    *string
	Attempts int
	Tier     string  `json:"service_tier"`
	Cost     float64 `json:"cost_usd"`
}

// output reads the output.
func (w *world) output() (rows []row) {
	w.Helper()
	f, err := os.Open(w.spec.Output)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			w.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// answered checks that the output has the answer of each row, once and in order, from a batch.
func (w *world) answered() {
	w.Helper()
	rows := w.output()
	if len(rows) != w.rows {
		w.Errorf("%d rows of %d", len(rows), w.rows)
	}
	for i, r := range rows {
		if want := fmt.Sprintf("row %d", i); r.Q != want || r.Response != want || r.Status != "ok" || r.Tier != "batch" {
			w.Fatalf("row %d is %+v\n%s", i, r, &w.log)
		}
	}
}

// statuses counts the rows of the output by status and attempts.
func (w *world) statuses() string {
	w.Helper()
	count := map[string]int{}
	for _, r := range w.output() {
		count[fmt.Sprintf("%s/%d", r.Status, r.Attempts)]++
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprint(count[what], " ", what))
	}
	return strings.Join(parts, ", ")
}

// bills checks the simulator's own count of jobs, rows in them that were billed, calls that
// were, and rows that were billed more than once.
func (w *world) bills(want string) {
	w.Helper()
	s := w.sim.Stats().Batches
	if got := fmt.Sprint(s.Created, s.Billed, s.Single, s.Repeats); got != want {
		w.Errorf("the ledger has %s, want %s (jobs, rows billed in them, single calls billed, rows billed again)\n%s", got, want, &w.log)
	}
}

// left returns the objects in the bucket, without what differs between jobs.
func (w *world) left() string {
	w.Helper()
	var names []string
	for _, name := range objects(w.T, w.storage) {
		parts := strings.Split(name, "/")
		for i, part := range parts {
			for _, kind := range []string{"genbatch-", "prediction-model-"} {
				if strings.HasPrefix(part, kind) {
					parts[i] = kind
				}
			}
		}
		names = append(names, strings.Join(parts, "/"))
	}
	return strings.Join(names, " ")
}
