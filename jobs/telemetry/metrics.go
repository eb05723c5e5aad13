package telemetry

import (
	"context"
	"runtime"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs"
)

// A kind is how a metric is measured.
type kind uint8

const (
	counter   kind = iota // read from the progress of the run; grows, but for failed rows that are asked again
	gauge                 // read from the progress of the run
	events                // a counter of what Around sees
	histogram             // of what Around sees
)

// A described metric is one of the table.
type described struct {
	name  string
	kind  kind
	unit  string // of UCUM; in braces if it only says what is counted
	help  string
	below []float64 // the upper bounds of a histogram's buckets
}

// The names of metrics that Around measures.
const (
	attemptsName = "genbatch.attempts"
	durationName = "genbatch.attempt.duration"
	waitName     = "genbatch.wait.duration"
	commitName   = "genbatch.commit.duration"
)

// metrics are all that there are, but for those of genai.go. Labels are in observe and around.go.
var metrics = []described{
	{name: "genbatch.build.info", kind: gauge, unit: "", help: "The version of genbatch that runs; always 1."},

	{name: "genbatch.rows", kind: counter, unit: "{row}", help: "Rows that this run asked and whose result is safe, by status."},
	{name: "genbatch.rows.settled", kind: gauge, unit: "{row}", help: "Rows that this run has come to and that need no call, by why: settled before, bad, copied."},
	{name: "genbatch.tokens", kind: counter, unit: "{token}", help: "Tokens by model and type: input (not cached), cached, tool, output (without thoughts), thoughts."},
	{name: "genbatch.cost", kind: counter, unit: "USD", help: "The cost of this run by model, at list prices, as far as prices are known."},
	{name: "genbatch.unpriced.calls", kind: counter, unit: "{call}", help: "Calls without a known price, by model."},
	{name: "genbatch.max.cost", kind: gauge, unit: "USD", help: "The cap of the job's cost, over all its runs; missing without one."},
	{name: "genbatch.max.cost.spent", kind: gauge, unit: "USD", help: "What counts against that cap, of all runs of the job, without what is in flight."},

	{name: attemptsName, kind: events, unit: "{attempt}", help: "Attempts that have ended, by model and outcome: a row's status, or the kind of what went wrong."},
	{name: durationName, kind: histogram, unit: "s", help: "How long attempts took, by model.", below: []float64{0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 900}},
	{name: waitName, kind: histogram, unit: "s", help: "How long requests waited for a slot of the quota and for money, by model.", below: []float64{0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600}},
	{name: commitName, kind: histogram, unit: "s", help: "How long it took to make results durable, in groups.", below: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5}},

	{name: "genbatch.attempts.in.flight", kind: gauge, unit: "{attempt}", help: "Attempts under way."},
	{name: "genbatch.rows.waiting", kind: gauge, unit: "{row}", help: "Rows that wait for their next attempt."},
	{name: "genbatch.requests.queued", kind: gauge, unit: "{request}", help: "Requests that wait for a slot of the quota."},
	{name: "genbatch.limit", kind: gauge, unit: "", help: "Limits in force: rpm, tpm and rpd as far as they are known, and calls at a time (concurrency)."},
	{name: "genbatch.binding", kind: gauge, unit: "", help: "1 for the limit that the first request in the queue waits for: rpm, tpm, rpd, concurrency or pause; missing if none waits."},
	{name: "genbatch.paused", kind: gauge, unit: "", help: "1 while the run is paused, and else 0."},
	{name: "genbatch.batch.jobs", kind: gauge, unit: "{job}", help: "Batch jobs at work at the endpoint."},
	{name: "genbatch.batch.rows", kind: gauge, unit: "{row}", help: "Rows in these."},
}

// An observe notes one value of a metric that is read from the progress.
type observe func(name string, value float64, labels ...attribute.KeyValue)

