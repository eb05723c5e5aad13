package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/spec"
)

// ladder is a world of three tiers and a deadline in 20 hours, whose batch jobs run for a while.
func ladder(t *testing.T, faults string, running time.Duration, test func(t *testing.T, w *batchWorld)) {
	t.Helper()
	c := sim.Config{Latency: 2 * time.Second, Batches: sim.Batches{Faults: parsed(t, faults), Pending: time.Minute, Running: running}}
	inBatchWorldOf(t, c, func(t *testing.T, w *batchWorld) {
		w.spec.Tier, w.spec.Deadline = spec.List{"batch,flex,standard"}, "20h"
		test(t, w)
	})
}

// of returns the calls of a kind, in order.
func (w *batchWorld) of(what string) (list []wireCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.seen {
		if c.what == what {
			list = append(list, c)
		}
	}
	return list
}

// tiers says how many calls each tier made, in the order of the bill.
func tiers(s *Summary) string {
	var list []string
	for _, t := range s.Job.Bill.Tiers {
		list = append(list, fmt.Sprintf("%d %s", t.Calls, t.Tier))
	}
	return strings.Join(list, ", ")
}

// logTiers prints what a run came to.
func (w *batchWorld) logTiers(what string, s *Summary) {
	if !testing.Verbose() {
		return
	}
	w.t.Logf("%s: after %v", what, s.Elapsed.Round(time.Second))
	for _, tt := range s.Job.Bill.Tiers {
		w.t.Logf("  %-9s %4d calls  $%s (standard: $%s)", tt.Tier, tt.Calls, tt.Cost.Format(6), tt.Standard.Format(6))
	}
	if n := s.Job.Unreported; n > 0 {
		w.t.Logf("  %d calls may have been billed, for at most $%s", n, s.Job.UnreportedMost.Format(6))
	}
}

// One of two jobs is never begun. When the deadline leaves no more time, it is cancelled,
// and its rows go on to flex, and those that find no room there to standard. The other one's
// rows stay with it.
func TestBatchLadder(t *testing.T) {
	ladder(t, "stuck:gemini-2.5-flash", 10*time.Hour, func(t *testing.T, w *batchWorld) {
		w.spec.Set = map[string]string{"model": "{{.m}}"}
		var rows []string
		for i := range 60 {
			m, busy := "gemini-2.5-flash-lite", ""
			if i%2 == 1 {
				m = "gemini-2.5-flash"
			}
			if i%20 == 1 {
				busy = "[[sim:flexbusy]]"
			}
			rows = append(rows, fmt.Sprintf(`{"q":"row %d %s","m":%q}`, i, busy, m))
		}
		w.input(rows...)
		s := w.mustRun()
		w.logTiers("a job is stuck", s)
		if got := tiers(s); got != "30 batch, 27 flex, 3 standard" {
			t.Errorf("the tiers are %s", got)
		}
		if s.Run.Status[batch.OK] != 60 || s.Job.Unreported != 0 {
			t.Errorf("%v, %d calls whose usage is not known", s.Run.Status, s.Job.Unreported)
		}
		w.bills("two jobs, of which one is stuck", "2 30 30 0")

		// One pace over all jobs: 10 s at first, growing to 60 s, with half of it by chance.
		jobs := w.of("poll")
		stuck := w.of("cancel")
		if len(stuck) != 1 {
			t.Fatalf("cancelled: %v", stuck)
		}
		var gaps []time.Duration
		last := bubbleBegin
		for _, c := range jobs {
			if c.about == stuck[0].about && c.at.Before(stuck[0].at) {
				gaps = append(gaps, c.at.Sub(last))
				last = c.at
			}
		}
		most, sum := time.Duration(0), time.Duration(0)
		for _, g := range gaps {
			most, sum = max(most, g), sum+g
		}
		if gaps[0] < 5*time.Second || gaps[0] > 16*time.Second || most > 92*time.Second || sum/time.Duration(len(gaps)) < 50*time.Second {
			t.Errorf("%d polls, the first after %v, the longest gap %v, the mean %v", len(gaps), gaps[0], most, sum/time.Duration(len(gaps)))
		}
		for i := 1; i < len(jobs) && jobs[i].at.Before(bubbleBegin.Add(9*time.Hour)); i++ { // while both are at work
			if jobs[i].about != jobs[i-1].about && jobs[i].at.Sub(jobs[i-1].at) < time.Second {
				t.Errorf("polls %v apart", jobs[i].at.Sub(jobs[i-1].at))
				break
			}
		}

		// Thirty calls of at most a minute each, by 64 at a time, with a quarter to spare and
		// two of them at the end; five minutes for a call of flex; and five to cancel, watch and
		// collect.
		reserve := time.Duration(1.25*30*float64(time.Minute)/64) + 2*time.Minute + 5*time.Minute + 5*time.Minute
		if got := bubbleBegin.Add(20 * time.Hour).Sub(stuck[0].at); got < reserve-3*time.Second || got > reserve+3*time.Second {
			t.Errorf("the job is cancelled %v before the deadline, want %v", got, reserve)
		}
		// A row of a live job is sent no other way.
		calls := w.of("call")
		terminal := slices.IndexFunc(jobs, func(c wireCall) bool { return c.about == stuck[0].about && c.at.After(stuck[0].at) })
		if terminal < 0 || calls[0].at.Before(jobs[terminal].at) {
			t.Errorf("a call at %v, before the cancelled job was seen to have ended", calls[0].at)
		}
		for _, c := range calls {
			if c.about != "gemini-2.5-flash" {
				t.Errorf("a call of %s", c.about)
			}
		}
		w.warned("the deadline leaves batches no more time: 1 batch job to be cancelled, and what has no answer goes on to the next tier")
		w.verified("in the end")
	})
}

