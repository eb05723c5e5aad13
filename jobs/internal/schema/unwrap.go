package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/spec"
)

// envelopes are the names under which requests and tool descriptions of this and other APIs
// hold a schema, without underscores and in lower case. The first that an object has counts:
// what describes the answer comes before what describes the arguments of a function.
var envelopes = []string{
	"generationconfig", "config", "responsejsonschema", "responseschema", "responseformat", "outputformat", "outputconfig",
	"jsonschema", "schema", "format", "text", "outputschema", "guidedjson",
	"function", "functiondeclarations", "tools", "parametersjsonschema", "parameters", "inputschema", "json",
}

// maxEnvelopes bounds how many envelopes may stand in one another.
const maxEnvelopes = 8

// unwrap returns the tree of the schema itself, which may stand in envelopes, in a list of
// one, and in strings. path says where it was found, and is empty for a schema that was given
// as it is. What holds no schema is an error that names what it seems to be.
func (t *tree) unwrap() (schema tree, path string, err error) {
	inner := *t
	for range maxEnvelopes {
		switch v := inner.root.(type) {
		case string:
			if inner, err = parseTree([]byte(v)); err != nil {
				return tree{}, "", spec.Errorf("write the schema itself, without quotes around it", "the schema is a text%s that is no JSON", placed(path))
			}
			continue
		case []any:
			if len(v) != 1 {
				return tree{}, "", spec.Errorf(`keep one; for a list of them write {"type": "array", "items": …}`, "a JSON Schema is an object, and this one is a list of %d", len(v))
			}
			path += "/0"
			inner = inner.below("/0", v[0])
			continue
		case map[string]any:
			if isStructured(v) {
				return inner, path, nil
			}
			name := envelopeOf(v, leadsToSchema)
			if name == "" || len(v) > 1 && holdsProperties(v) {
				if isTyped(v) {
					return inner, path, misspelt(v)
				}
				return tree{}, "", notSchema(v, path)
			}
			path += "/" + escapePointer(name)
			inner = inner.below("/"+escapePointer(name), v[name])
			continue
		}
		break
	}
	return tree{}, "", spec.Errorf(hintSchema, "a JSON Schema is an object, and this one%s is %s", placed(path), message.OneLine(inner.text(), 40))
}

const hintSchema = `write it as {"type": "object", "properties": {"total": {"type": "number"}, …}}`

// placed names the place of what is in an envelope.
func placed(path string) string {
	if path == "" {
		return ""
	}
	return ", at " + path + ","
}

// below returns the tree of what stands at a pointer.
func (t *tree) below(at string, v any) tree {
	inner := tree{root: v, order: make(map[string][]string)}
	for pointer, names := range t.order {
		if rest, ok := strings.CutPrefix(pointer, at); ok && (rest == "" || rest[0] == '/') {
			inner.order[rest] = names
		}
	}
	return inner
}

// text returns the tree as JSON, with its names in their order.
func (t *tree) text() string { return string(t.appendJSON(nil, t.root, "")) }

func (t *tree) appendJSON(dst []byte, v any, at string) []byte {
	switch v := v.(type) {
	case map[string]any:
		names := slices.DeleteFunc(slices.Clone(t.order[at]), func(name string) bool { _, ok := v[name]; return !ok })
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		dst = append(dst, '{')
		for i, name := range names {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(apijson.AppendString(dst, name), ':')
			dst = t.appendJSON(dst, v[name], at+"/"+escapePointer(name))
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, x := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = t.appendJSON(dst, x, fmt.Sprintf("%s/%d", at, i))
		}
		return append(dst, ']')
	}
	text, _ := apijson.Marshal(v) // was parsed from JSON
	return append(dst, text...)
}

// envelopeOf returns the member of an object that is known to hold a schema, and holds what
// fits. It is empty if there is none.
func envelopeOf(object map[string]any, fits func(any) bool) string {
	for _, known := range envelopes {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			plain := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "_"), "_", ""))
			if plain == known && fits(object[name]) {
				return name
			}
		}
	}
	return ""
}

// leadsToSchema reports whether a value is a schema, or an envelope of one.
func leadsToSchema(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return isDescribed(v) || envelopeOf(v, leadsToSchema) != ""
	case []any:
		return len(v) == 1 && leadsToSchema(v[0])
	case string:
		return strings.HasPrefix(strings.TrimSpace(v), "{")
	}
	return false
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// isStructured reports whether an object has a keyword by which answers are checked, with a
// value as the keyword takes it. Data may have members of these names, of other values.
func isStructured(object map[string]any) bool {
	for name, v := range object {
		switch name {
		case "properties", "patternProperties":
			named, ok := v.(map[string]any)
			if ok && len(named) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(named)), func(v any) bool { return !isSchema(v) }) {
				return true
			}
		case "anyOf", "any_of", "oneOf", "allOf", "prefixItems":
			list, ok := v.([]any)
			if ok && len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { return !isSchema(v) }) {
				return true
			}
		case "items", "not":
			list, ok := v.([]any) // of drafts before 2020-12
			if isDescribed(v) || ok && len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { return !isDescribed(v) }) {
				return true
			}
		case "$ref", "$dynamicRef":
			if _, ok := v.(string); ok {
				return true
			}
		case "enum":
			if list, ok := v.([]any); ok && len(list) > 0 {
				return true
			}
		case "const":
			return true
		}
	}
	return false
}

