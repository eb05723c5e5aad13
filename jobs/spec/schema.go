package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
)

// SchemaFields are the fields of generationConfig that state the form of answers. They must
// not be changed.
var SchemaFields = []string{"responseSchema", "responseJsonSchema", "_responseJsonSchema", "responseFormat"}

// checkSchema finds contradictions between the job's schema and its request.
func (s *Spec) checkSchema() error {
	given := len(s.Schema) > 0 || s.Extract != nil && len(s.Extract.Schema) > 0
	switch s.SchemaField {
	case "", "responseJsonSchema", "responseSchema":
	default:
		return Errorf("use responseJsonSchema (default) or responseSchema", "schema_field is %q", s.SchemaField)
	}
	if !given {
		if s.SchemaField != "" {
			return Errorf("give one with --schema FILE, or schema: in the job file", "schema_field is given without a schema")
		}
		return nil
	}
	config := apijson.Config(s.Request)
	for _, name := range SchemaFields {
		if apijson.Field(config, name) != nil {
			return Errorf("keep one of them: schema is checked on arrival and makes columns, request passes everything on as it is",
				"schema and request.generationConfig.%s are both given", name)
		}
	}
	if mime := apijson.Field(config, "responseMimeType"); mime != nil && mime != "application/json" {
		return Errorf("leave it out: answers with a schema are JSON", "request.generationConfig.responseMimeType is %v, and a schema is given", mime)
	}
	return nil
}

// A Schema is the JSON Schema of the answers: its text, or a JSON string with the path of the
// file that holds it; see [SchemaFile]. In YAML it is the schema itself, or the path. The zero
// value is no schema.
type Schema json.RawMessage

// SchemaFile returns the Schema that a file holds. [Spec.ReadFiles] reads the file; a relative
// path is relative to the working folder.
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

// UnmarshalYAML implements yaml.BytesUnmarshaler. Unmarshalling into a map would lose the
// order of the properties, which is that of the columns.
func (s *Schema) UnmarshalYAML(text []byte) error {
	var v any
	if err := yaml.UnmarshalWithOptions(text, &v, yaml.UseOrderedMap()); err != nil {
		return err
	}
	switch v.(type) {
	case string, yaml.MapSlice, []any: // package schema looks into the list
	default:
		return errors.New("a schema is a JSON Schema, or the path of a file that holds one")
	}
	object, err := orderedJSON(nil, v)
	*s = object
	return err
}

// orderedJSON appends a YAML value as JSON. It keeps the order of an object's members.
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
	text, err := apijson.Marshal(v)
	return append(dst, text...), err
}

// path returns the file that holds the schema. It is false if s is the schema itself, which
// may also be written as a text.
func (s Schema) path() (path string, ok bool) {
	ok = json.Unmarshal(s, &path) == nil && len(s) > 0 && string(s) != "null"
	return path, ok && !strings.HasPrefix(strings.TrimSpace(path), "{")
}

// resolveSchema applies at to the paths of schema files; see [Spec.resolve].
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

// readSchema puts the job's one schema into Spec.Schema, and a file's content in place of its
// name.
func (s *Spec) readSchema() error {
	if s.Extract != nil && len(s.Extract.Schema) > 0 {
		if len(s.Schema) > 0 {
			return Errorf("keep one of them", "schema: and extract.schema are both given")
		}
		s.Schema, s.Extract.Schema = s.Extract.Schema, nil
	}
	if string(s.Schema) == "null" {
		s.Schema = nil
	}
	path, ok := s.Schema.path()
	if !ok {
		if len(s.Schema) > 0 && !json.Valid(s.Schema) {
			return Errorf("", "the schema is no JSON: %s", message.OneLine(string(s.Schema), 60))
		}
		return nil
	}
	text, err := store.ReadFile(inHome(path))
	if err != nil {
		return Errorf("name a file with a JSON Schema, or write the schema itself into the job file", "schema: %w", err)
	}
	text = decodeText(text)
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".yaml" || ext == ".yml" {
		var inYAML Schema
		if err := unmarshalYAML(text, &inYAML); err != nil {
			if _, ok := errors.AsType[*Error](err); ok {
				return yamlError(path, text, err)
			}
			return Errorf("", "%s: the schema is no YAML: %s", path, message.OneLine(err.Error(), 200))
		}
		text = inYAML
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(json.RawMessage)); errors.As(err, &syntax) {
		before := text[:min(int(syntax.Offset), len(text))]
		line := bytes.Count(before, []byte("\n")) + 1
		return Errorf("", "%s: line %d, column %d: the schema is no JSON: %w", path, line, len(before)-bytes.LastIndexByte(before, '\n')-1, err)
	}
	if t := bytes.TrimSpace(text); len(t) == 0 || !strings.ContainsRune(`{["`, rune(t[0])) {
		return Errorf("", "%s: a JSON Schema is an object", path)
	}
	s.Schema = text
	return nil
}

// A Check is a condition that each answer is to fulfil.
type Check struct {
	Name    string `json:"name,omitempty"`    // how messages and the column failed_checks call it; default: the expression
	Expr    string `json:"expr"`              // an expression of expr-lang.org that is true or false; required
	Message string `json:"message,omitempty"` // what is wrong with an answer that does not fulfil it, in words for the model; default: the expression
	Flag    bool   `json:"flag,omitempty"`    // whether a failure only stands in failed_checks, and the row stays ok
}

// Checks are the checks of a job in their order. In YAML they are a list, of which each item
// is an expression or the keys of a [Check]. A single item stands for a list of one.
type Checks []Check

// Label returns what the check is called.
func (c *Check) Label() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Expr
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *Checks) UnmarshalYAML(unmarshal func(any) error) error {
	var list []Check
	err := unmarshal(&list)
	if err == nil {
		*l = list
		return nil
	}
	var one Check
	if unmarshal(&one) != nil {
		return err // it has the position
	}
	*l = Checks{one}
	return nil
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (c *Check) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&c.Expr) == nil {
		return nil
	}
	type plain Check // without this method
	return unmarshal((*plain)(c))
}

// checkChecks refuses checks that have no expression, or that cannot be told apart.
func checkChecks(list Checks) error {
	named := make(map[string]bool)
	for i := range list {
		c := &list[i]
		if c.Expr == "" {
			return Errorf(`write what must hold, such as --check "answer.total > 0"`, "a check has no expression")
		}
		if named[c.Label()] {
			return Errorf("give one of them another name", "there are two checks %q", message.OneLine(c.Label(), 60))
		}
		named[c.Label()] = true
	}
	return nil
}
