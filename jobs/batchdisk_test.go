package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/batchstate"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newBatchFixture returns a job in the tier batch for a bubble, and the simulator that it
// asks. Its jobs take a quarter of an hour.
func newBatchFixture(t *testing.T, rows int, faults string) (*fixture, *sim.Server) {
	t.Helper()
	parsed, err := sim.ParseBatchFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	server := f.simulated(sim.Config{CountAnswers: true, Batches: sim.Batches{Pending: 5 * time.Minute, Running: 10 * time.Minute, Faults: parsed}})
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Goog-Api-Key", "key")
		server.ServeHTTP(w, r)
	})
	f.spec.Endpoint, f.spec.BaseURL, f.spec.Auth, f.spec.Tier = "sim", "http://127.0.0.1:1", "", spec.List{"batch"}
	f.input(lines(rows)...)
	return f, server
}

// onDisk are the options of a run on a disk with several small batch jobs.
func (f *fixture) onDisk(d durable.FS) Options {
	o := f.options()
	o.fs, o.batchRows, o.batchPace = d, 3, 1
	return o
}

// A batchDisk is full at one of its operations on the record and the files of batch jobs.
type batchDisk struct {
	faultyDisk
}

func (d *batchDisk) fs() durable.FS {
	all := d.faultyDisk.fs()
	return durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
		if filepath.Base(path) == "batches" || filepath.Base(filepath.Dir(path)) == "batches" {
			return all.Hook(op, path)
		}
		return op != durable.OpSync && op != durable.OpSyncDir, nil
	}}
}

// Every operation on the record and the files of batch jobs fails once, and was carried out
// or not. The run ends with an error that names the path. The endpoint has no job of which
// the record does not know, and the same command on a disk that works completes the job: no
// row is billed twice.
func TestEveryWriteOfBatchesMayFail(t *testing.T) {
	for apply, rows := range map[bool]int{false: 6, true: 3} { // in two jobs, or in one
		t.Run(fmt.Sprintf("applied %v", apply), func(t *testing.T) {
			t.Parallel()
			writes := 0
			for more := true; more; writes++ {
				f, server := newBatchFixture(t, rows, "")
				d := &batchDisk{faultyDisk{fail: writes, apply: apply}}
				f.inBubble(func(*testing.T) { f.breakAndMendBatches(d, server, rows) })
				more = d.failed != ""
			}
			if writes <= 11*rows {
				t.Errorf("a run has %d such operations only", writes-1)
			}
		})
	}
}

func (f *fixture) breakAndMendBatches(d *batchDisk, server *sim.Server, rows int) {
	f.t.Helper()
	_, err := f.runWith(f.onDisk(d.fs()))
	if d.failed == "" {
		if err != nil {
			f.t.Errorf("without a failure: %v", err)
		}
		return
	}
	what := fmt.Sprintf("operation %d, %s, applied %v", d.fail, d.failed, d.apply)
	mistake := (*spec.Error)(nil)
	switch removal := strings.HasPrefix(d.failed, "remove "); {
	case err == nil && removal: // it takes space until the next run
	case !errors.Is(err, syscall.ENOSPC) || errors.As(err, &mistake) || !strings.Contains(err.Error(), d.path):
		f.t.Errorf("%s: the run ends with %v, want a fault that names %s", what, err, d.path)
	}
	if found := jobtest.TempFiles(f.t, f.dir); found != nil {
		f.t.Errorf("%s: left behind are %q", what, found)
	}
	f.recordKnows(what, server)

	if _, err := f.runWith(f.onDisk(durable.FS{Hook: jobtest.Unsynced.Hook})); err != nil {
		f.t.Errorf("%s: run again: %v", what, err)
		return
	}
	f.answeredOnce(what, rows)
	stats := server.Stats()
	f.billedOnce(what, rows, &stats)
}

// recordKnows fails the test if the endpoint has a job that the record does not lead to: by
// its name, or by the display name of one whose creation is under way.
func (f *fixture) recordKnows(what string, server *sim.Server) {
	f.t.Helper()
	known := map[string]bool{}
	store, err := batchstate.View(f.spec.StateDir())
	if err != nil {
		f.t.Errorf("%s: %v", what, err)
		return
	}
	for _, j := range store.Jobs() {
		if known[j.Name] = true; j.Step == batchstate.Uploaded {
			known[j.DisplayName()] = true
		}
	}
	for _, j := range server.Stats().Batches.Jobs {
		if !known[j.Name] && !known[j.DisplayName] {
			f.t.Errorf("%s: the record does not know the job %s", what, j.DisplayName)
		}
	}
}

