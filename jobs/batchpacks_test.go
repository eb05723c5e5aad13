package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// packedBatchFaults are faults of batches whose requests are shared by three rows each, so that a
// job of 12 rows has 4 requests, which is what the ledger counts.
var packedBatchFaults = []batchFault{
	{faults: "", rows: "12 ok/1", bill: "1 4 0 0", calls: "1 1"},
	{faults: "shuffled", rows: "12 ok/1", bill: "1 4 0 0", calls: "1 1"},
	{faults: "inline", rows: "12 ok/1", bill: "1 4 0 0", calls: "1 0"},
	{faults: "lostcreate@1", rows: "12 ok/1", bill: "1 4 0 0", calls: "1 1", warned: "is looked up"},
	{faults: "create400@1", rows: "12 ok/1", bill: "2 4 0 0", calls: "3 2"},
	{faults: "failed@1", maybe: 4, rows: "12 ok/2", bill: "2 4 0 0", calls: "2 1"},
	{faults: "failed@1,partial", maybe: 2, rows: "6 ok/1, 6 ok/2", bill: "2 4 0 0", calls: "2 2"},
	{faults: "truncated@1", rows: "12 ok/1", bill: "1 4 0 0", calls: "1 2", warned: "are downloaded again"},
	{faults: "", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "2 5 0 1", maybe: 4},
	{faults: "", act: deleted(5 * time.Minute), rows: "12 ok/2", bill: "2 5 0 1", maybe: 4, warned: "its 12 rows are asked again"},

	// The rows of a request without a line share one again. When its attempts are used up, each is
	// asked alone, and the one that the fault then follows to the first request has as many again.
	{faults: "missing@2", maybe: 1, rows: "9 ok/1, 3 ok/2", bill: "2 5 0 1", warned: "3 rows without a line"},
	{faults: "missing@1", maybe: 12, rows: "9 ok/1, 2 ok/7, 1 failed/12", bill: "12 17 0 10"},
	{faults: "nokey@2", maybe: 1, rows: "9 ok/1, 3 ok/2", bill: "2 5 0 1", warned: "3 rows without a line, 1 line of a row that is not in it"},
	{faults: "nokey", maybe: 4, err: "4 lines, for 12 rows", rows: "12 pending", bill: "1 4 0 0"},
	{faults: "twice@2", rows: "12 ok/1", bill: "1 4 0 0", warned: "1 line for a row that had one already"},
	{faults: "foreign@2", rows: "12 ok/1", bill: "1 4 0 0", warned: "1 line of a row that is not in it"},
	{faults: "rowcode:13@2", rows: "9 ok/1, 3 ok/2", bill: "2 4 0 0"},
	{faults: "rowcode:8@1", rows: "9 ok/1, 3 failed/18", bill: "18 3 0 0"},
	// What may be the fault of a row has all of them asked alone, of which one has it again: the
	// second request of the second job.
	{faults: "neither@2", maybe: 2, rows: "9 ok/1, 2 ok/2, 1 ok/3", bill: "3 8 0 1"},
	{faults: "rowstatus:3@2", rows: "9 ok/1, 2 ok/2, 1 rejected/2", bill: "2 5 0 0"},
}

func TestPackedBatchFaults(t *testing.T) {
	long(t, "it runs a job for each fault of batches")
	for _, tt := range packedBatchFaults {
		t.Run(tt.faults, func(t *testing.T) {
			tt.share = 3
			inBatchWorld(t, tt.faults, func(t *testing.T, w *batchWorld) { w.holds(tt) })
		})
	}
}

// One row of four requests brings about a fault. Only rows that share its request are asked again,
// each alone and once more, and the row comes to what it does alone.
func TestPackedBatchRows(t *testing.T) {
	for _, tt := range []struct{ fault, rows, bill string }{
		{"leftout", "11 ok/1, 1 ok/2", "2 5 0 0"},
		{"twice", "11 ok/1, 1 ok/2", "2 5 0 0"},
		{"foreign", "12 ok/1", "1 4 0 0"},
		{"noarray", "12 ok/1", "1 4 0 0"},
		{"block", "9 ok/1, 2 ok/2, 1 blocked/2", "2 7 0 0"},
		{"400", "9 ok/1, 2 ok/2, 1 rejected/2", "2 5 0 0"},
		{"recitation", "9 ok/1, 2 ok/2, 1 blocked/4", "4 9 0 0"}, // twice more at a higher temperature
		{"maxtokens", "9 ok/1, 2 ok/2, 1 truncated/2", "2 7 0 0"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
				w.spec.Prompt, w.spec.Summarize, w.spec.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, 3
				rows := lines(12)
				rows[4] = fmt.Sprintf("row 4 [[sim:%s]]", tt.fault)
				w.input(rows...)
				w.mustRun()
				if got := w.standing(); got != tt.rows {
					t.Errorf("rows: %s, want %s", got, tt.rows)
				}
				w.bills("ledger", tt.bill)
				w.verified(tt.fault)
			})
		})
	}
}

