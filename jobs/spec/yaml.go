package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
)

// This file reads YAML so that texts stay as they are written: where the job file takes a
// text, 0101, 3.10, null and 2026-01-01 are texts, whatever YAML would make of them.

// decodeText returns the text of a file, which may be UTF-16 with a byte order mark. It
// takes the mark away, of UTF-8 as well.
func decodeText(file []byte) []byte {
	text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), file)
	if err != nil {
		return file // its reader says what is wrong
	}
	return text
}

// unmarshalYAML reads a job file, or the file of a schema. The YAML package panics on some files, such as one with a
// tag before a text where a list is due (input: !x a.csv). That is a mistake in the file.
func unmarshalYAML[T Spec | Schema](text []byte, s *T) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it cannot be read as YAML: leave out tags, which begin with an exclamation mark")
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return err
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		var w writtenTexts
		if doc.Body = w.keep(doc.Body, reflect.TypeFor[T](), ""); w.err != nil {
			return w.err
		}
		return yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(doc.Body, s)
	}
	return nil
}

// writtenTexts makes texts of the scalars that stand where a Spec has texts.
type writtenTexts struct{ err error } // err is the first mistake, such as a key that the Spec does not have

// keep returns what takes the place of a node at which a Spec has the type. The key is the
// one that leads to the node.
func (w *writtenTexts) keep(n ast.Node, t reflect.Type, key string) ast.Node {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[Schema]():
		return w.value(n, apiObject)
	case reflect.TypeFor[map[string]any]():
		return w.value(n, requestFields)
	}
	if text := plainColon(n); text != nil {
		n = text
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		n.Value = w.keep(n.Value, t, key)
	case *ast.SequenceNode:
		switch {
		case t == reflect.TypeFor[Examples]():
			t = reflect.TypeFor[Example]()
		case t.Kind() == reflect.Slice:
			t = t.Elem()
		}
		for i, item := range n.Values {
			if t.Kind() == reflect.Interface || t.Kind() == reflect.Uint8 {
				break
			}
			n.Values[i] = asText(w.keep(item, t, key), t)
		}
	case *ast.MappingNode:
		for _, v := range n.Values {
			w.member(v, t, key)
		}
	case *ast.MappingValueNode:
		w.member(n, t, key)
	case *ast.NullNode: // nothing is given, except in a list
	default:
		return asText(n, t)
	}
	return n
}

// plainColon returns the text that the YAML package takes for a mapping in a list in
// brackets: 12:30, where no space follows the colon. It returns nil for any other node.
func plainColon(n ast.Node) ast.Node {
	var v *ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) != 1 || n.Start != nil && n.Start.Type == token.MappingStartType {
			return nil
		}
		v = n.Values[0]
	case *ast.MappingValueNode:
		v = n
	default:
		return nil
	}
	key, colon := v.Key.GetToken(), v.Start
	value := v.Value
	if rest := plainColon(value); rest != nil {
		value = rest
	}
	next := value.GetToken()
	isPlain := key.Type != token.SingleQuoteType && key.Type != token.DoubleQuoteType && colon != nil && colon.Type == token.MappingValueType &&
		next.Position.Line == colon.Position.Line && next.Position.Column == colon.Position.Column+1
	if _, isScalar := value.(ast.ScalarNode); !isPlain || !isScalar {
		return nil
	}
	written := *key
	written.Value = strings.TrimSpace(key.Origin) + ":" + strings.TrimSpace(next.Origin)
	written.Origin, written.Type = written.Value, token.StringType
	return ast.String(&written)
}