// answeredOnce fails the test unless each row is in the output once, in order and with its
// own answer.
func (f *fixture) answeredOnce(what string, rows int) {
	f.t.Helper()
	want := make([]string, rows)
	for n, q := range lines(rows) {
		want[n] = fmt.Sprintf("%s | %s | ok", q, q)
	}
	got := f.output("q", "response", "status")
	for i := range got {
		fields := strings.Fields(got[i])
		if half := (len(fields) - 1) / 2; half > 0 {
			got[i] = strings.Join(fields[:half], " ") + " | " + strings.Join(fields[half:2*half], " ") + " | " + fields[len(fields)-1]
		}
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("%s: the output is %q, and not each of %d rows with its own answer, in order", what, got, rows)
	}
	f.verified(what)
	if found := jobtest.TempFiles(f.t, f.dir); found != nil {
		f.t.Errorf("%s: left behind are %q", what, found)
	}
}

// billedOnce holds the simulator's ledger against the record of a job that is complete: each
// row was billed once, no job lives on, and each job of the ledger is one that the record
// knows. A second job of the same requests is cancelled, and named.
func (f *fixture) billedOnce(what string, want int, stats *sim.Stats) {
	ledger := &stats.Batches
	f.t.Helper()
	store, err := batchstate.View(f.spec.StateDir())
	if err != nil {
		f.t.Errorf("%s: %v", what, err)
		return
	}
	kept, others := map[string]bool{}, map[string]bool{}
	for _, j := range store.Jobs() {
		if j.Live() || j.Step == batchstate.Applied {
			f.t.Errorf("%s: the job %s stays %s", what, j.ID, j.Step)
		}
		kept[j.Name] = true
		for _, name := range j.Others {
			others[name] = true
		}
	}
	var rows, billed, twice int64
	for _, j := range ledger.Jobs {
		switch {
		case j.State == "PENDING" || j.State == "RUNNING":
			f.t.Errorf("%s: the job %s lives on: %s", what, j.Name, j.State)
		case others[j.Name]:
			twice += j.Billed
			continue
		case !kept[j.Name]:
			f.t.Errorf("%s: the record does not know the job %s, %s, %d rows billed", what, j.Name, j.State, j.Billed)
		}
		rows, billed = rows+int64(j.Rows), billed+j.Billed
	}
	if rows != int64(want) || billed != rows || ledger.Repeats != twice || ledger.Doubled != twice {
		f.t.Errorf("%s: jobs of %d rows were kept, %d billed, %d repeated and %d doubled, of which %d in second jobs: %+v",
			what, rows, billed, ledger.Repeats, ledger.Doubled, twice, ledger.Jobs)
	}
	left, err := os.ReadDir(filepath.Join(f.spec.StateDir(), "batches"))
	if err != nil || len(left) != 1 {
		f.t.Errorf("%s: files of batch jobs are left: %v, %v", what, left, err)
	}
}

// A record with a line in the middle that does not match its sum may have lost a job, so
// nothing is sent, and a folder that cannot be written is found before anything is sent.
func TestDamagedRecordOfBatchesSendsNothing(t *testing.T) {
	f, server := newBatchFixture(t, 6, "")
	f.inBubble(func(t *testing.T) {
		o := f.onDisk(durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
			if op == durable.OpOpen && filepath.Base(path) == "jobs.jsonl" {
				return false, &fs.PathError{Op: "open", Path: path, Err: syscall.EROFS}
			}
			return true, nil
		}})
		if _, err := f.runWith(o); !errors.Is(err, syscall.EROFS) {
			t.Errorf("a record that cannot be opened: %v", err)
		}
		if s := server.Stats(); s.Requests > 0 {
			t.Errorf("%d calls were made without a record", s.Requests)
		}
		o = f.onDisk(durable.FS{})
		o.Detach = true
		if _, err := f.runWith(o); err == nil {
			t.Fatal("a detached run has ended at once")
		}
		before := server.Stats().Requests
		path := filepath.Join(f.spec.StateDir(), "batches", "jobs.jsonl")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(`"step":"uploaded"`), []byte(`"step":"dropped"`), 1)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = f.runWith(f.onDisk(durable.FS{}))
		damage, ok := errors.AsType[*batchstate.DamageError](err)
		if !ok || damage.Line != 2 || server.Stats().Requests != before {
			t.Errorf("a damaged record: %v, and %d calls", err, server.Stats().Requests-before)
		}
	})
}

