package oteltest

import (
	"compress/gzip"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/genbatch/genbatch/internal/sim"
)

// A collector decodes what it is sent as that of OpenTelemetry does.
type collector struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	traces  []ptrace.Traces
	metrics []pmetric.Metrics
	refuse  int // so many requests get 503 first
}

func newCollector(t *testing.T) *collector {
	c := &collector{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse > 0 {
		c.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			c.t.Error(err)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	if err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("%s %v: %v", r.Method, r.Header, err)
	}
	if strings.Contains(string(text), "secret") {
		c.t.Errorf("%s tells of a row: %q", r.URL, text)
	}
	switch r.URL.Path {
	case "/v1/traces", "/own/traces":
		m := ptraceotlp.NewExportRequest()
		if err := m.UnmarshalProto(text); err != nil {
			c.t.Error(err)
		}
		c.traces = append(c.traces, m.Traces())
	case "/v1/metrics":
		m := pmetricotlp.NewExportRequest()
		if err := m.UnmarshalProto(text); err != nil {
			c.t.Error(err)
		}
		c.metrics = append(c.metrics, m.Metrics())
	default:
		c.t.Errorf("path %s", r.URL.Path)
	}
}

// spans returns all spans, and the attributes of who has sent them.
func (c *collector) spans() (all []ptrace.Span, who map[string]any) {
	for _, t := range c.traces {
		for _, r := range t.ResourceSpans().All() {
			who = r.Resource().Attributes().AsRaw()
			for _, s := range r.ScopeSpans().All() {
				if s.Scope().Name() != "github.com/genbatch/genbatch" {
					c.t.Errorf("scope %q", s.Scope().Name())
				}
				for _, span := range s.Spans().All() {
					all = append(all, span)
				}
			}
		}
	}
	return all, who
}

// Collectors get a span for the run and one for each attempt, with what the attempt came to and
// nothing of the row, and the metrics.
func TestCollector(t *testing.T) {
	c := newCollector(t)
	c.refuse = 1 // which is tried again
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL+"/own/traces")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_SERVICE_NAME", "nightly labels")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,team=a%20b")
	faults, err := sim.ParseFaults("503=0.1")
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	got := run(t, 40, sim.Config{Faults: faults, CountAnswers: true}, "", nil)
	if got.log != "" {
		t.Errorf("log\n%s", got.log)
	}
	totals := &got.summary.Run
	if totals.Attempts == totals.Rows {
		t.Fatal("nothing went wrong")
	}

	spans, who := c.spans()
	if who["service.name"] != "nightly labels" || who["team"] != "a b" || who["deployment.environment.name"] != "test" || who["telemetry.sdk.language"] != "go" || who["service.version"] == nil {
		t.Errorf("resource %v", who)
	}
	var whole ptrace.Span
	for _, s := range spans {
		if s.Name() == "genbatch run" {
			whole = s
		}
	}
	if whole == (ptrace.Span{}) || whole.Attributes().AsRaw()["genbatch.rows"] != totals.Rows || whole.Attributes().AsRaw()["genbatch.attempts"] != totals.Attempts {
		t.Fatalf("the run is %v", whole)
	}
	failed, rows, traces := 0, make(map[int64]bool), make(map[pcommon.TraceID]bool)
	var input, output int64
	for _, s := range spans {
		if s == whole {
			continue
		}
		a := s.Attributes().AsRaw()
		if s.Name() != "generate_content "+model || s.Kind() != ptrace.SpanKindClient || a["gen_ai.operation.name"] != "generate_content" || a["gen_ai.provider.name"] != "gcp.gen_ai" || a["gen_ai.request.model"] != model {
			t.Errorf("span %s %v %v", s.Name(), s.Kind(), a)
		}
		if !s.ParentSpanID().IsEmpty() || s.Links().Len() != 1 || s.Links().At(0).TraceID() != whole.TraceID() || s.Links().At(0).SpanID() != whole.SpanID() {
			t.Errorf("span %v has parent %v and %d links", s.SpanID(), s.ParentSpanID(), s.Links().Len())
		}
		if begin, end := s.StartTimestamp().AsTime(), s.EndTimestamp().AsTime(); begin.Before(before) || end.Before(begin) || end.After(time.Now()) {
			t.Errorf("from %v to %v", begin, end)
		}
		traces[s.TraceID()] = true
		if s.Status().Code() == ptrace.StatusCodeError {
			failed++
			if a["error.type"] != "503" || a["genbatch.outcome"] != "overload" || s.Status().Message() != "overload" {
				t.Errorf("failed: %v, %s", a, s.Status().Message())
			}
			continue
		}
		rows[a["genbatch.row"].(int64)] = true
		input += a["gen_ai.usage.input_tokens"].(int64)
		output += a["gen_ai.usage.output_tokens"].(int64)
		if a["genbatch.outcome"] != "ok" || a["gen_ai.response.model"] != model+"-simulated" || a["gen_ai.response.id"] == "" || len(a["gen_ai.response.finish_reasons"].([]any)) != 1 {
			t.Errorf("answered: %v", a)
		}
	}
	if n := int64(len(spans) - 1); n != totals.Attempts || n != int64(got.stats.Requests) || len(traces) != len(spans)-1 || int64(len(rows)) != totals.Rows || int64(failed) != totals.Attempts-totals.Rows {
		t.Errorf("%d attempts in %d traces, of %d rows, %d failed; want %d, %d rows", n, len(traces), len(rows), failed, totals.Attempts, totals.Rows)
	}
	var wantInput, wantOutput int64
	for _, m := range totals.Models {
		wantInput, wantOutput = wantInput+m.PromptTokens+m.ToolTokens, wantOutput+m.OutputTokens+m.ThoughtsTokens
	}
	if input != wantInput || output != wantOutput {
		t.Errorf("%d tokens in and %d out, want %d and %d", input, output, wantInput, wantOutput)
	}

	c.checkMetrics(totals.Attempts, totals.Rows)
}