// isSchema reports whether a value may stand where a schema is wanted.
func isSchema(v any) bool {
	switch v.(type) {
	case map[string]any, bool:
		return true
	}
	return false
}

// isDescribed reports whether a value is an object that says what it describes, as schemas do.
func isDescribed(v any) bool {
	object, ok := v.(map[string]any)
	return ok && (isStructured(object) || isTyped(object))
}

// holdsProperties reports whether an object is what properties: of a schema holds.
func holdsProperties(object map[string]any) bool {
	for _, v := range object {
		if !isDescribed(v) {
			return false
		}
	}
	return len(object) > 0
}

// isTyped reports whether an object names a type that schemas have.
func isTyped(object map[string]any) bool {
	for _, keyword := range []string{"type", "type_"} {
		switch t := object[keyword].(type) {
		case string:
			if jsonTypeOf(t) != "" {
				return true
			}
		case []any:
			return len(t) > 0 && !slices.ContainsFunc(t, func(v any) bool { name, _ := v.(string); return jsonTypeOf(name) == "" })
		}
	}
	return false
}

// notSchema says what an object is that is no schema, and how one would be written.
func notSchema(object map[string]any, path string) error {
	annotates := func(name string) bool {
		return strings.HasPrefix(name, "$") || slices.Contains([]string{"title", "description", "definitions", "additionalProperties", "required", "default", "examples"}, name)
	}
	var others []string
	for name := range object {
		if !annotates(name) {
			others = append(others, name)
		}
	}
	alone := func(v any) bool { name, _ := v.(string); return isDescribed(v) || jsonTypeOf(name) != "" }
	switch {
	case len(object) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(object)), func(v any) bool { return !alone(v) }):
		return spec.Errorf(`write {"type": "object", "properties": {…}} around them`,
			"the schema%s holds properties alone: %s", placed(path), message.List(slices.Sorted(maps.Keys(object))))
	case len(others) == 0:
		return spec.Errorf(hintSchema, "the schema%s says nothing of the answers, so that they could not be checked", placed(path))
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if isDescribed(object[name]) {
			return spec.Errorf("give that part alone",
				"the schema%s is no JSON Schema: it has no type and no properties; one seems to stand at %s", placed(path), path+"/"+escapePointer(name))
		}
	}
	if name := envelopeOf(object, isObject); name != "" {
		return notSchema(object[name].(map[string]any), path+"/"+escapePointer(name))
	}
	if at := firstStructured(object, 6); at != "" {
		return spec.Errorf("give that part alone", "the schema%s is no JSON Schema: it has no type and no properties; one seems to stand at %s", placed(path), path+at)
	}
	has := "no type"
	if kind, ok := object["type"].(string); ok {
		if len(object) == 1 {
			return spec.Errorf(hintTypes, "the schema%s has the type %q, which there is not", placed(path), message.OneLine(kind, 40))
		}
		has = fmt.Sprintf("the type %q, which there is not,", message.OneLine(kind, 40))
	}
	return spec.Errorf("as a schema of such answers it might be "+message.OneLine(exampleSchema(object), 400),
		"the schema%s is no JSON Schema: it has %s and no properties, and looks like an example of an answer", placed(path), has)
}

// firstStructured returns the pointer of the first schema in an object, at most so deep, or
// nothing.
func firstStructured(object map[string]any, depth int) string {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		inner, ok := object[name].(map[string]any)
		if !ok || depth == 0 {
			continue
		}
		at := "/" + escapePointer(name)
		if isStructured(inner) {
			return at
		}
		if below := firstStructured(inner, depth-1); below != "" {
			return at + below
		}
	}
	return ""
}

// misspelt refuses a schema that has nothing to check answers by, and a keyword that was
// most likely meant to be properties.
func misspelt(schema map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(schema)) {
		if !slices.Contains(sentKeywords, name) && message.Nearest(name, []string{"properties"}) != "" && isObject(schema[name]) {
			return spec.Errorf(`did you mean "properties"?`, "the schema has %q, which is no keyword of JSON Schema", name)
		}
	}
	return nil
}

// exampleSchema returns the text of a schema that an example of an answer would fit. A value
// that is the name of a type stands for that type.
func exampleSchema(v any) string {
	switch v := v.(type) {
	case map[string]any:
		properties := make(map[string]json.RawMessage, len(v))
		for name, member := range v {
			properties[name] = json.RawMessage(exampleSchema(member))
		}
		text, _ := apijson.Marshal(properties) // made of JSON
		return `{"type":"object","properties":` + string(text) + `}`
	case []any:
		if len(v) == 0 {
			return `{"type":"array","items":{"type":"string"}}`
		}
		return `{"type":"array","items":` + exampleSchema(v[0]) + `}`
	case string:
		if t := jsonTypeOf(v); t != "" && t != "null" {
			return `{"type":"` + t + `"}`
		}
		return `{"type":"string"}`
	case nil:
		return `{"type":["string","null"]}`
	case bool:
		return `{"type":"boolean"}`
	}
	return `{"type":"number"}`
}
