package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim"
)

// The simulator's thinking is log-normally spread, as that of real models: over ten
// jobs the bill lies in the pilot's interval mostly, and the pilot is not paid twice.
func TestPilotForetellsTheBill(t *testing.T) {
	server, err := sim.Listen("", sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const jobs, rows, pilot = 10, 400, 40
	inside := 0
	for seed := range jobs {
		f := newFixture(t)
		f.spec.Endpoint, f.spec.Model, f.spec.Auth = server.URL, "gemini-2.5-flash", "x-goog-api-key"
		var prompts []string
		for i := range rows {
			prompts = append(prompts, fmt.Sprintf("Job %d, row %d: summarize. %s", seed, i, strings.Repeat("More text. ", i%37)))
		}
		f.input(prompts...)
		j, err := Open(f.spec, Options{Env: func(name string) string { return map[string]string{"GENBATCH_API_KEY": "k"}[name] }})
		if err != nil {
			t.Fatal(err)
		}
		asked, plan, err := j.Pilot(t.Context(), pilot)
		if err != nil {
			t.Fatal(err)
		}
		if asked.Run.Rows != pilot || plan.Settled != pilot || plan.Ask() != rows-pilot || plan.Forecast == nil || plan.Forecast.Answers != pilot {
			t.Fatalf("job %d: the pilot asked %d rows; the plan is %+v", seed, asked.Run.Rows, plan)
		}
		s, err := j.Run(t.Context())
		j.Close()
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
	}
	if inside < 8 {
		t.Errorf("the bill lies in the 90 %% interval in %d of %d jobs, want at least 8", inside, jobs)
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
	j, err := Open(f.spec, Options{Env: func(string) string { return "" }})
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
