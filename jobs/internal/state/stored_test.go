package state

import (
	"encoding"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/spec"
)

// TestStoredFieldsAreNamed walks through what is stored for the runs to come. A field that
// gets into it by being exported, and by nothing else, makes each job another one: it is
// no longer up to date, and warns that it asks something else.
func TestStoredFieldsAreNamed(t *testing.T) {
	seen := make(map[reflect.Type]bool)
	var walk func(path string, v reflect.Type)
	walk = func(path string, v reflect.Type) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(path, v.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		writesItself := v.Implements(reflect.TypeFor[json.Marshaler]()) || v.Implements(reflect.TypeFor[encoding.TextMarshaler]())
		if seen[v] || writesItself {
			return
		}
		seen[v] = true
		for i := range v.NumField() {
			f := v.Field(i)
			// A label is stored by its two fields' own names, and always was.
			if f.IsExported() && !f.Anonymous && f.Tag.Get("json") == "" && v != reflect.TypeFor[spec.Label]() {
				t.Errorf("%s.%s is stored under its Go name: give it a json tag, or hide it", path, f.Name)
			}
			walk(path+"."+f.Name, f.Type)
		}
	}
	for _, v := range []any{savedJob{}, Manifest{}, batch.Result{}} {
		walk(reflect.TypeOf(v).Name(), reflect.TypeOf(v))
	}
}
