// Package schema knows the JSON Schema of answers: it checks answers by it, makes columns
// of it, and writes it as the API's older OpenAPI form.
//
// [Parse] refuses a schema that cannot be used, before anything is paid for. Models break
// a schema in small ways, so [Schema.Read] looks for the one document in an answer that
// fits, and its errors are written for the model, which is shown them once. The order of
// the properties is that of the columns; a map would lose it, which is why a schema is
// kept as a tree with the order of its names beside it.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/genbatch/genbatch/jobs/spec"
)

// A Schema is a JSON Schema that is ready to be sent and to check answers by. It is safe
// for concurrent use.
type Schema struct {
	Text json.RawMessage // as it is sent, compact
	Path string          // JSON pointer to it, if it was given in an envelope of an API
	Said []string        // how it was read, if it was given in another form; for people

	tree tree
	rule *jsonschema.Schema
}

// Parse reads and checks the schema of a job, whose file has been read. Its errors are of
// the type [spec.Error], and name the place in the schema.
func Parse(s spec.Schema) (*Schema, error) {
	var text bytes.Buffer
	if err := json.Compact(&text, s); err != nil {
		return nil, &spec.Error{Err: err}
	}
	a := &Schema{Text: text.Bytes()}
	var err error
	if a.tree, err = parseTree(a.Text); err != nil {
		return nil, &spec.Error{Err: err}
	}
	if err := a.adopt(); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, a.tree.root); err != nil {
		return nil, spec.Errorf("", "the schema cannot be used: %w", err)
	}
	if a.rule, err = c.Compile(schemaURL); err != nil {
		return nil, schemaError(err)
	}
	return a, nil
}

// adopt puts the schema that is meant in the place of one in an envelope, or in the API's own
// form. What is a schema already stays as it is, to the byte.
func (s *Schema) adopt() error {
	inner, path, err := s.tree.unwrap()
	if err != nil {
		return err
	}
	if s.Path = path; path != "" {
		s.Said = append(s.Said, fmt.Sprintf("the schema was taken from %s of what was given, and the rest left out", path))
	}
	if inner.standardize() {
		s.Said = append(s.Said, "the schema is written in the API's own form (such as type STRING, or nullable), and is read as the JSON Schema that it means")
	}
	if len(s.Said) > 0 || s.Text[0] != '{' {
		s.Text = json.RawMessage(inner.text())
	}
	s.tree = inner
	return nil
}

const hintTypes = `the types are "string", "number", "integer", "boolean", "array", "object" and "null", in lower case`

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
		return spec.Errorf(`copy what it refers to below "$defs", and refer to it as "#/$defs/NAME"`, "the schema cannot be used: %w", other)
	case errors.As(err, &missing):
		return spec.Errorf("", "the schema refers to #%s, which it does not have", afterHash(missing.URL))
	case errors.As(err, &invalid) && errors.As(invalid.Err, &fault):
		hint := ""
		if text := invalid.Err.Error(); strings.Contains(text, "/properties/") && strings.Contains(text, "got string, want boolean or object") {
			hint = `write {"type": "string"} where the name of the type stands alone`
		} else if strings.Contains(text, "/type'") {
			hint = hintTypes
		}
		return spec.Errorf(hint, "the schema is not valid: %s", validationText(fault))
	}
	return spec.Errorf("", "the schema is not valid: %s", strings.ReplaceAll(err.Error(), schemaURL, ""))
}

func afterHash(url string) string {
	_, pointer, _ := strings.Cut(url, "#")
	return pointer
}

// A tree is a schema as parsed, with the order of names that a map loses.
type tree struct {
	root  any                 // numbers are json.Number
	order map[string][]string // by JSON pointer of an object: its names, as written
}

func parseTree(text []byte) (tree, error) {
	t := tree{order: make(map[string][]string)}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var err error
	t.root, err = t.parse(d, "")
	return t, err
}

func (t *tree) parse(d *json.Decoder, at string) (any, error) {
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

// escapePointer returns a name as a step of a JSON pointer.
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
func (t *tree) properties(at string) []string { return t.order[at+"/properties"] }

// resolve follows a reference inside the schema.
func (t *tree) resolve(ref string) (v any, at string, ok bool) {
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
func (t *tree) walk(visit func(at string, schema map[string]any)) {
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
