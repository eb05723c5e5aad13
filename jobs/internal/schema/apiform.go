package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// This file reads schemas in the API's own older form, which examples of the API and its SDKs
// hold (https://ai.google.dev/api/caching#Schema), as the JSON Schemas that they mean. That
// form is made of OpenAPI 3.0, whose other spellings are read as well.

// apiTypes are the API's types, by number, with the names that a JSON Schema has for them.
var apiTypes = []string{"type_unspecified", "string", "number", "integer", "boolean", "array", "object", "null"}

// jsonTypeOf returns the name that a JSON Schema has for a type, which may be written as the
// API does. It is empty for what is no type.
func jsonTypeOf(name string) string {
	if name = strings.ToLower(name); slices.Contains(apiTypes[1:], name) {
		return name
	}
	return ""
}

// renamed are the keywords that SDKs write in another way.
var renamed = map[string]string{
	"type_": "type", "format_": "format", "any_of": "anyOf", "min_items": "minItems", "max_items": "maxItems", "min_length": "minLength",
	"max_length": "maxLength", "min_properties": "minProperties", "max_properties": "maxProperties", "property_ordering": "propertyOrdering",
	"additional_properties": "additionalProperties", "prefix_items": "prefixItems",
}

// counts are the keywords whose values are int64, which the API writes as strings.
var counts = []string{"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}

// standardize rewrites what is of the API's form. It reports whether there was anything.
func (t *tree) standardize() (changed bool) {
	draft, _ := t.root.(map[string]any)["$schema"].(string)
	old := strings.Contains(draft, "draft-04") || strings.Contains(draft, "draft-03") // where exclusive bounds are true or false
	t.walk(func(at string, schema map[string]any) {
		s := apiSchema{t: t, at: at, schema: schema, changed: &changed}
		s.names()
		s.typeName()
		s.numbers(old)
		s.nullable()
		s.order()
	})
	return changed
}

// An apiSchema is one schema that is being rewritten.
type apiSchema struct {
	t       *tree
	at      string
	schema  map[string]any
	changed *bool
}

func (s apiSchema) set(keyword string, v any) {
	s.schema[keyword] = v
	*s.changed = true
}

func (s apiSchema) remove(keyword string) {
	delete(s.schema, keyword)
	*s.changed = true
}

// names gives keywords the names that they have in JSON, and leaves out those without a value.
func (s apiSchema) names() {
	for _, name := range slices.Sorted(maps.Keys(s.schema)) {
		v := s.schema[name]
		if v == nil && !slices.Contains([]string{"const", "default", "example"}, name) {
			s.remove(name)
			continue
		}
		to, ok := renamed[name]
		if _, both := s.schema[to]; !ok || both {
			continue
		}
		s.remove(name)
		s.set(to, v)
		// What stands below keeps its order at its new place.
		for pointer, names := range maps.Clone(s.t.order) {
			if rest, ok := strings.CutPrefix(pointer, s.at+"/"+name); ok && (rest == "" || rest[0] == '/') {
				s.t.order[s.at+"/"+to+rest] = names
			}
		}
	}
}

// typeName writes types in lower case. Enum is the API's format of texts with given values.
func (s apiSchema) typeName() {
	switch v := s.schema["type"].(type) {
	case string:
		if strings.EqualFold(v, apiTypes[0]) {
			s.remove("type")
		} else if name := jsonTypeOf(v); name != "" && name != v {
			s.set("type", name)
		}
	case []any:
		for i := range v {
			if name, ok := v[i].(string); ok && jsonTypeOf(name) != "" && jsonTypeOf(name) != name {
				v[i] = jsonTypeOf(name)
				*s.changed = true
			}
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && 0 < n && n < int64(len(apiTypes)) {
			s.set("type", apiTypes[n])
		}
	}
	if s.schema["format"] == "enum" {
		s.remove("format")
	}
}

// numbers writes counts as numbers, and exclusive bounds as JSON Schema has them.
func (s apiSchema) numbers(old bool) {
	for _, keyword := range counts {
		if text, ok := s.schema[keyword].(string); ok {
			if r, ok := rational(text); ok && r.IsInt() {
				s.set(keyword, json.Number(text))
			}
		}
	}
	if old {
		return
	}
	for exclusive, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		is, ok := s.schema[exclusive].(bool)
		if !ok {
			continue
		}
		s.remove(exclusive)
		if n, ok := s.schema[bound].(json.Number); ok && is {
			s.remove(bound)
			s.set(exclusive, n)
		}
	}
}

// nullable writes the word of OpenAPI for null as one more type or value.
func (s apiSchema) nullable() {
	is, ok := s.schema["nullable"].(bool)
	if !ok {
		return
	}
	s.remove("nullable")
	if !is {
		return
	}
	null := map[string]any{"type": "null"}
	if values, ok := s.schema["enum"].([]any); ok && !slices.Contains(values, nil) {
		s.set("enum", append(slices.Clone(values), nil))
	}
	if options, ok := s.schema["anyOf"].([]any); ok {
		s.set("anyOf", append(slices.Clone(options), null))
	}
	switch own := s.schema["type"].(type) {
	case string:
		if own != "null" {
			s.set("type", []any{own, "null"})
		}
	case []any:
		if !slices.Contains(own, any("null")) {
			s.set("type", append(slices.Clone(own), "null"))
		}
	}
	if ref, ok := s.schema["$ref"]; ok {
		s.remove("$ref")
		s.set("anyOf", []any{map[string]any{"$ref": ref}, null})
	}
}

// order puts the properties into the order that the schema itself asks for.
func (s apiSchema) order() {
	list, _ := s.schema["propertyOrdering"].([]any)
	names := s.t.order[s.at+"/properties"]
	if len(list) == 0 || len(names) == 0 {
		return
	}
	place := func(name string) int {
		if i := slices.Index(list, any(name)); i >= 0 {
			return i
		}
		return len(list)
	}
	s.t.order[s.at+"/properties"] = slices.SortedStableFunc(slices.Values(names), func(a, b string) int { return place(a) - place(b) })
}
