package jobs

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/spec"
)

// TestPlanByModel: of two models one thinks, at six times the price of the other's
// output. A plan that takes both for alike is far from the bill.
func TestPlanByModel(t *testing.T) {
	web := httptest.NewServer(sim.New(sim.Config{}))
	defer web.Close()
	dir := t.TempDir()
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
