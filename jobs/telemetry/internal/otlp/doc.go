// Package otlp sends spans and metrics to collectors of OpenTelemetry, by OTLP over HTTP with
// bodies in protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
//
// OpenTelemetry's own exporters bring in gRPC even where they speak HTTP. With them the binary
// would grow by 4.6 MiB instead of 2.3. What is sent is little: the messages are written
// field by field with package protowire. internal/oteltest has the collector's own decoder
// read them.
//
// # What is read of the environment
//
// The variables OTEL_EXPORTER_OTLP_…, and before them those of one signal
// (OTEL_EXPORTER_OTLP_TRACES_…, OTEL_EXPORTER_OTLP_METRICS_…): ENDPOINT, HEADERS, TIMEOUT,
// COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, and of metrics
// TEMPORALITY_PREFERENCE; see https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
package otlp
