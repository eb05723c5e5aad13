package telemetry

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/telemetry/internal/otlp"
)

// wanted reports whether the variables of the environment ask for a signal to be sent by OTLP.
// An endpoint does, and so does OTEL_TRACES_EXPORTER=otlp. warn is told what is asked for and
// cannot be done. What samples, intervals and queues are to be is left to the SDK to read; see
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
func wanted(s otlp.Signal, warn func(string)) bool {
	if strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true") {
		return false
	}
	name := "OTEL_" + string(s) + "_EXPORTER"
	exporters := strings.TrimSpace(os.Getenv(name))
	endpoint, _ := s.Variable("ENDPOINT")
	yes := endpoint != "" && exporters == ""
	for e := range strings.SplitSeq(exporters, ",") {
		switch strings.TrimSpace(e) {
		case "otlp":
			yes = true
		case "", "none":
		case "prometheus":
			warn(name + " is prometheus: genbatch serves metrics for it with --metrics ADDR")
		default:
			warn(fmt.Sprintf("%s is %s: genbatch knows otlp and none", name, e))
		}
	}
	if !yes {
		return false
	}
	if protocol, name := s.Variable("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		warn(fmt.Sprintf("%s is %s, and nothing is sent: genbatch speaks http/protobuf, for which a collector's port is mostly 4318", name, protocol))
		return false
	}
	return true
}

// newResource says who sends. The variables of the environment count before what is known.
func newResource(ctx context.Context, warn func(string)) *resource.Resource {
	r, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "genbatch"), attribute.String("service.version", version.Version())),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		warn("OTEL_RESOURCE_ATTRIBUTES: " + err.Error())
	}
	return r
}

// traceOptions returns the options with which spans are sent, if somebody wants them.
func traceOptions(who func() *resource.Resource, warn func(string)) []sdktrace.TracerProviderOption {
	if !wanted(otlp.Traces, warn) {
		return nil
	}
	exporter, err := otlp.NewTraces()
	if err != nil {
		warn("traces cannot be sent: " + err.Error())
		return nil
	}
	return []sdktrace.TracerProviderOption{sdktrace.WithResource(who()), sdktrace.WithBatcher(exporter, bounded(warn))}
}

// mostSpans is the largest queue of spans: the SDK allocates it at once, 16 bytes each.
const mostSpans = 1 << 20

// bounded takes the SDK's defaults for sizes that it reads from the environment and would panic
// of, or ask for more memory than there is.
func bounded(warn func(string)) sdktrace.BatchSpanProcessorOption {
	return func(o *sdktrace.BatchSpanProcessorOptions) {
		check := func(name string, size *int, otherwise int) {
			if *size >= 1 && *size <= mostSpans {
				return
			}
			if text := os.Getenv(name); text != "" {
				warn(fmt.Sprintf("%s is %q, and not a number from 1 to %d: it is taken for %d", name, text, mostSpans, otherwise))
			}
			*size = otherwise
		}
		check("OTEL_BSP_MAX_QUEUE_SIZE", &o.MaxQueueSize, sdktrace.DefaultMaxQueueSize)
		check("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &o.MaxExportBatchSize, sdktrace.DefaultMaxExportBatchSize)
	}
}

// meterOptions returns the options with which metrics are sent, if somebody wants them.
func meterOptions(who func() *resource.Resource, warn func(string)) []sdkmetric.Option {
	if !wanted(otlp.Metrics, warn) {
		return nil
	}
	exporter, err := otlp.NewMetrics()
	if err != nil {
		warn("metrics cannot be sent: " + err.Error())
		return nil
	}
	return []sdkmetric.Option{sdkmetric.WithResource(who()), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter))}
}
