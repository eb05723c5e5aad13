package spec

import (
	"encoding/json"
	"slices"

	"github.com/genbatch/genbatch/internal/redact"
)

// SameQuestion reports whether two Specs ask the same, as far as they themselves say.
func SameQuestion(a, b *Spec) bool {
	asks := func(s *Spec) string {
		text, err := json.Marshal([]any{
			s.Model, s.Prompt, s.Classify, s.Summarize, s.Extract, s.Raw, s.Schema, s.System, s.Request, s.MaxOutputTokens, s.Media, s.Set,
		})
		if err != nil { // it was read from JSON or YAML: out of reach, and only a warning depends on it
			return ""
		}
		return string(text)
	}
	return asks(a) == asks(b)
}

// WithoutSecrets returns the Spec as it can be stored. What only sending needs is
// not missed: nothing is sent for a Spec that was read from a state folder.
func (s Spec) WithoutSecrets() Spec {
	s.Force = false // was said of one run
	s.Header = slices.Clone(s.Header)
	for i, pair := range s.Header {
		s.Header[i] = redact.Header(pair)
	}
	var r redact.Redactor
	s.Endpoint, s.BaseURL = r.String(s.Endpoint), r.String(s.BaseURL)
	return s
}
