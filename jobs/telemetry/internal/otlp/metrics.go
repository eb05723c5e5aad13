package otlp

import (
	"context"
	"encoding/binary"
	"math"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/encoding/protowire"
)

// metricExporter implements [sdkmetric.Exporter].
type metricExporter struct {
	*client
	sdkmetric.TemporalitySelector
}

// NewMetrics returns an exporter of metrics. The error names the variable of the environment
// that is wrong.
func NewMetrics() (sdkmetric.Exporter, error) {
	c, err := newClient(Metrics)
	if err != nil {
		return nil, err
	}
	e := &metricExporter{c, sdkmetric.DefaultTemporalitySelector}
	switch preference, _ := Metrics.Variable("TEMPORALITY_PREFERENCE"); strings.ToLower(preference) {
	case "delta":
		e.TemporalitySelector = sdkmetric.DeltaTemporalitySelector
	case "lowmemory":
		e.TemporalitySelector = sdkmetric.LowMemoryTemporalitySelector
	}
	return e, nil
}

// Temporality implements [sdkmetric.Exporter].
func (e *metricExporter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return e.TemporalitySelector(k)
}

// Aggregation implements [sdkmetric.Exporter].
func (e *metricExporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

// Export implements [sdkmetric.Exporter].
func (e *metricExporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	var m message
	m.sub(1, func(m *message) {
		m.resource(all.Resource)
		for _, s := range all.ScopeMetrics {
			m.sub(2, func(m *message) {
				m.scope(s.Scope)
				for i := range s.Metrics {
					m.sub(2, func(m *message) { m.metric(&s.Metrics[i]) })
				}
			})
		}
	})
	return e.send(ctx, m)
}

// ForceFlush implements [sdkmetric.Exporter].
func (e *metricExporter) ForceFlush(context.Context) error { return nil }

// Shutdown implements [sdkmetric.Exporter].
func (e *metricExporter) Shutdown(context.Context) error { return nil }

// metric fills a Metric. There are no others than these.
func (m *message) metric(x *metricdata.Metrics) {
	m.text(1, x.Name)
	m.text(2, x.Description)
	m.text(3, x.Unit)
	switch d := x.Data.(type) {
	case metricdata.Gauge[float64]:
		m.sub(5, func(m *message) { points(m, d.DataPoints) })
	case metricdata.Sum[float64]:
		m.sub(7, func(m *message) {
			points(m, d.DataPoints)
			m.sum(d.Temporality, d.IsMonotonic)
		})
	case metricdata.Sum[int64]:
		m.sub(7, func(m *message) {
			points(m, d.DataPoints)
			m.sum(d.Temporality, d.IsMonotonic)
		})
	case metricdata.Histogram[float64]:
		m.sub(9, func(m *message) {
			for i := range d.DataPoints {
				m.sub(1, func(m *message) { m.histogram(&d.DataPoints[i]) })
			}
			m.temporality(d.Temporality)
		})
	}
}

func (m *message) temporality(t metricdata.Temporality) {
	n := uint64(2) // cumulative
	if t == metricdata.DeltaTemporality {
		n = 1
	}
	m.varint(2, n)
}

func (m *message) sum(t metricdata.Temporality, monotonic bool) {
	m.temporality(t)
	if monotonic {
		m.varint(3, 1)
	}
}

// points adds each a NumberDataPoint.
func points[N int64 | float64](m *message, all []metricdata.DataPoint[N]) {
	for _, p := range all {
		m.sub(1, func(m *message) {
			if !p.StartTime.IsZero() {
				m.time(2, p.StartTime)
			}
			m.time(3, p.Time)
			switch v := any(p.Value).(type) {
			case float64:
				m.double(4, v)
			case int64:
				m.fixed(6, uint64(v))
			}
			m.attributes(7, p.Attributes.ToSlice())
		})
	}
}

// histogram fills a HistogramDataPoint.
func (m *message) histogram(p *metricdata.HistogramDataPoint[float64]) {
	m.time(2, p.StartTime)
	m.time(3, p.Time)
	m.fixed(4, p.Count)
	m.double(5, p.Sum)
	m.packed(6, len(p.BucketCounts), func(i int) uint64 { return p.BucketCounts[i] })
	m.packed(7, len(p.Bounds), func(i int) uint64 { return math.Float64bits(p.Bounds[i]) })
	m.attributes(9, p.Attributes.ToSlice())
	if v, ok := p.Min.Value(); ok {
		m.double(11, v)
	}
	if v, ok := p.Max.Value(); ok {
		m.double(12, v)
	}
}

// packed adds n numbers of eight bytes.
func (m *message) packed(field protowire.Number, n int, at func(int) uint64) {
	var b []byte
	for i := range n {
		b = binary.LittleEndian.AppendUint64(b, at(i))
	}
	m.bytes(field, b)
}
