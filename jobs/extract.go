package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// Extract asks for data out of a text of each row, in the form of a JSON Schema.
type Extract struct {
	Text   string `json:"text"`             // template; required
	Schema Schema `json:"schema,omitempty"` // or Spec.Schema
}

func newExtract(s *Spec, system *rowTemplate) (kind, []*rowTemplate, error) {
	if s.Extract.Text == "" && len(s.Media) == 0 {
		return nil, nil, specErrorf(`say which text with --text "{{.body}}", or text: under extract:`, "extract has no text")
	}
	if len(s.Schema) == 0 {
		return nil, nil, specErrorf("give a JSON Schema with --schema FILE, or schema: under extract:", "extract has no schema")
	}
	text, err := newTemplate("text", s.Extract.Text)
	if err != nil {
		return nil, nil, err
	}
	it := "the text"
	if len(s.Media) > 0 {
		it = "it"
	}
	instruction := "Extract from " + subjectOf(s) + " what the JSON Schema of the answer describes. " +
		"Keep to what " + it + " says, and add nothing to it. What it does not say is null where the schema allows that, " +
		"and is left out where it is not required. Answer with the JSON alone."
	body, err := newBody(s.body(map[string]any{
		"contents":          []any{textContent("user", text)},
		"systemInstruction": instructionContent(instruction, system),
	}))
	return &promptKind{body: body}, templates(text, system), err
}

// schemaKind is another kind whose answers have a schema.
type schemaKind struct {
	kind
	*answerSchema
	own []batch.Column
	raw bool // the rows bring requests of their own, which may contradict the schema
}

// withSchema makes the kind check answers by the job's schema, if it has one.
func withSchema(s *Spec, k kind) (kind, error) {
	if len(s.Schema) == 0 {
		return k, nil
	}
	if s.Classify != nil {
		return nil, specErrorf("use prompt: or extract: with a schema that has an enum of the labels", "schema does not go with classify:, whose labels are its schema")
	}
	a, err := newAnswerSchema(s.Schema)
	if err != nil {
		return nil, err
	}
	if s.SchemaField == "responseSchema" {
		if _, err := openAPISchema(a.text); err != nil {
			return nil, specErrorf("simplify it there, or leave schema_field out", "the schema cannot be written as responseSchema: %w", err)
		}
	}
	own, err := a.columns()
	if err != nil {
		return nil, err
	}
	return &schemaKind{k, a, own, s.Raw != nil}, nil
}

func (k *schemaKind) template() *bodyTemplate { return bodyOf(k.kind) }
func (k *schemaKind) columns() []batch.Column { return k.own }

func (k *schemaKind) render(row *batch.Row) ([]byte, error) {
	body, err := k.kind.render(row)
	if err == nil && k.raw {
		err = k.contradicts(body)
	}
	return body, err
}

// contradicts returns how a row's own request contradicts the job's schema.
func (k *schemaKind) contradicts(body []byte) error {
	b, err := parseBody(body)
	if err != nil {
		return err
	}
	for _, name := range schemaFields {
		if own, ok := b.config[name]; ok && (name != "responseJsonSchema" || !bytes.Equal(own, k.text)) {
			return fmt.Errorf("the request has generationConfig.%s, and the job a schema", name)
		}
	}
	if mime := b.config["responseMimeType"]; string(mime) != `"application/json"` {
		return fmt.Errorf("the request has the responseMimeType %s, and the job a schema", mime)
	}
	return nil
}

// values returns what the document has for the columns, and puts it in the place
// of the answer's text.
func (k *schemaKind) values(a *gemini.Answer) ([]any, string, error) {
	if strings.TrimSpace(a.Text) == "" && len(a.FunctionCalls) > 0 {
		return nil, "", nil // the model wants something done first
	}
	document, note, err := k.read(a.Text)
	if err != nil {
		return nil, "", err
	}
	a.Text = string(document)
	if len(k.own) == 0 {
		return nil, note, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, "", fmt.Errorf("the top level: got %s, want object", document[:min(len(document), 20)])
	}
	values := make([]any, len(k.own))
	for i, c := range k.own {
		v, err := valueOf(members[c.Name], c.Type)
		if err != nil {
			return nil, "", fmt.Errorf("/%s: %w", escapePointer(c.Name), err)
		}
		values[i] = v
		if beyond64(v, c.Type) {
			note = strings.TrimPrefix(fmt.Sprintf("%s; %s is beyond 64 bits, and empty in Parquet", note, c.Name), "; ")
		}
	}
	return values, note, nil
}

