package pack

import (
	"bytes"
	"encoding/json"
	"slices"
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
		config["responseJsonSchema"] = packJSONSchema(own)
		return nil
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
// where endpoints look for them. Members keep their order, in which models write answers: the id
// is to come first.
func packJSONSchema(own json.RawMessage) json.RawMessage {
	schema := relocated(own, false)
	var shared object
	if root, ok := parseObject(schema); ok {
		isShared := func(m member) bool { return slices.Contains(definitions, m.name) }
		for _, m := range root {
			if isShared(m) {
				shared = append(shared, m)
			}
		}
		schema = slices.DeleteFunc(root, isShared).text()
	}
	element := object{
		{"type", json.RawMessage(`"object"`)},
		{"properties", object{{"id", json.RawMessage(`{"type":"string"}`)}, {"answer", schema}}.text()},
		{"required", json.RawMessage(`["id","answer"]`)},
	}
	return append(object{{"type", json.RawMessage(`"array"`)}, {"items", element.text()}}, shared...).text()
}

// definitions are the words under which a JSON Schema keeps what it refers to.
var definitions = []string{"$defs", "definitions"}

// namesSchemas are the words of a JSON Schema whose values have names of the user's for schemas.
var namesSchemas = append([]string{"properties", "patternProperties", "dependentSchemas"}, definitions...)

// holdValues are those whose values are no schemas.
var holdValues = []string{"enum", "const", "default", "examples"}

// relocated returns a schema with its references changed to the places where they lead in the
// schema of a pack. Of one that is named the names are the user's.
func relocated(v json.RawMessage, named bool) json.RawMessage {
	if o, ok := parseObject(v); ok {
		for i, m := range o {
			var ref string
			switch {
			case !named && m.name == "$ref" && json.Unmarshal(m.value, &ref) == nil && strings.HasPrefix(ref, "#"):
				o[i].value = apijson.AppendString(nil, relocatedRef(ref))
			case !named && slices.Contains(holdValues, m.name):
			default:
				o[i].value = relocated(m.value, !named && slices.Contains(namesSchemas, m.name))
			}
		}
		return o.text()
	}
	var list []json.RawMessage
	if json.Unmarshal(v, &list) != nil || len(list) == 0 {
		return v
	}
	var moved json.RawMessage
	for _, item := range list {
		moved = append(append(moved, ','), relocated(item, false)...)
	}
	moved[0] = '['
	return append(moved, ']')
}

func relocatedRef(ref string) string {
	for _, name := range definitions {
		if strings.HasPrefix(ref, "#/"+name+"/") {
			return ref
		}
	}
	return answerAt + strings.TrimPrefix(ref, "#")
}

// An object is a JSON object whose members have an order.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

// parseObject returns the members of an object. ok is false if the text is none.
func parseObject(text json.RawMessage) (o object, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		m := member{}
		if err != nil || d.Decode(&m.value) != nil {
			return nil, false
		}
		m.name, _ = name.(string)
		o = append(o, m)
	}
	return o, true
}

func (o object) text() json.RawMessage {
	text := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(apijson.AppendString(text, m.name), ':'), m.value...)
	}
	return append(text, '}')
}
