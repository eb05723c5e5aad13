package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Schema is the JSON Schema of the answers: its text, or a JSON string with the
// path of the file that holds it, see [SchemaFile]. In YAML: the schema itself, or
// the path. The zero value is none.
type Schema json.RawMessage

// SchemaFile returns the Schema that a file holds. It is read when the job is
// opened; a relative path is relative to the working folder.
func SchemaFile(path string) Schema {
	return apijson.AppendString(nil, path)
}

// MarshalJSON implements json.Marshaler.
func (s Schema) MarshalJSON() ([]byte, error) {
	if len(s) == 0 {
		return []byte("null"), nil
	}
	return s, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Schema) UnmarshalJSON(text []byte) error {
	*s = slices.Clone(text)
	return nil
}

// UnmarshalYAML implements yaml.BytesUnmarshaler: the order of the properties, which
// is that of the columns, is lost in a map.
func (s *Schema) UnmarshalYAML(text []byte) error {
	var v any
	if err := yaml.UnmarshalWithOptions(text, &v, yaml.UseOrderedMap()); err != nil {
		return err
	}
	switch v.(type) {
	case string, yaml.MapSlice:
	default:
		return errors.New("a schema is a JSON Schema, or the path of a file that holds one")
	}
	object, err := orderedJSON(nil, v)
	*s = object
	return err
}

// orderedJSON appends a YAML value as JSON, with the members of objects in their
// order.
func orderedJSON(dst []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case yaml.MapSlice:
		dst = append(dst, '{')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = orderedJSON(dst, fmt.Sprint(item.Key)); err != nil {
				return nil, err
			}
			if dst, err = orderedJSON(append(dst, ':'), item.Value); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = orderedJSON(dst, item); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	text, err := marshal(v)
	return append(dst, text...), err
}

// path returns the file that holds the schema; ok is false when s is the schema.
func (s Schema) path() (path string, ok bool) {
	ok = json.Unmarshal(s, &path) == nil && len(s) > 0 && string(s) != "null"
	return path, ok
}

// resolveSchema makes the path of a schema's file, if it is one, relative to a job
// file's folder.
func (s *Spec) resolveSchema(at func(path *string)) {
	schemas := []*Schema{&s.Schema}
	if s.Extract != nil {
		schemas = append(schemas, &s.Extract.Schema)
	}
	for _, schema := range schemas {
		if path, ok := schema.path(); ok {
			at(&path)
			*schema = SchemaFile(path)
		}
	}
}

// readSchema puts the job's one schema into Spec.Schema, and a file's content in
// the place of its name.
func (s *Spec) readSchema() error {
	if s.Extract != nil && len(s.Extract.Schema) > 0 {
		if len(s.Schema) > 0 {
			return specErrorf("keep one of them", "schema: and extract.schema are both given")
		}
		s.Schema, s.Extract.Schema = s.Extract.Schema, nil
	}
	if string(s.Schema) == "null" {
		s.Schema = nil
	}
	path, ok := s.Schema.path()
	if !ok {
		if len(s.Schema) > 0 && !json.Valid(s.Schema) {
			return specErrorf("", "the schema is no JSON: %s", oneLine(string(s.Schema), 60))
		}
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return specErrorf("name a file with a JSON Schema, or write the schema itself into the job file", "schema: %w", err)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(json.RawMessage)); errors.As(err, &syntax) {
		before := text[:min(int(syntax.Offset), len(text))]
		line := bytes.Count(before, []byte("\n")) + 1
		return specErrorf("", "%s: line %d, column %d: the schema is no JSON: %w", path, line, len(before)-bytes.LastIndexByte(before, '\n')-1, err)
	}
	if t := bytes.TrimSpace(text); len(t) == 0 || t[0] != '{' {
		return specErrorf("", "%s: a JSON Schema is an object", path)
	}
	s.Schema = text
	return nil
}

// An answerSchema is a Schema made ready to send and to check by. It is safe for
// concurrent use.
type answerSchema struct {
	text json.RawMessage // as it is sent
	tree schemaTree
	rule *jsonschema.Schema
}

// newAnswerSchema reads and checks a schema. Its errors are SpecErrors that name
// the place in it.
func newAnswerSchema(s Schema) (*answerSchema, error) {
	var text bytes.Buffer
	if err := json.Compact(&text, s); err != nil {
		return nil, &SpecError{Err: err}
	}
	a := &answerSchema{text: text.Bytes()}
	var err error
	if a.tree, err = parseTree(a.text); err != nil {
		return nil, &SpecError{Err: err}
	}
	if _, ok := a.tree.root.(map[string]any); !ok {
		return nil, specErrorf("", "a JSON Schema is an object, and this one is %s", oneLine(string(a.text), 40))
	}
	if err := a.tree.check(); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, a.tree.root); err != nil {
		return nil, specErrorf("", "the schema cannot be used: %w", err)
	}
	if a.rule, err = c.Compile(schemaURL); err != nil {
		return nil, schemaError(err)
	}
	return a, nil
}

// schemaURL stands for the schema itself; relative references resolve against it.
const schemaURL = "https://schema.invalid/"

// noLoader refuses references to other documents: the API could not follow them, and
// a job that depends on them would not stay what it was.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) { return nil, &otherDocumentError{url} }

