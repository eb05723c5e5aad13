package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
)

// OpenAPI writes a JSON Schema in the API's older form, the subset of OpenAPI
// 3.0 that responseSchema takes: https://ai.google.dev/api/caching#Schema. It leaves out
// what only narrows the answers and has no word there, since answers are checked by the
// whole schema. What cannot be said at all is an error that names the place.
func OpenAPI(text json.RawMessage) (json.RawMessage, error) {
	tree, err := parseTree(text)
	if err != nil {
		return nil, err
	}
	c := converter{tree: tree}
	converted, err := c.convert(tree.root, "")
	if err != nil {
		return nil, err
	}
	return apijson.Marshal(converted)
}

// A converter writes one schema in the older form.
type converter struct {
	tree tree
	open []string // the places of the references that are being followed
	size int      // schemas written
}

// maxSchemas bounds what a schema grows to when its references are written out,
// each time they are used.
const maxSchemas = 10000

// keptKeywords mean the same in both forms.
var keptKeywords = []string{
	"title", "description", "default", "minItems", "maxItems", "minProperties", "maxProperties",
	"minimum", "maximum", "minLength", "maxLength", "pattern",
}

// keptFormats are those that responseSchema does not refuse, by type.
var keptFormats = map[string][]string{
	"string": {"date-time", "enum"}, "integer": {"int32", "int64"}, "number": {"float", "double"},
}

// convert converts the schema v, which stands at a JSON pointer.
func (c *converter) convert(v any, at string) (map[string]any, error) {
	if c.size++; c.size > maxSchemas {
		return nil, fmt.Errorf("it has more than %d parts once its references are written out", maxSchemas)
	}
	schema, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s allows anything, and responseSchema wants a type", pointerName(at))
	}
	if ref, ok := schema["$ref"].(string); ok {
		return c.reference(schema, ref, at)
	}
	if parts, ok := schema["allOf"].([]any); ok {
		merged, err := c.merge(schema, parts, at)
		if err != nil {
			return nil, err
		}
		return c.convert(merged, at)
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if options, ok := schema[keyword].([]any); ok {
			return c.choice(schema, options, at+"/"+keyword)
		}
	}
	types := slices.Compact(slices.Sorted(slices.Values(c.tree.types(schema))))
	nullable := slices.Contains(types, "null")
	named := slices.DeleteFunc(types, func(t string) bool { return t == "null" })
	switch {
	case len(named) == 0 && nullable:
		return map[string]any{"type": "NULL"}, nil
	case len(named) == 0:
		return nil, fmt.Errorf("%s has no type, and responseSchema wants one", pointerName(at))
	case len(named) == 2 && named[0] == "integer" && named[1] == "number":
		named = named[1:]
	case len(named) > 1:
		var options []any
		for _, t := range named {
			option := maps.Clone(schema)
			option["type"] = t
			options = append(options, option)
		}
		if nullable {
			options = append(options, map[string]any{"type": "null"})
		}
		return c.choice(map[string]any{}, options, at)
	}
	out, err := c.typed(schema, named[0], at)
	if err == nil && nullable {
		out["nullable"] = true
	}
	return out, err
}

// typed converts a schema of one type.
func (c *converter) typed(schema map[string]any, t, at string) (out map[string]any, err error) {
	out = map[string]any{"type": strings.ToUpper(t)}
	for _, keyword := range keptKeywords {
		if v, ok := schema[keyword]; ok {
			out[keyword] = v
		}
	}
	if format, ok := schema["format"].(string); ok && slices.Contains(keptFormats[t], format) {
		out["format"] = format
	}
	c.bounds(schema, out, t)
	c.enum(schema, out, t)
	switch t {
	case "object":
		err = c.object(schema, out, at)
	case "array":
		err = c.array(schema, out, at)
	}
	return out, err
}

// bounds writes exclusive bounds as the closed ones that include them.
func (c *converter) bounds(schema, out map[string]any, t string) {
	for from, to := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		n, ok := schema[from].(json.Number)
		if !ok || out[to] != nil {
			continue
		}
		if r, ok := rational(n.String()); t == "integer" && ok && r.IsInt() {
			step := int64(1)
			if to == "maximum" {
				step = -1
			}
			n = json.Number(new(big.Int).Add(r.Num(), big.NewInt(step)).String())
		}
		out[to] = n
	}
}

// enum writes the values that are allowed: as enum where they are texts, which is
// all that it takes, and in words where they are not.
func (c *converter) enum(schema, out map[string]any, t string) {
	values, ok := schema["enum"].([]any)
	if v, isConst := schema["const"]; isConst {
		values, ok = []any{v}, true
	}
	if !ok {
		return
	}
	var texts []any
	var words []string
	for _, v := range values {
		if jsonType(v) == "null" {
			continue
		}
		if _, isText := v.(string); isText {
			texts = append(texts, v)
		}
		text, _ := apijson.Marshal(v) // was parsed from JSON
		words = append(words, string(text))
	}
	if t == "string" {
		out["enum"], out["format"] = texts, "enum"
		return
	}
	said, _ := out["description"].(string)
	out["description"] = strings.TrimSpace(said + " One of: " + strings.Join(words, ", ") + ".")
}

