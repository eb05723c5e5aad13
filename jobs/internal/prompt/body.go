package prompt

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A bodyTemplate is a generateContent body in which some texts come from the
// row. What does not change is marshalled once.
type bodyTemplate struct {
	fixed [][]byte // one more than slots
	slots []*template.Template

	canonical bool // every body is in canonical form, see batch.Canonical
}

// newBody returns the template of a body, in which each *template.Template stands for the text
// that it renders.
func newBody(body map[string]any) (*bodyTemplate, error) {
	var t bodyTemplate
	text, err := t.appendJSON(nil, body)
	if err != nil {
		return nil, spec.Errorf("", "request: %w", err)
	}
	t.fixed = append(t.fixed, text)
	// The sample text is valid base64, so that a slot inside inlineData.data is noticed,
	// which the canonical form replaces by a hash.
	sample := bytes.Join(t.fixed, []byte(`"dGV4dA"`))
	canonical, err := batch.Canonical(sample)
	t.canonical = err == nil && bytes.Equal(canonical, sample)
	return &t, nil
}

// appendJSON appends the JSON of v, as [apijson.Marshal] has it, to the fixed text before the
// next slot. At each slot that text ends, and another begins.
func (t *bodyTemplate) appendJSON(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case *template.Template:
		t.fixed = append(t.fixed, dst)
		t.slots = append(t.slots, v)
		return nil, nil
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			quoted, err := apijson.Marshal(name)
			if err != nil {
				return nil, err
			}
			if dst, err = t.appendJSON(append(append(dst, quoted...), ':'), v[name]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case []any:
		dst = append(dst, '[')
		for i, x := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = t.appendJSON(dst, x); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	text, err := apijson.Marshal(v)
	return append(dst, text...), err
}

// render returns the body for a row.
func (t *bodyTemplate) render(row *batch.Row) ([]byte, error) {
	buf := bodies.Get().(*[]byte)
	defer bodies.Put(buf)
	body := (*buf)[:0]
	for i, slot := range t.slots {
		body = append(body, t.fixed[i]...)
		if joined, ok := slot.Join(append(body, '"'), row, apijson.AppendEscaped); ok {
			body = append(joined, '"')
			continue
		}
		text, err := slot.Render(row)
		if err != nil {
			return nil, err
		}
		body = apijson.AppendString(body, text)
	}
	body = append(body, t.fixed[len(t.slots)]...)
	const keep = 1 << 20 // one long body must not hold its memory to the end
	if cap(body) <= keep {
		*buf = body
	}
	return bytes.Clone(body), nil
}

// bodies saves the buffers in which bodies grow.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// skeleton returns the body with empty texts in the place of the row's.
func (t *bodyTemplate) skeleton() map[string]any {
	d := json.NewDecoder(bytes.NewReader(bytes.Join(t.fixed, []byte(`""`))))
	d.UseNumber()
	var body map[string]any
	if d.Decode(&body) != nil {
		return nil
	}
	return body
}