// checkMetrics checks the last metrics that were sent.
func (c *collector) checkMetrics(attempts, rows int64) {
	t := c.t
	if len(c.metrics) == 0 {
		t.Fatal("no metrics came")
	}
	counts := make(map[string]float64)
	units := make(map[string]string)
	for _, m := range c.metrics[len(c.metrics)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		units[m.Name()] = m.Unit()
		switch m.Type() {
		case pmetric.MetricTypeSum:
			if !m.Sum().IsMonotonic() || m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
				t.Errorf("%s: %v", m.Name(), m.Sum().AggregationTemporality())
			}
			for _, p := range m.Sum().DataPoints().All() {
				counts[m.Name()] += p.DoubleValue() + float64(p.IntValue())
			}
		case pmetric.MetricTypeGauge:
			for _, p := range m.Gauge().DataPoints().All() {
				counts[m.Name()] += p.DoubleValue()
			}
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				counts[m.Name()] += float64(p.Count())
				inBuckets := uint64(0)
				for _, n := range p.BucketCounts().AsRaw() {
					inBuckets += n
				}
				if inBuckets != p.Count() || p.BucketCounts().Len() != p.ExplicitBounds().Len()+1 || p.Sum() <= 0 || p.Max() < p.Min() || math.IsNaN(p.Sum()) {
					t.Errorf("%s: %v in buckets %v below %v", m.Name(), p.Count(), p.BucketCounts().AsRaw(), p.ExplicitBounds().AsRaw())
				}
			}
		default:
			t.Errorf("%s is %v", m.Name(), m.Type())
		}
	}
	if counts["genbatch.attempts"] != float64(attempts) || counts["genbatch.rows"] != float64(rows) || counts["genbatch.attempt.duration"] != float64(attempts) ||
		counts["gen_ai.client.operation.duration"] != float64(attempts) || counts["genbatch.build.info"] != 1 || counts["genbatch.cost"] <= 0 {
		t.Errorf("%v; want %d attempts and %d rows", counts, attempts, rows)
	}
	if units["gen_ai.client.operation.duration"] != "s" || units["genbatch.cost"] != "USD" || units["genbatch.rows"] != "{row}" {
		t.Errorf("units %v", units)
	}
	if _, moved := counts["gen_ai.client.token.usage"]; moved {
		t.Error("gen_ai.client.token.usage has moved")
	}
}

// A sampler takes a share of the attempts, since each is a trace of its own.
func TestSampler(t *testing.T) {
	c := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL+"/own/traces")
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
	run(t, 200, sim.Config{}, "", nil)
	if spans, _ := c.spans(); len(spans) < 50 || len(spans) > 150 {
		t.Errorf("%d spans of 201", len(spans))
	}
	if len(c.metrics) > 0 {
		t.Error("metrics came, for which nobody asked")
	}
}

// Nobody is told anything if the variables say so.
func TestNothingWanted(t *testing.T) {
	for _, c := range []struct{ name, value, warning string }{
		{"OTEL_SDK_DISABLED", "true", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4318"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a", "OTEL_EXPORTER_OTLP_HEADERS"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCollector(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
			t.Setenv(c.name, c.value)
			got := run(t, 2, sim.Config{}, "", nil)
			if len(s.traces)+len(s.metrics) > 0 || !strings.Contains(got.log, c.warning) || c.warning == "" && got.log != "" {
				t.Errorf("%d traces and %d metrics; log\n%s", len(s.traces), len(s.metrics), got.log)
			}
		})
	}
	t.Run("exporters none", func(t *testing.T) {
		s := newCollector(t)
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
		t.Setenv("OTEL_TRACES_EXPORTER", "none")
		run(t, 2, sim.Config{}, "", nil)
		if len(s.traces) > 0 || len(s.metrics) == 0 {
			t.Errorf("%d traces and %d metrics", len(s.traces), len(s.metrics))
		}
	})
}

// A collector that is not there, or does not answer, holds up nothing but the end, and that not
// for long; one warning says so.
func TestCollectorDown(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // it takes connections, and nobody answers them
	for name, c := range map[string]struct {
		address string
		atMost  time.Duration
	}{
		"absent": {"http://127.0.0.1:1", time.Second},
		"silent": {"http://" + silent.Addr().String(), 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.address)
			got := run(t, 20, sim.Config{}, "", nil)
			if n := strings.Count(got.log, "\n"); n != 1 || !strings.Contains(got.log, "collector of OpenTelemetry") {
				t.Errorf("log\n%s", got.log)
			}
			if got.took > c.atMost || got.summary.Run.Rows != 20 {
				t.Errorf("the end took %v; %d rows", got.took, got.summary.Run.Rows)
			}
		})
	}
}
