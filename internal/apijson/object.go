package apijson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Marshal returns v as compact JSON. Unlike json.Marshal it leaves <, > and & as they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// An Object is a JSON object of the API whose members can be changed: a body, its
// generationConfig, a part. Each member is the text that it was written as. [Marshal]
// writes an Object with its names in order.
type Object map[string]json.RawMessage

// Parse reads a JSON object and puts the API's fields under their camelCase names,
// whichever spelling the text has. Members keep the text that they have. The JSON null
// is an Object without members; everything else that is no object is an error.
func Parse(text []byte) (Object, error) {
	o, err := ParseAsWritten(text)
	if err != nil {
		return nil, err
	}
	return o.Camel(), nil
}

// ParseAsWritten is [Parse] for an edit that must not change the spelling of other
// fields. The JSON null is nil.
func ParseAsWritten(text []byte) (Object, error) {
	var members map[string]json.RawMessage
	err := json.Unmarshal(text, &members)
	return members, err
}

// Camel returns a copy with the API's fields under their camelCase names. When both
// spellings of a field are there, the one in snake_case counts.
func (o Object) Camel() Object {
	named := make(Object, len(o)+1)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		named[FieldName(name)] = o[name]
	}
	return named
}

// Has reports whether there is a field of this camelCase name, in whichever spelling.
func (o Object) Has(name string) bool {
	for key := range o {
		if FieldName(key) == name {
			return true
		}
	}
	return false
}

// Object returns a copy of the object that is the value of a field, under camelCase
// names. Members that are null are left out, since the API takes them for missing. It
// is empty when the field is missing or is no object.
func (o Object) Object(name string) Object {
	inner, err := Parse(o[name])
	if err != nil {
		return Object{}
	}
	maps.DeleteFunc(inner, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return inner
}

// Int returns the integer that is the value of a field, which the API takes as a number
// and as a string. It is 0 when the field is missing or is no integer.
func (o Object) Int(name string) int64 {
	var n json.Number
	if json.Unmarshal(o[name], &n) != nil {
		return 0
	}
	i, _ := strconv.ParseInt(n.String(), 10, 64)
	return i
}

// Put sets a member to the JSON of v.
func (o Object) Put(name string, v any) error {
	text, err := Marshal(v)
	if err != nil {
		return err
	}
	o[name] = text
	return nil
}

// Set sets the field at a path to a value, and makes the objects on the way that are
// missing. The value null removes the field. The path must be in camelCase, as [CamelPath]
// returns it, and o too, as [Parse] returns it. Objects on the way get camelCase names,
// unless their names are the user's.
func (o Object) Set(path []string, value json.RawMessage) error {
	name := path[0]
	if len(path) == 1 {
		if string(value) == "null" {
			delete(o, name)
		} else {
			o[name] = value
		}
		return nil
	}
	inner := make(Object)
	if old := bytes.TrimSpace(o[name]); len(old) > 0 && string(old) != "null" {
		if json.Unmarshal(old, &inner) != nil {
			return fmt.Errorf("%s is no object", name)
		}
	}
	if !slices.Contains(userObjects, name) {
		inner = inner.Camel()
	}
	if err := inner.Set(path[1:], value); err != nil {
		return err
	}
	return o.Put(name, inner)
}

// Decode returns the decoded members, with numbers as they were written.
func (o Object) Decode() (map[string]any, error) {
	decoded := make(map[string]any, len(o))
	for name, text := range o {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		decoded[name] = v
	}
	return decoded, nil
}
