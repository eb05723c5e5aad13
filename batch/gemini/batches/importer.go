package batches

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
)

// An importer knows what Vertex AI's importer demands of all lines of a job together. It
// loads them like a table of BigQuery, so that each place in a request must be of one type
// in all rows, and each name must be one for a column. A job that breaks a rule fails as a
// whole, some minutes after it was created.
//
// https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json
// https://cloud.google.com/bigquery/docs/schemas
type importer struct {
	types map[string]string // the type of each place, such as "contents[].parts[].text"
	names map[string]string // a place without regard to case, as it was first written

	typed, named []string // what the row at hand added to types and names
}

func newImporter() *importer {
	return &importer{types: make(map[string]string), names: make(map[string]string)}
}

// maxNesting is how many records may be within each other.
const maxNesting = 15

// request returns the body of a request as the importer takes it, or an [*UnfitError].
func (m *importer) request(body json.RawMessage) (json.RawMessage, error) {
	body, err := apijson.WithRoles(body)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var request map[string]any
	if err := d.Decode(&request); err != nil {
		return nil, unfit("the request is no JSON object")
	}
	for name := range request {
		if apijson.FieldName(name) == "cachedContent" {
			return nil, unfit("Vertex AI takes no context cache (cachedContent) in batches")
		}
	}
	if err := repair(request, api); err != nil {
		return nil, err
	}
	m.typed, m.named = m.typed[:0], m.named[:0]
	if err := m.object(request, "", 1); err != nil {
		for _, place := range m.typed { // the row counts for nothing
			delete(m.types, place)
		}
		for _, place := range m.named {
			delete(m.names, place)
		}
		return nil, err
	}
	return apijson.Marshal(request)
}

// schemaFields are the fields of a request that hold a schema.
var schemaFields = []string{"responseSchema", "responseJsonSchema", "_responseJsonSchema", "parameters", "parametersJsonSchema"}

// droppable are the fields that mean the same when they are empty as when they are missing.
// A tool such as googleSearch is not among them: without it the model would not search.
var droppable = []string{
	"args", "properties", "items", "additionalProperties", "labels", "generationConfig", "thinkingConfig",
	"toolConfig", "functionCallingConfig", "imageConfig", "speechConfig", "systemInstruction", "videoMetadata",
}

// whose says whose the names of an object's members are.
type whose uint8

const (
	api  whose = iota
	user       // the user's, with objects of the API as values: a schema's properties
	data       // the user's, all the way down
)

// within returns whose the names are in the value of a member.
func (w whose) within(field string) whose {
	switch {
	case w == data:
		return data
	case w == user:
		return api
	}
	switch field {
	case "properties", "patternProperties", "dependentSchemas":
		return user
	case "args", "response", "labels", "partMetadata", "default", "example", "examples", "enum", "const":
		return data
	}
	return api
}

// repair changes an object in place to what means the same and breaks fewer rules: schemas
// without references, and no null or empty member where it says nothing.
func repair(object map[string]any, names whose) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		field := apijson.FieldName(name)
		if schema, ok := value.(map[string]any); ok && names == api && slices.Contains(schemaFields, field) {
			plain, err := (&inliner{root: schema}).schema(schema, nil)
			if err != nil {
				return err
			}
			value = plain
			object[name] = plain
		}
		if err := repairWithin(value, names.within(field)); err != nil {
			return err
		}
		inner, ok := value.(map[string]any)
		if value == nil || ok && len(inner) == 0 && names == api && slices.Contains(droppable, field) {
			delete(object, name)
		}
	}
	return nil
}

func repairWithin(value any, names whose) error {
	switch v := value.(type) {
	case map[string]any:
		return repair(v, names)
	case []any:
		for _, element := range v {
			if err := repairWithin(element, names); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxColumnName is the length of the longest name of a column. As a part of the pattern it
// would be compiled into 300 steps each time that a process begins.
// https://cloud.google.com/bigquery/docs/schemas#column_names
const maxColumnName = 300

// columnName matches what may be the name of a column. Some beginnings are BigQuery's own.
var (
	columnName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	reservedPrefix = regexp.MustCompile(`(?i)^(?:_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER)`)
)

// object checks an object at a place, which is empty for the request itself.
func (m *importer) object(object map[string]any, place string, depth int) error {
	switch {
	case len(object) == 0:
		return m.unfit(place, "is an empty object, which the importer of Vertex AI does not take")
	case depth > maxNesting:
		return m.unfit(place, "is nested deeper than %d levels, which the importer of Vertex AI does not take", maxNesting)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if len(name) > maxColumnName || !columnName.MatchString(name) || reservedPrefix.MatchString(name) {
			return m.unfit(place, "has the name %q, which the importer of Vertex AI does not take: it must be of letters, digits and _", message.OneLine(name, 60))
		}
		inner := name
		if place != "" {
			inner = place + "." + name
		}
		lower := strings.ToLower(inner)
		switch first, ok := m.names[lower]; {
		case !ok:
			m.names[lower] = inner
			m.named = append(m.named, lower)
		case first != inner:
			return m.unfit(inner, "is also written %s, which the importer of Vertex AI takes for the same", first)
		}
		if err := m.value(object[name], inner, depth); err != nil {
			return err
		}
	}
	return nil
}

// value checks a value at a place. Depth is how many records it is in.
func (m *importer) value(value any, place string, depth int) error {
	typ := ""
	switch v := value.(type) {
	case string:
		typ = "a text"
	case json.Number:
		typ = "a number"
	case bool:
		typ = "true or false"
	case nil:
		return m.unfit(place, "is null, which the importer of Vertex AI does not take in a list")
	case []any:
		typ = "a list"
		for _, element := range v {
			if _, ok := element.([]any); ok {
				return m.unfit(place, "is a list of lists, which the importer of Vertex AI does not take")
			}
			if err := m.value(element, place+"[]", depth); err != nil {
				return err
			}
		}
	case map[string]any:
		typ = "an object"
		if err := m.object(v, place, depth+1); err != nil {
			return err
		}
	}
	switch known, ok := m.types[place]; {
	case !ok:
		m.types[place] = typ
		m.typed = append(m.typed, place)
	case known != typ:
		return m.unfit(place, "is %s here and %s before, and the importer of Vertex AI takes one type in all rows of a job", typ, known)
	}
	return nil
}

func (m *importer) unfit(place, format string, args ...any) *UnfitError {
	if place == "" {
		place = "the request"
	}
	return unfit("%s %s", message.OneLine(place, 200), fmt.Sprintf(format, args...))
}
