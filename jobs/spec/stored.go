package spec

import (
	"encoding/json"
	"slices"

	"github.com/genbatch/genbatch/internal/redact"
)

// WithoutSecrets returns the Spec as it can be stored. Header values and addresses that hold
// secrets are made unreadable. Only sending needs them, and nothing is sent for a Spec that
// was read from a state folder.
func (s Spec) WithoutSecrets() Spec {
	s.Force = false // the user said it about one run only
	s.Header = slices.Clone(s.Header)
	for i, pair := range s.Header {
		s.Header[i] = redact.Header(pair)
	}
	var r redact.Redactor
	s.Endpoint, s.BaseURL = r.String(s.Endpoint), r.String(s.BaseURL)
	return s
}

// SameQuestion reports whether two Specs ask the same question about a row, as far as the
// Specs themselves tell: files that they name are not read.
func SameQuestion(a, b *Spec) bool {
	question := func(s *Spec) string {
		text, err := json.Marshal([]any{
			s.Model, s.Prompt, s.Classify, s.Summarize, s.Extract, s.Raw, s.Schema, s.System, s.Request, s.MaxOutputTokens, s.Media, s.Set,
		})
		if err != nil { // impossible for what was read from JSON or YAML, and only a warning depends on it
			return ""
		}
		return string(text)
	}
	return question(a) == question(b)
}
