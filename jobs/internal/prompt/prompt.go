// Package prompt makes the model and the body of each row's request, by the job's kind,
// its templates and what rows set, and reads the answer as the kind understands it.
//
// A job has one [Prompt]. Its kind (prompt, classify, summarize, extract or raw) gives the
// body, and templates put columns of the row into it. What the job's set says of each row
// is laid over that. The answer of a classification, or of a job with a schema, is checked
// and becomes columns; other answers are text.
//
// A row is known by its body, and bodies are made anew in each pass over the input. So the
// words that a kind puts around a row never change within a version ([Wording]), the text
// between templates is marshalled once, and templates that do little are not executed.
package prompt

import (
	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Prompt makes the model and the body of each row's request, and reads what its
// answer says. It is safe for concurrent use.
type Prompt struct {
	spec      *spec.Spec
	kind      *kind
	templates []*template.Template // all of them, also those of set
	set       settings
	request   map[string]any // what all rows have in common, with what the kind adds
	canonical bool           // see Canonical
	wording   int            // see Wording
	model     string         // the job's
	noAnswers noAnswers      // texts that come as answers and are none

	// Judge holds answers to the job's own checks. Whoever knows the input's columns puts one
	// in its place that knows them, before rows are asked.
	Judge *Judge
}

// New returns the Prompt of a job whose files have been read. The wording is that of the
// job's state folder, or [Wording] for a new one. Its errors are of the type [spec.Error].
func New(s *spec.Spec, wording int) (*Prompt, error) {
	set, err := newSettings(job{s, wording})
	if err != nil {
		return nil, err
	}
	answers, err := newAnswerSchema(s, set)
	if err != nil {
		return nil, err
	}
	if len(s.Schema) > 0 { // it may have been given in another form
		adopted := *s
		adopted.Schema = spec.Schema(answers.schema.Text)
		s = &adopted
	}
	k, err := newKind(job{s, wording})
	if err != nil {
		return nil, err
	}
	k.answers = answers
	p := &Prompt{spec: s, kind: k, templates: append(k.templates, set.templates()...), set: set, model: s.Model, wording: wording}
	if p.noAnswers, err = newNoAnswers(s); err != nil {
		return nil, err
	}
	if k.body != nil {
		p.request = k.body.skeleton()
		p.canonical = k.body.canonical && len(s.Set) == 0 // what rows set may change a body in any way
	} else {
		p.request = k.raw.defaults
	}
	p.set.own = ownParts(s, p.request)
	p.Judge, err = NewJudge(p, nil)
	return p, err
}

// Wording returns the version of the wording in which the requests are made.
func (p *Prompt) Wording() int { return p.wording }

// Render returns the body of a row's request, and the model that it asks. An error says
// what is wrong with the row.
func (p *Prompt) Render(row *batch.Row) (model string, body []byte, err error) {
	if model, err = p.set.model(row, p.model); err != nil {
		return "", nil, err
	}
	if body, err = p.kind.render(row, model); err != nil {
		return "", nil, err
	}
	body, err = p.set.apply(row, body)
	return model, body, err
}

// Canonical reports whether each body is already as [batch.Canonical] returns it. Its
// fingerprint can then be taken without a look into it.
func (p *Prompt) Canonical() bool { return p.canonical }

// Common returns what the requests of all rows have in common: the model, and the body with
// what the kind adds and what set makes the same of every row. Texts that are the row's are
// empty in it. The body is not to be changed.
func (p *Prompt) Common() (request map[string]any, model string, err error) {
	same, _ := p.set.split()
	return same.over(p.request, p.model)
}

// Sets reports whether the job sets the field at the path, a part of it, or a field that
// it is part of. The path "model" is that of the row's model.
func (p *Prompt) Sets(path string) bool { return p.set.covers(path) }

// Varies is [Prompt.Sets] for what may be another in each row.
func (p *Prompt) Varies(path string) bool {
	_, byRow := p.set.split()
	return byRow.covers(path)
}

// SharesCache reports whether all requests name the same cached content.
func (p *Prompt) SharesCache() bool {
	if p.kind.raw != nil || p.Varies("cachedContent") {
		return false // each row may name another
	}
	request, _, err := p.Common()
	return err == nil && apijson.Field(request, "cachedContent") != nil
}

// Columns returns the result columns of the job's kind.
func (p *Prompt) Columns() []batch.Column { return p.kind.columns() }

// Read returns what an answer holds for the columns. The note says what had to be done to
// read it, which is mostly nothing. The answer's text may be replaced by what was read. An
// error says how the answer fails the check, in words that can be shown to the model.
func (p *Prompt) Read(a *gemini.Answer) (values []any, note string, err error) {
	return p.kind.read(a)
}

// ReadCut is [Prompt.Read] for an answer that was cut at a limit. It returns an error unless
// what the columns want is there as a whole, such as JSON that ends before the cut.
func (p *Prompt) ReadCut(a *gemini.Answer) (values []any, note string, err error) {
	return p.kind.readCut(a)
}

// Checks reports whether Read can find fault with an answer.
func (p *Prompt) Checks() bool { return p.kind.checks() }

// CheckColumns returns an error when a template names a column that is not among
// those of the input.
func (p *Prompt) CheckColumns(input []string) error {
	for _, t := range p.templates {
		if err := t.CheckColumns(input); err != nil {
			return err
		}
	}
	return nil
}

// Showing returns the options of the job whose templates show the model a column.
func (p *Prompt) Showing(column string) (options []string) {
	for _, t := range p.templates {
		if t.Shows(column) {
			options = append(options, t.Name())
		}
	}
	return options
}

// Schema returns what the answers are checked by; nil for a job without a schema.
func (p *Prompt) Schema() *schema.Schema {
	if p.kind.answers == nil {
		return nil
	}
	return p.kind.answers.schema
}

// IgnoresSchema returns what reports whether a text was written without knowledge of the job's
// schema. It is nil for a job without one.
func (p *Prompt) IgnoresSchema() func(text string) bool {
	if p.kind.answers == nil {
		return nil
	}
	return p.kind.answers.schema.Ignored
}

// Classification returns what asks for labels. It is nil when the job is of another kind.
func (p *Prompt) Classification() *Classification { return p.kind.classification }
