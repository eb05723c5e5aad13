package cloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An Importer reads the input of a job of Vertex AI as BigQuery loads a table: each path of
// the JSON is a column with one type over all lines. The zero value has
// no lines yet.
type Importer struct {
	types map[string]string // by path
}

// importDepth is how many levels of records a table may have.
const importDepth = 15

// column is what a column may be called.
// https://cloud.google.com/bigquery/docs/schemas#column_names
var column = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// columnLength is the most characters that its name may have. As a part of the pattern it would
// be compiled each time that a process begins.
const columnLength = 300

// Line imports a line. The error says why the import fails.
func (im *Importer) Line(line []byte) error {
	var v map[string]any
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("a line is no JSON object: %w", err)
	}
	if _, ok := v["request"].(map[string]any); !ok {
		return errors.New("a line has no request")
	}
	return im.object("", v, 0)
}

// object imports the members of an object.
func (im *Importer) object(path string, o map[string]any, depth int) error {
	if depth > importDepth {
		return fmt.Errorf("field %s is nested too deeply: more than %d levels", path, importDepth)
	}
	if len(o) == 0 {
		return fmt.Errorf("field %s is a record without fields", path)
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if len(name) > columnLength || !column.MatchString(name) {
			return fmt.Errorf("invalid field name %q in %s", name, at)
		}
		if err := im.value(at, o[name], depth); err != nil {
			return err
		}
	}
	return nil
}

// value imports a value.
func (im *Importer) value(path string, v any, depth int) error {
	kind := ""
	switch v := v.(type) {
	case nil:
		// A list that is missing is no null, and an enum is one.
		if strings.HasSuffix(path, ".enum") {
			return fmt.Errorf("only optional fields can be set to NULL: %s", path)
		}
		return nil
	case string:
		kind = "STRING"
	case bool:
		kind = "BOOLEAN"
	case json.Number:
		kind = "FLOAT"
	case map[string]any:
		kind = "RECORD"
		if err := im.object(path, v, depth+1); err != nil {
			return err
		}
	case []any:
		kind = "REPEATED"
		for _, item := range v {
			if err := im.value(path+"[]", item, depth); err != nil {
				return err
			}
		}
	}
	if had, ok := im.types[path]; ok && had != kind {
		return fmt.Errorf("field %s has changed type from %s to %s", path, had, kind)
	}
	if im.types == nil {
		im.types = map[string]string{}
	}
	im.types[path] = kind
	return nil
}

// Imported returns a member as it comes out of the table: a text that looks like a number
// is one, and a list is empty.
func Imported(v any) any {
	switch v := v.(type) {
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return n
		}
	case []any:
		return []any{}
	}
	return v
}