// member keeps the texts of a member of a mapping.
func (w *writtenTexts) member(n *ast.MappingValueNode, t reflect.Type, key string) {
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 && t != reflect.TypeFor[Labels]() && t != reflect.TypeFor[Questions]() {
		t = t.Elem() // one stands for a list of one
	}
	switch {
	case t == reflect.TypeFor[Questions]() || t == reflect.TypeFor[Expected]() || t == reflect.TypeFor[map[string]List]():
		if name, ok := asText(n.Key, reflect.TypeFor[string]()).(ast.MapKeyNode); ok {
			n.Key = name
		}
		n.Value = asText(w.keep(n.Value, t.Elem(), key), t.Elem())
	case t == reflect.TypeFor[Labels]() || t == reflect.TypeFor[Label]() || t == reflect.TypeFor[map[string]string]():
		text := reflect.TypeFor[string]()
		if name, ok := asText(n.Key, text).(ast.MapKeyNode); ok {
			n.Key = name
		}
		if n.Value.GetToken().Type != token.ImplicitNullType {
			n.Value = asText(w.keep(n.Value, text, key), text)
		}
	case t.Kind() == reflect.Struct:
		name := n.Key.GetToken().Value
		if key, ok := asText(n.Key, reflect.TypeFor[string]()).(ast.MapKeyNode); ok {
			n.Key = key // the key null
		}
		if n.Key.IsMergeKey() {
			return
		}
		field, ok := fieldOf(t, name)
		if !ok {
			if w.err == nil {
				w.err = unknownKey(n.Key.GetToken(), t, key)
			}
			return
		}
		if _, isText := n.Value.(ast.ScalarNode); isText && field.Type == reflect.TypeFor[time.Duration]() && n.Value.Type() != ast.NullType {
			t := n.Value.GetToken()
			if _, err := time.ParseDuration(t.Value); err != nil && w.err == nil {
				w.err = Errorf(message.Duration(t.Value), "line %d, column %d: %s is no length of time: %q", t.Position.Line, t.Position.Column, name, message.OneLine(t.Value, 60))
			}
		}
		if kind := field.Type.Kind(); (kind == reflect.Int || kind == reflect.Int64) && hasFraction(n.Value) && w.err == nil {
			at := n.Value.GetToken()
			w.err = Errorf("", "line %d, column %d: a whole number is wanted here, and %s is none", at.Position.Line, at.Position.Column, message.OneLine(at.Value, 60))
		}
		if what, guards := Guards()[name]; guards && t == reflect.TypeFor[Spec]() && isEmpty(n.Value, name) && w.err == nil {
			at := n.Key.GetToken().Position
			w.err = Errorf("write "+what+", or leave it out", "line %d, column %d: %s is empty", at.Line, at.Column, name)
		}
		if name == "null" && n.Value.GetToken().Type != token.ImplicitNullType {
			n.Value = asText(n.Value, field.Type) // null: NULL says which text is null
		}
		n.Value = w.keep(n.Value, field.Type, name)
	}
}

// hasFraction reports whether a node is a number with a fraction, which the YAML package would
// cut off where a whole number is due.
func hasFraction(n ast.Node) bool {
	switch n.(type) {
	case *ast.FloatNode, *ast.StringNode:
		x, err := strconv.ParseFloat(strings.ReplaceAll(n.GetToken().Value, "_", ""), 64)
		return err == nil && x != math.Trunc(x)
	}
	return false
}

// isEmpty reports whether the value of a key is null or blank; see [Blank].
func isEmpty(n ast.Node, key string) bool {
	switch n := n.(type) {
	case *ast.NullNode:
		return true
	case *ast.StringNode:
		return Blank(key, n.Value)
	case *ast.LiteralNode: // of a vertical bar without quotes
		return Blank(key, n.Value.Value)
	}
	return false
}

// asText returns the text of a scalar as it is written, if a text stands at the type.
func asText(n ast.Node, t reflect.Type) ast.Node {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
	default:
		return n
	}
	isText := t.Kind() == reflect.String || t == reflect.TypeFor[List]() || t == reflect.TypeFor[Labels]() || t == reflect.TypeFor[Label]() ||
		t == reflect.TypeFor[Examples]() || t == reflect.TypeFor[Expected]() || t == reflect.TypeFor[ExpectedColumn]() || t == reflect.TypeFor[MediaColumns]() || t == reflect.TypeFor[MediaColumn]()
	if !isText {
		return n
	}
	written := *n.GetToken()
	if text := strings.TrimSpace(written.Origin); text != "" {
		written.Value = text
	}
	written.Type = token.StringType
	return ast.String(&written)
}

// fieldOf returns the field of a struct that a key sets.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && keyOf(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// keyOf returns the key that sets a field.
func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// groups are the parts of a job file that have keys of their own, by the key that they
// stand under; the job itself stands under none.
var groups = []struct {
	key  string
	keys reflect.Type
}{
	{"", reflect.TypeFor[Spec]()}, {"classify", reflect.TypeFor[Classify]()}, {"questions", reflect.TypeFor[Question]()}, {"summarize", reflect.TypeFor[Summarize]()},
	{"extract", reflect.TypeFor[Extract]()}, {"raw", reflect.TypeFor[Raw]()}, {"examples", reflect.TypeFor[Examples]()}, {"media", reflect.TypeFor[MediaColumn]()},
	{"expected", reflect.TypeFor[ExpectedColumn]()}, {"webhook", reflect.TypeFor[Webhook]()},
}

// keysOf returns the keys of a group.
func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			keys = append(keys, keyOf(f))
		}
	}
	return keys
}

// GroupOf returns the key under which a job file has a key, such as summarize for words. It
// is empty for the job's own keys, and for what is no key.
func GroupOf(key string) string {
	for _, g := range groups {
		if slices.Contains(keysOf(g.keys), key) {
			return g.key
		}
	}
	return ""
}

// secretKey matches keys under which people write an API key itself.
var secretKey = regexp.MustCompile(`(?i)^(\w+_)?(api[_-]?)?(key|token|secret)s?$|apikey|api[_-]key`)