// valueOf returns the value of a column of type t that a document's member is.
// Numbers stay as they were written.
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

// beyond64 reports whether a value does not fit the 64 bits that Parquet has for it.
func beyond64(v any, t batch.Type) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(n.String(), 64)
	return t == batch.Int || err != nil
}

// columns are the properties of a schema whose answers are objects.
func (s *answerSchema) columns() ([]batch.Column, error) {
	root, at := s.tree.root, ""
	types := s.tree.types(root)
	if len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return t != "object" && t != "null" }) {
		return nil, nil
	}
	for range maxRefs {
		schema, _ := root.(map[string]any)
		ref, ok := schema["$ref"].(string)
		if !ok || schema["properties"] != nil {
			break
		}
		if root, at, ok = s.tree.resolve(ref); !ok {
			return nil, nil
		}
	}
	schema, _ := root.(map[string]any)
	properties, _ := schema["properties"].(map[string]any)
	var columns []batch.Column
	for _, name := range s.tree.properties(at) {
		if name == "" {
			return nil, specErrorf("name it", "the schema has a property without a name, at %s", pointerName(at+"/properties"))
		}
		columns = append(columns, batch.Column{Name: name, Type: s.tree.columnType(properties[name])})
	}
	return columns, nil
}

// columnType returns the type of a column for what a schema allows.
func (t *schemaTree) columnType(schema any) batch.Type {
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

// types returns the types that a schema allows, repeated possibly; none when it
// does not say.
func (t *schemaTree) types(v any) []string {
	patience := 1000 // references may branch and go in circles
	return t.typesWithin(v, &patience)
}

func (t *schemaTree) typesWithin(v any, patience *int) []string {
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

// schemaFields are the fields of generationConfig that say what form an answer has.
var schemaFields = []string{"responseSchema", "responseJsonSchema", "_responseJsonSchema", "responseFormat"}

// checkSchema finds contradictions between the job's schema and its request.
func (s *Spec) checkSchema() error {
	given := len(s.Schema) > 0 || s.Extract != nil && len(s.Extract.Schema) > 0
	switch s.SchemaField {
	case "", "responseJsonSchema", "responseSchema":
	default:
		return specErrorf("use responseJsonSchema (default) or responseSchema", "schema_field is %q", s.SchemaField)
	}
	if !given {
		if s.SchemaField != "" {
			return specErrorf("give one with --schema FILE, or schema: in the job file", "schema_field is given without a schema")
		}
		return nil
	}
	config, _ := field(s.Request, "generationConfig").(map[string]any)
	for _, name := range schemaFields {
		if field(config, name) != nil {
			return specErrorf("keep one of them: schema is checked on arrival and makes columns, request passes everything on as it is",
				"schema and request.generationConfig.%s are both given", name)
		}
	}
	if mime := field(config, "responseMimeType"); mime != nil && mime != "application/json" {
		return specErrorf("leave it out: answers with a schema are JSON", "request.generationConfig.responseMimeType is %v, and a schema is given", mime)
	}
	return nil
}

// checkNames refuses two result columns of one name, which a schema's properties
// bring about: a prefix does not keep them apart.
func checkNames(columns []resultColumn) error {
	seen := make(map[string]bool, len(columns))
	for _, c := range columns {
		if seen[c.Name] {
			return specErrorf("rename the property in the schema", "the schema has a property %q, and every output a result column of that name", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// checked reports whether a kind can find fault with an answer.
func checked(k kind) bool {
	switch k.(type) {
	case *promptKind, *rawKind:
		return false
	}
	return true
}
