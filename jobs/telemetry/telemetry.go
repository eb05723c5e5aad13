package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr/funcr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/spec"
)

// patience is how long the end of a run waits for those who want to know of it.
const patience = 5 * time.Second

// scope is the name under which genbatch measures.
const scope = "github.com/genbatch/genbatch"

// A Telemetry tells other programs how one run goes. Make it with [Open] and Close it after
// the run. It is safe for concurrent use, but for Begin and Close.
type Telemetry struct {
	address string // of the page; empty: there is none
	page    *page
	spans   *sdktrace.TracerProvider // nil: nobody wants traces
	meters  *sdkmetric.MeterProvider // nil: nobody wants metrics

	tracer      trace.Tracer
	instruments *instruments            // nil: nobody wants to know anything
	genAI       metric.Float64Histogram // nil: no collector wants metrics

	failed sync.Once // a collector could not be reached
	closed sync.Once
	warn   func(string)
}

// Open makes ready to tell what the Metrics of a Spec and the variables OTEL_… of the
// environment ask for. Nothing is sent before the run begins. What a collector would be sent
// and cannot be is a warning in the log. The error is a [*jobs.SpecError]: Metrics is no
// address, or one that cannot be served.
func Open(ctx context.Context, s *jobs.Spec, log *slog.Logger) (*Telemetry, error) {
	t := &Telemetry{tracer: noop.Tracer{}, warn: func(text string) { log.Warn(text) }}
	address, loopback, err := spec.MetricsAddress(s)
	if err != nil {
		return nil, err
	}
	// The SDK would write to stderr by itself.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.lost))
	otel.SetLogger(funcr.New(func(_, text string) { t.warn("OpenTelemetry: " + message.OneLine(text, 300)) }, funcr.Options{}))
	who := sync.OnceValue(func() *resource.Resource { return newResource(ctx, t.warn) })
	spans, meters := traceOptions(who, t.warn), meterOptions(who, t.warn)
	collector := meters != nil
	if address != "" {
		l, err := listen(ctx, address)
		if err != nil {
			return nil, err
		}
		if t.address = l.Addr().String(); !loopback {
			t.warn(fmt.Sprintf("metrics are served at %s, where other machines can read them: models, numbers of rows and cost", t.address))
		}
		reader := sdkmetric.NewManualReader()
		meters = append(meters, sdkmetric.WithReader(reader))
		t.page = servePage(l, reader)
	}
	if spans == nil && meters == nil {
		return t, nil
	}
	t.meters = sdkmetric.NewMeterProvider(meters...)
	m := t.meters.Meter(scope, metric.WithInstrumentationVersion(version.Version()))
	if t.instruments, err = newInstruments(m); err == nil && collector {
		t.genAI, err = m.Float64Histogram(genAIDuration, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(genAIDurationBounds()...),
			metric.WithDescription("GenAI operation duration."))
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	if spans != nil {
		t.spans = sdktrace.NewTracerProvider(spans...)
		t.tracer = t.spans.Tracer(scope, trace.WithInstrumentationVersion(version.Version()))
	}
	return t, nil
}

// listen listens at an address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, spec.Errorf("choose another port, or 0 for one that is free", "metrics cannot be served at %s: another program, or another run, listens there", address)
	case err != nil:
		return nil, spec.Errorf("write a port, such as 9090, or an address of this machine with one", "metrics cannot be served at %s: %w", address, err)
	}
	return l, nil
}

// Address returns where the page of metrics is served, such as http://127.0.0.1:9090/metrics.
// It is empty if none is.
func (t *Telemetry) Address() string {
	if t.address == "" {
		return ""
	}
	return "http://" + t.address + "/metrics"
}

// Begin tells that a run of a job begins. The run is to have the context that it returns, and
// its error is given to end.
func (t *Telemetry) Begin(ctx context.Context, job *jobs.Job) (run context.Context, end func(error)) {
	if t.instruments == nil {
		return ctx, func(error) {}
	}
	s := job.Spec()
	_, err := t.instruments.watch(t.meters.Meter(scope, metric.WithInstrumentationVersion(version.Version())), func(o observe) {
		p, c := job.Progress(), job.Control().State()
		buildInfo(o)
		read(o, &p, &c)
	})
	if err != nil {
		t.warn("metrics are not complete: " + err.Error())
	}
	ctx, span := t.tracer.Start(ctx, "genbatch run", trace.WithAttributes(attribute.String(genAIRequestModel, s.Model)))
	return ctx, func(err error) {
		p := job.Progress()
		cost, _ := p.Run.CostUSD()
		span.SetAttributes(attribute.Int64("genbatch.rows", p.Run.Rows), attribute.Int64("genbatch.attempts", p.Attempts), attribute.Float64("genbatch.cost_usd", dollars(cost)))
		if err != nil {
			span.SetStatus(codes.Error, "the run ended early")
		}
		span.End()
	}
}

// lost is told what could not be sent. One warning is enough: a collector that is down is down
// for each of the exports of a run.
func (t *Telemetry) lost(err error) {
	t.failed.Do(func() {
		t.warn("a collector of OpenTelemetry could not be told all of the run, which goes on: " + message.OneLine(err.Error(), 300))
	})
}

// Close sends what was not sent yet, and ends the page. It takes five seconds at most, however
// the collector is. A second call does nothing.
func (t *Telemetry) Close() { t.closed.Do(t.close) }

func (t *Telemetry) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if t.page != nil {
		t.page.close(ctx)
	}
	var err error
	if t.meters != nil {
		err = t.meters.Shutdown(ctx)
	}
	if t.spans != nil {
		err = errors.Join(err, t.spans.Shutdown(ctx))
	}
	if err != nil {
		t.lost(err)
	}
}