// unknownKey returns the error for a key that a group does not have. It never says what
// stands under the key, which may be secret.
func unknownKey(t *token.Token, group reflect.Type, parent string) error {
	name := t.Value
	err := fmt.Errorf("line %d, column %d: unknown key %q", t.Position.Line, t.Position.Column, message.OneLine(name, 60))
	plain := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(name))
	near := message.NearestWithin(1, plain, keysOf(group)) // a slip of the pen
	switch {
	case near != "":
		return &Error{Err: err, Hint: fmt.Sprintf("did you mean %q?", near)}
	case parent == "webhook" && secretKey.MatchString(name):
		return &Error{Err: err, Hint: "a job file holds no secret: put it into the variable that secret_env: names, or the file that secret_file: names"}
	case secretKey.MatchString(name):
		return &Error{Err: err, Hint: "a job file holds no key: put it into the environment, as GEMINI_API_KEY or what api_key_env: names, or into a file that api_key_file: names"}
	}
	if hint := meantField(plain, keysOf(group)); hint != "" {
		return &Error{Err: err, Hint: hint}
	}
	for _, g := range groups {
		if g.keys == group {
			continue
		}
		for _, key := range keysOf(g.keys) {
			switch {
			case key != plain && key != plain+"s":
			case g.key == "":
				return &Error{Err: err, Hint: fmt.Sprintf("%s: stands beside %s:, not under it", key, parent)}
			case parent == "" && g.key != "media":
				return &Error{Err: err, Hint: fmt.Sprintf("%s: stands under %s:", key, g.key)}
			}
		}
	}
	if near = message.Nearest(plain, keysOf(group)); near != "" {
		return &Error{Err: err, Hint: fmt.Sprintf("did you mean %q?", near)}
	}
	return &Error{Err: err, Hint: "the keys are " + message.List(keysOf(group))}
}

// meantField says how a key is written that is meant to be one of the keys, or a field of
// the API, in another spelling: people write fields of generationConfig beside the keys of a
// job. It is empty if there is no such key or field.
func meantField(name string, keys []string) string {
	joined := func(name string) string { return strings.ReplaceAll(name, "_", "") }
	for _, at := range [...]struct {
		names []string
		hint  string
	}{
		{keys, "did you mean %q?"},
		{apijson.ConfigFields(), "write request: {generationConfig: {%s: ...}}"},
		{apijson.ThinkingFields(), "write request: {generationConfig: {thinkingConfig: {%s: ...}}}"},
		{[]string{"generationConfig"}, "write request: {%s: ...}"},
	} {
		for _, n := range at.names {
			if strings.EqualFold(joined(n), joined(name)) {
				return fmt.Sprintf(at.hint, n)
			}
		}
	}
	return ""
}

// bareTemplate matches a key, or an item of a list, whose value begins with a template that
// is in no quotes, which YAML reads as a mapping.
var bareTemplate = regexp.MustCompile(`(?m)(?:([\w.-]+):|^\s*-)[ \t]+(\{\{[^}\n]*\}\}[^,\]}\n]*)`)

// yamlError returns the error for a mistake in a job file. It names the file, and keeps the
// position that the YAML package found.
func yamlError(path string, text []byte, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{Err: fmt.Errorf("%s: %w", path, e.Err), Hint: e.Hint}
	}
	hint := ""
	var positioned yaml.Error
	if errors.As(err, &positioned) {
		if t := positioned.GetToken(); t != nil && t.Position != nil {
			what := positioned.GetMessage()
			switch mistyped, ok := positioned.(*yaml.TypeError); {
			case ok:
				what, hint = wanted(mistyped.DstType)+" is wanted here", meantBy(mistyped.DstType, t.Value)
			case strings.Contains(what, "Go value"):
				what = "the number is too large"
			case strings.HasSuffix(what, "was used where mapping is expected"):
				what = "a group of keys is wanted here"
			case strings.HasSuffix(what, "was used where sequence is expected"):
				what = "a list is wanted here"
			}
			err = fmt.Errorf("line %d, column %d: %s", t.Position.Line, t.Position.Column, what)
		}
	}
	if at := bareTemplate.FindSubmatchIndex(text); at != nil {
		value := strings.TrimSpace(string(text[at[4]:at[5]]))
		quoted, _ := json.Marshal(value) // a string always has a JSON form
		hint = "put templates in quotes: "
		if at[2] >= 0 {
			hint += string(text[at[2]:at[3]]) + ": "
		}
		return Errorf(hint+string(quoted), "%s: line %d: YAML takes the braces of %s for a group of keys",
			path, 1+bytes.Count(text[:at[4]], []byte("\n")), message.OneLine(value, 80))
	}
	return &Error{Err: fmt.Errorf("%s: %w", path, err), Hint: hint}
}

// meantBy says which value of a kind was meant by another one. It is empty if that is not
// known.
func meantBy(want reflect.Type, value string) string {
	switch want.Kind() {
	case reflect.Int, reflect.Int64:
		if hint := message.Number(value, 0); hint != message.AnyNumber {
			return hint
		}
	case reflect.Bool:
		if hint := message.Switch(value); hint != message.AnySwitch {
			return hint
		}
	}
	return ""
}

// wanted says in YAML's words what a field takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "a group of keys"
}
