package schema

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
)

// A Shape is what a schema says of a value's type and members, for those who read values by
// name. The zero value says nothing.
type Shape struct {
	Type    batch.Type        // JSON where the value may be null or of several types, and where no type is known
	Members map[string]*Shape // the properties of an object; nil where they are not all known
	Items   *Shape            // of an array's items; nil where they are not known
}

// maxShapes bounds a shape, since references may branch and go in circles.
const maxShapes = 1000

// Shape returns the shape of the documents.
func (s *Schema) Shape() *Shape {
	patience := maxShapes
	return s.tree.shape(s.tree.root, true, &patience)
}

// shape returns what a schema says of a value. Only one that must be there has a type.
func (t *tree) shape(v any, required bool, patience *int) *Shape {
	shape := &Shape{Type: batch.JSON}
	if *patience--; *patience < 0 {
		return shape
	}
	types := t.types(v)
	if required && !slices.Contains(types, "null") {
		shape.Type = t.columnType(v)
	}
	schema, _ := v.(map[string]any)
	for range maxRefs {
		ref, ok := schema["$ref"].(string)
		if !ok || schema["properties"] != nil {
			break
		}
		target, _, _ := t.resolve(ref)
		schema, _ = target.(map[string]any)
	}
	types = slices.DeleteFunc(types, func(name string) bool { return name == "null" })
	isAll := func(name string) bool {
		return len(types) > 0 && !slices.ContainsFunc(types, func(other string) bool { return other != name })
	}
	properties, _ := schema["properties"].(map[string]any)
	isOpen, _ := schema["additionalProperties"].(bool)
	_, isMap := schema["additionalProperties"].(map[string]any)
	if isAll("object") && len(properties) > 0 && !isOpen && !isMap && schema["patternProperties"] == nil {
		always, _ := schema["required"].([]any)
		shape.Members = make(map[string]*Shape, len(properties))
		for name, property := range properties {
			shape.Members[name] = t.shape(property, slices.Contains(always, any(name)), patience)
		}
	}
	if items := schema["items"]; isAll("array") && items != nil {
		shape.Items = t.shape(items, true, patience)
	}
	return shape
}
