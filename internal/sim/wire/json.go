package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Encode appends v as JSON without a newline and without escaping HTML, as the
// API's own answers are.
func Encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

// List returns the items of a list, and one item as a list of itself.
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

// Number reads a JSON number, or a string that holds one.
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

// EnumOf returns the strings of a schema's enum; nil when it has none or others.
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
