package prompt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Wording is the version of the texts that classify and summarize put around a
// row. They are part of the fingerprint, so a state folder keeps the version that
// it began with: add a version, never change one.
const Wording = 1

// A kind says what a row is asked and what its answer must be. Its methods are
// safe for concurrent use.
type kind interface {
	// render returns the body for a row. An error is the row's.
	render(row *batch.Row) ([]byte, error)

	// columns are the result columns of the kind's own, and values what an answer
	// holds for them; note says what had to be done to read it, mostly nothing. The
	// answer's text may be replaced by what was read. An error says how the answer
	// fails the check, in words that can be shown to the model.
	columns() []batch.Column
	values(a *gemini.Answer) (values []any, note string, err error)
}

// newKind returns the job's kind and the templates that it renders with.
func newKind(s *spec.Spec) (kind, []*rowTemplate, error) {
	var system *rowTemplate
	if s.System != "" {
		t, err := newTemplate("system", s.System)
		if err != nil {
			return nil, nil, err
		}
		system = t
	}
	switch {
	case s.Classify != nil:
		return newClassify(s, system)
	case s.Summarize != nil:
		return newSummarize(s, system)
	case s.Extract != nil:
		return newExtract(s, system)
	case s.Raw != nil:
		if system != nil {
			return nil, nil, spec.Errorf("put systemInstruction into request:", "system does not go with raw:")
		}
		return &rawKind{column: s.Raw.Column, defaults: s.Body(nil), model: s.Model}, nil, nil
	}
	prompt, err := newTemplate("prompt", s.Prompt)
	if err != nil {
		return nil, nil, err
	}
	fields := map[string]any{"contents": []any{apijson.TextContent("user", prompt)}}
	if system != nil {
		fields["systemInstruction"] = apijson.TextContent("", system)
	}
	body, err := newBody(s.Body(fields))
	return &promptKind{body: body}, templates(prompt, system), err
}

// templates returns those that are there.
func templates(list ...*rowTemplate) (given []*rowTemplate) {
	for _, t := range list {
		if t != nil {
			given = append(given, t)
		}
	}
	return given
}

// promptKind asks what a template says; summarize is one with words of its own.
type promptKind struct{ body *bodyTemplate }

func (k *promptKind) template() *bodyTemplate { return k.body }

func (k *promptKind) render(row *batch.Row) ([]byte, error) { return k.body.render(row) }

func (k *promptKind) columns() []batch.Column { return nil }

func (k *promptKind) values(*gemini.Answer) ([]any, string, error) { return nil, "", nil }

// instructionContent is the kind's own instruction, followed by the job's.
func instructionContent(text string, system *rowTemplate) map[string]any {
	content := apijson.TextContent("", strings.TrimSpace(text))
	if system != nil {
		content["parts"] = append(content["parts"].([]any), map[string]any{"text": system})
	}
	return content
}

func newSummarize(s *spec.Spec, system *rowTemplate) (kind, []*rowTemplate, error) {
	c := s.Summarize
	if c.Text == "" && len(s.Media) == 0 {
		return nil, nil, spec.Errorf(`say which text with text: "{{.body}}" under summarize:`, "summarize has no text")
	}
	if c.Words > 0 && c.Sentences > 0 {
		return nil, nil, spec.Errorf("keep one of them", "summarize has both words and sentences")
	}
	text, err := newTemplate("text", c.Text)
	if err != nil {
		return nil, nil, err
	}
	length := "at most 3 sentences"
	switch {
	case c.Words == 1:
		length = "one word"
	case c.Words > 1:
		length = fmt.Sprintf("at most %d words", c.Words)
	case c.Sentences == 1:
		length = "one sentence"
	case c.Sentences > 1:
		length = fmt.Sprintf("at most %d sentences", c.Sentences)
	}
	instruction := fmt.Sprintf("Summarize "+subjectOf(s)+" in %s. Keep to what it says.", length)
	switch c.Style {
	case "", "paragraph":
		instruction += " Write plain prose in one paragraph."
	case "bullets":
		instruction += ` Write a list, each point on a line of its own that begins with "- ".`
	case "headline":
		instruction += " Write it as a headline, without a full stop."
	default:
		instruction += " Style: " + c.Style + "."
	}
	if c.Language != "" {
		instruction += fmt.Sprintf(" Write in %s.", c.Language)
	} else {
		instruction += " Write in the language of the text."
	}
	instruction += " Answer with the summary alone."
	body, err := newBody(s.Body(map[string]any{
		"contents":          []any{apijson.TextContent("user", text)},
		"systemInstruction": instructionContent(instruction, system),
	}))
	return &promptKind{body: body}, templates(text, system), err
}

// rawKind takes each row as a request.
type rawKind struct {
	column   string
	defaults map[string]any // what the job's request: adds where the row has nothing
	model    string
	set      *overrides // may name another model
}

func (k *rawKind) columns() []batch.Column { return nil }

func (k *rawKind) values(*gemini.Answer) ([]any, string, error) { return nil, "", nil }

func (k *rawKind) render(row *batch.Row) ([]byte, error) {
	text, err := k.request(row)
	if err != nil {
		return nil, err
	}
	members, err := apijson.ParseAsWritten(text)
	if err != nil {
		return nil, fmt.Errorf("the request is no JSON object: %w", err)
	}
	// Batch files name the model in each request as well; it stands in the address
	// of the call.
	if m, ok := members["model"]; ok {
		var model string
		want, err := k.set.model(row, k.model)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(m, &model) != nil || strings.TrimPrefix(model, "models/") != strings.TrimPrefix(want, "models/") {
			return nil, fmt.Errorf("the request is for model %s, and the job for %q", m, want)
		}
	}
	if _, named := members["model"]; !named && len(k.defaults) == 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			return nil, err
		}
		return compact.Bytes(), nil
	}
	delete(members, "model")
	own, err := members.Decode()
	if err != nil {
		return nil, err
	}
	return apijson.Marshal(apijson.Merge(k.defaults, own))
}

// request returns the JSON text of a row's request: that of the column, or the
// row itself when it is a body.
func (k *rawKind) request(row *batch.Row) ([]byte, error) {
	column := k.column
	if column == "" {
		column = "request"
	}
	v, ok := row.Value(column)
	if !ok {
		if _, isBody := row.Value("contents"); isBody && k.column == "" && row.Raw != nil {
			return row.Raw, nil
		}
		return nil, fmt.Errorf("the row has no column %q with a request", column)
	}
	switch v := v.(type) {
	case json.RawMessage:
		return v, nil
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	case nil:
		return nil, fmt.Errorf("the column %q is empty", column)
	}
	return nil, fmt.Errorf("the column %q holds no request", column)
}

// subjectOf is what classify, summarize and extract are about, in their wording.
func subjectOf(s *spec.Spec) string {
	if len(s.Media) > 0 {
		return "what the user gives"
	}
	return "the text that the user gives"
}