// A job that is at work when the deadline leaves no more time is cancelled, and what it has
// done is kept, as far as the endpoint shows it. What it may have billed beyond that is named
// with the most that it can cost.
func TestBatchLadderOfRunningJobs(t *testing.T) {
	for _, tt := range []struct {
		name, faults, tiers, bill string
		unknown                   int64
	}{
		{"what was done is there", "partial", "26 batch, 14 flex", "1 26 14 0", 14},
		{"what was done is not shown", "", "40 flex", "1 26 40 26", 40},
		{"it succeeds all the same", "uncancelled:40s", "40 batch", "1 40 0 0", 0},
	} {
		ladder(t, tt.faults, 30*time.Hour, func(t *testing.T, w *batchWorld) {
			w.spec.MaxOutputTokens = 100
			w.input(lines(40)...)
			s := w.mustRun()
			w.logTiers(tt.name, s)
			if got := tiers(s); got != tt.tiers || s.Run.Status[batch.OK] != 40 {
				t.Errorf("%s: the tiers are %s, want %s; %v\n%s", tt.name, got, tt.tiers, s.Run.Status, &w.log)
			}
			w.bills(tt.name, tt.bill)
			// A row is at most its bytes of input and 100 tokens of output, at half the price.
			most := price.USD(0)
			if tt.unknown > 0 {
				body := w.of("call")[0].body
				most = price.USD(tt.unknown) * price.USD(len(body)*50_000+100*200_000)
			}
			if s.Job.Unreported != tt.unknown || s.Job.UnreportedMost > most || s.Job.UnreportedMost < most/2 {
				t.Errorf("%s: %d calls may have cost %v, want %d at %v or a little less", tt.name, s.Job.Unreported, s.Job.UnreportedMost, tt.unknown, most)
			}
			if end := bubbleBegin.Add(20 * time.Hour); time.Now().After(end) {
				t.Errorf("%s: it takes until %v", tt.name, time.Now())
			}
			// The tier is no part of what a row is.
			before := len(w.seen)
			w.spec.Tier, w.spec.Deadline = nil, ""
			w.mustRun()
			if len(w.seen) != before {
				t.Errorf("%s: without a tier, the next run sends %v", tt.name, w.seen[before:])
			}
		})
	}
}

