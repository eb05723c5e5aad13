package prompt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A bodyTemplate is a generateContent body in which some texts come from the
// row. What does not change is marshalled once.
type bodyTemplate struct {
	fixed [][]byte // one more than slots
	slots []*rowTemplate

	canonical bool // so is every body, see batch.Canonical
}

// newBody makes a body of the API's own JSON, in which each *rowTemplate stands
// for the text that it renders.
func newBody(body map[string]any) (*bodyTemplate, error) {
	var t bodyTemplate
	mark := func(i int) string { return fmt.Sprintf("\x00slot %d\x00", i) }
	var replace func(v any) any
	replace = func(v any) any {
		switch v := v.(type) {
		case *rowTemplate:
			t.slots = append(t.slots, v)
			return mark(len(t.slots) - 1)
		case map[string]any:
			m := make(map[string]any, len(v))
			for name, x := range v {
				m[name] = replace(x)
			}
			return m
		case []any:
			l := make([]any, len(v))
			for i, x := range v {
				l[i] = replace(x)
			}
			return l
		}
		return v
	}
	text, err := apijson.Marshal(replace(body))
	if err != nil {
		return nil, spec.Errorf("", "request: %w", err)
	}
	// The slots appear in the order of the marshalled members, not of the walk.
	var slots []*rowTemplate
	for {
		at, slot := -1, 0
		var quoted []byte
		for i := range t.slots {
			q, _ := apijson.Marshal(mark(i))
			if k := bytes.Index(text, q); k >= 0 && (at < 0 || k < at) {
				at, slot, quoted = k, i, q
			}
		}
		if at < 0 {
			break
		}
		t.fixed = append(t.fixed, text[:at])
		slots = append(slots, t.slots[slot])
		text = text[at+len(quoted):]
	}
	t.fixed = append(t.fixed, text)
	t.slots = slots
	// The text is base64 too, which would not stay as it is where that matters.
	sample := bytes.Join(t.fixed, []byte(`"dGV4dA"`))
	canonical, err := batch.Canonical(sample)
	t.canonical = err == nil && bytes.Equal(canonical, sample)
	return &t, nil
}

// render returns the body for a row.
func (t *bodyTemplate) render(row *batch.Row) ([]byte, error) {
	buf := bodies.Get().(*[]byte)
	defer bodies.Put(buf)
	body := (*buf)[:0]
	for i, slot := range t.slots {
		body = append(body, t.fixed[i]...)
		if joined, ok := join(append(body, '"'), slot.simple, row, apijson.AppendEscaped); ok {
			body = append(joined, '"')
			continue
		}
		text, err := slot.render(row)
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

// skeleton returns the body with empty texts in the place of the row's; nil where
// that is no JSON, or there is no template.
func (t *bodyTemplate) skeleton() map[string]any {
	if t == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(bytes.Join(t.fixed, []byte(`""`))))
	d.UseNumber()
	var body map[string]any
	if d.Decode(&body) != nil {
		return nil
	}
	return body
}

// bodyOf returns the template of a kind's bodies; nil: it has none.
func bodyOf(k kind) *bodyTemplate {
	if k, ok := k.(interface{ template() *bodyTemplate }); ok {
		return k.template()
	}
	return nil
}

// EstimateTokens estimates the input tokens of a body: 4 bytes of ASCII text are
// a token, and 5 other characters are 4. Inline media counts as one image tile.
// https://ai.google.dev/gemini-api/docs/tokens
func EstimateTokens(body []byte) int {
	const mediaTokens = 258
	if i := bytes.Index(body, []byte(`"data":"`)); i >= 0 {
		i += len(`"data":"`)
		if end := bytes.IndexByte(body[i:], '"'); end > 1024 {
			return mediaTokens + EstimateTokens(body[:i]) + EstimateTokens(body[i+end:])
		}
	}
	ascii, other := 0, 0
	for len(body) >= 8 && binary.LittleEndian.Uint64(body)&0x8080808080808080 == 0 { // most text, and each row's
		ascii += 8
		body = body[8:]
	}
	for _, b := range body {
		switch {
		case b < 0x80:
			ascii++
		case b >= 0xC0: // the first byte of a character
			other++
		}
	}
	const frame = 48 // bytes of JSON around a prompt that are no text
	return max(1, max(0, ascii-frame)/4+other*4/5)
}
