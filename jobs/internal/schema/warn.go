package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/message"
)

// sentKeywords are what a model heeds in responseJsonSchema, and what says nothing about
// the answers: https://ai.google.dev/api/generate-content#GenerationConfig.
var sentKeywords = []string{
	"$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems",
	"minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required",
	"propertyOrdering",
	"$schema", "$comment", "$vocabulary", "definitions", "default", "example", "examples", "deprecated", "readOnly", "writeOnly",
}

// Warnings returns how a schema was read that was given in another form, and what is known
// beforehand to go wrong, or not to be heeded, when a model is asked for answers of it.
func (s *Schema) Warnings() (warnings []string) {
	warnings = slices.Clone(s.Said)
	unheeded := make(map[string]string) // keyword: where it stands first
	circle := ""                        // the first reference of the schema to itself
	s.tree.walk(func(at string, schema map[string]any) {
		for keyword := range schema {
			if _, known := unheeded[keyword]; !known && !slices.Contains(sentKeywords, keyword) {
				unheeded[keyword] = at
			}
		}
		if ref, ok := schema["$ref"].(string); ok && circle == "" {
			if _, where, ok := s.tree.resolve(ref); ok && (where == at || strings.HasPrefix(at, where+"/")) {
				circle = ref
			}
		}
	})
	if len(unheeded) > 0 {
		var places []string
		for _, keyword := range slices.Sorted(maps.Keys(unheeded)) {
			places = append(places, fmt.Sprintf("%s (%s)", keyword, pointerName(unheeded[keyword])))
		}
		warnings = append(warnings, "Gemini does not heed all of the schema: "+message.OneLine(strings.Join(places, ", "), 300)+
			"; answers are checked by it all the same, and say it in a description to be understood")
	}
	if columns, err := s.Columns(); err == nil && len(columns) == 0 {
		warnings = append(warnings, "the schema names no properties of an object, so that answers are checked and make no columns: the response column has them whole"+
			`; for columns, put it into {"type": "object", "properties": {"items": …}}`)
	}
	if circle != "" {
		warnings = append(warnings, fmt.Sprintf("the schema refers to itself (%s): Gemini follows that to a limited depth, and only in properties that are not required", circle))
	}
	return warnings
}
