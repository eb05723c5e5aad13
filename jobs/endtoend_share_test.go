package jobs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// sharerEnv holds a sharer, for a process that shares a quota with another one.
const sharerEnv = "GENBATCH_TEST_SHARER"

// A sharer is one of the processes.
type sharer struct {
	Name, Dir, Endpoint, Key, Group string
	RPM, Rows                       int
}

func TestSharerChild(t *testing.T) {
	text := os.Getenv(sharerEnv)
	if text == "" {
		t.Skip("runs only as a process of TestEndToEndProcessesShareQuota: run that test")
	}
	var s sharer
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for n := range s.Rows {
		fmt.Fprintf(&rows, "{\"q\":\"row %d of %s\"}\n", n, s.Name)
	}
	job, err := Open(spec.Spec{
		Input: spec.List{"-"}, Output: filepath.Join(s.Dir, s.Name+".jsonl"), Model: "gemini-2.5-flash-lite",
		Endpoint: s.Endpoint, Header: spec.List{"X-Process=" + s.Name}, Prompt: "{{.q}}", RPM: s.RPM, QuotaGroup: s.Group,
	}, Options{
		Env: func(name string) string {
			if name == "XDG_STATE_HOME" {
				return s.Dir
			}
			return s.Key
		},
		Stdin: strings.NewReader(rows.String()),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	if _, err := job.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Two processes whose keys are of one project keep to its one limit together, and
// get equal shares.
func TestEndToEndProcessesShareQuota(t *testing.T) {
	long(t, "it fills seconds of a quota")
	const rpm, rows = 1200, 40
	dir := t.TempDir()
	server, _ := simulated(t, dir, sim.Config{Quota: sim.Quota{RPM: rpm}, Latency: 50 * time.Millisecond})
	type call struct {
		at  time.Time
		who string
	}
	var mu sync.Mutex
	var calls []call
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls = append(calls, call{time.Now(), r.Header.Get("X-Process")})
		mu.Unlock()
		server.ServeHTTP(w, r)
	}))
	defer web.Close()

	var wg sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		text, err := json.Marshal(sharer{Name: name, Dir: dir, Endpoint: web.URL, Key: "key-" + name, Group: "project", RPM: rpm, Rows: rows})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestSharerChild$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), sharerEnv+"="+string(text))
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %s: %v\n%s", name, err, out)
			}
		})
	}
	wg.Wait()
	if s := server.Stats(); s.Answered != 2*rows || len(s.Refused) > 0 {
		t.Fatalf("%+v, want %d answers and no refusal", s, 2*rows)
	}
	slices.SortFunc(calls, func(a, b call) int { return a.at.Compare(b.at) })
	// Any second holds 19.6 slots and one, and those of a tenth more that are late. On a
	// busy machine some calls arrive later than they were sent, so it may be a few more;
	// two that do not share would send 39.
	for i, first := 0, 0; i < len(calls); i++ {
		for calls[i].at.Sub(calls[first].at) >= time.Second {
			first++
		}
		if n := i - first + 1; n > 28 {
			t.Fatalf("%d calls within a second, at %d a minute", n, rpm)
		}
	}
	// While both were at it, they took turns.
	begin := slices.IndexFunc(calls, func(c call) bool { return c.who != calls[0].who })
	if begin < 0 || begin > rows/2 {
		t.Fatalf("the second process came after %d calls", begin)
	}
	shares := map[string]int{}
	for _, c := range calls[begin : begin+rows] {
		shares[c.who]++
	}
	if shares["one"] < rows/4 || shares["two"] < rows/4 {
		t.Errorf("shares %v of %d calls", shares, rows)
	}
	took := calls[len(calls)-1].at.Sub(calls[0].at)
	t.Logf("%d calls in %v, shares %v", len(calls), took.Round(time.Millisecond), shares)
	if at := float64(len(calls)-1) / took.Minutes(); at > rpm || at < rpm*0.85 {
		t.Errorf("%.0f calls a minute, want a little less than %d", at, rpm)
	}
}