// When the deadline leaves no more time, a job that cannot be created is given up. One that may
// have been created is looked for first.
func TestBatchLadderOfDoubtfulJobs(t *testing.T) {
	for _, tt := range []struct{ name, faults, deadline, bill string }{
		{"it is refused for hours", "create429:10h@1", "2h", "0 0 12 0"},
		{"it is not listed before", "lostcreate@1,listdelay:70s", "724s", "1 0 12 0"}, // given up after 62 s
		{"it was lost and found", "lostcreate@1,listdelay:50s", "724s", "1 0 12 0"},
		{"there is none", "refuse503", "724s", "0 0 12 0"},
	} {
		c := sim.Config{Batches: sim.Batches{Faults: parsed(t, tt.faults), Pending: time.Hour, Running: time.Hour}}
		inBatchWorldOf(t, c, func(t *testing.T, w *batchWorld) {
			w.spec.Tier, w.spec.Deadline = spec.List{"batch,flex"}, tt.deadline
			w.input(lines(12)...)
			s := w.mustRun()
			if got := tiers(s); got != "12 flex" {
				t.Errorf("%s: the tiers are %s\n%s", tt.name, got, &w.log)
			}
			w.bills(tt.name, tt.bill)
			for _, j := range w.sim.Stats().Batches.Jobs {
				if j.State != "CANCELLED" {
					t.Errorf("%s: the job is %s", tt.name, j.State)
				}
			}
		})
	}
}

// Batches alone: the deadline ends the run, and the jobs stay.
func TestBatchDeadline(t *testing.T) {
	inBatchWorldOf(t, sim.Config{Batches: sim.Batches{Pending: time.Hour, Running: 2 * time.Hour}}, func(t *testing.T, w *batchWorld) {
		w.spec.Deadline = "90m"
		w.input(lines(20)...)
		_, err := w.run()
		if late, ok := errors.AsType[*DeadlineError](err); !ok || !late.At.Equal(bubbleBegin.Add(90*time.Minute)) || !time.Now().Equal(late.At) {
			t.Fatalf("at %v the run ends with %v", time.Now(), err)
		}
		if w.count("cancel") > 0 || w.standing() != "20 pending" {
			t.Errorf("rows: %s, cancelled: %v", w.standing(), w.of("cancel"))
		}
		w.spec.Deadline = ""
		time.Sleep(24 * time.Hour)
		s := w.mustRun()
		if got := tiers(s); got != "20 batch" {
			t.Errorf("the tiers are %s", got)
		}
		w.bills("the day after", "1 20 0 0")
	})
}

// A cap is never exceeded where requests limit their output: no more is sent than may be
// paid for, and not more by single calls either.
func TestBatchCapIsHard(t *testing.T) {
	for _, tiers := range []spec.List{{"batch"}, {"batch,flex"}} {
		inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
			w.spec.Tier, w.spec.MaxOutputTokens, w.spec.MaxCost = tiers, 10, "0.00006"
			w.input(lines(200)...)
			_, err := w.run()
			if _, ok := errors.AsType[*BudgetError](err); !ok {
				t.Fatalf("%v: the run ends with %v", tiers, err)
			}
			s := w.sim.Stats()
			// 10 tokens of output cost 0.000002, and some 100 bytes of input 0.000005.
			if first := s.Batches.Jobs[0].Rows; first < 6 || first > 9 {
				t.Errorf("%v: the first job has %d rows", tiers, first)
			}
			if spent := w.spent(); spent > 6*price.Dollar/100_000 || s.Batches.Repeats > 0 {
				t.Errorf("%v: $%v is spent, %d rows again", tiers, spent, s.Batches.Repeats)
			}
			// What answers cost in the end leaves room for more, until the next one might not fit.
			if s.Batches.Billed+s.Batches.Single < 100 {
				t.Errorf("%v: only %d rows are asked", tiers, s.Batches.Billed+s.Batches.Single)
			}
		})
	}
}

// What batch jobs may still cost counts for single calls as well, also in a later run.
func TestBatchCapHoldsForCalls(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.MaxOutputTokens, w.spec.MaxCost = 10, "0.00006"
		w.input(lines(200)...)
		if err := w.detach(); err != nil {
			t.Fatal(err)
		}
		w.spec.Tier = spec.List{"flex"}
		_, err := w.run()
		if _, ok := errors.AsType[*BudgetError](err); !ok || w.count("call") > 0 {
			t.Errorf("%d calls are made, and the run ends with %v", w.count("call"), err)
		}
	})
}

