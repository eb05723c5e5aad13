//go:build unix

package objectpeer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/overlaytest"
	"github.com/genbatch/genbatch/objects/s3"
)

// hastened are the times of the copy and its lease, a tenth of those that users have.
var hastened = []overlaytest.Replacement{
	{File: "jobs/internal/mirror/mirror.go", Old: "CopyEvery = 30 * time.Second", New: "CopyEvery = 3 * time.Second"},
	{File: "jobs/internal/mirror/lease.go", Old: "renewEvery = 20 * time.Second", New: "renewEvery = 2 * time.Second"},
	{File: "jobs/internal/mirror/lease.go", Old: "againAfter = 5 * time.Second", New: "againAfter = 500 * time.Millisecond"},
	{File: "jobs/internal/mirror/lease.go", Old: "lapseAfter = 70 * time.Second", New: "lapseAfter = 7 * time.Second"},
	{File: "jobs/internal/mirror/lease.go", Old: "staleAfter = 90 * time.Second", New: "staleAfter = 9 * time.Second"},
}

// buildHastened builds the command with those times, and returns its path.
func buildHastened(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string][]byte)
	for _, r := range hastened {
		if texts[r.File] == nil {
			if texts[r.File], err = os.ReadFile(filepath.Join(root, r.File)); err != nil {
				t.Fatal(err)
			}
		}
		if bytes.Count(texts[r.File], []byte(r.Old)) != 1 {
			t.Fatalf("%s has not %q once", r.File, r.Old)
		}
		texts[r.File] = bytes.Replace(texts[r.File], []byte(r.Old), []byte(r.New), 1)
	}
	path := filepath.Join(t.TempDir(), "genbatch")
	build := exec.Command("go", "build", "-overlay", overlaytest.Write(t, root, texts), "-o", path, "./cmd/genbatch")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// A model answers each call after a while, and counts them.
type model struct {
	mu    sync.Mutex
	times []time.Time // of the calls
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	m.mu.Lock()
	m.times = append(m.times, time.Now())
	m.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"candidates":[{"content":{"role":"model","parts":[{"text":"yes"}]},"finishReason":"STOP"}],`+
		`"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"totalTokenCount":10},"modelVersion":"gemini-2.5-flash-lite"}`)
}

// calls returns how many calls there were, and how many of them since a time.
func (m *model) calls(since time.Time) (all, late int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range m.times {
		if at.After(since) {
			late++
		}
	}
	return len(m.times), late
}

// A host runs the command, with a disk of its own.
type host struct {
	t             *testing.T
	program, home string
	model         string
	input         string
}

const stateAddress = "s3://" + bucket + "/runs/one"

func (h *host) command(words ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(h.program, words...)
	c.Dir = h.home
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(h.home, "state"), "HOME="+h.home)
	said := new(bytes.Buffer)
	c.Stdout, c.Stderr = said, said
	return c, said
}

func (h *host) run() (*exec.Cmd, *bytes.Buffer) {
	return h.command("run", "-i", h.input, "-o", "out.jsonl", "-m", "gemini-2.5-flash-lite", "-p", "{{.q}}", "--endpoint", h.model, "--auth", "none",
		"--state", stateAddress, "--concurrency", "4", "--quiet", "--yes")
}

// rows returns the values of q in the output.
func (h *host) rows() (rows []int) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.home, "out.jsonl"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"q":"row (\d+)".*"response":"yes","status":"ok"`).FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			h.t.Fatal(err)
		}
		rows = append(rows, n)
	}
	return rows
}

// copiedResults returns how many results are in the pieces of the journal in the bucket.
func copiedResults(t *testing.T) (results int) {
	t.Helper()
	b, err := s3.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range b.List(t.Context(), "runs/one/results-") {
		if err != nil {
			t.Fatal(err)
		}
		text := make([]byte, o.Size)
		if n, err := b.ReadAt(t.Context(), o.Key, "", text, 0); n != len(text) {
			t.Fatal(err)
		}
		results += bytes.Count(text, []byte(`{"seq":`))
	}
	return results
}

// A machine is killed in the middle of a run, and another one, which has nothing of it but the
// address, carries on once the lease is stale. No row is missing or double, and paid for twice is
// only what was answered since the last copy, or in flight. The first machine then brings what it
// had alone.
func TestStateOfAKilledMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves this out: it runs processes and kills them")
	}
	const total, killAt = 400, 220
	s3Environment(t, fakeS3(t))
	m := new(model)
	web := httptest.NewServer(m)
	t.Cleanup(web.Close)
	program, dir := buildHastened(t), t.TempDir()
	var lines strings.Builder
	var want []int
	for n := range total {
		fmt.Fprintf(&lines, "{\"q\":\"row %d\"}\n", n)
		want = append(want, n)
	}
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	newHost := func(name string) *host {
		home := filepath.Join(dir, name)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		return &host{t, program, home, web.URL, input}
	}
	a, b := newHost("a"), newHost("b")

	first, said := a.run()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if all, _ := m.calls(time.Time{}); all >= killAt {
			break
		}
		if first.ProcessState != nil || syscall.Kill(first.Process.Pid, 0) != nil {
			t.Fatalf("the first machine has ended: %s", said)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	died := time.Now()
	time.Sleep(200 * time.Millisecond) // calls on their way are counted
	atDeath, late := m.calls(died.Add(-4 * time.Second))
	safe := copiedResults(t)
	if safe == 0 || safe > atDeath {
		t.Fatalf("of %d calls %d results were copied", atDeath, safe)
	}
	if lost := atDeath - safe; lost > late+4 {
		t.Errorf("%d answers were not copied, and %d calls began in the last 4 s", lost, late)
	}

	// While the lease is fresh, the other machine is refused.
	second, said := b.run()
	err := second.Run()
	refused, _ := errors.AsType[*exec.ExitError](err)
	if refused == nil || refused.ExitCode() != 7 || !strings.Contains(said.String(), stateAddress+" is locked by genbatch, process ") {
		t.Fatalf("beside a fresh lease the run ends with %v: %s", err, said)
	}
	for {
		second, said = b.run()
		if err := second.Run(); err == nil {
			break
		} else if time.Since(died) > time.Minute {
			t.Fatalf("the other machine: %v: %s", err, said)
		}
		time.Sleep(500 * time.Millisecond)
	}
	if got := b.rows(); !slices.Equal(got, want) {
		t.Errorf("the output has %d rows that are not as they should be", len(got))
	}
	all, _ := m.calls(time.Time{})
	if twice := all - total; twice != atDeath-safe {
		t.Errorf("%d calls were made twice, and %d had not been copied", twice, atDeath-safe)
	}

	// Back on the first machine: nothing is asked, and what it had alone is in the copy.
	again, said := a.run()
	if err := again.Run(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if got := a.rows(); !slices.Equal(got, want) {
		t.Errorf("the output has %d rows that are not as they should be", len(got))
	}
	if now, _ := m.calls(time.Time{}); now != all {
		t.Errorf("the first machine has asked %d rows again", now-all)
	}
	// Known to nobody are the calls in flight at the death, and the answers that were not synced yet.
	if results := copiedResults(t); results > all || results < all-16 {
		t.Errorf("of %d calls the copy has %d results", all, results)
	}
	// A third machine looks.
	c := newHost("c")
	verify, said := c.command("status", "--state", stateAddress)
	if err := verify.Run(); err != nil || !strings.Contains(said.String(), "400") {
		t.Errorf("status from elsewhere: %v: %s", err, said)
	}
	t.Logf("of %d calls at the death %d were copied; in all there were %d; status from elsewhere:\n%s", atDeath, safe, all, said)
}
