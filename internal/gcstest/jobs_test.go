package gcstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs"
)

// TestRun checks what becomes of 12 rows when their batches go well, and when they fail in a
// way of Vertex AI.
func TestRun(t *testing.T) {
	tests := []struct {
		faults string
		err    string // of the run; empty: it ends well
		rows   string // see world.statuses
		bill   string // see world.bills
		warned string
	}{
		{faults: "", rows: "12 ok/1", bill: "1 12 0 0"},
		{faults: "shards:5", rows: "12 ok/1", bill: "1 12 0 0"},
		{faults: "nocounts,unknownstate:JOB_STATE_QUEUED@1", rows: "12 ok/1", bill: "1 12 0 0"},
		{faults: "poll503=0.3,poll404=0.3", rows: "12 ok/1", bill: "1 12 0 0"},
		{faults: "lostcreate@1", rows: "12 ok/1", bill: "1 12 0 0", warned: "is looked up"},
		{faults: "create503@1,listdelay:200ms,listpage:1", rows: "12 ok/1", bill: "1 12 0 0", warned: "is looked up"},
		{faults: "lostcreate@1,list503", err: "so it is not created again", bill: "1 12 0 0"},
		{faults: "create429@1", rows: "12 ok/1", bill: "1 12 0 0", warned: "takes no further batch job now"},
		{faults: "rowcode:13@4,missing@5", rows: "10 ok/1, 2 ok/2", bill: "2 13 0 1"},
		{faults: "rowcode:3@4", rows: "11 ok/1, 1 rejected/1", bill: "1 11 0 0"},
		{faults: "twice@4,foreign@5", rows: "12 ok/1", bill: "1 12 0 0", warned: "1 line for a row that had one already, 1 line of a row that is not in it"},
		// What an administrator must mend is not tried again, since the next job would end
		// likewise. Other failures are.
		{faults: "importcode:3", err: "each place in them must have one type in all rows", bill: "1 0 0 0"},
		{faults: "importcode:9", err: "the bucket must exist, in a region that the job's location can use", bill: "1 0 0 0"},
		{faults: "exportcode:7", err: "gcp-sa-aiplatform.iam.gserviceaccount.com needs the role", bill: "1 12 0 0"},
		{faults: "exportcode:13@1", rows: "12 ok/2", bill: "2 24 0 12"},
		{faults: "expired@1", rows: "12 ok/2", bill: "2 12 0 0"},
	}
	for _, tt := range tests {
		t.Run(cmp.Or(tt.faults, "none"), func(t *testing.T) {
			w := newWorldOf(t, 12, tt.faults, 20*time.Millisecond, 40*time.Millisecond)
			_, err := w.run(t.Context())
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(fmt.Sprintf("%v; %s", err, hintOf(err)), tt.err) {
				t.Fatalf("%v (%s), want %q\n%s", err, hintOf(err), tt.err, &w.log)
			}
			w.bills(tt.bill)
			if !strings.Contains(w.log.String(), tt.warned) {
				t.Errorf("no warning says %q:\n%s", tt.warned, &w.log)
			}
			if err != nil {
				if _, err := os.Stat(w.spec.Output); err == nil {
					t.Error("an output was written")
				}
				return
			}
			if got := w.statuses(); got != tt.rows {
				t.Errorf("rows %s, want %s\n%s", got, tt.rows, &w.log)
			}
			if !strings.Contains(tt.rows, "rejected") {
				w.answered()
			}
		})
	}
}

func hintOf(err error) string {
	if stop, ok := errors.AsType[*batch.StopError](err); ok {
		return stop.Err.Hint
	}
	return ""
}

// TestPrices checks that a run costs half of what single calls would, by row and in its
// summary.
func TestPrices(t *testing.T) {
	w := newWorld(t, 300, "")
	s := w.mustRun()
	w.answered()
	var rows float64
	for _, r := range w.output() {
		rows += r.Cost
	}
	tiers := s.Job.Bill.Tiers
	if len(tiers) != 1 || tiers[0].Tier != "batch" || tiers[0].Calls != 300 || tiers[0].Standard != 2*tiers[0].Cost {
		t.Fatalf("%+v", tiers)
	}
	if got := price.USD(rows * 1e12); got < tiers[0].Cost*999/1000 || got > tiers[0].Cost*1001/1000 {
		t.Errorf("rows cost %v, and the run %v", got, tiers[0].Cost)
	}
	if s.Job.UnreportedMost != 0 || s.Batches[0].Answered != 300 {
		t.Errorf("%+v, %+v", s.Job, s.Batches)
	}
	if s, err := w.run(t.Context()); err != nil || !s.Unchanged {
		t.Errorf("again: %+v, %v", s, err)
	}
	w.bills("1 300 0 0")
}

