package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/protobuf/encoding/protowire"
)

// A message is one of protobuf's, to which fields are added. The numbers of fields are those of
// https://github.com/open-telemetry/opentelemetry-proto, version 1, which are stable.
type message []byte

func (m *message) bytes(field protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
}

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), s)
	}
}

func (m *message) varint(field protowire.Number, n uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), n)
}

func (m *message) fixed(field protowire.Number, n uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), n)
}

func (m *message) double(field protowire.Number, f float64) { m.fixed(field, math.Float64bits(f)) }

func (m *message) time(field protowire.Number, t time.Time) { m.fixed(field, uint64(t.UnixNano())) }

// sub adds a message that a function fills.
func (m *message) sub(field protowire.Number, fill func(*message)) {
	var inner message
	fill(&inner)
	m.bytes(field, inner)
}

// attributes adds attributes, each of them a KeyValue.
func (m *message) attributes(field protowire.Number, all []attribute.KeyValue) {
	for _, kv := range all {
		m.sub(field, func(m *message) {
			m.text(1, string(kv.Key))
			m.sub(2, func(m *message) { m.value(kv.Value) })
		})
	}
}

// value fills an AnyValue. Other types than these are sent as text.
func (m *message) value(v attribute.Value) {
	switch v.Type() {
	case attribute.BOOL:
		n := uint64(0)
		if v.AsBool() {
			n = 1
		}
		m.varint(2, n)
	case attribute.INT64:
		m.varint(3, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		m.double(4, v.AsFloat64())
	case attribute.STRINGSLICE:
		m.sub(5, func(m *message) {
			for _, s := range v.AsStringSlice() {
				m.sub(1, func(m *message) { m.bytes(1, []byte(s)) })
			}
		})
	default:
		m.bytes(1, []byte(v.String()))
	}
}

// resource adds who sends.
func (m *message) resource(r *resource.Resource) {
	m.sub(1, func(m *message) { m.attributes(1, r.Attributes()) })
}

// scope adds who has measured.
func (m *message) scope(s instrumentation.Scope) {
	m.sub(1, func(m *message) {
		m.text(1, s.Name)
		m.text(2, s.Version)
	})
}
