package oteltest

import (
	"encoding/json"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	prommodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/genbatch/genbatch/internal/sim"
)

// scrape reads a page as Prometheus does.
func scrape(t *testing.T, address string) map[string]*dto.MetricFamily {
	t.Helper()
	reply, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if format := expfmt.ResponseFormat(reply.Header); reply.StatusCode != 200 || format.FormatType() != expfmt.TypeTextPlain {
		t.Fatalf("%s, %s", reply.Status, format)
	}
	p := expfmt.NewTextParser(prommodel.LegacyValidation)
	families, err := p.TextToMetricFamilies(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// sum adds up the values of a family, or of its metrics with a label. Of histograms it adds up
// the counts.
func sum(f *dto.MetricFamily, label, value string) (total float64) {
	for _, m := range f.GetMetric() {
		if label != "" && !slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == label && l.GetValue() == value }) {
			continue
		}
		switch f.GetType() {
		case dto.MetricType_HISTOGRAM:
			total += float64(m.Histogram.GetSampleCount())
		case dto.MetricType_COUNTER:
			total += m.Counter.GetValue()
		default:
			total += m.Gauge.GetValue()
		}
	}
	return total
}

// The page of a run says the same as its summary, and as the simulator's account.
func TestPage(t *testing.T) {
	var page map[string]*dto.MetricFamily
	faults, err := sim.ParseFaults("503=0.1,safety=0.1")
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, 100, sim.Config{Faults: faults, CountAnswers: true}, "0", func(address string) { page = scrape(t, address) })
	run := &got.summary.Run
	if run.Attempts <= run.Rows || len(run.Status) < 2 {
		t.Fatalf("nothing went wrong: %+v", run)
	}
	want := map[string]float64{
		"genbatch_rows_total": float64(run.Rows), "genbatch_attempts_total": float64(run.Attempts),
		"genbatch_attempt_duration_seconds": float64(run.Attempts), "genbatch_wait_duration_seconds": float64(run.Attempts),
		"genbatch_attempts_in_flight": 0, "genbatch_rows_waiting": 0, "genbatch_requests_queued": 0, "genbatch_paused": 0, "genbatch_max_cost_usd": 5, "genbatch_build_info": 1,
	}
	for name, n := range want {
		if page[name] == nil || sum(page[name], "", "") != n {
			t.Errorf("%s is %v, want %v", name, page[name], n)
		}
	}
	if n := sum(page["genbatch_attempts_total"], "", ""); n != float64(got.stats.Requests) {
		t.Errorf("%v attempts, and the simulator counts %d", n, got.stats.Requests)
	}
	for status, n := range run.Status {
		if got := sum(page["genbatch_rows_total"], "status", string(status)); got != float64(n) {
			t.Errorf("%v rows are %s, want %d", got, status, n)
		}
	}
	if n := sum(page["genbatch_attempts_total"], "outcome", "overload"); n == 0 {
		t.Errorf("no attempt was refused: %v", page["genbatch_attempts_total"])
	}
	var input, output, thoughts int64
	for _, m := range run.Models {
		input, output, thoughts = input+m.PromptTokens, output+m.OutputTokens, thoughts+m.ThoughtsTokens
	}
	tokens := page["genbatch_tokens_total"]
	if sum(tokens, "type", "input")+sum(tokens, "type", "cached") != float64(input) || sum(tokens, "type", "output") != float64(output) || sum(tokens, "type", "thoughts") != float64(thoughts) || output == 0 {
		t.Errorf("tokens %v, want %d, %d and %d", tokens, input, output, thoughts)
	}
	amount, _ := run.CostUSD()
	if got := sum(page["genbatch_cost_usd_total"], "", ""); math.Abs(got-float64(amount)/1e12) > 1e-12 || got == 0 {
		t.Errorf("cost %v, want %v", got, amount)
	}
	if got := sum(page["genbatch_max_cost_spent_usd"], "", ""); math.Abs(got-float64(amount)/1e12) > 1e-12 {
		t.Errorf("%v counts against the cap, want %v", got, amount)
	}
	if sum(page["genbatch_commit_duration_seconds"], "", "") == 0 || sum(page["genbatch_limit"], "limit", "rpm") != 100_000 {
		t.Errorf("commits %v, limits %v", page["genbatch_commit_duration_seconds"], page["genbatch_limit"])
	}
	for name, family := range page {
		if family.GetHelp() == "" || !strings.HasPrefix(name, "genbatch_") || (family.GetType() == dto.MetricType_COUNTER) != strings.HasSuffix(name, "_total") {
			t.Errorf("%s: %v", name, family)
		}
		for _, m := range family.Metric {
			if strings.Contains(m.String(), "secret") {
				t.Errorf("%s tells of a row: %v", name, m)
			}
		}
	}
}

// names returns the metrics that a query asks for.
func names(t *testing.T, query string) (found []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h").Replace(query))
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return nil
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			found = append(found, s.Name)
		}
		return nil
	})
	return found
}

// known returns the names that queries may ask for, of a run in which all is there.
func known(t *testing.T) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	run(t, 1, sim.Config{}, "0", func(address string) {
		for name, f := range scrape(t, address) {
			if f.GetType() == dto.MetricType_HISTOGRAM {
				all[name+"_bucket"], all[name+"_sum"], all[name+"_count"] = true, true, true
			} else {
				all[name] = true
			}
		}
	})
	all["genbatch_binding"] = true // while a request waits, which the last page does not show
	all["up"] = true               // of Prometheus itself
	return all
}

// What the examples ask for is there: Prometheus reads the alerts and the queries of the
// dashboard, and a run has each metric that they name.
func TestExamples(t *testing.T) {
	there := known(t)
	check := func(where, query string) {
		asked := names(t, query)
		if len(asked) == 0 {
			t.Errorf("%s asks for nothing: %s", where, query)
		}
		for _, name := range asked {
			if !there[name] {
				t.Errorf("%s asks for %s, which is none of %q", where, name, slices.Sorted(maps.Keys(there)))
			}
		}
	}

	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, m := range regexp.MustCompile("`(genbatch_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		named[m[1]] = true
		if !there[m[1]] && !there[m[1]+"_bucket"] {
			t.Errorf("docs/metrics.md names %s, which no run has", m[1])
		}
	}
	for name := range there {
		base := regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
		if strings.HasPrefix(name, "genbatch_") && !named[name] && !named[base] {
			t.Errorf("docs/metrics.md does not name %s", name)
		}
	}

	rules, errs := rulefmt.ParseFile("../../examples/grafana/alerts.yml", false, prommodel.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if errs != nil {
		t.Fatal(errs)
	}
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts++
			check(r.Alert, r.Expr)
		}
	}
	if alerts < 4 {
		t.Errorf("there are %d alerts", alerts)
	}

	text, err := os.ReadFile("../../examples/grafana/genbatch.json")
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		ID      int
		Type    string
		Title   string
		Targets []struct{ Expr, RefID string }
		GridPos struct{ X, Y, W, H int }
	}
	var dashboard struct {
		UID, Title    string
		SchemaVersion int
		Inputs        []struct{ Name, Type, PluginID string } `json:"__inputs"`
		Panels        []panel
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID == "" || dashboard.Title == "" || dashboard.SchemaVersion < 36 || len(dashboard.Inputs) != 1 || dashboard.Inputs[0].PluginID != "prometheus" {
		t.Errorf("dashboard %+v", dashboard)
	}
	asked := 0
	ids := make(map[int]bool)
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			asked++
			check(p.Title, target.Expr)
		}
	}
	if asked < 10 {
		t.Errorf("the dashboard asks %d queries", asked)
	}
}
