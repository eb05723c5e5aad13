package jobs

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// rowsEnv says how many rows TestEndToEndEachAnswerInItsRow has in each of its ways.
const (
	rowsEnv   = "GENBATCH_ROWS"
	usualRows = 10_000
)

// A rowsCase is a way in which many rows are asked.
type rowsCase struct {
	name string
	sim  sim.Config
	tier spec.List
}

// rowText is the column of row n that is asked about. It says nothing of the answer.
func rowText(n int) string { return fmt.Sprintf("parcel %d of %d", n*7919%1_000_003, n%17) }

// Each answer stands in its row. The simulator answers with the SHA-256 of what it is asked,
// and keeps the exclusive or of the hashes of all questions and answers, at the moment at
// which it serves them. A reader of its own finds the same in the output: no answer is lost,
// doubled, changed or in another's row, and the rows are in the order of the input.
//
//	GENBATCH_ROWS=1000000 go test -v -timeout 60m -run EachAnswerInItsRow ./jobs
func TestEndToEndEachAnswerInItsRow(t *testing.T) {
	long(t, "it asks thousands of rows")
	rows := usualRows
	if text := os.Getenv(rowsEnv); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s is %q, and a number is needed", rowsEnv, text)
		}
		rows = n
	}
	digest := func(share float64, more ...sim.Fault) []sim.Fault {
		return append(more, sim.Fault{Kind: "digest", Probability: share})
	}
	shuffled := parsed(t, "shuffled,twice=0.01,foreign=0.01,truncated@1")
	for _, c := range []rowsCase{
		// What is cut is asked again: its first answer is billed, and delivered to nobody.
		{"calls", sim.Config{Faults: digest(0.994, sim.Fault{Kind: "503", Probability: 0.002}, sim.Fault{Kind: "cut", Probability: 0.002}, sim.Fault{Kind: "reset", Probability: 0.002})}, nil},
		{"batches", sim.Config{Faults: digest(1), Batches: sim.Batches{Pending: -1, Running: 50 * time.Millisecond, Faults: shuffled}}, spec.List{"batch"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, rows) })
	}
}

func (c *rowsCase) run(t *testing.T, rows int) {
	dir := t.TempDir()
	server, _ := simulated(t, dir, c.sim)
	web := httptest.NewServer(server)
	defer web.Close()
	s := spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
		Endpoint: "sim", BaseURL: web.URL, Prompt: "{{.id}} {{.q}}", Tier: c.tier, MaxAttempts: 20,
	}
	if err := writeRows(s.Input[0], rows); err != nil {
		t.Fatal(err)
	}
	peak := watchHeap(t)
	begin := time.Now()
	j, err := Open(s, Options{Env: noEnv, seams: seams{batchPace: batchTestPace}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	sum, err := j.Run(t.Context())
	if err != nil || sum.Run.Status[batch.OK] != int64(rows) {
		t.Fatalf("%v, %+v", err, sum)
	}
	took := time.Since(begin)
	st := server.Stats()
	xor, err := readRows(s.Output, rows)
	if err != nil {
		t.Fatal(err)
	}
	if xor != st.AnswersXOR {
		t.Errorf("the output has %s, and the simulator served %s", xor, st.AnswersXOR)
	}
	t.Logf("%d rows in %.1f s, with the simulator in the same process, whose heap had %d MiB at most; exclusive or %.16s…, %d requests, faults %v, %v",
		rows, took.Seconds(), peak()>>20, xor, st.Requests, st.Faults, st.Batches.Faults)
}

func writeRows(path string, rows int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for n := range rows {
		fmt.Fprintf(w, "{\"id\":%d,\"q\":%q}\n", n, rowText(n))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// readRows returns the exclusive or of the hashes of all rows of an output, which must be in
// their order, each with the answer that belongs to it.
func readRows(path string, rows int) (xor string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var all [sha256.Size]byte
	n := 0
	for lines := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)); lines.More(); n++ {
		var row struct {
			ID                  int
			Q, Response, Status string
		}
		if err := lines.Decode(&row); err != nil {
			return "", err
		}
		asked := fmt.Sprintf("%d %s", n, rowText(n))
		answer := sha256.Sum256([]byte(asked))
		if row.ID != n || row.Q != rowText(n) || row.Status != "ok" || row.Response != hex.EncodeToString(answer[:]) {
			return "", fmt.Errorf("row %d of the output is %+v", n, row)
		}
		for i, b := range sha256.Sum256([]byte(asked + "\n" + row.Response)) {
			all[i] ^= b
		}
	}
	if n != rows {
		return "", fmt.Errorf("%d rows of %d", n, rows)
	}
	return hex.EncodeToString(all[:]), nil
}

// watchHeap returns a function that reports the largest heap since the call.
func watchHeap(t *testing.T) func() uint64 {
	var most atomic.Uint64
	look := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most.Store(max(most.Load(), m.HeapInuse))
	}
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-tick.C:
				look()
			case <-ended:
				tick.Stop()
				return
			}
		}
	}()
	stop := func() uint64 {
		select {
		case <-ended:
		default:
			close(ended)
		}
		<-stopped
		look()
		return most.Load()
	}
	t.Cleanup(func() { stop() })
	return stop
}
