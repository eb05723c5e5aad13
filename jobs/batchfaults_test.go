package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A batchFault says what is to become of a job of 12 rows when its batches fail in a way.
type batchFault struct {
	faults string
	act    func(w *batchWorld) error // nil: one run
	err    string                    // how the last run ends; empty: well
	rows   string                    // by status and attempts
	bill   string                    // see batchWorld.bills
	calls  string                    // creations, downloads; empty: not looked at
	warned string                    // parts of warnings, with | between
	maybe  int64                     // calls that may have been billed, and nobody says for what
	share  int                       // rows per call; 0: each has its own
}

// Every fault that the simulator knows is here once, and most of them more often: with what
// the user is owed then. A row that was not answered is asked again. One whose answer is
// there is not, and nothing is created twice unless the endpoint hides what it has made.
var batchFaults = []batchFault{
	// The creation's reply says nothing, and its job is found by its name.
	{faults: "lostcreate@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1", warned: "is looked up"},
	{faults: "create500@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1", warned: "is looked up"},
	{faults: "create503@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1", warned: "is looked up"},
	{faults: "lostcreate@1,listdelay:30s", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "lostcreate@1,listpage:1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "lostcreate@1,list500@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "lostcreate@1,list503@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	// Without the list nothing is created again.
	{faults: "lostcreate@1,list500", err: "so it is not created again", rows: "12 pending", calls: "1 0"},
	{faults: "lostcreate@1,list503", err: "so it is not created again", rows: "12 pending", calls: "1 0"},
	// The list shows the job too late: there are two, of which the older is kept, and the
	// younger is cancelled within its minute of waiting.
	{faults: "lostcreate@1,listdelay:90s", rows: "12 ok/1", bill: "2 12 0 0", calls: "2 1", warned: "has made two jobs of the same requests"},
	{faults: "refuse503@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "2 1", warned: "is looked up"},

	// The creation is refused.
	{faults: "create400@1", rows: "12 ok/1", bill: "2 12 0 0", calls: "3 2"},
	{faults: "create400", err: "Request contains an invalid argument", rows: "12 pending", bill: "0 0 0 0"},
	{faults: "create404", err: "this endpoint does not seem to forward batches; use the endpoint google or vertex, or leave the tier batch out", rows: "12 pending", bill: "0 0 0 0", calls: "1 0"},
	{faults: "createchat", err: "it does not forward batches; use the endpoint google or vertex, or leave the tier batch out", rows: "12 pending", bill: "0 0 0 0", calls: "1 0"},
	{faults: "createempty", err: "the endpoint answered nothing: it does not forward batches", rows: "12 pending", bill: "0 0 0 0", calls: "1 0"},
	{faults: "create429@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "2 1", warned: "takes no further batch job now, and is asked again in 2m0s"},
	{faults: "create429:20m@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "5 1"}, // after 0, 2, 6, 14 and 29 minutes
	{faults: "enqueued:5", err: "a small account takes few tokens at a time; --tier flex costs the same", rows: "12 pending", bill: "0 0 0 0", calls: "7 0"},
	{faults: "slowcreate:20s@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "keepquota:1h", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "revoked@1", err: "API key not valid", rows: "12 pending", bill: "0 0 0 0"},
	{faults: "revoked@4", err: "API key not valid", rows: "12 pending", calls: "1 0"},

	// The requests cannot be uploaded.
	{faults: "nofile@1", rows: "12 ok/1", bill: "1 12 0 0"},
	{faults: "nofile", err: "the Files API", rows: "12 pending", bill: "0 0 0 0"},
	{faults: "processing:30s", rows: "12 ok/1", bill: "1 12 0 0"},
	{faults: "storage:100", err: "the Files API", rows: "12 pending", bill: "0 0 0 0"},

	// Polls.
	{faults: "poll500=0.5", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "poll503=0.5", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "poll404=0.5", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "pollreset=0.5", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "slowpoll:5s=0.5", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "unknownstate@2", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "unknownstate", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"}, // it is done all the same
	{faults: "jobstate", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "inline,inline503:100000", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 0"},
	{faults: "inline,inline503:10", err: "run the same command again", rows: "12 pending", calls: "1 0", warned: "has not said 10 times in a row how the batch job"},

	// How jobs end.
	{faults: "failed@1", maybe: 12, rows: "12 ok/2", bill: "2 12 0 0", calls: "2 1"},
	{faults: "failed", maybe: 36, err: "3 batch jobs in a row failed as a whole", rows: "12 pending", bill: "3 0 0 0", calls: "3 0"},
	{faults: "failed:3@1", maybe: 12, rows: "12 ok/2", bill: "2 12 0 0", calls: "2 1"},
	{faults: "failed@1,partial", maybe: 6, rows: "6 ok/1, 6 ok/2", bill: "2 12 0 0", calls: "2 2"},
	{faults: "expired@1", maybe: 12, rows: "12 ok/2", bill: "2 12 0 0", calls: "2 1"},
	{faults: "expired", maybe: 36, err: "3 batch jobs in a row failed as a whole", rows: "12 pending", bill: "3 0 0 0", calls: "3 0"},
	{faults: "expired@1,partial", maybe: 6, rows: "6 ok/1, 6 ok/2", bill: "2 12 0 0", calls: "2 2"},
	{faults: "stuck@1", rows: "12 ok/1", bill: "2 12 0 0", calls: "2 1", warned: "came to nothing, and none of its 12 rows was asked"},
	{faults: "importcode:9@1", maybe: 12, rows: "12 ok/2", bill: "2 12 0 0"},
	{faults: "exportcode:7@1", maybe: 12, rows: "12 ok/2", bill: "2 24 0 12"},
	{faults: "lateoutput:5m", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "frozen", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "shuffled", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "inline", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 0"},
	{faults: "inline,shuffled", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 0"},
	{faults: "inline,nometadata@1", maybe: 12, err: "cannot be told apart", rows: "12 pending", bill: "1 12 0 0", calls: "1 0"},
	{faults: "shards,nocounts,latecancel", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},

	// Jobs that are cancelled five minutes after they were made, four of them at work.
	{faults: "", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "2 16 0 4", maybe: 12},
	{faults: "cancel1", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "2 16 0 4", maybe: 12},
	{faults: "stuck@1", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "2 12 0 0"},
	{faults: "partial", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "2 12 0 0", maybe: 8},
	{faults: "uncancelled:30s", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "1 12 0 0"},
	{faults: "uncancelled:3m@1", act: cancelled(5 * time.Minute), rows: "12 ok/1", bill: "2 24 0 12", maybe: 12, warned: "was cancelled, and has succeeded all the same"},

	// Rows of results. The tenth row of a job is one, and what is left of it is none.
	{faults: "rowstatus:13@10", rows: "11 ok/1, 1 ok/2", bill: "2 12 0 0"},
	{faults: "rowstatus:3@10", rows: "11 ok/1, 1 rejected/1", bill: "1 11 0 0"},
	{faults: "missing@10", maybe: 1, rows: "11 ok/1, 1 ok/2", bill: "2 13 0 1", warned: "1 row without a line"},
	{faults: "twice@10", rows: "12 ok/1", bill: "1 12 0 0", warned: "1 line for a row that had one already"},
	{faults: "foreign@10", rows: "12 ok/1", bill: "1 12 0 0", warned: "1 line of a row that is not in it"},
	{faults: "nokey@10", maybe: 1, rows: "11 ok/1, 1 ok/2", bill: "2 13 0 1", warned: "1 row without a line"},
	{faults: "neither@10", maybe: 1, rows: "11 ok/1, 1 ok/2", bill: "2 13 0 1"},
	{faults: "u2028", rows: "12 ok/1", bill: "1 12 0 0"},
	{faults: "bigline:3000000@10", rows: "12 ok/1", bill: "1 12 0 0"},
	{faults: "wrongjson", rows: "12 ok/1", bill: "1 12 0 0"}, // there is no schema to break; see TestBatchPilot
	// One that always fails ends after its attempts, and does not stop the run.
	{faults: "rowcode13@1", rows: "11 ok/1, 1 failed/6", bill: "6 11 0 0"},
	{faults: "missing@1", maybe: 6, rows: "11 ok/1, 1 failed/6", bill: "6 17 0 5"},
	{faults: "nokey", maybe: 12, err: "cannot be told apart", rows: "12 pending", bill: "1 12 0 0"},

	// Downloads.
	{faults: "truncated@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 2", warned: "are downloaded again"},
	{faults: "truncated", err: "run the same command again", rows: "12 pending", bill: "1 12 0 0", calls: "1 20"},
	{faults: "short@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 2", warned: "are downloaded again"},
	{faults: "norange", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},
	{faults: "download503@1", rows: "12 ok/1", bill: "1 12 0 0", calls: "1 2", warned: "are downloaded again"},
	{faults: "download503", err: "run the same command again", rows: "12 pending", bill: "1 12 0 0", calls: "1 20"},
	{faults: "download404=0.5", rows: "12 ok/1", bill: "1 12 0 0"},
	{faults: "download404", maybe: 36, err: "3 batch jobs in a row failed as a whole", rows: "12 pending", bill: "3 36 0 24", warned: "its results are gone or were never there: its 12 rows are asked again, and were billed"},
	{faults: "retention:48h", maybe: 12, act: comesBack(72 * time.Hour), rows: "12 ok/2", bill: "2 24 0 12", warned: "are gone"},
	{faults: "retention:96h", act: comesBack(72 * time.Hour), rows: "12 ok/1", bill: "1 12 0 0", calls: "1 1"},

	// Somebody deletes the job.
	{faults: "", act: deleted(5 * time.Minute), rows: "12 ok/2", bill: "2 16 0 4", maybe: 12, warned: "does not know the batch job"},
}

// cancelled runs the job, cancels it after a while, and runs it again.
func cancelled(after time.Duration) func(*batchWorld) error {
	return func(w *batchWorld) error {
		if err := w.detach(); err != nil {
			return err
		}
		time.Sleep(after)
		if _, err := Cancel(w.t.Context(), w.spec, w.options()); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		_, err := w.run()
		return err
	}
}

// comesBack leaves the job to the endpoint for a while.
func comesBack(after time.Duration) func(*batchWorld) error {
	return func(w *batchWorld) error {
		if err := w.detach(); err != nil {
			return err
		}
		time.Sleep(after)
		_, err := w.run()
		return err
	}
}

// deleted runs the job, which another program deletes meanwhile.
func deleted(after time.Duration) func(*batchWorld) error {
	return func(w *batchWorld) error {
		time.AfterFunc(after, func() {
			name := w.sim.Stats().Batches.Jobs[0].Name
			r := httptest.NewRequest(http.MethodDelete, "http://127.0.0.1:1/v1beta/"+name, nil)
			r.Header.Set("x-goog-api-key", "key")
			w.sim.ServeHTTP(httptest.NewRecorder(), r)
		})
		_, err := w.run()
		return err
	}
}

// detach submits what is to be asked, and comes back at once.
func (w *batchWorld) detach() error {
	o := w.options()
	o.Detach = true
	_, err := w.runWith(o)
	if _, ok := errors.AsType[*DetachedError](err); !ok {
		return fmt.Errorf("a detached run ends with %w", err)
	}
	return nil
}

// standing says how many rows have each status, and after how many attempts.
func (w *batchWorld) standing() string {
	w.t.Helper()
	j, err := View(w.spec, Options{Env: noEnv})
	if err != nil {
		w.t.Fatal(err)
	}
	defer j.Close()
	counts := map[string]int{}
	for r, err := range j.Rows(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		what := string(r.Status)
		if r.Status != batch.Pending {
			what += fmt.Sprintf("/%d", r.Result.Attempts)
		}
		counts[what]++
	}
	var list []string
	for what, n := range counts {
		list = append(list, fmt.Sprintf("%d %s", n, what))
	}
	slices.SortFunc(list, func(a, b string) int { // the most first
		n := func(s string) int { n, _ := strconv.Atoi(strings.Fields(s)[0]); return -n }
		return cmp.Or(cmp.Compare(n(a), n(b)), cmp.Compare(a, b))
	})
	return strings.Join(list, ", ")
}

func TestBatchFaults(t *testing.T) {
	long(t, "it runs a job for each fault of batches")
	known := map[string]bool{}
	for _, tt := range batchFaults {
		for _, f := range parsed(t, tt.faults) {
			known[f.Kind] = true
		}
	}
	for _, k := range sim.BatchFaultKinds() {
		if !known[k.Name] {
			t.Errorf("no row of the table has the fault %s (%s)", k.Name, k.Help)
		}
	}
	for _, tt := range batchFaults {
		t.Run(strings.NewReplacer("/", "_", " ", "").Replace(tt.faults), func(t *testing.T) {
			inBatchWorld(t, tt.faults, func(t *testing.T, w *batchWorld) { w.holds(tt) })
		})
	}
}

// holds holds the world to a row of the table.
func (w *batchWorld) holds(tt batchFault) {
	t := w.t
	if tt.share > 0 {
		w.spec.Prompt, w.spec.Summarize, w.spec.RowsPerCall = "", &spec.Summarize{Text: "{{.q}}"}, tt.share
	}
	w.input(lines(12)...)
	act := tt.act
	if act == nil {
		act = func(w *batchWorld) error { // that would go on for ever has a month
			ctx, cancel := context.WithTimeout(w.t.Context(), 30*24*time.Hour)
			defer cancel()
			j, err := Open(w.spec, w.options())
			if err != nil {
				return err
			}
			defer j.Close()
			_, err = j.Run(ctx)
			return err
		}
	}
	err := act(w)
	switch {
	case tt.err == "" && err != nil:
		t.Errorf("the run ends with: %v", err)
	case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
		t.Errorf("the run ends with: %v, want %q", err, tt.err)
	}
	if got := w.standing(); got != tt.rows {
		t.Errorf("rows: %s, want %s", got, tt.rows)
	}
	if tt.bill != "" {
		w.bills("ledger", tt.bill)
	}
	if got := fmt.Sprint(w.count("create"), w.count("download")); tt.calls != "" && got != tt.calls {
		t.Errorf("%s creations and downloads, want %s", got, tt.calls)
	}
	if st, err := StatusOf(w.spec); err != nil || st.Unreported != tt.maybe {
		t.Errorf("%d calls may have been billed, want %d (%v)", st.Unreported, tt.maybe, err)
	}
	if tt.warned != "" {
		w.warned(strings.Split(tt.warned, "|")...)
	}
	if t.Failed() {
		t.Logf("log:\n%s", &w.log)
	} else if testing.Verbose() {
		said := "ends"
		if err != nil {
			said = "stops: " + err.Error()
		}
		s := w.sim.Stats().Batches
		t.Logf("%-28s | %-26s | jobs %d, billed %d, again %d, unknown %d | creates %d, downloads %d | %s", tt.faults, w.standing(), s.Created, s.Billed, s.Repeats, tt.maybe, w.count("create"), w.count("download"), said)
	}
}

// Each google.rpc.Code that a row can have, alone among rows that are answered, and always at
// the first row of a job, so that it meets its row in each of them.
func TestBatchRowCodes(t *testing.T) {
	long(t, "each code of each kind, in a job of its own")
	for _, tt := range []struct {
		codes []int
		rows  string
		jobs  int
	}{
		{[]int{3, 11, 12}, "11 ok/1, 1 rejected/1", 1},
		{[]int{5, 7, 9}, "11 ok/1, 1 rejected/2", 2}, // once more, by a fresh upload
		{[]int{6, 16}, "11 ok/1, 1 failed/2", 2},
		{[]int{1, 2, 4, 10, 13, 14, 15, 17, 99}, "11 ok/1, 1 failed/6", 6},
		{[]int{8}, "11 ok/1, 1 failed/18", 18}, // not for want of trying: a quota is not the row's fault
	} {
		for _, code := range tt.codes {
			for _, member := range []string{"rowcode", "rowstatus"} {
				t.Run(fmt.Sprint(member, code), func(t *testing.T) {
					inBatchWorld(t, fmt.Sprintf("%s:%d@1", member, code), func(t *testing.T, w *batchWorld) {
						w.holds(batchFault{rows: tt.rows})
						s := w.sim.Stats().Batches
						if s.Created != tt.jobs || s.Billed != 11 || s.Repeats != 0 {
							t.Errorf("%d jobs, want %d; %d rows were billed, %d of them again", s.Created, tt.jobs, s.Billed, s.Repeats)
						}
					})
				})
			}
		}
	}
}

// One row that the endpoint refuses is found among many, and rejected by name. The others
// are answered.
func TestBatchBisects(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Prompt, w.spec.Raw = "", &spec.Raw{}
		var rows []string
		for i := range 200 {
			role := "user"
			if i == 77 {
				role = "wizard" // which nothing here can know to be wrong
			}
			rows = append(rows, fmt.Sprintf(`{"key":"k%d","request":{"contents":[{"role":%q,"parts":[{"text":"row %d"}]}]}}`, i, role, i))
		}
		w.input(rows...)
		s := w.mustRun()
		if s.Run.Status[batch.OK] != 199 || s.Run.Status[batch.Rejected] != 1 {
			t.Errorf("rows: %v", s.Run.Status)
		}
		if n := w.count("create"); n > 17 {
			t.Errorf("%d creations to find one row of 200", n) // 1, and 2 for each halving
		}
		for _, row := range w.output("key", "status", "error") {
			if strings.HasPrefix(row, "k77 ") != strings.Contains(row, " rejected ") || strings.HasPrefix(row, "k77 ") && !strings.Contains(row, "Request contains an invalid argument") {
				t.Errorf("row: %s", row)
			}
		}
		if st := w.sim.Stats().Batches; st.Billed != 199 || st.Repeats != 0 {
			t.Errorf("%d rows were billed, %d of them again", st.Billed, st.Repeats)
		}
		// It is settled: nothing is sent any more.
		before := len(w.seen)
		w.mustRun()
		if len(w.seen) != before {
			t.Errorf("the next run sends %v", w.seen[before:])
		}
	})
}

// When the endpoint refuses all rows, few calls show it, no row takes the blame, and the run
// that follows with a request that is right is not held up by the old one.
func TestBatchRefusesAll(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Set = map[string]string{"generationConfig.temperature": "5"} // at most 2
		w.spec.NoPreflight = true
		w.input(lines(1000)...)
		_, err := w.run()
		stop, ok := errors.AsType[*batch.StopError](err)
		if !ok || !strings.Contains(err.Error(), "invalid argument") {
			t.Fatalf("the run ends with %v", err)
		}
		if n := w.count("create"); n > 35 {
			t.Errorf("%d creations until the run stops (%v)", n, stop)
		}
		if got := w.standing(); got != "1000 pending" {
			t.Errorf("rows: %s", got)
		}
		before := w.count("create")
		w.spec.Set = nil
		w.mustRun()
		if got := w.standing(); got != "1000 ok/1" {
			t.Errorf("rows: %s", got)
		}
		if n := w.count("create") - before; n != 1 {
			t.Errorf("%d creations of what is right", n)
		}
		w.bills("in the end", "1 1000 0 0")
	})
}

// A line of results may be longer than 64 MB.
func TestBatchLongLine(t *testing.T) {
	long(t, "a line of results of 65 MB")
	inBatchWorld(t, "bigline:68157440@2", func(t *testing.T, w *batchWorld) {
		w.holds(batchFault{rows: "12 ok/1", bill: "1 12 0 0"})
	})
}