type otherDocumentError struct{ url string }

func (e *otherDocumentError) Error() string {
	return fmt.Sprintf("it refers to another document, %s", strings.TrimPrefix(e.url, schemaURL))
}

// schemaError says what is wrong with a schema that does not compile, and where.
func schemaError(err error) error {
	var (
		invalid *jsonschema.SchemaValidationError
		fault   *jsonschema.ValidationError
		other   *otherDocumentError
		missing *jsonschema.JSONPointerNotFoundError
		unread  *jsonschema.LoadURLError // hides its cause
	)
	switch {
	case errors.As(err, &unread) && errors.As(unread.Err, &other):
		return specErrorf(`copy what it refers to below "$defs", and refer to it as "#/$defs/NAME"`, "the schema cannot be used: %w", other)
	case errors.As(err, &missing):
		return specErrorf("", "the schema refers to #%s, which it does not have", afterHash(missing.URL))
	case errors.As(err, &invalid) && errors.As(invalid.Err, &fault):
		hint := ""
		if text := invalid.Err.Error(); strings.Contains(text, "/type'") {
			hint = `the types are "string", "number", "integer", "boolean", "array", "object" and "null", in lower case`
		}
		return specErrorf(hint, "the schema is not valid: %s", validationText(fault))
	}
	return specErrorf("", "the schema is not valid: %s", strings.ReplaceAll(err.Error(), schemaURL, ""))
}

func afterHash(url string) string {
	_, pointer, _ := strings.Cut(url, "#")
	return pointer
}

// A schemaTree is a schema as parsed, with the order of names that a map loses.
type schemaTree struct {
	root  any                 // numbers are json.Number
	order map[string][]string // by JSON pointer of an object: its names, as written
}

func parseTree(text []byte) (schemaTree, error) {
	t := schemaTree{order: make(map[string][]string)}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var err error
	t.root, err = t.parse(d, "")
	return t, err
}

func (t *schemaTree) parse(d *json.Decoder, at string) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("the schema is no JSON: %w", err)
	}
	switch token {
	case json.Delim('{'):
		object := make(map[string]any)
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, fmt.Errorf("the schema is no JSON: %w", err)
			}
			name, _ := key.(string)
			if _, twice := object[name]; twice {
				return nil, fmt.Errorf("the schema has %q twice, at %s", name, pointerName(at))
			}
			t.order[at] = append(t.order[at], name)
			if object[name], err = t.parse(d, at+"/"+escapePointer(name)); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for i := 0; d.More(); i++ {
			v, err := t.parse(d, fmt.Sprintf("%s/%d", at, i))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// pointerName names a place in a schema or an answer by its JSON pointer.
func pointerName(pointer string) string {
	if pointer == "" {
		return "the top level"
	}
	return pointer
}

// properties returns the names of the object schema's properties at a pointer, in
// their order.
func (t *schemaTree) properties(at string) []string { return t.order[at+"/properties"] }

// resolve follows a reference inside the schema.
func (t *schemaTree) resolve(ref string) (v any, at string, ok bool) {
	pointer, local := strings.CutPrefix(ref, "#")
	if !local {
		return nil, "", false
	}
	if pointer != "" && !strings.HasPrefix(pointer, "/") {
		t.walk(func(where string, schema map[string]any) {
			if schema["$anchor"] == pointer {
				v, at, ok = schema, where, true
			}
		})
		return v, at, ok
	}
	v = t.root
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		object, _ := v.(map[string]any)
		if v, ok = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]; !ok {
			return nil, "", false
		}
	}
	return v, pointer, true
}

// The keywords whose values are schemas, by the shape of the value.
var (
	schemaMaps  = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
	schemaLists = []string{"allOf", "anyOf", "oneOf", "prefixItems", "items"}
	schemaOnes  = []string{"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "additionalItems"}
)

// walk calls visit for each object that is a schema, with its JSON pointer, the
// outer ones first.
func (t *schemaTree) walk(visit func(at string, schema map[string]any)) {
	var down func(v any, at string)
	down = func(v any, at string) {
		schema, ok := v.(map[string]any)
		if !ok {
			return
		}
		visit(at, schema)
		for _, keyword := range schemaMaps {
			named, _ := schema[keyword].(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(named)) {
				down(named[name], at+"/"+keyword+"/"+escapePointer(name))
			}
		}
		for _, keyword := range schemaLists {
			list, _ := schema[keyword].([]any)
			for i, v := range list {
				down(v, fmt.Sprintf("%s/%s/%d", at, keyword, i))
			}
		}
		for _, keyword := range schemaOnes {
			down(schema[keyword], at+"/"+keyword)
		}
	}
	down(t.root, "")
}

// check refuses what is of the API's older way to write schemas, and would be
// passed over in silence here.
func (t *schemaTree) check() (err error) {
	t.walk(func(at string, schema map[string]any) {
		if _, ok := schema["nullable"]; ok && err == nil {
			err = specErrorf(`write "type": ["string", "null"] instead, with the type that it is`,
				`the schema has "nullable" at %s, which is OpenAPI's and no JSON Schema`, pointerName(at))
		}
	})
	return err
}