// A detached run that collects its last job asks at once what the job has left without an
// answer, and says when to come back for it.
func TestDetachedRunAsksWhatCameBack(t *testing.T) {
	f, server := newBatchFixture(t, 12, "missing=0.3,failed@2")
	f.inBubble(func(t *testing.T) {
		runs := 0
		for detached := (*DetachedError)(nil); ; runs++ {
			o := f.onDisk(jobtest.Unsynced)
			o.Detach = true
			_, err := f.runWith(o)
			if err == nil {
				break
			}
			if !errors.As(err, &detached) || detached.Jobs == 0 || detached.Rows == 0 || !detached.Next.After(time.Now()) || runs > 9 {
				t.Fatalf("run %d ends with %v", runs+1, err)
			}
			time.Sleep(time.Hour)
		}
		f.answeredOnce("after detached runs", 12)
		if b := server.Stats().Batches; runs < 2 || b.Repeats == 0 || b.Repeats != int64(b.Faults["missing"]) || b.Ended["SUCCEEDED"]+b.Ended["FAILED"] != b.Created {
			t.Errorf("%d runs: %+v", runs, b)
		}
	})
}

// The clock of the endpoint may be hours behind, or it may not say when it made a job. An answer
// of a row that is asked again counts all the same, and the row is asked once.
func TestBatchClockOfEndpoint(t *testing.T) {
	for _, created := range []string{`"1999-12-31T00:00:00Z"`, `""`} {
		f, server := newBatchFixture(t, 0, "")
		f.spec.Prompt, f.spec.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "good"}, {Name: "bad"}}}
		f.spec.MaxAttempts = 1
		f.input("one", "two [[sim:answer=none of them]]")
		inner := f.handler
		f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reply := httptest.NewRecorder()
			inner.ServeHTTP(reply, r)
			maps.Copy(w.Header(), reply.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(reply.Code)
			_, _ = w.Write(createTimes.ReplaceAll(reply.Body.Bytes(), []byte(`"createTime":`+created)))
		})
		f.inBubble(func(t *testing.T) {
			for run := range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				j, err := Open(f.spec, f.onDisk(jobtest.Unsynced))
				if err != nil {
					t.Fatal(err)
				}
				s, err := j.Run(ctx)
				j.Close()
				if b := server.Stats().Batches; err != nil || s.Run.Status[batch.Invalid] != 1 || b.Created != run+1 {
					t.Fatalf("created at %s, run %d: %v, %v, %d jobs", created, run+1, err, s.Run.Status, b.Created)
				}
				f.spec.Retry = spec.List{"invalid"}
			}
		})
	}
}

var createTimes = regexp.MustCompile(`"createTime":\s*"[^"]*"`)

// With batch_cleanup each job is deleted once, after its results were fetched. That one cannot be
// deleted ends nothing, and is not tried again and again.
func TestBatchCleanup(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		f, server := newBatchFixture(t, 12, "")
		f.spec.BatchCleanup = true
		var deleted, fetched int
		inner := f.handler
		f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch what, _ := whatIs(r); {
			case what == "download":
				fetched++
			case what == "remove":
				if deleted++; deleted > fetched {
					t.Errorf("job %d of %d that were fetched is deleted", deleted, fetched)
				}
				if refuse {
					http.Error(w, `{"error":{"code":500,"message":"Internal error","status":"INTERNAL"}}`, http.StatusInternalServerError)
					return
				}
			}
			inner.ServeHTTP(w, r)
		})
		f.inBubble(func(t *testing.T) {
			if _, err := f.runWith(f.onDisk(jobtest.Unsynced)); err != nil {
				t.Fatal(err)
			}
			f.answeredOnce("with batch_cleanup", 12)
			if deleted != 4 || server.Stats().Batches.Created != 4 {
				t.Errorf("%d deletions of %d jobs", deleted, server.Stats().Batches.Created)
			}
		})
	}
}

// The first of two jobs of the same requests may be listed only when the second one has
// ended. Then both are billed, and the summary says which one was made by mistake.
func TestSecondJobIsNamedInTheEnd(t *testing.T) {
	f, server := newBatchFixture(t, 3, "create503@1")
	inner, listed := f.handler, false
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/batches") && !listed {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
			return
		}
		reply := httptest.NewRecorder()
		inner.ServeHTTP(reply, r)
		listed = listed || r.Method == http.MethodGet && bytes.Contains(reply.Body.Bytes(), []byte("BATCH_STATE_SUCCEEDED"))
		maps.Copy(w.Header(), reply.Header())
		w.WriteHeader(reply.Code)
		_, _ = w.Write(reply.Body.Bytes())
	})
	f.inBubble(func(t *testing.T) {
		s, err := f.runWith(f.onDisk(jobtest.Unsynced))
		if err != nil {
			t.Fatal(err)
		}
		f.answeredOnce("with two jobs", 3)
		stats := server.Stats()
		f.billedOnce("with two jobs", 3, &stats)
		if b := stats.Batches; b.Created != 2 || b.Billed != 6 || len(s.Batches) != 1 || len(s.Batches[0].Others) != 1 || s.Batches[0].Others[0] != b.Jobs[0].Name {
			t.Errorf("the summary has %+v, of the jobs %+v", s.Batches, b.Jobs)
		}
	})
}
