package prompt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

func newExtract(s *spec.Spec, system *rowTemplate) (kind, []*rowTemplate, error) {
	if s.Extract.Text == "" && len(s.Media) == 0 {
		return nil, nil, spec.Errorf(`say which text with --text "{{.body}}", or text: under extract:`, "extract has no text")
	}
	if len(s.Schema) == 0 {
		return nil, nil, spec.Errorf("give a JSON Schema with --schema FILE, or schema: under extract:", "extract has no schema")
	}
	text, err := newTemplate("text", s.Extract.Text)
	if err != nil {
		return nil, nil, err
	}
	it := "the text"
	if len(s.Media) > 0 {
		it = "it"
	}
	instruction := "Extract from " + subjectOf(s) + " what the JSON Schema of the answer describes. " +
		"Keep to what " + it + " says, and add nothing to it. What it does not say is null where the schema allows that, " +
		"and is left out where it is not required. Answer with the JSON alone."
	body, err := newBody(s.Body(map[string]any{
		"contents":          []any{apijson.TextContent("user", text)},
		"systemInstruction": instructionContent(instruction, system),
	}))
	return &promptKind{body: body}, templates(text, system), err
}

// schemaKind is another kind whose answers have a schema.
type schemaKind struct {
	kind
	*schema.Schema
	own []batch.Column
	raw bool // the rows bring requests of their own, which may contradict the schema
}

// withSchema makes the kind check answers by the job's schema, if it has one.
func withSchema(s *spec.Spec, k kind) (kind, error) {
	if len(s.Schema) == 0 {
		return k, nil
	}
	if s.Classify != nil {
		return nil, spec.Errorf("use prompt: or extract: with a schema that has an enum of the labels", "schema does not go with classify:, whose labels are its schema")
	}
	a, err := schema.Parse(s.Schema)
	if err != nil {
		return nil, err
	}
	if s.SchemaField == "responseSchema" {
		if _, err := schema.OpenAPI(a.Text); err != nil {
			return nil, spec.Errorf("simplify it there, or leave schema_field out", "the schema cannot be written as responseSchema: %w", err)
		}
	}
	own, err := a.Columns()
	if err != nil {
		return nil, err
	}
	return &schemaKind{k, a, own, s.Raw != nil}, nil
}

func (k *schemaKind) template() *bodyTemplate { return bodyOf(k.kind) }

func (k *schemaKind) columns() []batch.Column { return k.own }

func (k *schemaKind) render(row *batch.Row) ([]byte, error) {
	body, err := k.kind.render(row)
	if err == nil && k.raw {
		err = k.contradicts(body)
	}
	return body, err
}

// contradicts returns how a row's own request contradicts the job's schema.
func (k *schemaKind) contradicts(body []byte) error {
	b, err := apijson.Parse(body)
	if err != nil {
		return err
	}
	config := b.Object("generationConfig")
	for _, name := range spec.SchemaFields {
		if own, ok := config[name]; ok && (name != "responseJsonSchema" || !bytes.Equal(own, k.Text)) {
			return fmt.Errorf("the request has generationConfig.%s, and the job a schema", name)
		}
	}
	if mime := config["responseMimeType"]; string(mime) != `"application/json"` {
		return fmt.Errorf("the request has the responseMimeType %s, and the job a schema", mime)
	}
	return nil
}

// values returns what the document has for the columns, and puts it in the place
// of the answer's text.
func (k *schemaKind) values(a *gemini.Answer) ([]any, string, error) {
	if strings.TrimSpace(a.Text) == "" && len(a.FunctionCalls) > 0 {
		return nil, "", nil // the model wants something done first
	}
	document, note, err := k.Read(a.Text)
	if err != nil {
		return nil, "", err
	}
	a.Text = string(document)
	if len(k.own) == 0 {
		return nil, note, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, "", fmt.Errorf("the top level: got %s, want object", document[:min(len(document), 20)])
	}
	values := make([]any, len(k.own))
	for i, c := range k.own {
		v, err := schema.Value(members[c.Name], c.Type)
		if err != nil {
			return nil, "", fmt.Errorf("/%s: %w", schema.EscapePointer(c.Name), err)
		}
		values[i] = v
		if schema.Beyond64(v, c.Type) {
			note = strings.TrimPrefix(fmt.Sprintf("%s; %s is beyond 64 bits, and empty in Parquet", note, c.Name), "; ")
		}
	}
	return values, note, nil
}

// checked reports whether a kind can find fault with an answer.
func checked(k kind) bool {
	switch k.(type) {
	case *promptKind, *rawKind:
		return false
	}
	return true
}