// A row of a dear model that may exceed the cap keeps none of a cheap one from being sent.
func TestBatchCapOfTwoModels(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.MaxOutputTokens, w.spec.MaxCost, w.spec.Set = 10, "0.0001", map[string]string{"model": "{{.m}}"}
		var rows []string
		for i := range 6 {
			rows = append(rows, fmt.Sprintf(`{"q":"row %d","m":%q}`, i, []string{"gemini-2.5-flash-lite", "gemini-2.5-pro"}[i/5]))
		}
		w.input(rows...)
		if _, err := w.run(); err == nil {
			t.Error("all rows are below the cap")
		} else if _, ok := errors.AsType[*BudgetError](err); !ok {
			t.Errorf("the run ends with %v", err)
		}
		if got := w.standing(); got != "5 ok/1, 1 pending" {
			t.Errorf("rows: %s", got)
		}
	})
}

// Where nothing limits the output, a small job shows what answers cost before the rest is sent.
func TestBatchCapIsSoft(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.MaxCost = "1"
		w.input(lines(300)...)
		w.mustRun()
		var rows []int
		for _, j := range w.sim.Stats().Batches.Jobs {
			rows = append(rows, j.Rows)
		}
		creates := w.of("create")
		if !slices.Equal(rows, []int{20, 280}) || creates[1].at.Sub(creates[0].at) < 10*time.Minute {
			t.Errorf("jobs of %v rows, the second one %v after the first", rows, creates[1].at.Sub(creates[0].at))
		}
	})
}

// A template may set the model: each has a job of its own.
func TestBatchOfTwoModels(t *testing.T) {
	inBatchWorld(t, "", func(t *testing.T, w *batchWorld) {
		w.spec.Set = map[string]string{"model": "{{.m}}"}
		var rows []string
		for i := range 30 {
			rows = append(rows, fmt.Sprintf(`{"q":"row %d","m":%q}`, i, []string{"gemini-2.5-flash-lite", "gemini-2.5-flash", "gemini-2.5-flash"}[i%3]))
		}
		w.input(rows...)
		w.mustRun()
		got := map[string]int{}
		for _, row := range w.output("m", "model_version", "status") {
			got[row]++
		}
		if fmt.Sprint(got) != "map[gemini-2.5-flash gemini-2.5-flash-simulated ok:20 gemini-2.5-flash-lite gemini-2.5-flash-lite-simulated ok:10]" {
			t.Errorf("rows: %v", got)
		}
		w.bills("two models", "2 30 0 0")
	})
}

