package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/benchtest"
	"github.com/genbatch/genbatch/jobs"
)

// open opens the telemetry of a run that serves metrics. The log has a line for each warning.
func open(t testing.TB, metrics string) (tell *Telemetry, log *strings.Builder, err error) {
	t.Helper()
	log = new(strings.Builder)
	tell, err = Open(t.Context(), &jobs.Spec{Metrics: metrics}, slog.New(slog.NewTextHandler(log, nil)))
	if err == nil {
		t.Cleanup(tell.Close)
	}
	return tell, log, err
}

// get returns the status and the text of a page.
func get(t *testing.T, address string) (status int, text string) {
	t.Helper()
	reply, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(body)
}

// A port alone is one of this machine, and nobody listens at another address of it. Another
// address is said in full, and warned of.
func TestListensOnLoopback(t *testing.T) {
	for metrics, want := range map[string]struct {
		host string
		warn bool
	}{
		"0": {"127.0.0.1", false}, ":0": {"127.0.0.1", false}, "localhost:0": {"127.0.0.1", false}, "127.0.0.1:0": {"127.0.0.1", false},
		"0.0.0.0:0": {"[::]", true}, "[::]:0": {"[::]", true},
	} {
		tell, log, err := open(t, metrics)
		if err != nil {
			t.Errorf("%s: %v", metrics, err)
			continue
		}
		if !strings.HasPrefix(tell.Address(), "http://"+want.host+":") || strings.Contains(log.String(), "other machines") != want.warn {
			t.Errorf("%s: %s, log %s", metrics, tell.Address(), log)
		}
		tell.Close()
	}

	tell, _, err := open(t, "0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(tell.address)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.Equal(net.IPv4(127, 0, 0, 1)) {
			continue
		}
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), time.Second); err == nil {
			c.Close()
			t.Errorf("somebody listens at %s", ip)
		}
	}
	if status, _ := get(t, "http://"+tell.address+"/"); status != http.StatusNotFound {
		t.Errorf("/ is %d", status)
	}
	reply, err := http.Post(tell.Address(), "text/plain", nil)
	if err != nil || reply.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", reply, err)
	}
}

// What cannot be served is refused with the remedy.
func TestRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for metrics, want := range map[string]string{
		taken.Addr().String(): "another program, or another run, listens there; choose another port",
		"203.0.113.1:9090":    "address of this machine",
		"9090/metrics":        "write a port, such as 9090",
		"http://localhost:90": "write a port, such as 9090",
		"99999":               "write a port, such as 9090",
		"::1:9090":            "write a port, such as 9090",
		"localhost":           "write a port, such as 9090",
	} {
		_, _, err := open(t, metrics)
		var refused *jobs.SpecError
		if !errors.As(err, &refused) || !strings.Contains(refused.Error()+"; "+refused.Hint, want) {
			t.Errorf("%s: %v, want %s", metrics, err, want)
		}
	}
}

// Where nobody wants to know, nothing is measured.
func TestNobodyAsks(t *testing.T) {
	tell, log, err := open(t, "")
	if err != nil {
		t.Fatal(err)
	}
	c := batch.Config{Model: answers{}, Sink: discard{}}
	if got := tell.Around(c); got.Model != c.Model || got.Sink != c.Sink || got.Limiter != nil {
		t.Errorf("%+v", got)
	}
	if ctx, end := tell.Begin(t.Context(), nil); ctx != t.Context() {
		t.Error("the run has another context")
	} else {
		end(nil)
	}
	if tell.Address() != "" || log.Len() > 0 {
		t.Errorf("address %q, log %s", tell.Address(), log)
	}
}

// What the SDK would panic of, or log by itself, is a warning in the log of the run.
func TestAbsurdVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"OTEL_BSP_MAX_QUEUE_SIZE=-5":                 "it is taken for 2048",
		"OTEL_BSP_MAX_QUEUE_SIZE=99999999999":        "it is taken for 2048",
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE=-3":          "it is taken for 512",
		"OTEL_METRIC_EXPORT_INTERVAL=-1":             "level=WARN msg=\"OpenTelemetry: ",
		"OTEL_RESOURCE_ATTRIBUTES=name=%zz":          "invalid URL escape",
		"OTEL_TRACES_SAMPLER=sometimes":              "unsupported sampler",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=nobody": "write an address such as",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
			_, log, err := open(t, "")
			if err != nil || !strings.Contains(log.String(), want) {
				t.Errorf("%v, log %q, want %q", err, log, want)
			}
		})
	}
}

