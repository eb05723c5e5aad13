package prompt

import (
	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newExtract returns the kind that asks for what a text says, in the form of a schema.
func newExtract(s job, system *template.Template) (*kind, error) {
	if s.Extract.Text == "" && len(s.Media) == 0 {
		return nil, spec.Errorf(`say which text with --text "{{.body}}", or text: under extract:`, "extract has no text")
	}
	if len(s.Schema) == 0 {
		return nil, spec.Errorf("give a JSON Schema with --schema FILE, or schema: under extract:", "extract has no schema")
	}
	text, err := s.newTemplate("text", s.Extract.Text)
	if err != nil {
		return nil, err
	}
	it := "the text"
	if len(s.Media) > 0 {
		it = "it"
	}
	instruction := "Extract from " + subjectOf(s.Spec) + " what the JSON Schema of the answer describes. " +
		"Keep to what " + it + " says, and add nothing to it. What it does not say is null where the schema allows that, " +
		"and is left out where it is not required. Answer with the JSON alone."
	return newInstructionKind(s, instruction, text, system)
}