// object writes the properties of an object, in their order.
func (c *converter) object(schema, out map[string]any, at string) error {
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) == 0 {
		return fmt.Errorf("%s is an object without properties of its own, and responseSchema wants them named", pointerName(at))
	}
	// The members of properties have no order in the API, so that it is given beside
	// them. Those of an allOf stand in several places.
	names := slices.Sorted(maps.Keys(properties))
	if order := c.tree.properties(at); len(order) == len(names) {
		names = order
	}
	converted := make(map[string]any, len(names))
	for _, name := range names {
		var err error
		if converted[name], err = c.convert(properties[name], at+"/properties/"+escapePointer(name)); err != nil {
			return err
		}
	}
	out["properties"], out["propertyOrdering"] = converted, names
	if own, ok := schema["propertyOrdering"]; ok {
		out["propertyOrdering"] = own
	}
	var required []any
	all, _ := schema["required"].([]any)
	for _, v := range all {
		if name, _ := v.(string); converted[name] != nil {
			required = append(required, v)
		}
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return nil
}

// array writes the items of an array. Several kinds of items become one choice.
func (c *converter) array(schema, out map[string]any, at string) (err error) {
	items := schema["items"]
	prefix, _ := schema["prefixItems"].([]any)
	if list, ok := items.([]any); ok { // of drafts before 2020-12
		prefix, items = list, schema["additionalItems"]
	}
	if len(prefix) == 0 {
		if _, ok := items.(map[string]any); !ok {
			return fmt.Errorf("%s does not say what its items are, and responseSchema wants that", pointerName(at))
		}
		out["items"], err = c.convert(items, at+"/items")
		return err
	}
	options := slices.Clone(prefix)
	if more, ok := items.(map[string]any); ok {
		options = append(options, more)
	} else {
		out["maxItems"] = len(prefix)
	}
	out["items"], err = c.choice(map[string]any{}, options, at+"/prefixItems")
	return err
}

// reference writes what a reference stands for in its place.
func (c *converter) reference(schema map[string]any, ref, at string) (map[string]any, error) {
	target, where, ok := c.tree.resolve(ref)
	if !ok {
		return nil, fmt.Errorf("the reference %s at %s cannot be followed", ref, pointerName(at))
	}
	if slices.Contains(c.open, where) {
		return nil, fmt.Errorf("%s refers to itself, and responseSchema has no references", pointerName(where))
	}
	c.open = append(c.open, where)
	defer func() { c.open = c.open[:len(c.open)-1] }()
	out, err := c.convert(target, where)
	if err != nil {
		return nil, err
	}
	for _, keyword := range []string{"title", "description", "default"} {
		if v, ok := schema[keyword]; ok {
			out[keyword] = v
		}
	}
	return out, nil
}

// choice converts the options of anyOf or oneOf; null among them makes the rest
// nullable.
func (c *converter) choice(schema map[string]any, options []any, at string) (map[string]any, error) {
	var converted []any
	nullable := false
	for i, option := range options {
		one, err := c.convert(option, fmt.Sprintf("%s/%d", at, i))
		if err != nil {
			return nil, err
		}
		if one["type"] == "NULL" {
			nullable = true
			continue
		}
		if !slices.ContainsFunc(converted, func(o any) bool { return reflect.DeepEqual(o, any(one)) }) {
			converted = append(converted, one)
		}
	}
	out := map[string]any{"anyOf": converted}
	switch len(converted) {
	case 0:
		return map[string]any{"type": "NULL"}, nil
	case 1:
		out = converted[0].(map[string]any)
	}
	for _, keyword := range []string{"title", "description", "default"} {
		if v, ok := schema[keyword]; ok {
			out[keyword] = v
		}
	}
	if nullable {
		out["nullable"] = true
	}
	return out, nil
}

// errMerge says that the parts of an allOf do not add up to one schema.
var errMerge = errors.New("responseSchema has no allOf, and its parts contradict each other or are not plain")

// merge lays the parts of an allOf over their schema.
func (c *converter) merge(schema map[string]any, parts []any, at string) (map[string]any, error) {
	merged := maps.Clone(schema)
	delete(merged, "allOf")
	for i, v := range parts {
		part, _ := v.(map[string]any)
		for range maxRefs {
			ref, isRef := part["$ref"].(string)
			if !isRef {
				break
			}
			target, _, _ := c.tree.resolve(ref)
			own := maps.Clone(part)
			delete(own, "$ref")
			if part, _ = target.(map[string]any); part != nil {
				part = maps.Clone(part)
				maps.Copy(part, own)
			}
		}
		if part == nil || part["allOf"] != nil || part["$ref"] != nil {
			return nil, fmt.Errorf("%s/allOf/%d: %w", at, i, errMerge)
		}
		for keyword, v := range part {
			old, both := merged[keyword]
			list, isList := old.([]any)
			named, isMap := old.(map[string]any)
			switch {
			case !both || reflect.DeepEqual(old, v):
				merged[keyword] = v
			case keyword == "properties" && isMap:
				properties := maps.Clone(named)
				more, _ := v.(map[string]any)
				for name, v := range more {
					if o, ok := properties[name]; ok && !reflect.DeepEqual(o, v) {
						return nil, fmt.Errorf("%s/allOf/%d/properties/%s: %w", at, i, name, errMerge)
					}
					properties[name] = v
				}
				merged[keyword] = properties
			case keyword == "required" && isList:
				more, _ := v.([]any)
				merged[keyword] = slices.Concat(list, more)
			case slices.Contains([]string{"title", "description", "$comment", "additionalProperties", "unevaluatedProperties"}, keyword):
			default:
				return nil, fmt.Errorf("%s/allOf/%d/%s: %w", at, i, keyword, errMerge)
			}
		}
	}
	return merged, nil
}
