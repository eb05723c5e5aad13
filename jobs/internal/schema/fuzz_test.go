package schema

import (
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// FuzzSchema reads any schema and any answer: what is taken for a schema can be
// used in every way, and a document that is found fits it and has a value for each column.
func FuzzSchema(f *testing.F) {
	for _, schema := range []string{
		jobtest.InvoiceSchema, `{"$ref":"#"}`, `{"type":"object","properties":{"a":{"$ref":"#/properties/a"}}}`, `{"allOf":[{"$ref":"#/allOf/0"}]}`,
		`{"anyOf":[{"$ref":"#/anyOf/1"},{"$ref":"#/anyOf/0"}]}`, `{"items":[{"type":"string"}],"$schema":"http://json-schema.org/draft-07/schema#"}`,
		`{"type":["string","null"],"enum":[1e99,null,{}],"const":[]}`, `{"minimum":1e999999999,"multipleOf":0.1}`, `{"$id":"x","$anchor":"y","properties":{"~/":{"$ref":"#y"}}}`,
		`{"properties":{"nested":{"$ref":"#/$defs/l"}},"$defs":{"l":{"type":"array","items":{"$ref":"#/$defs/l"}}}}`,
	} {
		for _, answer := range []string{jobtest.GoodAnswer, "```json\n{}\n```", `x {"a":1} [2]`, "\ufeff{}", `{"a":1e999999999}`, "```", "[[[", `"x"`} {
			f.Add([]byte(schema), answer)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, answer string) {
		_, _ = OpenAPI(text) // of a row's own request: not checked before
		s, err := Parse(spec.Schema(text))
		if err != nil {
			return
		}
		s.Warnings()
		columns, err := s.Columns()
		if err != nil {
			return
		}
		s.Shape()
		for _, c := range columns {
			s.Property(c.Name)
		}
		document, _, err := s.Read(answer)
		if err != nil {
			return
		}
		if s.check(document) != nil {
			t.Errorf("%s is read out of %q, and does not fit", document, answer)
		}
		if len(columns) == 0 {
			return
		}
		values, _, err := Values(document, columns)
		if err == nil && len(values) != len(columns) {
			t.Errorf("%d values for %d columns", len(values), len(columns))
		}
	})
}
