package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A piloted job classifies rows at a simulator. What its journals say is compared with the
// simulator's bill when the test ends.
type piloted struct {
	t    *testing.T
	sim  *sim.Server
	spec spec.Spec
}

func newPiloted(t *testing.T, rows int, c sim.Config) *piloted {
	t.Helper()
	dir := t.TempDir()
	server, _ := simulated(t, dir, c)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	p := &piloted{t: t, sim: server, spec: spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.csv")}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
		Classify: &spec.Classify{Text: "{{.body}}", Labels: spec.Labels{{Name: "sport"}, {Name: "law"}, {Name: "art"}}},
		Endpoint: web.URL, APIKeyEnv: "KEY",
	}}
	p.input(rows)
	return p
}

func (p *piloted) input(rows int) {
	p.t.Helper()
	var in strings.Builder
	in.WriteString("id,body,truth\n")
	for i := range rows {
		fmt.Fprintf(&in, "%d,%s number %d,%s\n", i, strings.Repeat("some text ", 1+i%9), i, []string{"sport", "law", "art"}[i%3])
	}
	if err := os.WriteFile(p.spec.Input[0], []byte(in.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// with opens the job and hands it on.
func (p *piloted) with(f func(*Job)) {
	p.t.Helper()
	j, err := Open(p.spec, Options{Env: func(string) string { return "k" }})
	if err != nil {
		p.t.Fatal(err)
	}
	defer j.Close()
	f(j)
}

// pilot asks, and returns the plan and how many calls that took.
func (p *piloted) pilot(n int, ways ...int) (*Plan, int64) {
	p.t.Helper()
	before := p.sim.Stats().Requests
	var plan *Plan
	p.with(func(j *Job) {
		var err error
		if _, plan, err = j.Pilot(p.t.Context(), n, ways...); err != nil {
			p.t.Fatal(err)
		}
	})
	return plan, p.sim.Stats().Requests - before
}

func (p *piloted) run() (*Summary, int64) {
	p.t.Helper()
	before := p.sim.Stats().Requests
	var s *Summary
	p.with(func(j *Job) {
		var err error
		if s, err = j.Run(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
	})
	return s, p.sim.Stats().Requests - before
}

// way returns the plan's figures for so many rows a call in the standard tier.
func way(t *testing.T, p *Plan, rowsPerCall int) *Way {
	t.Helper()
	for i := range p.Ways {
		if w := &p.Ways[i]; w.RowsPerCall == rowsPerCall && w.Tier == "standard" {
			return w
		}
	}
	t.Fatalf("the plan has no way with %d rows a call: %+v", rowsPerCall, p.Ways)
	return nil
}

// TestPilot asks the same rows in three ways. Once more it asks nothing, and a run takes the
// answers of its way and asks the others. What they all cost is the simulator's bill.
func TestPilot(t *testing.T) {
	p := newPiloted(t, 130, sim.Config{Packs: sim.Packs{Error: 0.05}, Seed: 3})
	p.spec.Expected = spec.Expected{"": {Column: "truth"}}
	plan, calls := p.pilot(60, 20, 5) // one at a time goes without saying
	if calls != 60+12+3 || plan.Settled != 60 || plan.Ask() != 70 || plan.Elsewhere != 120 || plan.Orphaned != 0 {
		t.Errorf("%d calls; %d settled, %d to ask, %d elsewhere, %d orphaned", calls, plan.Settled, plan.Ask(), plan.Elsewhere, plan.Orphaned)
	}
	for n, wantCalls := range map[int]int64{1: 70, 5: 14, 20: 4} {
		w := way(t, plan, n)
		if w.Rows != 70 || w.Calls != wantCalls || w.Answered != 60 || w.Measured == nil || w.Measured.Rows != 60 || w.Measured.Labelled != 60 {
			t.Errorf("%d rows a call: %+v, measured %+v", n, w, w.Measured)
		}
	}
	again, calls := p.pilot(60, 1, 5, 20)
	if calls != 0 || *way(t, again, 20).Measured.Agreement != *way(t, plan, 20).Measured.Agreement {
		t.Errorf("the same pilot again took %d calls, and found %+v", calls, way(t, again, 20).Measured)
	}

	p.spec.RowsPerCall = 5
	var planned *Plan
	p.with(func(j *Job) {
		var err error
		if planned, err = j.Plan(); err != nil {
			t.Fatal(err)
		}
	})
	if w := way(t, planned, 5); planned.Calls != 14 || planned.Settled != 60 || !w.Chosen || *w.Measured.Agreement != *way(t, plan, 5).Measured.Agreement {
		t.Errorf("the plan at 5 rows a call: %d calls, %d settled, %+v", planned.Calls, planned.Settled, w)
	}
	s, calls := p.run()
	if calls != 14 || s.Job.Status[batch.OK] != 130 || s.Settled != 60 {
		t.Errorf("the run took %d calls for %d rows, and had %d", calls, s.Job.Status[batch.OK], s.Settled)
	}
	// The plan that knew the answers of the pilot, and the bill of the run.
	bill, _ := s.Run.CostUSD()
	if cost := planned.InputCost + planned.OutputCost; cost < bill*85/100 || cost > bill*115/100 {
		t.Errorf("the plan says %s, and the bill is %s", cost, bill)
	}
	if f := planned.Forecast; f == nil || f.Answers != 60 || f.Mean < bill*85/100 || f.Mean > bill*115/100 || f.Low >= f.Mean || f.High <= f.Mean {
		t.Errorf("the forecast is %+v, and the bill %s", f, bill)
	}
	status, err := ReadStatus(p.spec.StateDir())
	if err != nil || status.Input == nil || status.Input.Elsewhere != 120 || status.Input.Orphaned != 0 {
		t.Errorf("status %+v, %v", status.Input, err)
	}
	if _, calls := p.pilot(60, 1, 5, 20); calls != 0 {
		t.Errorf("the same pilot after the run took %d calls", calls)
	}
}

// The agreement that a plan says is that of the answers in the output of each way.
func TestPilotAgreementByHand(t *testing.T) {
	p := newPiloted(t, 40, sim.Config{Packs: sim.Packs{Error: 0.2}, Seed: 5})
	plan, _ := p.pilot(40, 1, 10)
	labels := func() map[string]string {
		of := make(map[string]string)
		p.run()
		p.with(func(j *Job) {
			for row, err := range j.Rows(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				id, _ := row.Input.Value("id")
				label, _ := row.Value("label")
				of[fmt.Sprint(id)] = fmt.Sprint(label)
			}
		})
		return of
	}
	alone := labels()
	p.spec.RowsPerCall = 10
	shared, same := labels(), int64(0)
	for id := range alone {
		if alone[id] == shared[id] {
			same++
		}
	}
	if m := way(t, plan, 10).Measured; m.Same != same || same == 40 || same < 10 || m.Rows != 40 || m.Calls != 4 {
		t.Errorf("%+v, and by hand %d rows agree", m, same)
	}
}

// What a pilot in several ways was asked before it is killed or stopped counts, and the same
// command asks only the rest.
func TestPilotStopped(t *testing.T) {
	p := newPiloted(t, 60, sim.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var plan *Plan
	answers := 0
	j, err := Open(p.spec, Options{Env: func(string) string { return "k" }, Observe: func(*record.Row) {
		if answers++; answers == 45 { // of 40 one at a time, and then in tens
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, plan, err = j.Pilot(ctx, 40, 1, 10)
	j.Close()
	if !errors.Is(err, batch.ErrInterrupted) || plan == nil {
		t.Fatalf("%v, %v", plan, err)
	}
	if m := way(t, plan, 10).Measured; m == nil || m.Rows < 10 || m.Rows > 40 {
		t.Errorf("measured %+v", m)
	}
	before := p.sim.Stats().Requests
	plan, calls := p.pilot(40, 1, 10)
	if m := way(t, plan, 10).Measured; before+calls != 44 || m.Rows != 40 {
		t.Errorf("%d calls, and then %d; measured %+v", before, calls, m)
	}
}

// A cap counts the answers in all ways, and ends a pilot in the middle of them.
func TestPilotMaxCost(t *testing.T) {
	p := newPiloted(t, 60, sim.Config{})
	p.spec.MaxOutputTokens = 400
	p.spec.Concurrency = 1
	free, _ := newPiloted(t, 60, sim.Config{}).pilot(40, 1, 10)
	alone := free.Price // of 40 rows one at a time
	p.spec.MaxCost = (alone + way(t, free, 10).Cost/4).String()
	var plan *Plan
	var stopped *BudgetError
	p.with(func(j *Job) {
		var err error
		if _, plan, err = j.Pilot(t.Context(), 40, 1, 10); !errors.As(err, &stopped) {
			t.Fatalf("the pilot ended with %v", err)
		}
	})
	limit, err := p.spec.CostLimit()
	if err != nil {
		t.Fatal(err)
	}
	if spent := plan.Price + plan.ElsewherePrice; spent > limit || stopped.Spent != spent || plan.Settled == 0 {
		t.Errorf("the cap is %s; %s and %s are spent, and the error says %s", limit, plan.Price, plan.ElsewherePrice, stopped.Spent)
	}
}

// Answers of pilots are no orphans, and go with them when these are pruned.
func TestPrunePilots(t *testing.T) {
	p := newPiloted(t, 30, sim.Config{})
	p.pilot(20, 1, 5, 10)
	p.input(29) // the last row is gone, in all ways if it was in the pilot
	p.spec.RowsPerCall = 5
	p.run()
	var plan *Plan
	p.with(func(j *Job) {
		var err error
		if plan, err = j.Plan(); err != nil {
			t.Fatal(err)
		}
	})
	dry, err := Prune(p.spec, Options{}, Pruning{Orphaned: true, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if dry.Elsewhere != plan.Elsewhere || dry.Orphaned != plan.Elsewhere+plan.Orphaned || plan.Elsewhere < 38 || dry.Again != 0 {
		t.Errorf("would prune %+v; the plan has %d elsewhere, %d orphaned", dry, plan.Elsewhere, plan.Orphaned)
	}
	copied := p.spec
	copied.State = filepath.Join(t.TempDir(), "state") // the journal that is compared with the bill stays
	if err := os.CopyFS(copied.State, os.DirFS(p.spec.StateDir())); err != nil {
		t.Fatal(err)
	}
	pruned, err := Prune(copied, Options{}, Pruning{Orphaned: true})
	if err != nil {
		t.Fatal(err)
	}
	if pruned.Results != dry.Results || pruned.Kept != 29 {
		t.Errorf("pruned %+v", pruned)
	}
	j, err := View(copied, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if plan, err = j.Plan(); err != nil || plan.Settled != 29 || plan.Elsewhere != 0 || plan.Orphaned != 0 {
		t.Errorf("afterwards %+v, %v", plan, err)
	}
}

// Ways that a kind cannot have are refused before anything is asked.
func TestPilotWaysRefused(t *testing.T) {
	p := newPiloted(t, 3, sim.Config{})
	p.spec.Classify, p.spec.Prompt = nil, "{{.body}}"
	p.with(func(j *Job) {
		for _, ways := range [][]int{{1, 10}, {0, 1}} {
			_, _, err := j.Pilot(t.Context(), 2, ways...)
			if _, planErr := j.Plan(ways...); err == nil || planErr == nil || err.Error() != planErr.Error() {
				t.Errorf("%v: %v, and the plan says %v", ways, err, planErr)
			}
		}
	})
	if n := p.sim.Stats().Requests; n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A plan of rows that share calls has the calls that the run makes, and what answers have taught
// of a row's share of a prompt does not mislead it about the prompts of whole calls.
func TestPlanOfPacks(t *testing.T) {
	p := newPiloted(t, 300, sim.Config{})
	p.spec.RowsPerCall, p.spec.RPM, p.spec.MaxOutputTokens = 10, 6000, 50
	inputOf := func(s *Summary) (n int64) {
		for _, m := range s.Run.Models {
			n += m.PromptTokens
		}
		return n
	}
	for _, limit := range []int{95, 300} { // the second time with answers to 95 rows
		p.spec.Limit = limit
		var plan *Plan
		p.with(func(j *Job) {
			var err error
			if plan, err = j.Plan(); err != nil {
				t.Fatal(err)
			}
		})
		s, calls := p.run()
		input, off := inputOf(s), int64(35) // percent, for what is but estimated
		if plan.Answered > 0 {
			off = 3
		}
		if plan.Calls != calls || plan.Pace[0].Calls != calls || plan.Pace[0].Rows != plan.Ask() || plan.FirstRows < 9 {
			t.Errorf("the plan has %d calls of %d rows, the first with %d, and the run made %d", plan.Calls, plan.Ask(), plan.FirstRows, calls)
		}
		if plan.InputTokens < input*(100-off)/100 || plan.InputTokens > input*(100+off)/100 {
			t.Errorf("the plan has %d tokens, after %d answers, and the run %d", plan.InputTokens, plan.Answered, input)
		}
		if most := plan.Ask() * (50 + 16); plan.MaxOutputTokens < most || plan.MaxOutputTokens > most+50 {
			t.Errorf("at most %d tokens of output, want %d", plan.MaxOutputTokens, most)
		}
		alone := way(t, plan, 1)
		if alone.Calls != int64(limit) || alone.Rows != int64(limit) || alone.Chosen || !way(t, plan, 10).Chosen {
			t.Errorf("one at a time: %+v", alone)
		}
	}
}

// Jobs of the Batch API are those of the calls.
func TestPlanOfPacksByBatch(t *testing.T) {
	p := newPiloted(t, 100, sim.Config{})
	p.spec.Tier, p.spec.RowsPerCall = []string{"batch"}, 25
	j, err := View(p.spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	plan, err := j.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if plan.Calls != 4 || plan.Batches == nil || plan.Batches.Jobs != 1 || plan.Batches.Bytes < 5_000 || plan.Batches.Bytes > 40_000 {
		t.Errorf("%d calls, %+v", plan.Calls, plan.Batches)
	}
}