// What stands in labels is escaped, and what is too much of it is one line.
func TestLabels(t *testing.T) {
	tell, _, err := open(t, "0")
	if err != nil {
		t.Fatal(err)
	}
	m := tell.Around(batch.Config{Model: answers{}, Sink: discard{}}).Model
	m.Attempt(t.Context(), &batch.Request{Model: "a\"b\\c\nd\xff"})
	if _, text := get(t, tell.Address()); !strings.Contains(text, `genbatch_attempts_total{model="a\"b\\c\nd`+"\uFFFD"+`",outcome="ok"} 1`+"\n") {
		t.Errorf("page\n%s", text)
	}
	for i := range 5000 {
		m.Attempt(t.Context(), &batch.Request{Model: strings.Repeat("m", i%50) + strings.Repeat("n", i/50)})
	}
	_, text := get(t, tell.Address())
	if n := strings.Count(text, "\ngenbatch_attempts_total{"); n != 2000 || !strings.Contains(text, `genbatch_attempts_total{otel_metric_overflow="true"} `) {
		t.Errorf("%d lines of attempts", n)
	}
}

// An attempt that a batch job has made is counted; how long it took is not known.
func TestAttemptOfBatch(t *testing.T) {
	tell, _, err := open(t, "0")
	if err != nil {
		t.Fatal(err)
	}
	tell.Around(batch.Config{Model: answers{}, Sink: discard{}}).Model.Attempt(t.Context(), &batch.Request{Model: "m", Batch: "batches/1"})
	if _, text := get(t, tell.Address()); !strings.Contains(text, `genbatch_attempts_total{model="m",outcome="ok"} 1`) || strings.Contains(text, "genbatch_attempt_duration_seconds") {
		t.Errorf("page\n%s", text)
	}
}

// What an attempt came to is one of few words.
func TestOutcomeOf(t *testing.T) {
	for want, o := range map[string]batch.Outcome{
		"ok":        {Consequence: batch.Answered, Status: batch.OK},
		"truncated": {Consequence: batch.Answered, Status: batch.Truncated, Err: &batch.Error{Kind: batch.KindAnswer}},
		"blocked":   {Consequence: batch.Settled, Status: batch.Blocked, Err: &batch.Error{Kind: batch.KindContent}},
		"day_quota": {Consequence: batch.Park, Err: &batch.Error{Kind: batch.KindDayQuota, HTTPStatus: 429}},
		"timeout":   {Err: &batch.Error{Kind: batch.KindTimeout}},
		"other":     {},
	} {
		if got := outcomeOf(&o); got != want {
			t.Errorf("%+v is %s, want %s", o, got, want)
		}
	}
}

// answers is a model that answers at once.
type answers struct{}

func (answers) Attempt(context.Context, *batch.Request) batch.Outcome {
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK, Usage: &batch.Usage{PromptTokenCount: 10, CandidatesTokenCount: 5}}
}

// discard is a sink.
type discard struct{}

func (discard) Write([]*batch.Result) error { return nil }

// BenchmarkRow is what telemetry costs a row: an attempt, a wait, and its share of a commit of
// 50 rows. The processor time is that of the whole process, with what sends spans.
func BenchmarkRow(b *testing.B) {
	for _, c := range []struct{ name, metrics, endpoint string }{
		{"without", "", ""}, {"metrics", "0", ""}, {"metrics and traces", "0", "http://127.0.0.1:1"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.endpoint)
			tell, _, err := open(b, c.metrics)
			if err != nil {
				b.Fatal(err)
			}
			config := tell.Around(batch.Config{Model: answers{}, Limiter: passes{}, Sink: discard{}})
			ctx, r := b.Context(), &batch.Request{Model: "gemini-3.5-flash"}
			n, began := 0, benchtest.Processor()
			b.ReportAllocs()
			for b.Loop() {
				if err := config.Limiter.Acquire(ctx, r); err != nil {
					b.Fatal(err)
				}
				config.Model.Attempt(ctx, r)
				if n++; n%50 == 0 {
					_ = config.Sink.Write(nil)
				}
			}
			b.ReportMetric(float64(benchtest.Processor()-began)/float64(n), "cpu-ns/op")
		})
	}
}

// passes is a limiter without limits.
type passes struct{}

func (passes) Acquire(context.Context, *batch.Request) error { return nil }
func (passes) Release(*batch.Request, *batch.Outcome)        {}
