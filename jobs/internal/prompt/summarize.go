package prompt

import (
	"fmt"

	"github.com/genbatch/genbatch/jobs/internal/template"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newSummarize returns the kind that asks for a summary of a text.
func newSummarize(s job, system *template.Template) (*kind, error) {
	c := s.Summarize
	if c.Text == "" && len(s.Media) == 0 {
		return nil, spec.Errorf(`say which text with text: "{{.body}}" under summarize:`, "summarize has no text")
	}
	if c.Words > 0 && c.Sentences > 0 {
		return nil, spec.Errorf("keep one of them", "summarize has both words and sentences")
	}
	text, err := s.newTemplate("text", c.Text)
	if err != nil {
		return nil, err
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
	instruction := fmt.Sprintf("Summarize "+subjectOf(s.Spec)+" in %s. Keep to what it says.", length)
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
	return newInstructionKind(s, instruction, text, system)
}
