package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/big"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
)

// Templates see the values of a row as these types: string, bool, int64, number, null,
// missing, *tree, and rowData for the row itself. What a template prints of a value is the
// text that a cell of a CSV output has for it.

// rowData are the columns of a row that a template uses.
type rowData map[string]any

// A number is one that int64 does not hold exactly as it is written.
type number string

// String returns the number as it is written.
func (n number) String() string { return string(n) }

// MarshalJSON implements json.Marshaler. NaN and the infinities are texts in JSON.
func (n number) MarshalJSON() ([]byte, error) {
	if json.Valid([]byte(n)) {
		return []byte(n), nil
	}
	return json.Marshal(string(n))
}

// Format implements fmt.Formatter, so that printf has its verbs for numbers.
func (n number) Format(f fmt.State, verb rune) {
	form := fmt.FormatString(f, verb)
	switch verb {
	case 'e', 'E', 'f', 'F', 'g', 'G':
		x, _ := strconv.ParseFloat(string(n), 64) // beyond the range it is an infinity
		fmt.Fprintf(f, form, x)
	case 'd', 'b', 'o', 'x', 'X':
		if r, ok := exact(n); ok && r.IsInt() {
			fmt.Fprintf(f, form, r.Num())
			return
		}
		fallthrough
	default:
		fmt.Fprintf(f, form, string(n))
	}
}

// null is the null of JSON, Parquet and the like. It is printed as nothing.
type null struct{}

// String returns nothing.
func (null) String() string { return "" }

// MarshalJSON implements json.Marshaler.
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// missing is what a row does not have, under a path such as meta.lang. Functions that ask
// whether there is something take it for null. To print it is the row's error.
type missing struct{ path string }

// Error says that the row lacks it. [Template.Render] adds what uses it.
func (m missing) Error() string {
	if strings.ContainsAny(m.path, ".[") {
		return "the row has no " + m.path
	}
	return fmt.Sprintf("the row has no column %q", m.path)
}

// A tree is a list or an object, as its JSON text.
type tree struct{ raw json.RawMessage }

// String returns the JSON text.
func (t *tree) String() string { return string(t.raw) }

// MarshalJSON implements json.Marshaler.
func (t *tree) MarshalJSON() ([]byte, error) { return t.raw, nil }

// isList reports whether the tree is a list; otherwise it is an object.
func (t *tree) isList() bool { return t.raw[0] == '[' }

// list returns the items of a list.
func (t *tree) list() []any {
	var raw []json.RawMessage
	_ = json.Unmarshal(t.raw, &raw) // the reader has checked it
	items := make([]any, len(raw))
	for i, r := range raw {
		items[i] = jsonValue(r)
	}
	return items
}

// members ranges over the members of an object, in their order.
func (t *tree) members() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		d := json.NewDecoder(bytes.NewReader(t.raw))
		_, _ = d.Token() // the brace
		for d.More() {
			name, err := d.Token()
			var raw json.RawMessage
			if err == nil {
				err = d.Decode(&raw)
			}
			if err != nil || !yield(name.(string), jsonValue(raw)) {
				return
			}
		}
	}
}

// member returns a member of an object. If the name is repeated, its last value wins.
func (t *tree) member(name string) (v any, ok bool) {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(t.raw, &all) // the reader has checked it
	raw, ok := all[name]
	if !ok {
		return nil, false
	}
	return jsonValue(raw), true
}

// size returns how many items or members there are.
func (t *tree) size() int {
	if t.isList() {
		return len(t.list())
	}
	n := 0
	for range t.members() {
		n++
	}
	return n
}

// columnValue returns the value of a column as templates see it.
func columnValue(v any) any {
	switch v := v.(type) {
	case nil:
		return null{}
	case string, bool, int64:
		return v
	case json.Number:
		return numberValue(string(v))
	case float64:
		return number(batch.Text(v))
	case json.RawMessage:
		return jsonValue(v)
	}
	return batch.Text(v)
}

// jsonValue is columnValue for a value in JSON.
func jsonValue(raw json.RawMessage) any {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return null{}
	}
	switch raw[0] {
	case '{', '[':
		return &tree{raw}
	case '"':
		var s string
		_ = json.Unmarshal(raw, &s) // the reader has checked it
		return s
	case 't', 'f':
		return raw[0] == 't'
	case 'n':
		return null{}
	}
	return numberValue(string(raw))
}

// numberValue returns a number as it is written.
func numberValue(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(i, 10) == text {
		return i
	}
	return number(text)
}

// textOf returns what is printed of a value.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case missing:
		return "", v
	case string:
		return v, nil
	case rowData:
		text, err := apijson.Marshal(v)
		return string(text), err
	}
	return fmt.Sprint(v), nil
}

// describe names a value for a message.
func describe(v any) string {
	switch v := v.(type) {
	case nil, null, missing:
		return "null"
	case string:
		return fmt.Sprintf("the text %q", shorten(v))
	case bool:
		return fmt.Sprint(v)
	case *tree:
		if v.isList() {
			return "the list " + shorten(v.String())
		}
		return "the object " + shorten(v.String())
	case rowData:
		return "the whole row"
	}
	return "the number " + shorten(fmt.Sprint(v))
}

// shorten cuts a text that a message quotes.
func shorten(text string) string {
	const most = 40
	if short := firstCharacters(text, most); short != text {
		return short + "…"
	}
	return text
}

// isTrue reports whether a value counts as true: not null, empty, false or zero.
func isTrue(v any) bool {
	switch v := v.(type) {
	case nil, null, missing:
		return false
	case string:
		return v != ""
	case bool:
		return v
	case *tree:
		return v.size() > 0
	case rowData:
		return len(v) > 0
	}
	r, ok := exact(v)
	return !ok || r.Sign() != 0
}

// exact returns a number's value. It reports false for what is no number, and for numbers
// that are not finite, or whose exponent is so large that they would take much memory.
func exact(v any) (*big.Rat, bool) {
	switch v := v.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(v)), true
	case int64:
		return new(big.Rat).SetInt64(v), true
	case float64:
		r := new(big.Rat).SetFloat64(v)
		return r, r != nil
	case number:
		text := string(v)
		if i := strings.IndexAny(text, "eE"); i >= 0 {
			if e, err := strconv.Atoi(text[i+1:]); err != nil || e < -1000 || e > 1000 {
				f, _ := strconv.ParseFloat(text, 64)
				r := new(big.Rat).SetFloat64(f)
				return r, r != nil
			}
		}
		return new(big.Rat).SetString(text)
	}
	return nil, false
}

// isNumber reports whether a value is a number, finite or not.
func isNumber(v any) bool {
	switch v.(type) {
	case int, int64, float64, number:
		return true
	}
	return false
}

// get returns what stands under the names in a value, one in the other. What is not there
// is missing.
func get(v any, names ...string) (any, error) {
	path := ""
	for _, name := range names {
		path = strings.TrimPrefix(path+"."+name, ".")
		switch x := v.(type) {
		case nil, null:
			v = missing{path}
		case missing:
			v = missing{x.path + "." + name}
		case rowData:
			value, ok := x[name]
			if !ok {
				value = missing{path}
			}
			v = value
		case *tree:
			if x.isList() {
				return nil, faultf("%s has no member %q; write index for an item, or range", describe(v), name)
			}
			value, ok := x.member(name)
			if !ok {
				value = missing{path}
			}
			v = value
		default:
			return nil, faultf("%s has no member %q", describe(v), name)
		}
	}
	return v, nil
}
