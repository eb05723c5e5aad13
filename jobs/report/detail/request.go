package detail

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/report"
)

// A RequestPart is a field of a request, or a part of its contents, as text.
type RequestPart struct {
	Name   string // empty: it goes on with the part before
	Text   string
	Prompt bool // it is a text that the model reads
}

// RequestParts takes a request apart: what the model reads, in order, and then its settings.
// Schemas, which are long, are parts of their own.
func RequestParts(r *batch.Request) []RequestPart {
	body, err := apijson.Parse(r.Body)
	if err != nil { // a row that is a request itself is checked before
		return []RequestPart{{Name: "body", Text: string(r.Body), Prompt: true}}
	}
	var parts []RequestPart
	parts = append(parts, contentParts(r, "system", body["systemInstruction"])...)
	var contents []json.RawMessage
	if json.Unmarshal(body["contents"], &contents) != nil {
		contents = []json.RawMessage{body["contents"]}
	}
	for _, c := range contents {
		parts = append(parts, contentParts(r, "user", c)...)
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if name == "systemInstruction" || name == "contents" {
			continue
		}
		config := body.Object(name)
		if name != "generationConfig" || config == nil {
			parts = append(parts, RequestPart{Name: name, Text: spaced(body[name])})
			continue
		}
		var schemas []RequestPart
		for _, field := range []string{"responseSchema", "responseJsonSchema"} {
			if schema, ok := config[field]; ok {
				schemas = append(schemas, RequestPart{Name: field, Text: spaced(schema)})
				delete(config, field)
			}
		}
		if text, err := apijson.Marshal(config); err == nil && len(config) > 0 {
			parts = append(parts, RequestPart{Name: name, Text: spaced(text)})
		}
		parts = append(parts, schemas...)
	}
	return parts
}

// contentParts returns the parts of a content. Its role is the one that it names, else the
// given one. What has not the API's form is shown as it is.
func contentParts(r *batch.Request, role string, content json.RawMessage) (parts []RequestPart) {
	if len(content) == 0 {
		return nil
	}
	var c struct {
		Role  string            `json:"role"`
		Parts []json.RawMessage `json:"parts"`
	}
	if json.Unmarshal(content, &c) != nil || len(c.Parts) == 0 {
		return []RequestPart{{role, spaced(content), true}}
	}
	if c.Role != "" && role != "system" {
		role = c.Role
	}
	for _, p := range c.Parts {
		parts = append(parts, RequestPart{role, partText(r, p), true})
		role = ""
	}
	return parts
}

// partText returns a part as Text: media as what they are, rather than as their bytes. A row
// that is a request itself may spell the fields in either way.
func partText(r *batch.Request, part json.RawMessage) string {
	var p map[string]any
	if json.Unmarshal(part, &p) != nil {
		return spaced(part)
	}
	if text, ok := p["text"].(string); ok {
		return text
	}
	if inline, ok := apijson.Field(p, "inlineData").(map[string]any); ok {
		mimeType, _ := apijson.Field(inline, "mimeType").(string)
		return strings.TrimSpace(mimeType + " " + dataText(r, inline["data"]))
	}
	if file, ok := apijson.Field(p, "fileData").(map[string]any); ok {
		mimeType, _ := apijson.Field(file, "mimeType").(string)
		uri, _ := apijson.Field(file, "fileUri").(string)
		return strings.TrimSpace(mimeType + " " + uri)
	}
	return spaced(part)
}

// dataText describes a medium that a part holds as base64, or by reference; see [batch.Media].
func dataText(r *batch.Request, data any) string {
	if encoded, ok := data.(string); ok {
		return report.Size(int64(base64.StdEncoding.DecodedLen(len(encoded))))
	}
	ref, _ := data.(map[string]any)
	sum, _ := ref["sha256"].(string)
	text := fmt.Sprintf("sha256 %.12s…", sum)
	for i := range r.Media {
		if m := &r.Media[i]; hex.EncodeToString(m.SHA256[:]) == sum {
			return strings.TrimSpace(fmt.Sprintf("%s %s %s", report.Size(m.Size), text, m.Path))
		}
	}
	return text
}
