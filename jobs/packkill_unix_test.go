//go:build unix

package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/durable"
)

// A texts counter stands between a job and its endpoint, and counts in how many answered calls
// each text of a row was. It reads them off the wire, and knows nothing of packs.
type texts struct {
	*httptest.Server
	open  sync.WaitGroup // calls that have not ended
	mu    sync.Mutex
	times map[string]int
	calls int
}

// textsKey is the key of a request's texts in its context.
type textsKey struct{}

var questionText = regexp.MustCompile(`question \d+ of the table`)

func countTexts(t *testing.T, endpoint string) *texts {
	t.Helper()
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &texts{times: make(map[string]int)}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode != http.StatusOK {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls++
		for _, text := range r.Request.Context().Value(textsKey{}).([]string) {
			c.times[text]++
		}
		return nil
	}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.open.Add(1)
		defer c.open.Done()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the process was killed
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), textsKey{}, questionText.FindAllString(string(body), -1))))
	}))
	t.Cleanup(c.Close)
	return c
}

// kill -9 in the middle of a run whose rows share calls, and the same command again: each row
// has its own answer, in order; what was answered and safe is in no further call, and the rows
// that are left share calls once more.
func TestEndToEndKillPacks(t *testing.T) {
	long(t, "it runs processes and kills them")
	t.Parallel()
	const rows, perCall, latency = 1000, 10, 20 * time.Millisecond
	begin := time.Now()
	whole, _, _ := newChild(t, rows, latency)
	whole.RowsPerCall = perCall
	whole.start(t, 0)
	duration := time.Since(begin)

	for range min(8, wantedKills(t)) {
		c, server, bill := newChild(t, rows, latency)
		c.RowsPerCall = perCall
		seen := countTexts(t, server.URL)
		c.Endpoint = seen.URL
		killed := c.start(t, 1+rand.N(duration))
		before := safeRows(t, &c)
		seen.open.Wait() // for calls of the process that was killed
		calls := seen.calls
		j, err := c.open(durable.FS{})
		if err != nil {
			t.Fatal(err)
		}
		summary, err := j.Run(t.Context())
		if err := errors.Join(err, j.Close()); err != nil {
			t.Fatal(err)
		}
		f := &fixture{t: t, dir: c.Dir, spec: c.spec()}
		f.verified("after the kill")
		again := 0
		for n := range rows {
			if times := seen.times[question(n)]; times == 0 {
				t.Errorf("row %d is in no answered call", n)
			} else {
				again += times - 1
			}
		}
		inFlight := 0
		if killed {
			inFlight = lostAtKill
		}
		bill.MayDie(inFlight)
		if again > perCall*inFlight || len(seen.times) != rows {
			t.Errorf("%d rows were answered again, and %d calls of %d rows were in flight", again, inFlight, perCall)
		}
		left := rows - before
		if made := seen.calls - calls; made > (left+perCall-1)/perCall+1 || summary.Run.Rows != int64(left) {
			t.Errorf("%d calls were made for the %d rows that were left (%d in the summary), %d to a call", made, left, summary.Run.Rows, perCall)
		}
		text, err := os.ReadFile(c.spec().Output)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range bytes.Lines(text) {
			var row struct{ Q, Response, Status string }
			if err := json.Unmarshal(line, &row); err != nil {
				t.Fatal(err)
			}
			if row.Q != question(n) || row.Response != question(n) || row.Status != "ok" {
				t.Fatalf("row %d of the output is %+v, want %q", n, row, question(n))
			}
			n++
		}
		if n != rows {
			t.Errorf("the output has %d rows", n)
		}
		t.Logf("killed: %v with %d rows safe; then %d calls for %d rows; %d rows answered again", killed, before, seen.calls-calls, left, again)
	}
}

// safeRows returns how many rows have a result in the journal that a killed run has left.
func safeRows(t *testing.T, c *child) (n int) {
	t.Helper()
	job := c.spec()
	dir := job.StateDir()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return 0
	}
	j, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for status, rows := range j.Rows() {
		if status.Settled() {
			n += int(rows)
		}
	}
	return n
}
