package logprobs

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch/gemini"
)

// A label is as sure as its tokens, and a list as the least sure of its decisions.
func TestConfidence(t *testing.T) {
	ln := math.Log
	for _, tt := range []struct {
		name, member string
		tokens       []any
		want         float64 // 0: not known
	}{
		{"label alone", "", []any{"bil", ln(0.8), "ling", ln(0.5)}, 0.4},
		{"label in quotes", "", []any{`"`, ln(0.1), "bill", ln(0.8), `"`, ln(0.5)}, 0.4},
		{"member", "label", []any{`{"rationale":"billing, since `, ln(0.1), `…","label": "`, ln(0.9), "bill", ln(0.8), `"}`, ln(0.5)}, 0.4},
		{"one of several", "urgent", []any{`{"topic":"`, 0, "a", ln(0.2), `","urgent":"`, 0, "yes", ln(0.7), `"`, 0, "}", ln(0.1)}, 0.7},
		{"of two the last", "a", []any{`{"a":"`, 0, "x", ln(0.2), `","a":"`, 0, "y", ln(0.3), `"}`, 0}, 0.3},
		{"missing member", "b", []any{`{"a":"x"}`, 0}, 0},
		{"no object", "b", []any{`{"a`, 0}, 0},
		{"list", "labels", []any{`{"labels":["`, ln(0.1), "a", ln(0.9), `","`, ln(0.8), "b", ln(0.7), `"`, 0, `]}`, ln(0.95)}, 0.7},
		{"end of a list", "labels", []any{`{"labels":["`, 0, "a", ln(0.9), `"`, 0, `]`, ln(0.6), `}`, ln(0.1)}, 0.6},
		{"label that may go on", "", []any{`["`, ln(0.1), "a", ln(0.9), `","`, ln(0.5), "b", ln(0.95), `"]`, ln(0.9)}, 0.45},
		{"empty list", "", []any{"[", ln(0.8), "]", ln(0.5)}, 0.4},
	} {
		text := ""
		for i := 0; i < len(tt.tokens); i += 2 {
			text += tt.tokens[i].(string)
		}
		raw := `{"candidates":[{"content":{"parts":[{"text":"x"}]},"logprobsResult":` + tokensResult(tt.tokens...) + `}]}`
		tokens := TokensOf(gemini.ParseDetails(json.RawMessage(raw)))
		got, ok := tokens.Confidence(text, 0, len(text), tt.member)
		if ok != (tt.want != 0) || math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, ok, tt.want)
		}
		// Fences around it change nothing.
		if !strings.HasPrefix(text, "{") || tt.want == 0 {
			continue
		}
		fenced := append(append(Tokens{{"```json\n", 0}}, tokens...), Token{"\n```", 0})
		got, ok = fenced.Confidence("```json\n"+text+"\n```", 8, 8+len(text), tt.member)
		if !ok || math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s in fences: %v, %v, want %v", tt.name, got, ok, tt.want)
		}
	}
	if p, ok := (Tokens)(nil).Confidence("a", 0, 1, ""); ok {
		t.Errorf("without tokens: %v", p)
	}
}