// TestSchema sends a schema with references, which the importer does not take as they are,
// and in two jobs: the first is small.
func TestSchema(t *testing.T) {
	w := newWorld(t, 250, "")
	w.spec.Prompt = ""
	w.spec.Extract = &jobs.Extract{Text: "{{.q}}", Schema: jobs.Schema(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object", "required": ["home", "work"], "additionalProperties": false,
		"properties": {
			"home": {"$ref": "#/$defs/address"},
			"work": {"$ref": "#/$defs/address", "description": "where the person works"}
		},
		"$defs": {"address": {"type": "object", "required": ["town"], "properties": {"town": {"type": "string"}}}}
	}`)}
	w.mustRun()
	if got := w.statuses(); got != "250 ok/1" {
		t.Errorf("rows %s\n%s", got, &w.log)
	}
	w.bills("2 250 0 0")
}

// TestUnfit has rows that the importer would refuse, and with them all others of their job.
func TestUnfit(t *testing.T) {
	bodies := []string{
		`{"contents":[{"parts":[{"text":"row 0"}]}],"generationConfig":{"seed":7}}`,
		`{"contents":[{"parts":[{"text":"row 1"}]}],"generationConfig":{"seed":"7"}}`,
		`{"contents":[{"parts":[{"text":"row 2"}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"full name":{"type":"string"}}}}}`,
		`{"contents":[{"parts":[{"text":"row 3"}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + nested(9) + `}}`,
		`{"contents":[{"parts":[{"text":"row 4"}]}]}`,
	}
	reasons := []string{
		"", "generationConfig.seed is a text here and a number before",
		`has the name "full name"`, "is nested deeper than 15 levels", "",
	}
	for _, tier := range []string{"batch", "batch,flex"} {
		t.Run(tier, func(t *testing.T) {
			w := newWorld(t, len(bodies), "")
			w.input(func(i int) string { return fmt.Sprintf(`{"q":"row %d","request":%s}`, i, bodies[i]) })
			w.spec.Prompt, w.spec.Raw, w.spec.Tier = "", &jobs.Raw{}, jobs.List(strings.Split(tier, ","))
			w.mustRun()
			for i, r := range w.output() {
				switch {
				case reasons[i] == "":
					if r.Status != "ok" || r.Tier != "batch" {
						t.Errorf("row %d: %+v", i, r)
					}
				case tier == "batch":
					if r.Status != "failed" || r.Error == nil || !strings.Contains(*r.Error, reasons[i]) || !strings.Contains(*r.Error, "--tier batch,flex") {
						t.Errorf("row %d: %s %v", i, r.Status, *r.Error)
					}
				case r.Status != "ok" || !strings.HasSuffix(r.Tier, "FLEX"):
					t.Errorf("row %d: %+v", i, r)
				}
			}
			if tier == "batch" {
				w.bills("1 2 0 0")
				w.spec.Tier = jobs.List{"batch", "flex"} // what failed is asked anew: the seed that is a text fits a job without numbers
				w.mustRun()
				w.bills("2 3 2 0")
			} else {
				w.bills("1 2 3 0")
			}
			for i, r := range w.output() {
				if r.Status != "ok" {
					t.Errorf("row %d: %+v", i, r)
				}
			}
		})
	}
}

// nested returns a schema of so many objects within each other, each of which is two levels.
func nested(n int) string {
	return strings.Repeat(`{"type":"object","properties":{"p":`, n) + `{"type":"string"}` + strings.Repeat("}}", n)
}

// TestCancel cancels a job at work: what it has done is kept, and the rest is asked again.
func TestCancel(t *testing.T) {
	const rows = 400
	w := newWorldOf(t, rows, "latecancel:200ms@1", 20*time.Millisecond, 4*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	s, err := w.run(ctx)
	if !errors.Is(err, batch.ErrInterrupted) || len(s.Batches) != 1 || !s.Batches[0].Live {
		t.Fatalf("%+v, %v", s, err)
	}
	if s, err = jobs.Cancel(t.Context(), w.spec, w.options()); err != nil {
		t.Fatalf("%v\n%s", err, &w.log)
	}
	done := s.Run.Status[batch.OK]
	if done < rows/10 || done > rows*9/10 || s.Run.Bill.Tiers[0].Calls != done || s.Run.Bill.Tiers[0].Cost == 0 || s.Batches[0].Live {
		t.Errorf("%d rows were done: %+v, %+v", done, s.Run, s.Batches)
	}
	w.bills(fmt.Sprint("1 ", done, " 0 0"))
	w.mustRun()
	w.answered()
	w.bills(fmt.Sprint("2 ", rows, " 0 0"))
}

// TestNoBucket checks that a bucket which cannot be written is refused before a job is made,
// and that the run goes on once it can.
func TestNoBucket(t *testing.T) {
	w := newWorld(t, 5, "")
	w.spec.BatchBucket = "gs://not-there/x"
	s, err := w.run(t.Context())
	if err == nil || s.Batches[0].Live || !strings.Contains(err.Error(), "gs://not-there/x/") || !strings.Contains(hintOf(err), "--batch-bucket") {
		t.Errorf("%+v, %v; %s", s, err, hintOf(err))
	}
	w.bills("0 0 0 0")
	w.spec.BatchBucket = "gs://" + bucket + "/team"
	w.mustRun()
	w.answered()
	w.bills("1 5 0 0")
}

// TestDenied checks that a job which the endpoint certainly did not make holds no rows, and
// leaves nothing in the bucket.
func TestDenied(t *testing.T) {
	w := newWorld(t, 5, "")
	header := w.spec.Header
	w.spec.Header = nil
	s, err := w.run(t.Context())
	if stop, ok := errors.AsType[*batch.StopError](err); !ok || stop.Err.Kind != batch.KindKey || s.Batches[0].Live {
		t.Errorf("%+v, %v", s, err)
	}
	if got := w.left(); got != "" {
		t.Errorf("%s is left", got)
	}
	w.bills("0 0 0 0")
	w.spec.Header = header
	w.mustRun()
	w.answered()
	w.bills("1 5 0 0")
}

// TestFailedUpload checks that an upload whose reply is lost each time leaves nothing in the
// bucket, although it was written there.
func TestFailedUpload(t *testing.T) {
	w := newWorld(t, 5, "")
	w.after = func(r *http.Request) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "input.jsonl") {
			panic(http.ErrAbortHandler)
		}
	}
	s, err := w.run(t.Context())
	if stop, ok := errors.AsType[*batch.StopError](err); !ok || stop.Err.Kind != batch.KindTransport || s.Batches[0].Live {
		t.Errorf("%+v, %v", s, err)
	}
	if got := w.left(); got != "" {
		t.Errorf("%s is left", got)
	}
	w.bills("0 0 0 0")
	w.after = nil
	w.mustRun()
	w.answered()
	w.bills("1 5 0 0")
}

// TestCleanup checks what is left in the bucket, and at the endpoint.
func TestCleanup(t *testing.T) {
	for _, cleanup := range []bool{false, true} {
		w := newWorld(t, 12, "shards:3")
		put(w.storage, "team/notes.txt", "somebody else's")
		w.spec.BatchCleanup = cleanup
		w.mustRun()
		w.answered()
		left, state := "team/genbatch-/output/prediction-model-/predictions-00001.jsonl team/genbatch-/output/prediction-model-/predictions-00002.jsonl team/genbatch-/output/prediction-model-/predictions.jsonl team/notes.txt", "SUCCEEDED"
		if cleanup {
			left, state = "team/notes.txt", "DELETED"
		}
		if got := w.left(); got != left {
			t.Errorf("cleanup %t: %s is left", cleanup, got)
		}
		if got := w.sim.Stats().Batches.Jobs[0].State; got != state {
			t.Errorf("cleanup %t: the job is %s", cleanup, got)
		}
		if files, err := filepath.Glob(filepath.Join(filepath.Dir(w.spec.Output), "out.jsonl.genbatch", "batches", "*.*.jsonl")); err != nil || len(files) > 0 {
			t.Errorf("cleanup %t: %q are left, %v", cleanup, files, err)
		}
	}
}

// TestTwoJobs runs two jobs at the same moment with the same place in the bucket.
func TestTwoJobs(t *testing.T) {
	w := newWorld(t, 100, "")
	var group sync.WaitGroup
	for i := range 4 {
		s := w.spec
		s.Output = filepath.Join(filepath.Dir(s.Output), fmt.Sprintf("out%d.jsonl", i))
		s.Prompt = fmt.Sprintf("{{.q}} of job %d", i)
		group.Go(func() {
			j, err := jobs.Open(s, w.options())
			if err == nil {
				defer j.Close()
				_, err = j.Run(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range 4 {
		w.spec.Output = filepath.Join(filepath.Dir(w.spec.Output), fmt.Sprintf("out%d.jsonl", i))
		for n, r := range w.output() {
			if want := fmt.Sprintf("row %d of job %d", n, i); r.Response != want || r.Status != "ok" {
				t.Fatalf("%+v, want %s", r, want)
			}
		}
	}
	w.bills("4 400 0 0")
}

// TestInterrupted ends a run at each of its calls, once before the call and once after it, and
// goes on with a new one.
func TestInterrupted(t *testing.T) {
	calls := 1
	for n := 1; n <= calls; n++ {
		for _, late := range []bool{false, true} {
			w := newWorld(t, 7, "")
			ctx, kill := context.WithCancel(t.Context())
			var mu sync.Mutex
			seen, last := 0, ""
			at := func(r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if seen++; seen == n {
					last = r.Method + " " + r.URL.Path
					kill()
				}
			}
			if w.before = at; late {
				w.before, w.after = nil, at
			}
			_, err := w.run(ctx)
			kill()
			if err == nil {
				continue
			}
			mu.Lock()
			w.before, w.after, calls = nil, nil, max(calls, n+1)
			mu.Unlock()
			if !errors.Is(err, batch.ErrInterrupted) {
				t.Errorf("call %d (%s), late %t: %v", n, last, late, err)
			}
			w.mustRun()
			w.answered()
			w.bills("1 7 0 0")
			if got := w.left(); got != "team/genbatch-/output/prediction-model-/predictions.jsonl" {
				t.Errorf("call %d (%s), late %t: %s is left", n, last, late, got)
			}
		}
	}
	if calls < 10 {
		t.Errorf("a run has %d calls", calls)
	}
	t.Logf("%d calls", calls)
}
