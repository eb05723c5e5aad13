package jobs

import (
	"fmt"
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
