package planner

import (
	"reflect"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/plan"
)

// A plan by batch says how many jobs the rows make, and what decides that.
func TestBatches(t *testing.T) {
	j := newJob(t)
	row := func(model string) string { return `{"q":"hello","m":"` + model + `"}` }
	j.input(row("cheap"), row("dear"), row("cheap"), row("cheap"))
	if p := j.plan(); p.Batches != nil {
		t.Errorf("without the tier batch: %+v", p.Batches)
	}
	j.config.Tiers = []string{"batch", "standard"}
	limits := map[string]batches.Limits{}
	j.config.Limits = func(model string) batches.Limits { return limits[model] }
	body := int64(len(j.plan().First))
	tokens := j.plan().InputTokens / 4 // of each row
	size := 4 * (body + lineBytes)

	for _, tt := range []struct {
		name        string
		cheap, dear batches.Limits
		want        plan.Batches
	}{
		{"nothing is known", batches.Limits{}, batches.Limits{}, plan.Batches{Jobs: 2}},
		{"all fit", batches.Limits{Rows: 100, Bytes: 1 << 20, AsOf: "2026-08-18"}, batches.Limits{Rows: 100, AsOf: "2026-08-18"}, plan.Batches{Jobs: 2, AsOf: "2026-08-18"}},
		{"rows", batches.Limits{Rows: 1, AsOf: "2026-08-18"}, batches.Limits{Rows: 1}, plan.Batches{Jobs: 4, Bound: "rows", Most: 1, AsOf: "2026-08-18"}},
		{"bytes", batches.Limits{Rows: 2, Bytes: body + lineBytes}, batches.Limits{}, plan.Batches{Jobs: 4, Bound: "bytes", Most: body + lineBytes}},
		{"tokens", batches.Limits{Rows: 2, Tokens: tokens, Tiers: [3]int64{tokens, 99, 100}}, batches.Limits{}, plan.Batches{Jobs: 4, Bound: "tokens", Most: tokens, Next: 99}},
	} {
		limits["cheap"], limits["dear"] = tt.cheap, tt.dear
		tt.want.Bytes = size
		if p := j.plan(); !reflect.DeepEqual(*p.Batches, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, *p.Batches, tt.want)
		}
	}

	// What is settled goes into no job.
	j.answer(batch.OK, 10)
	limits["cheap"] = batches.Limits{Rows: 1}
	j.input(row("cheap"), row("dear"), `{"q":"new","m":"cheap"}`)
	if p := j.plan(); p.Batches.Jobs != 1 {
		t.Errorf("one row is left, for %d jobs", p.Batches.Jobs)
	}
}

// The same is compared in all services: what is known best, and in each service alone.
func TestComparison(t *testing.T) {
	j := newJob(t)
	j.config.Limits = func(string) batches.Limits { return batches.Limits{} }
	j.input("a", "b")
	check := func(name string, of string, standard price.USD) {
		t.Helper()
		p := j.plan()
		if want := (plan.Comparison{Of: of, Standard: standard, Flex: standard / 2, Batch: standard / 4}); p.Compared == nil || *p.Compared != want {
			t.Errorf("%s: %+v, want %+v", name, p.Compared, want)
		}
	}
	in := price.USD(j.plan().InputTokens) * 1_000_000
	check("nothing is known of the output", "input_cost", in)
	j.config.Tiers = []string{"flex", "standard"}
	check("in another tier", "input_cost", in)
	j.config.MaxOutputTokens = 100
	check("the output has a bound", "max_cost", in+2*100*10_000_000)
	j.config.Tiers = []string{"batch", "flex"}
	check("which a ladder does not change", "max_cost", in+2*100*10_000_000)

	j.answer(batch.OK, 30)
	j.input("a", "b", "c", "d")
	check("two answers", "cost", in+2*30*10_000_000)
	j.input("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
	j.answer(batch.OK, 30)
	j.input("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n")
	p := j.plan()
	if p.Forecast == nil || p.Compared.Of != "forecast" || p.Compared.Batch != p.Forecast.Mean || p.Compared.Flex != 2*p.Forecast.Mean || p.Compared.Standard != 4*p.Forecast.Mean {
		t.Errorf("many answers: %+v, forecast %+v", p.Compared, p.Forecast)
	}

	// A model without a price in a service is not compared there, and one without any nowhere.
	j.input(`{"q":"x","m":"dear"}`)
	if c := j.plan().Compared; c == nil || c.Batch != 0 || c.Flex == 0 {
		t.Errorf("no price in the tier batch: %+v", c)
	}
	j.input(`{"q":"x","m":"nobody's"}`)
	if c := j.plan().Compared; c != nil {
		t.Errorf("no price: %+v", c)
	}
}
