package pack

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
)

// packSchema changes the config of a single request to that of a pack: the answer is a JSON
// array, each element of which has the id of a row and what the row's own request wants as its
// answer. The schema stays in the field in which it was, since each endpoint knows its own.
func packSchema(config apijson.Object) error {
	if !isJSON(config) { // a text, or one of an enum
		delete(config, "responseJsonSchema")
	}
	config["responseMimeType"] = json.RawMessage(`"application/json"`)
	if own, ok := config["responseJsonSchema"]; ok {
		schema, err := packJSONSchema(own)
		if err != nil {
			return err
		}
		return config.Put("responseJsonSchema", schema)
	}
	own := config["responseSchema"]
	if own == nil {
		own = json.RawMessage(`{"type":"STRING"}`)
	}
	// There are no bounds on the number of elements: endpoints refuse a schema with long arrays
	// for its "too many states".
	return config.Put("responseSchema", map[string]any{"type": "ARRAY", "items": map[string]any{
		"type": "OBJECT", "properties": map[string]any{"id": map[string]any{"type": "STRING"}, "answer": own},
		"required": []string{"id", "answer"}, "propertyOrdering": []string{"id", "answer"},
	}})
}

// answerAt is where the row's schema stands in that of a pack.
const answerAt = "#/items/properties/answer"

// packJSONSchema returns the JSON Schema of a pack's answer. References of the row's schema are
// from its root on, which is not the root any more. Its definitions go along to the new one,
// where endpoints look for them.
func packJSONSchema(own json.RawMessage) (map[string]any, error) {
	var schema any
	if err := json.Unmarshal(own, &schema); err != nil {
		return nil, err
	}
	schema = relocated(schema)
	packed := map[string]any{"type": "array", "items": map[string]any{
		"type": "object", "properties": map[string]any{"id": map[string]any{"type": "string"}, "answer": schema},
		"required": []string{"id", "answer"},
	}}
	if object, ok := schema.(map[string]any); ok {
		for _, name := range definitions {
			if found, ok := object[name]; ok {
				packed[name] = found
				delete(object, name)
			}
		}
	}
	return packed, nil
}

// definitions are the words under which a JSON Schema keeps what it refers to.
var definitions = []string{"$defs", "definitions"}

// relocated returns a schema with its references changed to the places where they lead in the
// schema of a pack.
func relocated(v any) any {
	switch v := v.(type) {
	case map[string]any:
		moved := maps.Clone(v)
		for name, x := range v {
			ref, isText := x.(string)
			switch {
			case name == "$ref" && isText && strings.HasPrefix(ref, "#"):
				moved[name] = relocatedRef(ref)
			case name == "enum" || name == "const" || name == "default" || name == "examples":
				// these hold values, and no schemas
			default:
				moved[name] = relocated(x)
			}
		}
		return moved
	case []any:
		moved := make([]any, len(v))
		for i := range v {
			moved[i] = relocated(v[i])
		}
		return moved
	}
	return v
}

func relocatedRef(ref string) string {
	for _, name := range definitions {
		if strings.HasPrefix(ref, "#/"+name+"/") {
			return ref
		}
	}
	return answerAt + strings.TrimPrefix(ref, "#")
}
