// Package prompt makes the model and the body of each row's request, by the job's kind,
// its templates and what rows set, and reads the answer as the kind understands it.
package prompt

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A Prompt makes the model and the body of each row's request, and reads what its
// answer says. It is safe for concurrent use.
type Prompt struct {
	kind      kind
	templates []*rowTemplate
	set       *overrides // nil: rows set nothing
	request   map[string]any
	canonical bool
	model     string // the job's
}

// New returns the Prompt of a job whose files have been read. Its errors are
// SpecErrors.
func New(s *spec.Spec) (*Prompt, error) {
	k, list, err := newKind(s)
	if err != nil {
		return nil, err
	}
	set, err := newOverrides(s)
	if err != nil {
		return nil, err
	}
	set.ownParts(s, bodyOf(k).skeleton())
	if raw, ok := k.(*rawKind); ok {
		raw.set = set
	}
	list = append(list, set.templates()...)
	if k, err = withSchema(s, k); err != nil {
		return nil, err
	}
	p := &Prompt{kind: k, templates: list, set: set, model: s.Model, request: bodyOf(k).skeleton()}
	if p.request == nil {
		p.request = s.Body(nil)
	}
	// What rows set may change a body in any way.
	t := bodyOf(k)
	p.canonical = t != nil && t.canonical && set == nil
	return p, nil
}

// Render returns the model that a row is asked of, and the body. An error is the
// row's.
func (p *Prompt) Render(row *batch.Row) (model string, body []byte, err error) {
	if model, err = p.set.model(row, p.model); err != nil {
		return "", nil, err
	}
	if body, err = p.kind.render(row); err != nil {
		return "", nil, err
	}
	body, err = p.set.apply(row, body)
	return model, body, err
}

// Canonical reports whether each body is as [batch.Canonical] returns it.
func (p *Prompt) Canonical() bool { return p.canonical }

// Request returns the part of the body that is the same for all rows, with what the
// kind adds to it. It is not to be changed.
func (p *Prompt) Request() map[string]any { return p.request }

// Set returns what each row says about its own request; nil: nothing.
func (p *Prompt) Set() *overrides { return p.set }

// Columns are the result columns of the job's kind.
func (p *Prompt) Columns() []batch.Column { return p.kind.columns() }

// Read returns what an answer holds for the columns; note says what had to be done to
// read it, mostly nothing. The answer's text may be replaced by what was read. An
// error says how the answer fails the check, in words that can be shown to the model.
func (p *Prompt) Read(a *gemini.Answer) (values []any, note string, err error) {
	return p.kind.values(a)
}

// Checks reports whether Read can find fault with an answer.
func (p *Prompt) Checks() bool { return checked(p.kind) }

// CheckColumns returns an error when a template names a column that is not among
// those of the input.
func (p *Prompt) CheckColumns(input []string) error {
	for _, t := range p.templates {
		if err := t.checkColumns(input); err != nil {
			return err
		}
	}
	return nil
}

// Showing returns the options whose templates show the model a column.
func (p *Prompt) Showing(column string) (options []string) {
	for _, t := range p.templates {
		if t.all || slices.Contains(t.uses, column) {
			options = append(options, t.name)
		}
	}
	return options
}

// SchemaWarnings says what is known beforehand to go wrong with the job's schema, or
// not to be heeded. ok is false for a job without one.
func (p *Prompt) SchemaWarnings() (warnings []string, ok bool) {
	k, ok := p.kind.(*schemaKind)
	if !ok {
		return nil, false
	}
	return k.Warnings(), true
}

// Classification returns what asks for labels; nil: the job is of another kind.
func (p *Prompt) Classification() *Classification {
	k, _ := p.kind.(*Classification)
	return k
}
