package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
)

// Read finds the JSON document in an answer's text, and checks it. The note says what stood
// around the document, which is mostly nothing. An error says what is wrong, in words for
// the model.
func (s *Schema) Read(text string) (document json.RawMessage, note string, err error) {
	clean := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))
	if clean == "" {
		return nil, "", errors.New("the answer has no text")
	}
	if json.Valid([]byte(clean)) {
		if strings.HasPrefix(strings.TrimSpace(text), "\ufeff") {
			note = "the byte order mark before the JSON was left out"
		}
		document = json.RawMessage(clean)
		return document, note, s.check(document)
	}
	if inner, around, ok := fenced(clean); ok {
		note = "the JSON was taken out of its ``` fence"
		if around {
			note = "the JSON was taken out of a ``` fence, and the text around it left out"
		}
		return inner, note, s.check(inner)
	}
	found, broken := documents(clean)
	var fits []json.RawMessage
	for _, d := range found {
		if s.check(d) == nil && !slices.ContainsFunc(fits, func(f json.RawMessage) bool { return bytes.Equal(f, d) }) {
			fits = append(fits, d)
		}
	}
	switch {
	case broken != nil:
		return nil, "", broken
	case len(found) == 0:
		return nil, "", errors.New("the answer is no JSON: it begins with " + quoteStart(clean))
	case len(fits) == 1:
		return fits[0], "the text around the JSON was left out", nil
	case len(fits) > 1:
		return nil, "", fmt.Errorf("the answer holds %d different JSON documents, and one is wanted", len(fits))
	case len(found) > 1:
		return nil, "", fmt.Errorf("the answer holds %d JSON documents, and none fits the schema; the first: %w", len(found), s.check(found[0]))
	}
	return nil, "", s.check(found[0])
}

// Whole returns the JSON object or array with which a text begins, possibly after a fence or
// a few words. It is for an answer that was cut: what is whole is not part of anything that was
// cut off. ok is false if there is none, or if another follows, of which the cut may have left
// out more.
func Whole(text string) (document json.RawMessage, ok bool) {
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\ufeff"))
	at := strings.IndexAny(text, "{[")
	for at > 0 && !begins(text[at:]) { // a bracket of the words before it
		next := strings.IndexAny(text[at+1:], "{[")
		if next < 0 {
			return nil, false
		}
		at += 1 + next
	}
	if at < 0 {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text[at:]))
	if d.Decode(&document) != nil {
		return nil, false
	}
	for rest := text[at+int(d.InputOffset()):]; rest != ""; rest = rest[1:] {
		if strings.ContainsRune("{[", rune(rest[0])) && begins(rest) {
			return nil, false
		}
	}
	return bytes.TrimSpace(document), true
}

// Ignored reports whether a text was written without knowledge of the schema. It holds no JSON,
// or, where the schema wants an object, none with a property of the schema's. An answer that
// tried and failed, or broke off, was not.
func (s *Schema) Ignored(text string) bool {
	if _, _, err := s.Read(text); err == nil {
		return false
	}
	found, broken := documents(text)
	if broken != nil {
		return false
	}
	columns, err := s.Columns()
	if err != nil || len(columns) == 0 {
		return len(found) == 0 && !json.Valid([]byte(text))
	}
	for _, d := range found {
		var members map[string]json.RawMessage
		if json.Unmarshal(d, &members) != nil {
			continue
		}
		// An empty object is an answer that found nothing.
		if len(members) == 0 || slices.ContainsFunc(columns, func(c batch.Column) bool { _, ok := members[c.Name]; return ok }) {
			return false
		}
	}
	return true
}

// quoteStart quotes the beginning of an answer.
func quoteStart(text string) string { return fmt.Sprintf("%q", message.OneLine(text, 40)) }

// fenced returns the one JSON document that stands in a Markdown fence, and
// whether there is other text around it.
func fenced(text string) (document json.RawMessage, around, ok bool) {
	const fence = "```"
	before, rest, found := strings.Cut(text, fence)
	if !found {
		return nil, false, false
	}
	info, body, found := strings.Cut(rest, "\n")
	if !found || strings.ContainsAny(info, "{[`") {
		return nil, false, false
	}
	// Strings may hold fences: the last one ends the document. Where there are more
	// fences than these, the text is left to be searched.
	end := strings.LastIndex(body, fence)
	if end < 0 {
		end = len(body) // it was left open
	}
	inner := strings.TrimSpace(body[:end])
	if !json.Valid([]byte(inner)) {
		return nil, false, false
	}
	after := strings.TrimPrefix(body[end:], fence)
	return json.RawMessage(inner), strings.TrimSpace(before+after) != "", true
}

// documents returns the JSON objects and arrays that stand in a text, one after the
// other. broken says that one begins and is not whole; what stands inside it is no
// document of its own.
func documents(text string) (found []json.RawMessage, broken error) {
	patience := 4*len(text) + 1<<20 // bytes that may be read in vain: brackets nest
	for at := 0; ; {
		next := strings.IndexAny(text[at:], "{[")
		if next < 0 {
			return found, nil
		}
		at += next
		var document json.RawMessage
		d := json.NewDecoder(strings.NewReader(text[at:]))
		err := d.Decode(&document)
		var syntax *json.SyntaxError
		switch {
		case err == nil:
			found = append(found, bytes.TrimSpace(document))
			at += int(d.InputOffset())
		case errors.Is(err, io.ErrUnexpectedEOF) && begins(text[at:]):
			return nil, errors.New("the JSON of the answer breaks off before its end")
		case errors.As(err, &syntax) && begins(text[at:]):
			return nil, fmt.Errorf("the answer is no valid JSON: %s, following %q", err, message.OneLine(lastOf(text[at:at+int(syntax.Offset)-1], 30), 30))
		case patience < 0:
			return nil, errors.New("the answer is no JSON: it has too many brackets")
		default:
			at++ // a bracket of the prose
			if patience -= len(text) - at; syntax != nil {
				patience += len(text) - at - int(syntax.Offset)
			}
		}
	}
}

// lastOf returns the end of a text, at most n bytes, in whole characters.
func lastOf(text string, n int) string {
	return strings.ToValidUTF8(text[max(0, len(text)-n):], "")
}

// blanks are the characters that may stand between the tokens of JSON.
const blanks = " \t\r\n"

// begins reports whether a text that begins with a bracket is meant as JSON.
func begins(text string) bool {
	rest := strings.TrimLeft(text[1:], blanks)
	if text[0] == '[' && strings.HasPrefix(rest, "{") {
		rest = strings.TrimLeft(rest[1:], blanks)
	}
	return strings.HasPrefix(rest, `"`)
}

// check returns how a document fails the schema, in one line.
func (s *Schema) check(document json.RawMessage) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return fmt.Errorf("the answer is no valid JSON: %w", err)
	}
	err = s.rule.Validate(v)
	var fault *jsonschema.ValidationError
	if errors.As(err, &fault) {
		return errors.New(validationText(fault))
	}
	return err
}