// A pilot goes ahead where answers have a form. If its answers miss it, the run stops with the
// cure, and goes on with that.
func TestBatchPilot(t *testing.T) {
	extract := func(w *batchWorld, n int) {
		w.spec.Prompt, w.spec.Extract = "", &spec.Extract{
			Text:   "{{.q}}",
			Schema: spec.Schema(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]}`),
		}
		w.input(lines(n)...)
	}
	inBatchWorld(t, "wrongjson", func(t *testing.T, w *batchWorld) {
		extract(w, 300)
		_, err := w.run()
		if _, ok := errors.AsType[*batch.StopError](err); !ok || !strings.Contains(err.Error(), "20 of the 20 answers of the first batch do not follow the schema") ||
			!strings.Contains(err.Error(), "set schema_field: responseSchema") {
			t.Fatalf("the run ends with %v: %s\n%.600s\n%s", err, w.standing(), w.of("create")[0].body, &w.log)
		}
		w.bills("the pilot", "1 20 0 0")
		// The same again shows it again, and does not go on with the rest.
		if _, err := w.run(); err == nil || !strings.Contains(err.Error(), "set schema_field: responseSchema") {
			t.Fatalf("the next run ends with %v", err)
		}
		w.bills("the second pilot", "2 40 0 20")
		w.spec.SchemaField = "responseSchema"
		w.mustRun()
		if got := w.standing(); got != "300 ok/1" && got != "280 ok/1, 20 ok/2" {
			t.Errorf("rows: %s", got)
		}
		if s := w.sim.Stats().Batches; s.Billed != 340 || s.Created != 4 || s.Jobs[2].Rows != 20 {
			t.Errorf("%d rows were billed in %d jobs", s.Billed, s.Created)
		}
	})
	// Few rows that are wrong at the end are no pilot.
	inBatchWorld(t, "wrongjson@5", func(t *testing.T, w *batchWorld) {
		extract(w, 300)
		w.mustRun()
		if got := w.standing(); got != "298 ok/1, 2 ok/2" {
			t.Errorf("rows: %s", got)
		}
	})
	inBatchWorld(t, "wrongjson@1", func(t *testing.T, w *batchWorld) { // the same rows again and again
		extract(w, 300)
		w.mustRun()
		if got := w.standing(); !strings.HasPrefix(got, "298 ok/1, 1 ") || !strings.Contains(got, "1 invalid/") {
			t.Errorf("rows: %s\n%s", got, &w.log)
		}
	})
}

// Answers are priced at half, and what they cost is what the endpoint counted. They are
// settled like any other: a run of another tier has nothing to ask, and all that looks at the
// job finds it whole.
func TestBatchIsSettled(t *testing.T) {
	inBatchWorld(t, "shuffled", func(t *testing.T, w *batchWorld) {
		w.input(lines(100)...)
		if err := w.detach(); err != nil {
			t.Fatal(err)
		}
		// While the job is at work, nothing that looks at it disturbs it.
		for range 2 {
			w.looks("in mid-run", 100, 0)
			if err := w.detach(); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count("create"); n != 1 {
			t.Fatalf("%d creations", n)
		}
		s := w.mustRun()
		stats := w.sim.Stats()
		half := price.USD(stats.PromptTokens*50_000 + (stats.CandidatesTokens+stats.ThoughtsTokens)*200_000)
		if got, _ := s.Job.CostUSD(); got != half || got == 0 {
			t.Errorf("the job cost %v, and the endpoint counted %v", got, half)
		}
		want := []cost.TierTotals{{Tier: "batch", Calls: 100, Cost: half, Standard: 2 * half}}
		if fmt.Sprint(s.Job.Bill.Tiers) != fmt.Sprint(want) {
			t.Errorf("tiers %+v, want %+v", s.Job.Bill.Tiers, want)
		}
		for _, row := range w.output("status", "service_tier", "attempts", "error") {
			if row != "ok batch 1 <nil>" {
				t.Errorf("row %s", row)
				break
			}
		}
		w.looks("after the run", 0, 100)
		for _, tt := range []spec.List{nil, {"flex"}, {"standard"}, {"batch,flex"}} {
			before := len(w.seen)
			w.spec.Tier = tt
			w.mustRun()
			if len(w.seen) != before {
				t.Errorf("with the tier %v the next run sends %v", tt, w.seen[before:])
			}
		}
		w.bills("in the end", "1 100 0 0")
	})
}

// looks looks at the job in all ways, and checks how many rows are new and settled.
func (w *batchWorld) looks(what string, fresh, settled int64) {
	w.t.Helper()
	before := len(w.seen)
	p := w.plan()
	if p.New != fresh || p.Settled != settled {
		w.t.Errorf("%s: plan counts %d new and %d settled rows", what, p.New, p.Settled)
	}
	st, err := StatusOf(w.spec)
	if err != nil || st.Input == nil || st.Input.Left != fresh || st.Status[batch.OK] != settled {
		w.t.Errorf("%s: status %+v, %v", what, st, err)
	}
	known, unknown, err := FindBatches(w.t.Context(), w.spec, w.options())
	if err != nil || len(known) != 1 || len(unknown) != 0 || known[0].Live != (fresh > 0) {
		w.t.Errorf("%s: batches %+v, unknown %+v, %v", what, known, unknown, err)
	}
	w.verified(what)
	w.prune(Pruning{Orphaned: true, Superseded: true})
	exported := 0
	j, err := View(w.spec, Options{Env: noEnv})
	if err != nil {
		w.t.Fatal(err)
	}
	defer j.Close()
	for r, err := range j.Rows(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if r.Status == batch.OK {
			exported++
		}
	}
	if exported != int(settled) {
		w.t.Errorf("%s: %d rows have an answer, want %d", what, exported, settled)
	}
	for _, c := range w.seen[before:] {
		if c.what != "list" && c.what != "poll" {
			w.t.Errorf("%s: looking at the job sends %s", what, c.what)
		}
	}
}