// buildInfo notes which genbatch it is.
func buildInfo(o observe) {
	o("genbatch.build.info", 1, attribute.String("version", version.Version()), attribute.String("goversion", runtime.Version()))
}

// read notes how a run is.
func read(o observe, p *jobs.Progress, c *jobs.ControlState) {
	for status, n := range p.Run.Status {
		o("genbatch.rows", float64(n), attribute.String("status", string(status)))
	}
	for why, n := range map[string]int64{"settled": p.Settled, "bad": p.Bad, "copied": p.Copied} {
		o("genbatch.rows.settled", float64(n), attribute.String("why", why))
	}
	for _, m := range p.Run.Models {
		model := attribute.String("model", m.Model)
		for typ, n := range map[string]int64{
			"input": m.PromptTokens - m.CachedTokens, "cached": m.CachedTokens, "tool": m.ToolTokens,
			"output": m.OutputTokens, "thoughts": m.ThoughtsTokens,
		} {
			o("genbatch.tokens", float64(n), model, attribute.String("type", typ))
		}
		o("genbatch.cost", dollars(m.Cost), model)
		o("genbatch.unpriced.calls", float64(m.Unknown), model)
	}
	if c.MaxCost > 0 {
		o("genbatch.max.cost", dollars(c.MaxCost))
		o("genbatch.max.cost.spent", dollars(c.Spent))
	}
	paused := 0.0
	if !c.PausedSince.IsZero() {
		paused = 1
	}
	o("genbatch.paused", paused)
	o("genbatch.attempts.in.flight", float64(p.Calls))
	o("genbatch.rows.waiting", float64(p.Waiting))
	o("genbatch.requests.queued", float64(p.Quota.Waiting))
	for limit, n := range map[string]jobs.InForce{"rpm": c.RPM, "tpm": c.TPM, "rpd": c.RPD, "concurrency": c.Concurrency} {
		if n.Value > 0 {
			o("genbatch.limit", float64(n.Value), attribute.String("limit", limit))
		}
	}
	if p.Quota.Limit != "" {
		o("genbatch.binding", 1, attribute.String("limit", p.Quota.Limit))
	}
	o("genbatch.batch.jobs", float64(p.Batches))
	o("genbatch.batch.rows", float64(p.Batched))
}

// dollars returns an amount in dollars.
func dollars(u price.USD) float64 { return float64(u) / float64(price.Dollar) }

// instruments are the metrics of a table in a meter.
type instruments struct {
	observed  map[string]metric.Float64Observable
	attempts  metric.Int64Counter
	durations map[string]metric.Float64Histogram
}

// newInstruments makes the instruments of the table. The only errors are of wrong names, of
// which the table has none.
func newInstruments(m metric.Meter) (*instruments, error) {
	in := &instruments{observed: make(map[string]metric.Float64Observable), durations: make(map[string]metric.Float64Histogram)}
	for _, d := range metrics {
		var err error
		switch unit, help := metric.WithUnit(d.unit), metric.WithDescription(d.help); d.kind {
		case counter:
			in.observed[d.name], err = m.Float64ObservableCounter(d.name, unit, help)
		case gauge:
			in.observed[d.name], err = m.Float64ObservableGauge(d.name, unit, help)
		case events:
			in.attempts, err = m.Int64Counter(d.name, unit, help)
		case histogram:
			in.durations[d.name], err = m.Float64Histogram(d.name, unit, help, metric.WithExplicitBucketBoundaries(d.below...))
		}
		if err != nil {
			return nil, err
		}
	}
	return in, nil
}

// watch has what is observed read by a function whenever somebody asks.
func (in *instruments) watch(m metric.Meter, read func(observe)) (metric.Registration, error) {
	var all []metric.Observable
	for _, o := range in.observed {
		all = append(all, o)
	}
	return m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		read(func(name string, value float64, labels ...attribute.KeyValue) {
			o.ObserveFloat64(in.observed[name], value, metric.WithAttributes(labels...))
		})
		return nil
	}, all...)
}
