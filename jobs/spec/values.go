package spec

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/genbatch/genbatch/internal/message"
)

// This file reads the JSON that a job file writes as YAML: schemas, and what stands under
// request:. Names are texts as written, and so are values where only a text can stand. A
// number elsewhere must be one of JSON: what 0101 means there, a code or 65, is not known.

// place says what stands at a node.
type place uint8

const (
	requestFields place = iota // the members of a request's body
	apiObject                  // an object of the API or a schema, whose names have a meaning
	userNames                  // an object with the user's names, and schemas as values
	userValues                 // a value of the user's, of any type
	textMap                    // an object with the user's names, and texts as values
	userTexts                  // a text, or a list of them; an object in its place is one of the API
	nullableTexts              // the same, with null for none
)

// textFields are fields of the API, and words of JSON Schema, whose values are texts.
var textFields = strings.Fields("text role mimeType mime_type data fileUri file_uri displayName display_name name id model cachedContent cached_content " +
	"stopSequences stop_sequences responseMimeType response_mime_type responseModalities response_modalities allowedFunctionNames allowed_function_names " +
	"voiceName voice_name languageCode language_code title description pattern format type required propertyOrdering property_ordering $ref $id $schema")

// placeOf returns what stands under a name of an object that is at a place. The values of
// the object's schema, if it is one, are at values.
func placeOf(at place, name string, values place) place {
	switch {
	case at == userValues:
		return at
	case at == textMap:
		return userTexts
	case at == userNames:
		return apiObject
	case at == requestFields && name == "labels":
		return textMap
	case slices.Contains(textFields, name):
		return userTexts
	}
	switch name {
	case "enum", "const", "default", "example", "examples":
		return values
	case "properties", "patternProperties", "$defs", "defs", "definitions", "dependentSchemas":
		return userNames
	case "dependentRequired":
		return textMap
	case "args", "response", "partMetadata", "part_metadata":
		return userValues
	}
	return apiObject
}

// value returns what takes the place of a node of a schema or a request.
func (w *writtenTexts) value(n ast.Node, at place) ast.Node {
	if text, ok := plainColon(n).(*ast.StringNode); ok {
		return inQuotes(first(n), text)
	}
	n = exponent(n, at)
	switch n := n.(type) {
	case *ast.AnchorNode:
		n.Value = w.value(n.Value, at)
	case *ast.TagNode:
		if n.Start.Value == string(token.StringTag) {
			return quoted(n.Value)
		}
	case *ast.SequenceNode:
		for i, item := range n.Values {
			n.Values[i] = w.value(item, at)
			if i < len(n.Entries) {
				n.Entries[i].Value = n.Values[i]
			}
		}
	case *ast.MappingNode:
		w.object(n.Values, at)
	case *ast.MappingValueNode:
		w.object([]*ast.MappingValueNode{n}, at)
	case *ast.NullNode:
		if at == userTexts && n.GetToken().Type != token.ImplicitNullType {
			return quoted(n)
		}
	case *ast.BoolNode:
		if at == userTexts || at == nullableTexts {
			return quoted(n)
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		if at == userTexts || at == nullableTexts {
			return quoted(n)
		}
		t := n.GetToken()
		if written := strings.TrimSpace(t.Origin); !json.Valid([]byte(written)) && w.err == nil {
			w.err = Errorf("put codes in quotes, and write numbers as JSON has them", "line %d, column %d: %s may be a code, or a number that YAML writes so",
				t.Position.Line, t.Position.Column, message.OneLine(written, 60))
		}
	}
	return n
}

// exponent returns the number that stands at a node as 1e-3, which YAML 1.2 calls a number,
// and the YAML package a text. The package reads 1.0e-3 as a number, so that this is what the
// token says from now on; see inQuotes.
func exponent(n ast.Node, at place) ast.Node {
	text, ok := n.(*ast.StringNode)
	if !ok || at == userTexts || at == nullableTexts {
		return n
	}
	t := text.GetToken()
	if _, err := strconv.ParseFloat(t.Value, 64); err != nil || t.Type != token.StringType || !withExponent.MatchString(t.Value) {
		return n
	}
	if json.Valid([]byte(t.Value)) { // otherwise value refuses it, as it is written
		point := withExponent.ReplaceAllString(t.Value, "${1}.0${2}")
		t.Value, t.Origin, t.Type = point, strings.Replace(t.Origin, t.Value, point, 1), token.FloatType
	}
	return ast.Float(t)
}

// withExponent matches a number that has an exponent and no point.
var withExponent = regexp.MustCompile(`^([-+]?[0-9]+)([eE][-+]?[0-9]+)$`)

// object keeps the names of an object, and its values.
func (w *writtenTexts) object(members []*ast.MappingValueNode, at place) {
	values := valuesOfSchema(members)
	if at == userTexts || at == nullableTexts {
		at = apiObject // such as responseFormat: {text: {schema: {...}}}
	}
	for _, m := range members {
		name := m.Key.GetToken().Value
		if m.Key.IsMergeKey() {
			m.Value = w.value(m.Value, at)
			continue
		}
		if key, ok := quoted(m.Key).(ast.MapKeyNode); ok {
			m.Key = key
		}
		m.Value = w.value(m.Value, placeOf(at, name, values))
	}
}

// valuesOfSchema returns what the values of a schema are, such as those of its enum: texts
// if its type is string and no other.
func valuesOfSchema(members []*ast.MappingValueNode) place {
	var types []string
	nullable := false
	for _, m := range members {
		switch m.Key.GetToken().Value {
		case "type":
			if list, ok := m.Value.(*ast.SequenceNode); ok {
				for _, item := range list.Values {
					types = append(types, strings.ToLower(item.GetToken().Value))
				}
			} else {
				types = append(types, strings.ToLower(m.Value.GetToken().Value))
			}
		case "nullable":
			nullable = m.Value.GetToken().Value == "true"
		}
	}
	isNull := func(name string) bool { return name == "null" }
	nullable = nullable || slices.ContainsFunc(types, isNull)
	switch types = slices.DeleteFunc(types, isNull); {
	case len(types) != 1 || types[0] != "string":
		return userValues
	case nullable:
		return nullableTexts
	}
	return userTexts
}

// quoted returns the text of a scalar as it is written. A text stays the node that it is.
func quoted(n ast.Node) ast.Node {
	text, ok := asText(n, reflect.TypeFor[string]()).(*ast.StringNode)
	if !ok || ast.Node(text) == n {
		return n
	}
	return inQuotes(n.GetToken(), text)
}

// inQuotes puts a text of one line in quotes. It changes the token: a schema is written as
// YAML once more before it is decoded, from the file's own tokens, and must be read as the
// same text then.
func inQuotes(t *token.Token, text *ast.StringNode) ast.Node {
	before := t.Origin[:len(t.Origin)-len(strings.TrimLeft(t.Origin, " \t\r\n"))]
	after := t.Origin[len(strings.TrimRight(t.Origin, " \t\r\n")):]
	t.Value, t.Type = text.Value, token.DoubleQuoteType
	t.Origin = before + strconv.Quote(text.Value) + after
	return ast.String(t)
}

// first returns the first token of what YAML took for a mapping; see plainColon.
func first(n ast.Node) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok {
		n = m.Values[0]
	}
	return n.(*ast.MappingValueNode).Key.GetToken()
}
