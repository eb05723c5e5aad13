package wire

import (
	"encoding/json"
	"strings"
)

// A Pack is a request that brings several texts in one turn, and wants an answer to each of
// them by its id.
type Pack struct {
	Rows   []PackRow
	System string // the instructions for a single text
	Around string // all other texts of the request, joined

	Schema any // of the answer to a single text; nil for a plain text
	Root   any // the schema that the references of Schema lead into
}

// A PackRow is one text of a pack.
type PackRow struct{ ID, Text string }

// Pack returns the request as a pack, and nil if it is none. A pack brings its texts as lines
// of JSON, and either its schema or the last part of its instructions says that the answer is
// an array of objects with an id and an answer. A model has no other sign of it either.
func (q *Request) Pack() *Pack {
	asked := q.asked()
	if asked < 0 {
		return nil
	}
	p, lines := new(Pack), -1
	var around, more []string
	for i, part := range q.Contents[asked].Parts {
		switch {
		case !part.isText || part.thought:
		case lines < 0:
			if p.Rows, lines = packRows(part.text), i; p.Rows == nil {
				return nil
			}
		default:
			more = append(more, part.text)
		}
	}
	if lines < 0 {
		return nil
	}

	system := q.system
	last := len(system.Parts) - 1
	told := last >= 0 && tellsOfPacks(system.Parts[last].text)
	p.Root = q.Schema
	if p.Root == nil {
		p.Root = schemaInWords(strings.Join(more, "\n"))
	}
	schema, ok := answerSchema(p.Root)
	if !ok && (!told || q.Schema != nil) {
		return nil
	}
	if p.Schema = schema; isPlainText(schema) {
		p.Schema = nil
	}
	if told {
		around = append(around, system.Parts[last].text)
		system.Parts = system.Parts[:last]
	}
	p.System = system.text()
	around = append(around, p.System)
	for i, c := range q.Contents {
		if i != asked {
			around = append(around, c.text())
		}
	}
	p.Around = strings.Join(append(around, more...), "\n")
	return p
}

// packRows reads the lines of a pack. It returns nil for any other text.
func packRows(text string) []PackRow {
	if !strings.HasPrefix(text, "{") { // most texts; not worth the parser's error
		return nil
	}
	var rows []PackRow
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var o map[string]string
		if json.Unmarshal([]byte(line), &o) != nil || len(o) != 2 {
			return nil
		}
		id, hasID := o["id"]
		text, hasText := o["text"]
		if !hasID || !hasText {
			return nil
		}
		rows = append(rows, PackRow{id, text})
	}
	return rows
}

// tellsOfPacks reports whether an instruction wants an array with an answer to each id.
func tellsOfPacks(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "array") && strings.Contains(s, `"id"`) && strings.Contains(s, `"answer"`)
}

// answerSchema returns the schema of a single answer out of that of a pack: an array of
// objects which have an id and an answer, and nothing else.
func answerSchema(root any) (schema any, ok bool) {
	array, _ := root.(map[string]any)
	item, _ := array["items"].(map[string]any)
	properties, _ := item["properties"].(map[string]any)
	id, _ := properties["id"].(map[string]any)
	schema, ok = properties["answer"]
	return schema, ok && len(properties) == 2 && isType(array, "array") && isType(item, "object") && isType(id, "string")
}

// isPlainText reports whether a schema wants a string, and says no more of it.
func isPlainText(schema any) bool {
	o, _ := schema.(map[string]any)
	return len(o) == 1 && isType(o, "string")
}

func isType(o map[string]any, name string) bool {
	t, _ := o["type"].(string)
	return strings.EqualFold(t, name)
}

// schemaInWords returns the JSON Schema that a text ends with, as requests do whose endpoint
// has refused the field for it.
func schemaInWords(s string) any {
	_, after, _ := strings.Cut(s, "JSON Schema:")
	dec := json.NewDecoder(strings.NewReader(after))
	dec.UseNumber()
	var schema any
	if dec.Decode(&schema) != nil {
		return nil
	}
	return schema
}
