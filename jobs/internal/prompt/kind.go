package prompt

import (
	"errors"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// Wording is the version of the texts that classify and summarize put around a
// row, and of how templates write a row's values. They are part of the fingerprint,
// so a state folder keeps the version that it began with: add a version, never
// change one. In version 2 only the values of templates are written otherwise.
const Wording = template.Latest

// A job is a Spec with the version of the wording in which its requests are made.
type job struct {
	*spec.Spec
	wording int
}

// newTemplate parses a template; option is how messages call it.
func (j job) newTemplate(option, text string) (*template.Template, error) {
	return template.New(option, text, j.wording)
}

// A kind is what a job asks of its rows: it makes the bodies of their requests and reads
// the answers. It is safe for concurrent use.
type kind struct {
	// One of them makes the bodies, and the other is nil.
	body *bodyTemplate // with templates for what is the row's
	raw  *rawRequests  // of rows that bring their own requests

	templates []*template.Template // of the body

	// One of them at most reads the answers. If both are nil, answers are text.
	classification *Classification
	answers        *answerSchema
}

// render returns the body for a row that asks the model. An error is the row's.
func (k *kind) render(row *batch.Row, model string) ([]byte, error) {
	if k.raw == nil {
		return k.body.render(row)
	}
	body, err := k.raw.render(row, model)
	if err == nil && k.answers != nil {
		err = k.answers.contradicts(body)
	}
	return body, err
}

// columns returns the result columns that the kind adds.
func (k *kind) columns() []batch.Column {
	switch {
	case k.classification != nil:
		return k.classification.columns()
	case k.answers != nil:
		return k.answers.columns
	}
	return nil
}

// read is [Prompt.Read].
func (k *kind) read(a *gemini.Answer) (values []any, note string, err error) {
	switch {
	case k.classification != nil:
		return k.classification.read(a)
	case k.answers != nil:
		return k.answers.read(a)
	}
	return nil, "", nil
}

// errCut says of an answer that what it lacks cannot be known.
var errCut = errors.New("the answer was cut before its end")

// readCut is [Prompt.ReadCut]. It goes by the JSON with which an answer begins, or else by a
// label alone.
func (k *kind) readCut(a *gemini.Answer) (values []any, note string, err error) {
	document, ok := schema.Whole(a.Text)
	switch {
	case k.answers != nil && ok, k.classification != nil && ok:
		own := *a
		own.Text = string(document)
		if values, note, err = k.read(&own); err == nil {
			a.Text = own.Text
		}
	case k.classification != nil && k.classification.endsWithLabel(a.Text):
		values, note, err = k.read(a)
	default:
		return nil, "", errCut
	}
	if err != nil {
		return nil, "", err
	}
	return values, strings.TrimPrefix(note+"; the answer was whole before it was cut at a limit", "; "), nil
}

// checks reports whether read can find fault with an answer.
func (k *kind) checks() bool { return k.classification != nil || k.answers != nil }

// newKind returns the job's kind, still without the schema of its answers.
func newKind(s job) (*kind, error) {
	var system *template.Template
	if s.System != "" {
		t, err := s.newTemplate("system", s.System)
		if err != nil {
			return nil, err
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
			return nil, spec.Errorf("put systemInstruction into request:", "system does not go with raw:")
		}
		return &kind{raw: &rawRequests{column: s.Raw.Column, defaults: s.Body(nil)}}, nil
	}
	prompt, err := s.newTemplate("prompt", s.Prompt)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{"contents": []any{apijson.TextContent("user", prompt)}}
	if system != nil {
		fields["systemInstruction"] = apijson.TextContent("", system)
	}
	return newTextKind(s, fields, prompt, system)
}

// newTextKind returns a kind whose bodies have these fields beside the job's own. They
// are rendered with the templates, of which some may be nil.
func newTextKind(s job, fields map[string]any, list ...*template.Template) (*kind, error) {
	body, err := newBody(s.Body(fields))
	if err != nil {
		return nil, err
	}
	return &kind{body: body, templates: slices.DeleteFunc(list, func(t *template.Template) bool { return t == nil })}, nil
}

// newInstructionKind returns a kind that shows the model a text below an instruction of
// the kind's own. The job's system instruction follows that one.
func newInstructionKind(s job, instruction string, text, system *template.Template) (*kind, error) {
	return newTextKind(s, map[string]any{
		"contents":          []any{apijson.TextContent("user", text)},
		"systemInstruction": instructionContent(instruction, system),
	}, text, system)
}

// instructionContent is the kind's own instruction, followed by the job's.
func instructionContent(text string, system *template.Template) map[string]any {
	content := apijson.TextContent("", strings.TrimSpace(text))
	if system != nil {
		content["parts"] = append(content["parts"].([]any), map[string]any{"text": system})
	}
	return content
}

// subjectOf is what classify, summarize and extract are about, in their wording.
func subjectOf(s *spec.Spec) string {
	if len(s.Media) > 0 {
		return "what the user gives"
	}
	return "the text that the user gives"
}
