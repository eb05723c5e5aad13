package jobs

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A pilot is for now: its rows are asked one by one, in the next tier of the ladder or by
// default in that of the API, and their answers tell what a batch will cost.
func TestPilotOfBatchMakesCalls(t *testing.T) {
	for _, tt := range []struct {
		tiers spec.List
		asked string // the tier of each call
	}{
		{spec.List{"batch"}, ""},
		{spec.List{"batch", "flex"}, "flex"},
		{spec.List{"batch,standard"}, "standard"},
	} {
		f := newFixture(t)
		s := newTierServer(t, func(tier, _ string, _ int) (int, string) { return 200, tier })
		f.input(lines(40)...)
		f.spec.Endpoint, f.spec.Tier = s.URL, tt.tiers
		j, err := Open(f.spec, Options{Env: noEnv})
		if err != nil {
			t.Fatalf("%q: %v", tt.tiers, err)
		}
		summary, p, err := j.Pilot(t.Context(), 20)
		j.Close()
		if err != nil {
			t.Fatalf("%q: %v", tt.tiers, err)
		}
		if len(s.asked) != 20 || slices.ContainsFunc(s.asked, func(call string) bool { return !strings.HasSuffix(call, " "+tt.asked) }) {
			t.Errorf("%q: asked %q, want 20 calls in the tier %q", tt.tiers, s.asked, tt.asked)
		}
		paid, _ := summary.Run.CostUSD()
		if p.Tier != "batch" || p.Forecast == nil || p.Compared.Batch != p.Forecast.Mean || p.Compared.Standard <= p.Compared.Batch || p.Batches.Jobs != 1 {
			t.Errorf("%q: the plan is of the tier %q: forecast %+v, compared %+v, %+v", tt.tiers, p.Tier, p.Forecast, p.Compared, p.Batches)
		}
		// The rows that are left are as many as the pilot's, at the price of flex, or half of standard.
		half := map[string]price.USD{"": paid / 2, "flex": paid, "standard": paid / 2}[tt.asked]
		if d := p.Forecast.Mean - half; d < -half/100 || d > half/100 {
			t.Errorf("%q: the pilot cost %v, and as many rows are to cost %v by batch", tt.tiers, paid, p.Forecast.Mean)
		}
	}
}

// What makes no sense with batches is said once, before anything is sent.
func TestWarnsOfBatches(t *testing.T) {
	planned := func(change func(*spec.Spec)) string {
		f := newFixture(t)
		f.input("a")
		f.spec.Tier, f.spec.RPM, f.spec.TPM, f.spec.Concurrency = spec.List{"batch"}, 0, 0, 0
		change(&f.spec)
		var log strings.Builder
		j, err := View(f.spec, Options{Env: noEnv, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			defer j.Close()
			_, err = j.Plan()
		}
		if err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	const search = "search hardly ever in batches"
	for name, tt := range map[string]struct {
		change func(*spec.Spec)
		want   string // empty: no warning
	}{
		"batch":                  {func(*spec.Spec) {}, ""},
		"limits of single calls": {func(s *spec.Spec) { s.RPM, s.Timeout, s.Stream = 60, 1, true }, "makes no single calls, so that it does not use rpm, timeout, stream"},
		"with a ladder":          {func(s *spec.Spec) { s.RPM, s.Tier = 60, spec.List{"batch", "flex"} }, ""},
		"search": {func(s *spec.Spec) {
			s.Request = map[string]any{"tools": []any{map[string]any{"google_search": map[string]any{}}}}
		}, search},
		"search, without batch": {func(s *spec.Spec) {
			s.Tier, s.Request = nil, map[string]any{"tools": []any{map[string]any{"googleSearch": map[string]any{}}}}
		}, ""},
	} {
		if log := planned(tt.change); (tt.want == "") != (log == "") || !strings.Contains(log, tt.want) {
			t.Errorf("%s: %q, want %q", name, log, tt.want)
		}
	}
}

// A run does not wait for batches that it does not have.
func TestDetachNeedsBatch(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	_, err := Open(f.spec, Options{Env: noEnv, Detach: true})
	if e, ok := errors.AsType[*SpecError](err); !ok || !strings.Contains(e.Error(), "--detach is given, and the job does not go by batch") {
		t.Errorf("without a tier: %v", err)
	}
	f.spec.Tier = spec.List{"flex"}
	if _, err := Open(f.spec, Options{Env: noEnv, Detach: true}); err == nil {
		t.Error("with another tier it is not refused")
	}
}
