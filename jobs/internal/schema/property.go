package schema

import (
	"encoding/json"
	"slices"
)

// A Property says what a schema allows as a value, as far as comparisons with known values
// have to know.
type Property struct {
	Type     string   // the only type beside null; empty if there are several, or if any will do
	Nullable bool     // whether null is allowed, or the property may be left out
	Enum     []string // the texts that are allowed; nil unless there are no others
	Items    []string // of a list, likewise for its items
	Format   string   // of a text
}

// Property returns what the schema allows for a column of [Schema.Columns].
func (s *Schema) Property(column string) Property {
	object, _ := s.tree.object()
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	p := s.tree.property(properties[column], true)
	p.Nullable = p.Nullable || !slices.Contains(required, any(column))
	return p
}

// property returns what a schema allows, with the items of a list if they are wanted. It does
// not go deeper: lists of lists may go in circles.
func (t *tree) property(v any, withItems bool) Property {
	types := t.types(v)
	var p Property
	p.Nullable = slices.Contains(types, "null")
	types = slices.DeleteFunc(types, func(name string) bool { return name == "null" })
	slices.Sort(types)
	switch types = slices.Compact(types); {
	case len(types) == 1:
		p.Type = types[0]
	case slices.Equal(types, []string{"integer", "number"}):
		p.Type = "number"
	}
	for range maxRefs {
		schema, _ := v.(map[string]any)
		if values, ok := schema["enum"].([]any); ok {
			p.Enum = enumTexts(values)
		}
		if format, ok := schema["format"].(string); ok {
			p.Format = format
		}
		if items, ok := schema["items"].(map[string]any); ok && withItems {
			p.Items = t.property(items, false).Enum
		}
		var next any
		if ref, ok := schema["$ref"].(string); ok {
			next, _, _ = t.resolve(ref)
		} else if next = t.soleOption(schema); next == nil {
			break
		}
		v = next
	}
	return p
}

// soleOption returns the option of a choice between one schema and null; nil for any other
// schema.
func (t *tree) soleOption(schema map[string]any) (sole any) {
	for _, keyword := range []string{"anyOf", "oneOf"} {
		options, _ := schema[keyword].([]any)
		for _, v := range options {
			if types := t.types(v); slices.Equal(types, []string{"null"}) {
				continue
			}
			if sole != nil {
				return nil
			}
			sole = v
		}
	}
	return sole
}

// enumTexts returns the texts of an enum; nil if it has other values than these and null.
func enumTexts(values []any) (texts []string) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case nil:
		case json.Number, bool, []any, map[string]any:
			return nil
		}
	}
	return texts
}
