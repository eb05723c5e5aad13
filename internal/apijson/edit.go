package apijson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Marshal returns v as compact JSON, without the escapes that HTML would need.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// TextContent is one piece of content with one text part.
func TextContent(role string, text any) map[string]any {
	content := map[string]any{"parts": []any{map[string]any{"text": text}}}
	if role != "" {
		content["role"] = role
	}
	return content
}

// Field returns a member of an API object by its camelCase name, in whichever
// spelling it stands there; nil when it is missing.
func Field(object map[string]any, name string) any {
	for key, v := range object {
		if FieldName(key) == name {
			return v
		}
	}
	return nil
}

// Merge lays the members of over onto base: objects member by member, everything
// else as a whole. Names are compared in the API's camelCase. It changes neither.
func Merge(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for name, v := range base {
		out[FieldName(name)] = v
	}
	for name, v := range over {
		name = FieldName(name)
		old, ok1 := out[name].(map[string]any)
		m, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = Merge(old, m)
		}
		out[name] = v
	}
	return out
}

// WholeNumber reads an int64 as the API does, as a number or a string; 0: it is none.
func WholeNumber(raw json.RawMessage) int64 {
	var n json.Number
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	i, _ := strconv.ParseInt(n.String(), 10, 64)
	return i
}

// A ParsedBody is a generateContent body with its generationConfig taken out, in
// the API's camelCase. All else stays as it was written.
type ParsedBody struct {
	Members, Config map[string]json.RawMessage
}

// ParseBody takes a body apart. An error says that it is no JSON object.
func ParseBody(body []byte) (ParsedBody, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return ParsedBody{}, err
	}
	b := ParsedBody{Members: Camel(members)}
	b.Config = Object(b.Members["generationConfig"])
	return b, nil
}

// Object returns the members of a JSON object, nulls left out; none for what is
// no object.
func Object(raw json.RawMessage) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	members = Camel(members)
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return members
}

// Camel returns the members under the API's camelCase names.
func Camel(members map[string]json.RawMessage) map[string]json.RawMessage {
	named := make(map[string]json.RawMessage, len(members)+1)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		named[FieldName(name)] = members[name]
	}
	return named
}

// ExactObject decodes members with numbers as they were written.
func ExactObject(members map[string]json.RawMessage) (map[string]any, error) {
	object := make(map[string]any, len(members))
	for name, text := range members {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		object[name] = v
	}
	return object, nil
}

// SortedKeys returns the keys of a map in order.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// Marshal returns the whole body, with the configuration as it is now.
func (b *ParsedBody) Marshal() json.RawMessage {
	// Neither can fail: all of it was parsed from JSON, or is a number.
	b.Members["generationConfig"], _ = Marshal(b.Config)
	body, _ := Marshal(b.Members)
	return body
}
