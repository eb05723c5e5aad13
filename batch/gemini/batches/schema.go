package batches

import (
	"maps"
	"slices"
	"strings"
)

// An inliner writes a JSON Schema without names that begin with a dollar sign, which the
// importer of Vertex AI does not take: it puts definitions in the place of references to
// them, and leaves out what only describes the schema.
type inliner struct {
	root  map[string]any
	nodes int
}

// maxNodes bounds a schema whose definitions refer to each other many times over.
const maxNodes = 10_000

// The keywords of JSON Schema whose values are schemas.
// https://json-schema.org/draft/2020-12/json-schema-core
var (
	oneSchema   = []string{"items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "additionalItems"}
	schemaList  = []string{"anyOf", "any_of", "allOf", "oneOf", "prefixItems", "prefix_items", "items"}
	schemaNames = []string{"properties", "patternProperties", "dependentSchemas"}
	// metaKeywords say nothing about values. References have been replaced.
	metaKeywords = []string{"$schema", "$id", "$anchor", "$dynamicAnchor", "$comment", "$vocabulary", "$defs", "definitions", "defs"}
)

// schema returns a copy of a schema. The references that lead to it are in open.
func (in *inliner) schema(schema map[string]any, open []string) (map[string]any, error) {
	if in.nodes++; in.nodes > maxNodes {
		return nil, unfit("the schema is too large when its references are written out, which the importer of Vertex AI needs")
	}
	plain := make(map[string]any, len(schema))
	for _, keyword := range []string{"$ref", "ref"} {
		ref, ok := schema[keyword].(string)
		if !ok {
			continue
		}
		if slices.Contains(open, ref) {
			return nil, unfit("the schema refers to itself (%s), which the importer of Vertex AI does not take", ref)
		}
		target, ok := in.find(ref)
		if !ok {
			return nil, unfit("the schema refers to %s, which it does not have", ref)
		}
		resolved, err := in.schema(target, append(slices.Clip(open), ref))
		if err != nil {
			return nil, err
		}
		maps.Copy(plain, resolved)
	}
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		value := schema[keyword]
		if _, isText := value.(string); isText && (keyword == "$ref" || keyword == "ref") || slices.Contains(metaKeywords, keyword) {
			continue
		}
		var err error
		switch v := value.(type) {
		case map[string]any:
			switch {
			case slices.Contains(oneSchema, keyword):
				value, err = in.schema(v, open)
			case slices.Contains(schemaNames, keyword):
				value, err = in.named(v, open)
			}
		case []any:
			if slices.Contains(schemaList, keyword) {
				value, err = in.list(v, open)
			}
		}
		if err != nil {
			return nil, err
		}
		plain[keyword] = value
	}
	return plain, nil
}

func (in *inliner) named(schemas map[string]any, open []string) (map[string]any, error) {
	plain := maps.Clone(schemas)
	for name, value := range schemas {
		if schema, ok := value.(map[string]any); ok {
			p, err := in.schema(schema, open)
			if err != nil {
				return nil, err
			}
			plain[name] = p
		}
	}
	return plain, nil
}

func (in *inliner) list(schemas []any, open []string) ([]any, error) {
	plain := slices.Clone(schemas)
	for i, value := range schemas {
		if schema, ok := value.(map[string]any); ok {
			p, err := in.schema(schema, open)
			if err != nil {
				return nil, err
			}
			plain[i] = p
		}
	}
	return plain, nil
}

// find returns what a reference such as #/$defs/address refers to.
func (in *inliner) find(ref string) (map[string]any, bool) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	at := in.root
	for step := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		if at, ok = at[step].(map[string]any); !ok {
			return nil, false
		}
	}
	return at, true
}
