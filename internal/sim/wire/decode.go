package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A message lists the fields that an API object may have, by their camelCase names.
// A nil message stands for a field whose own fields are not checked.
type message map[string]message

var (
	partFields = message{
		"text": nil, "inlineData": {"mimeType": nil, "data": nil, "displayName": nil},
		"fileData":     {"fileUri": nil, "mimeType": nil, "displayName": nil},
		"functionCall": nil, "functionResponse": nil, "executableCode": nil, "codeExecutionResult": nil,
		"toolCall": nil, "toolResponse": nil, "thought": nil, "thoughtSignature": nil,
		"videoMetadata": nil, "mediaResolution": nil, "partMetadata": nil,
	}
	contentFields = message{"role": nil, "parts": partFields}

	// configFields: https://ai.google.dev/api/generate-content#generationconfig
	configFields = message{
		"candidateCount": nil, "stopSequences": nil, "maxOutputTokens": nil, "temperature": nil, "topP": nil, "topK": nil,
		"seed": nil, "presencePenalty": nil, "frequencyPenalty": nil, "responseLogprobs": nil, "logprobs": nil,
		"responseMimeType": nil, "responseSchema": nil, "responseJsonSchema": nil, "_responseJsonSchema": nil,
		"responseFormat": nil, "responseModalities": nil, "speechConfig": speechFields, "mediaResolution": nil,
		"imageConfig":                {"aspectRatio": nil, "imageSize": nil, "outputMimeType": nil, "outputCompressionQuality": nil, "personGeneration": nil, "imageOutputOptions": nil},
		"thinkingConfig":             {"includeThoughts": nil, "thinkingBudget": nil, "thinkingLevel": nil},
		"enableEnhancedCivicAnswers": nil, "audioTranscriptionConfig": nil, "translationConfig": nil,
		"audioTimestamp": nil, "routingConfig": nil, "modelSelectionConfig": nil,
	}
	requestFields = message{
		"contents": contentFields, "systemInstruction": contentFields, "tools": toolFields, "toolConfig": toolConfigFields,
		"safetySettings":   {"category": nil, "threshold": nil, "method": nil},
		"generationConfig": configFields, "cachedContent": nil, "serviceTier": nil, "store": nil, "model": nil,
		"continuationToken": nil,
	}
	// vertexFields are known on Vertex AI only.
	vertexFields = message{"labels": nil, "modelArmorConfig": nil}
	countFields  = message{
		"contents": contentFields, "generateContentRequest": requestFields,
		"systemInstruction": contentFields, "tools": nil, "generationConfig": configFields, "model": nil, // Vertex AI
	}
)

// decode reads a JSON object, and refuses fields that no known message has.
func decode(body []byte, known ...message) (map[string]any, *Error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}") // as for Google, nothing is an empty message
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, unparsable(body, dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, unparsable(body, dec.InputOffset(), err)
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, Invalid("Invalid JSON payload received. Unknown name \"\": Root element must be a message.")
	}
	if e := normalize(root, nil, known...); e != nil {
		return nil, e
	}
	return root, nil
}

// unparsable is what Google's JSON parser says about a body that is not JSON: what it met, the
// place in its line, and a mark below it.
func unparsable(body []byte, at int64, err error) *Error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return Invalid("Invalid JSON payload received. Unexpected end of string. Expected a value.\n\n^")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset - 1
	}
	const around = 20
	at = min(max(at, 0), int64(len(body)))
	line := body[max(0, at-around):min(int64(len(body)), at+around)]
	before := bytes.ToValidUTF8(body[max(0, at-around):at], []byte("?"))
	return Invalid("Invalid JSON payload received. Unexpected token.\n%s\n%s^",
		strings.ReplaceAll(string(bytes.ToValidUTF8(line, []byte("?"))), "\n", " "), strings.Repeat(" ", utf8.RuneCount(before)))
}

// A place is where an object stands in the request; nil is the top. It becomes a
// text only where an error names it, since nearly all requests have none.
type place struct {
	up    *place
	name  string // camelCase
	index int    // in a list; -1 outside of one
}

func (p *place) String() string {
	if p == nil {
		return ""
	}
	s := snake(p.name)
	if p.index >= 0 {
		s += fmt.Sprintf("[%d]", p.index)
	}
	if p.up != nil {
		s = p.up.String() + "." + s
	}
	return s
}

// normalize renames the keys of an object to camelCase, and of the objects in it as
// far down as messages are known. It refuses keys that no message knows. Google's
// parser takes both spellings of every field.
func normalize(o map[string]any, at *place, known ...message) *Error {
	var unknown, snakes []string
	for key := range o {
		name := camel(key)
		if !knows(known, name) {
			unknown = append(unknown, key)
		} else if name != key {
			snakes = append(snakes, key)
		}
	}
	if len(unknown) > 0 {
		return unknownName(slices.Min(unknown), at.String())
	}
	for _, key := range snakes {
		name := camel(key)
		if _, twice := o[name]; twice {
			return Invalid("Invalid JSON payload received. Field %q is given twice, also as %q.", name, key)
		}
		o[name] = o[key]
		delete(o, key)
	}

	for name, v := range o {
		sub := lookup(known, name)
		if sub == nil || v == nil {
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			if e := normalize(v, &place{at, name, -1}, sub); e != nil {
				return e
			}
		case []any:
			for i, item := range v {
				inner, ok := item.(map[string]any)
				if !ok {
					return invalidValue((&place{at, name, i}).String(), "message", item)
				}
				if e := normalize(inner, &place{at, name, i}, sub); e != nil {
					return e
				}
			}
		default:
			return invalidValue((&place{at, name, -1}).String(), "message", v)
		}
	}
	return nil
}

// knows reports whether one of the messages has a field.
func knows(known []message, name string) bool {
	for _, m := range known {
		if _, ok := m[name]; ok {
			return true
		}
	}
	return false
}

// lookup returns the message of a field, nil when its own fields are not checked.
func lookup(known []message, name string) message {
	for _, m := range known {
		if sub := m[name]; sub != nil {
			return sub
		}
	}
	return nil
}

// camel turns snake_case into camelCase. It leaves any other name as it is.
func camel(s string) string {
	if strings.IndexByte(s, '_') < 1 {
		return s
	}
	var b strings.Builder
	up := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_':
			up = true
		case up && 'a' <= c && c <= 'z':
			b.WriteByte(c - 'a' + 'A')
			up = false
		default:
			b.WriteByte(c)
			up = false
		}
	}
	return b.String()
}

// snake turns camelCase into snake_case.
func snake(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			b.WriteByte(c - 'A' + 'a')
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
