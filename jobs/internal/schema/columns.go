package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Values returns what the members of a document are worth as columns, nil where one is
// missing. Numbers stay as they were written; beyond names the columns whose number does
// not fit the 64 bits that Parquet has for it.
func Values(document json.RawMessage, columns []batch.Column) (values []any, beyond []string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, nil, fmt.Errorf("the top level: got %s, want object", document[:min(len(document), 20)])
	}
	values = make([]any, len(columns))
	for i, c := range columns {
		v, err := valueOf(members[c.Name], c.Type)
		if err != nil {
			return nil, nil, fmt.Errorf("/%s: %w", escapePointer(c.Name), err)
		}
		values[i] = v
		if Beyond64(v, c.Type) {
			beyond = append(beyond, c.Name)
		}
	}
	return values, beyond, nil
}

// valueOf returns a member as the value of a column of type t.
func valueOf(text json.RawMessage, t batch.Type) (any, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	switch t {
	case batch.String:
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	case batch.Bool:
		return string(text) == "true", nil
	case batch.Int:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return n, nil
		}
		// 1.0 and 1e3 are integers too.
		if r, ok := rational(string(text)); ok && r.IsInt() && r.Num().IsInt64() {
			return r.Num().Int64(), nil
		}
		return json.Number(text), nil
	case batch.Float:
		return json.Number(text), nil
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, text)
	return json.RawMessage(compact.Bytes()), err
}

// rational reads a JSON number exactly. It does not read very large ones, such as
// 1e999999999, whose digits would fill the memory.
func rational(number string) (*big.Rat, bool) {
	if f, err := strconv.ParseFloat(number, 64); err != nil || len(number) > 100 || f != 0 && (f < 1e-40 && f > -1e-40) {
		return nil, false
	}
	return new(big.Rat).SetString(number)
}

// Beyond64 reports whether the value of a column of type t does not fit the 64 bits that
// Parquet has for it.
func Beyond64(v any, t batch.Type) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(n.String(), 64)
	return t == batch.Int || err != nil
}

// Columns returns the properties of the schema as columns, in the order in which they are
// written. It returns none when the answers need not be objects.
func (s *Schema) Columns() ([]batch.Column, error) {
	types := s.tree.types(s.tree.root)
	if len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return t != "object" && t != "null" }) {
		return nil, nil
	}
	schema, at := s.tree.object()
	properties, _ := schema["properties"].(map[string]any)
	var columns []batch.Column
	for _, name := range s.tree.properties(at) {
		if name == "" {
			return nil, spec.Errorf("name it", "the schema has a property without a name, at %s", pointerName(at+"/properties"))
		}
		columns = append(columns, batch.Column{Name: name, Type: s.tree.columnType(properties[name])})
	}
	return columns, nil
}

// object returns the schema of the answers that has their properties, and where it stands.
func (t *tree) object() (schema map[string]any, at string) {
	root := t.root
	for range maxRefs {
		schema, _ = root.(map[string]any)
		ref, ok := schema["$ref"].(string)
		if !ok || schema["properties"] != nil {
			break
		}
		if root, at, ok = t.resolve(ref); !ok {
			return nil, ""
		}
	}
	return schema, at
}

// AllowsText reports whether an answer may be a text by itself, and no object or list, or whether
// the schema does not say.
func (s *Schema) AllowsText() bool {
	types := s.tree.types(s.tree.root)
	return len(types) == 0 || slices.Contains(types, "string")
}

// columnType returns the type of a column for what a schema allows.
func (t *tree) columnType(schema any) batch.Type {
	types := slices.DeleteFunc(t.types(schema), func(name string) bool { return name == "null" })
	slices.Sort(types)
	switch strings.Join(slices.Compact(types), " ") {
	case "string":
		return batch.String
	case "integer":
		return batch.Int
	case "number", "integer number":
		return batch.Float
	case "boolean":
		return batch.Bool
	}
	return batch.JSON
}

// maxRefs bounds how many references are followed in a row, which may go in circles.
const maxRefs = 32

// types returns the types that a schema allows, of which some may be there twice. It
// returns none when the schema does not say.
func (t *tree) types(v any) []string {
	patience := 1000 // references may branch and go in circles
	return t.typesWithin(v, &patience)
}

// typesWithin is types while there is patience left.
func (t *tree) typesWithin(v any, patience *int) []string {
	schema, _ := v.(map[string]any)
	if *patience--; *patience < 0 {
		return nil
	}
	switch own := schema["type"].(type) {
	case string:
		return []string{own}
	case []any:
		var types []string
		for _, v := range own {
			name, _ := v.(string)
			types = append(types, name)
		}
		return types
	}
	if v, ok := schema["const"]; ok {
		return []string{jsonType(v)}
	}
	if values, ok := schema["enum"].([]any); ok {
		var types []string
		for _, v := range values {
			types = append(types, jsonType(v))
		}
		return types
	}
	if ref, ok := schema["$ref"].(string); ok {
		if target, _, ok := t.resolve(ref); ok {
			return t.typesWithin(target, patience)
		}
		return nil
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if options, ok := schema[keyword].([]any); ok {
			var types []string
			for _, v := range options {
				branch := t.typesWithin(v, patience)
				if len(branch) == 0 {
					return nil // it allows anything
				}
				types = append(types, branch...)
			}
			return types
		}
	}
	if parts, ok := schema["allOf"].([]any); ok {
		for _, v := range parts {
			if types := t.typesWithin(v, patience); len(types) > 0 {
				return types
			}
		}
	}
	if schema["properties"] != nil {
		return []string{"object"}
	}
	return nil
}

// jsonType returns the name of a value's type, as a schema has it.
func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if r, ok := rational(v.String()); ok && r.IsInt() {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
