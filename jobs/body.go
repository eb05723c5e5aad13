package jobs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
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
	text, err := marshal(replace(body))
	if err != nil {
		return nil, specErrorf("", "request: %w", err)
	}
	// The slots appear in the order of the marshalled members, not of the walk.
	var slots []*rowTemplate
	for {
		at, slot := -1, 0
		var quoted []byte
		for i := range t.slots {
			q, _ := marshal(mark(i))
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

// marshal returns v as compact JSON, without the escapes that HTML would need.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// textContent is one piece of content with one text part.
func textContent(role string, text any) map[string]any {
	content := map[string]any{"parts": []any{map[string]any{"text": text}}}
	if role != "" {
		content["role"] = role
	}
	return content
}

// field returns a member of an API object by its camelCase name, in whichever
// spelling it stands there; nil when it is missing.
func field(object map[string]any, name string) any {
	for key, v := range object {
		if apijson.FieldName(key) == name {
			return v
		}
	}
	return nil
}

// merge lays the members of over onto base: objects member by member, everything
// else as a whole. Names are compared in the API's camelCase. It changes neither.
func merge(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for name, v := range base {
		out[apijson.FieldName(name)] = v
	}
	for name, v := range over {
		name = apijson.FieldName(name)
		old, ok1 := out[name].(map[string]any)
		m, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = merge(old, m)
		}
		out[name] = v
	}
	return out
}

// body returns what the job's own fields put into each body, with request:
// laid over it.
func (s *Spec) body(kind map[string]any) map[string]any {
	body := maps.Clone(kind)
	if s.MaxOutputTokens > 0 {
		body = merge(body, map[string]any{"generationConfig": map[string]any{"maxOutputTokens": s.MaxOutputTokens}})
	}
	if len(s.Schema) > 0 {
		body = merge(body, map[string]any{"generationConfig": map[string]any{
			"responseMimeType": "application/json", "responseJsonSchema": json.RawMessage(s.Schema),
		}})
	}
	return merge(body, s.Request)
}

// estimateTokens estimates the input tokens of a body: 4 bytes of ASCII text are
// a token, and 5 other characters are 4. Inline media counts as one image tile.
// https://ai.google.dev/gemini-api/docs/tokens
func estimateTokens(body []byte) int {
	const mediaTokens = 258
	if i := bytes.Index(body, []byte(`"data":"`)); i >= 0 {
		i += len(`"data":"`)
		if end := bytes.IndexByte(body[i:], '"'); end > 1024 {
			return mediaTokens + estimateTokens(body[:i]) + estimateTokens(body[i+end:])
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

// oneLine returns text as one line of at most n characters.
func oneLine(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > n {
		text = string(r[:n-1]) + "…"
	}
	return text
}
