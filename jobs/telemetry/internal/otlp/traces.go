package otlp

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traceExporter implements [sdktrace.SpanExporter].
type traceExporter struct{ *client }

// NewTraces returns an exporter of spans. The error names the variable of the environment that
// is wrong.
func NewTraces() (sdktrace.SpanExporter, error) {
	c, err := newClient(Traces)
	if err != nil {
		return nil, err
	}
	return &traceExporter{c}, nil
}

// ExportSpans implements [sdktrace.SpanExporter]. All spans are of one resource and one scope.
func (e *traceExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	var m message
	m.sub(1, func(m *message) {
		m.resource(spans[0].Resource())
		m.sub(2, func(m *message) {
			m.scope(spans[0].InstrumentationScope())
			for _, s := range spans {
				m.sub(2, func(m *message) { m.span(s) })
			}
		})
	})
	return e.send(ctx, m)
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *traceExporter) Shutdown(context.Context) error { return nil }

// span fills a Span.
func (m *message) span(s sdktrace.ReadOnlySpan) {
	m.ids(s.SpanContext())
	if p := s.Parent(); p.HasSpanID() {
		id := p.SpanID()
		m.bytes(4, id[:])
	}
	m.text(5, s.Name())
	m.varint(6, uint64(s.SpanKind())) // numbered alike
	m.time(7, s.StartTime())
	m.time(8, s.EndTime())
	m.attributes(9, s.Attributes())
	for _, l := range s.Links() {
		m.sub(13, func(m *message) {
			m.ids(l.SpanContext)
			m.attributes(4, l.Attributes)
		})
	}
	if st := s.Status(); st.Code == codes.Error {
		m.sub(15, func(m *message) {
			m.text(2, st.Description)
			m.varint(3, 2)
		})
	}
}

// ids adds what a span is known by.
func (m *message) ids(c trace.SpanContext) {
	traceID, spanID := c.TraceID(), c.SpanID()
	m.bytes(1, traceID[:])
	m.bytes(2, spanID[:])
	m.text(3, c.TraceState().String())
}
