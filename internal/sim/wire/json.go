package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Encode appends v as JSON the way the API writes it: without a newline at the end,
// and with the characters of HTML as they are.
func Encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

// List returns the items of a JSON list. Anything else is a list of one item, as for
// Google's parser, and nil is an empty list.
func List(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// Number reads a JSON number, or a string that holds one. Both are read as a number by
// Google's parser.
func Number(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// EnumOf returns the strings of a schema's enum. It returns nil when the schema has no
// enum, or one that holds other values.
func EnumOf(schema any) []string {
	o, _ := schema.(map[string]any)
	values, _ := o["enum"].([]any)
	var labels []string
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		labels = append(labels, s)
	}
	return labels
}

// BreakSchema turns a JSON text into one of another shape. It renames the members of an
// object, and replaces anything else by an object.
func BreakSchema(s string) string {
	var o map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &o) != nil || len(o) == 0 {
		return `{"unexpected":true}`
	}
	other := map[string]json.RawMessage{}
	for name, v := range o {
		other[name+"_"] = v
	}
	text, err := json.Marshal(other)
	if err != nil { // not for what has just been unmarshalled
		return "{}"
	}
	return string(text)
}