// The power goes while the results of a batch job are brought into the journal, which has any
// number of its lines afterwards: of requests that rows share, the answer and some rows. The next
// run settles the others, and none twice, though rows that were not answered are asked again in the
// same run. What the job says to have cost is what was billed, to the pico-dollar.
func TestHalfAppliedBatchOfPacks(t *testing.T) {
	const rows, perCall, answers = 9, 3, 2
	for kept := range answers + rows + 1 {
		f, _ := newBatchFixture(t, 0, "")
		f.spec.Prompt, f.spec.Summarize, f.spec.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, perCall
		asked := lines(rows)
		asked[4] += " [[sim:leftout]]"
		asked[7] += " [[sim:block]]" // so that none of those who share its request is answered
		f.input(asked...)
		journal := filepath.Join(f.spec.StateDir(), "results-000001.jsonl")
		f.inBubble(func(t *testing.T) {
			dead := false
			o := f.options()
			o.batchPace = 1
			o.fs = durable.FS{Hook: func(op durable.Op, path string) (bool, error) {
				if op == durable.OpSync && path == journal {
					text, err := os.ReadFile(journal)
					dead = err != nil || bytes.Count(text, []byte(`{"seq":`)) == rows
				}
				if dead {
					return false, errDead
				}
				return jobtest.Unsynced.Hook(op, path)
			}}
			if _, err := f.runWith(o); err == nil || !dead {
				t.Fatalf("the run ends with %v before its results are in the journal", err)
			}
			text, err := os.ReadFile(journal)
			if err != nil {
				t.Fatal(err)
			}
			all := slices.Collect(bytes.Lines(text)) // the first one is the header
			if n := bytes.Count(text, []byte(`"status":"pending"`)); len(all) != 1+answers+rows || n != 1+perCall {
				t.Fatalf("the journal has %d lines, and %d results without an answer", len(all), n)
			}
			if err := os.WriteFile(journal, bytes.Join(all[:1+kept], nil), 0o600); err != nil {
				t.Fatal(err)
			}
			o = f.options()
			o.fs, o.batchPace = jobtest.Unsynced, 1
			ctx, cancel := context.WithTimeout(t.Context(), 30*24*time.Hour) // rather than to wait for ever
			defer cancel()
			j, err := Open(f.spec, o)
			if err == nil {
				_, err = j.Run(ctx)
				err = errors.Join(err, j.Close())
			}
			if err != nil {
				t.Fatalf("%d lines kept: %v", kept, err)
			}
			f.sharedOnce(fmt.Sprintf("%d lines kept", kept))
			for n, got := range f.output("response") {
				if want, _, _ := strings.Cut(asked[n], " [["); got != want && n != 7 {
					t.Errorf("%d lines kept: row %d is answered %q, want %q", kept, n, got, want)
				}
			}
			f.verified(fmt.Sprintf("%d lines kept", kept))
		})
	}
}

// sharedOnce fails the test unless each row has one share of the cost of each batch job that it was
// in.
func (f *fixture) sharedOnce(what string) {
	f.t.Helper()
	j, err := View(f.spec, Options{Env: noEnv})
	if err != nil {
		f.t.Fatal(err)
	}
	defer j.Close()
	type share struct {
		row batch.ID
		job string
	}
	times := make(map[share]int)
	for r, err := range j.journal.All() {
		if err != nil {
			f.t.Fatal(err)
		}
		for i := range r.Spent {
			times[share{r.ID(), r.Spent[i].Batch}]++
		}
	}
	for s, n := range times {
		if n != 1 {
			f.t.Errorf("%s: row %v has %d shares of the batch job %s", what, s.row, n, s.job)
		}
	}
}
