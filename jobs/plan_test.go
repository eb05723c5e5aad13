package jobs

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Of two models one thinks, at six times the price of the other's
// output. A plan that takes both for alike is far from the bill.
func TestPlanPricesEachModel(t *testing.T) {
	dir := t.TempDir()
	server, _ := simulated(t, dir, sim.Config{})
	web := httptest.NewServer(server)
	defer web.Close()
	var in strings.Builder
	in.WriteString("model,body\n")
	for i := range 400 {
		model := "gemini-2.5-flash-lite"
		if i%4 == 0 {
			model = "gemini-2.5-flash"
		}
		in.WriteString(model + ",row " + strings.Repeat("with some text ", i%7+1) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "in.csv"), []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(limit int) *Job {
		j, err := Open(spec.Spec{
			Input: spec.List{filepath.Join(dir, "in.csv")}, Output: filepath.Join(dir, "out.jsonl"), Model: "gemini-2.5-flash-lite",
			Prompt: "{{.body}}", Set: map[string]string{"model": "{{.model}}"}, Limit: limit, Endpoint: web.URL, APIKeyEnv: "KEY",
		}, Options{Env: func(string) string { return "k" }})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	run := func(j *Job) *Summary {
		defer j.Close()
		s, err := j.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	run(open(200))
	j := open(0)
	p, err := j.Plan()
	if err != nil {
		t.Fatal(err)
	}
	s := run(j)
	bill, _ := s.Run.CostUSD()
	var input int64
	for _, m := range s.Run.Models {
		input += m.PromptTokens
	}
	if p.Ask() != 200 || p.InputTokens < input*95/100 || p.InputTokens > input*105/100 {
		t.Errorf("the plan has %d tokens of %d rows, and they had %d", p.InputTokens, p.Ask(), input)
	}
	if cost := p.InputCost + p.OutputCost; cost < bill*75/100 || cost > bill*125/100 {
		t.Errorf("the plan says %s, and the bill is %s", cost, bill)
	}
	if len(p.Pace) != 2 || p.Pace[0].Rows+p.Pace[1].Rows != 200 {
		t.Errorf("the plan asks %+v", p.Pace)
	}
}

func TestPlanCountsWhatIsNewAndChanged(t *testing.T) {
	f := newFixture(t)
	f.input("a", "b", "c")
	f.counts("before", "3 3 0 0 0 0 0")
	f.mustRun()
	f.counts("after", "3 0 0 0 3 0 0")
	f.input("x", "a", "b", "c")
	f.counts("one inserted", "4 1 0 0 3 0 0")
	f.input("c", "b", "a")
	f.counts("reordered", "3 0 0 0 3 0 0")
	f.input("a", "B", "c", "d")
	f.counts("one edited, one appended", "4 1 1 0 2 0 1")
	f.input("a", "c")
	f.counts("one deleted", "2 0 0 0 2 0 1")
	f.input("a", "{broken", "c")
	f.counts("one broken", "3 0 0 0 2 1 1")
	f.input("a", "a", "a", "b", "c")
	f.counts("duplicates", "5 2 0 0 3 0 0")
	f.mustRun()
	f.input("a", "b", "c")
	f.counts("fewer duplicates", "3 0 0 0 3 0 2")
	f.spec.Limit = 2
	f.counts("rows past the limit are not orphaned", "2 0 0 0 2 0 2")
	f.spec.Limit, f.spec.Sample = 0, 1
	f.counts("nor those out of the sample", "1 0 0 0 1 0 2")
	f.spec.Sample = 0
	f.spec.Prompt = "Q: {{.q}}"
	f.counts("another prompt", "3 0 3 0 0 0 5")
	if got := f.e.Requests(); len(got) != 5 {
		t.Errorf("asked %q", got)
	}
}

// A key tells changed rows wherever they stand now.
func TestPlanFindsChangedRowsByKey(t *testing.T) {
	f := newFixture(t)
	f.spec.Key = "id"
	f.input(`{"id":1,"q":"a"}`, `{"id":2,"q":"b"}`, `{"id":3,"q":"c"}`)
	f.mustRun()
	f.input(`{"id":9,"q":"x"}`, `{"id":3,"q":"C"}`, `{"id":1,"q":"a"}`, `{"id":8,"q":"y"}`)
	f.counts("by key", "4 2 1 0 1 0 2")
}

// A plan is of the tier that the job asks for first.
func TestPlanPricesTheFirstTier(t *testing.T) {
	f := newFixture(t)
	f.input(lines(100)...)
	f.spec.MaxOutputTokens = 100
	plan := func(tier ...string) *Plan {
		f.spec.Tier = tier
		return f.plan()
	}
	standard, flex, both := plan(), plan("flex"), plan("flex", "standard")
	if flex.InputCost*2 != standard.InputCost || flex.MaxOutputCost*2 != standard.MaxOutputCost || standard.InputCost == 0 {
		t.Errorf("flex %v and %v, standard %v and %v", flex.InputCost, flex.MaxOutputCost, standard.InputCost, standard.MaxOutputCost)
	}
	if most := both.InputCost + both.MaxOutputCost; both.InputCost != flex.InputCost || most != standard.InputCost+standard.MaxOutputCost {
		t.Errorf("flex,standard: %v, at most %v; want %v, at most %v", both.InputCost, most, flex.InputCost, standard.InputCost+standard.MaxOutputCost)
	}

	// The forecast by standard answers is that of flex, too.
	f.spec.Sample, f.spec.Tier = 20, nil
	f.mustRun()
	f.spec.Sample = 0
	standard, flex = plan(), plan("flex")
	if standard.Forecast == nil || flex.Forecast == nil || flex.Forecast.Mean*2 != standard.Forecast.Mean || flex.Standard != 2 || standard.Standard != 1 {
		t.Errorf("flex %+v %v, standard %+v %v", flex.Forecast, flex.Standard, standard.Forecast, standard.Standard)
	}
}

// A pilot asks prompts of all lengths, and only rows that a run would ask.
func TestPilotIsStratified(t *testing.T) {
	f := newFixture(t)
	var prompts []string
	for i := range 100 {
		prompts = append(prompts, fmt.Sprintf("%03d%s", i, strings.Repeat("x", 40*i)))
	}
	f.input(prompts[40:]...)
	f.spec.Limit = 10
	f.mustRun() // 40 to 49 are settled
	f.e.Requests()
	f.spec.Limit = 0
	f.input(prompts...)
	j, err := Open(f.spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, _, err := j.Pilot(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	var asked []int
	for _, prompt := range f.e.Requests() {
		var i int
		fmt.Sscanf(prompt[:3], "%d", &i)
		if i >= 40 && i < 50 {
			t.Errorf("row %d was asked again", i)
		}
		if i >= 50 {
			i -= 10 // its place among the rows to be asked
		}
		asked = append(asked, i/10)
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(asked, want) {
		t.Errorf("the pilot asked in the tenths %v, want one of each", asked)
	}
}

// The simulator's thinking is log-normally spread, as that of real models: over ten
// jobs the bill lies in the pilot's interval mostly, and the pilot is not paid twice.
func TestPilotForetellsTheBill(t *testing.T) {
	const jobs, rows, pilot = 10, 400, 40
	inside := 0
	for seed := range jobs {
		f := newFixture(t)
		f.spec.Model, f.spec.Auth = "gemini-2.5-flash", "x-goog-api-key"
		var prompts []string
		for i := range rows {
			prompts = append(prompts, fmt.Sprintf("Job %d, row %d: summarize. %s", seed, i, strings.Repeat("More text. ", i%37)))
		}
		f.input(prompts...)
		f.inBubble(func(t *testing.T) {
			f.handler = f.simulated(sim.Config{})
			j, err := Open(f.spec, f.options())
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			asked, plan, err := j.Pilot(t.Context(), pilot)
			if err != nil {
				t.Fatal(err)
			}
			if asked.Run.Rows != pilot || plan.Settled != pilot || plan.Ask() != rows-pilot || plan.Forecast == nil || plan.Forecast.Answers != pilot {
				t.Fatalf("job %d: the pilot asked %d rows; the plan is %+v", seed, asked.Run.Rows, plan)
			}
			s, err := j.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			bill, _ := s.Job.CostUSD()
			if s.Job.Attempts != rows || s.Forecast == nil || s.Forecast.Mean != plan.Forecast.Mean+plan.Price {
				t.Fatalf("job %d: %d requests, forecast %+v, want %d and %+v with the pilot's %s", seed, s.Job.Attempts, s.Forecast, rows, plan.Forecast, plan.Price)
			}
			if s.Forecast.Low <= bill && bill <= s.Forecast.High {
				inside++
			}
			t.Logf("job %d: forecast $%s (90 %%: %s to %s), billed $%s", seed, s.Forecast.Mean.Format(4), s.Forecast.Low.Format(4), s.Forecast.High.Format(4), bill.Format(4))
		})
	}
	if inside < 8 {
		t.Errorf("the bill lies in the 90 %% interval in %d of %d jobs, want at least 8", inside, jobs)
	}
}
