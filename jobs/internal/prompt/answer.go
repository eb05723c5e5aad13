package prompt

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
)

// An answerSchema checks answers by the job's schema, and makes columns of them.
type answerSchema struct {
	schema  *schema.Schema
	columns []batch.Column // the properties of the schema
}

// newAnswerSchema returns what checks the job's answers; nil where the job has no schema.
func newAnswerSchema(s *spec.Spec, set settings) (*answerSchema, error) {
	if len(s.Schema) == 0 {
		return newRequestSchema(s, set)
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
	columns, err := a.Columns()
	if err != nil {
		return nil, err
	}
	return &answerSchema{a, columns}, nil
}

// newRequestSchema returns what checks answers by the schema that stands under request:. It
// is sent as it is. It is nil if there is none that says what every answer is like.
func newRequestSchema(s *spec.Spec, set settings) (*answerSchema, error) {
	config := apijson.Config(s.Request)
	if mime, _ := apijson.Field(config, "responseMimeType").(string); s.Classify != nil || s.Raw != nil || mime != "application/json" || set.covers("generationConfig.responseMimeType") {
		return nil, nil
	}
	for _, name := range []string{"responseJsonSchema", "responseSchema"} {
		own := apijson.Field(config, name)
		if own == nil || set.covers("generationConfig."+name) {
			continue
		}
		text, err := apijson.Marshal(own)
		if err != nil {
			return nil, err
		}
		a, err := schema.Parse(text)
		if err == nil && a.Path != "" { // an endpoint would refuse the envelope
			err = spec.Errorf("put that part in its place, or give all of it with --schema FILE, which takes it out", "the schema itself stands at %s", a.Path)
		}
		var columns []batch.Column
		if err == nil {
			columns, err = a.Columns()
		}
		if err != nil {
			return nil, fmt.Errorf("request.generationConfig.%s: %w", name, err)
		}
		a.Said = nil // it is sent in the form in which it was given
		return &answerSchema{a, columns}, nil
	}
	return nil, nil
}

// contradicts returns how a row's own request contradicts the job's schema.
func (s *answerSchema) contradicts(body []byte) error {
	b, err := apijson.Parse(body)
	if err != nil {
		return err
	}
	config := b.Object("generationConfig")
	for _, name := range spec.SchemaFields {
		if own, ok := config[name]; ok && (name != "responseJsonSchema" || !bytes.Equal(own, s.schema.Text)) {
			return fmt.Errorf("the request has generationConfig.%s, and the job a schema", name)
		}
	}
	if mime := config["responseMimeType"]; string(mime) != `"application/json"` {
		return fmt.Errorf("the request has the responseMimeType %s, and the job a schema", mime)
	}
	return nil
}

// read returns what the document in an answer has for the columns, and puts the document
// in the place of the answer's text.
func (s *answerSchema) read(a *gemini.Answer) (values []any, note string, err error) {
	if strings.TrimSpace(a.Text) == "" && len(a.FunctionCalls) > 0 {
		return nil, "", nil // the model wants something done first
	}
	document, note, err := s.schema.Read(a.Text)
	if err != nil {
		return nil, "", err
	}
	a.Text = string(document)
	if len(s.columns) == 0 {
		return nil, note, nil
	}
	values, beyond, err := schema.Values(document, s.columns)
	if err != nil {
		return nil, "", err
	}
	for _, name := range beyond {
		note = strings.TrimPrefix(fmt.Sprintf("%s; %s is beyond 64 bits, and empty in Parquet", note, name), "; ")
	}
	return values, note, nil
}
