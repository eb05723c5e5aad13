package logprobs

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/recordedtest"
)

// tokens are an answer's tokens as the API has them, each with the probability that follows it.
func tokensResult(list ...any) string {
	text := ""
	for i := 0; i < len(list); i += 2 {
		token, _ := json.Marshal(list[i])
		text += fmt.Sprintf(`,{"token":%s,"tokenId":%d,"logProbability":%v}`, token, i, list[i+1])
	}
	return `{"chosenCandidates":[` + text[1:] + `]}`
}

// A label has the probability of the tokens that spell it, wherever they begin and end.
func TestProbabilityOfLabel(t *testing.T) {
	ln := math.Log
	object := tokensResult(`{"`, ln(0.99), `label`, 0, `":"`, 0, `bil`, ln(0.8), `ling`, ln(0.5), `"}`, ln(0.9))
	for _, tt := range []struct {
		name, text, result string
		from, to           int
		want               float64 // 0: not known
	}{
		{"whole answer", "billing", tokensResult("bil", ln(0.8), "ling", ln(0.5)), 0, 7, 0.4},
		{"first token alone", "billing", tokensResult("bil", ln(0.8), "ling", ln(0.5)), 0, 3, 0.8},
		{"within an object", `{"label":"billing"}`, object, 10, 17, 0.4},
		{"with its end", `{"label":"billing"}`, object, 10, 18, 0.36},
		{"token that holds the quote too", `{"label":"a"}`, tokensResult(`{"label":`, 0, `"a"`, ln(0.3), `}`, ln(0.1)), 10, 12, 0.3},
		{"a line's end follows", "billing", tokensResult("billing", ln(0.7), "\n", ln(0.2)), 0, 7, 0.7},
		{"white space only in the text", "\nbilling ", tokensResult("billing", ln(0.7)), 1, 8, 0.7},
		{"the thoughts come too", "billing", tokensResult("is it billing?", ln(0.1), "billing", ln(0.7)), 0, 7, 0.7},
		{"probability 1 is left out", "a", `{"chosenCandidates":[{"token":"a"}]}`, 0, 1, 1},
		{"other letters than ASCII", "đơn", tokensResult("đ", ln(0.5), "ơn", ln(0.5)), 0, len("đơn"), 0.25},
		{"forbidden by the schema", "a", tokensResult("a", -1.2676506e30), 0, 1, math.SmallestNonzeroFloat64},
		{"number as text", "a", tokensResult("a", `"-0.5"`), 0, 1, math.Exp(-0.5)},
		{"NaN", "a", tokensResult("a", `"NaN"`), 0, 1, 0},
		{"above 1", "a", tokensResult("a", 0.5), 0, 1, 0},
		{"other text", "b", tokensResult("a", -0.5), 0, 1, 0},
		{"no text", " ", tokensResult(" ", -0.5), 0, 1, 0},
		{"another form", "a", `{"chosenCandidates":7}`, 0, 1, 0},
	} {
		raw := `{"candidates":[{"content":{"parts":[{"text":"x"}]},"logprobsResult":` + tt.result + `}]}`
		got, ok := TokensOf(gemini.ParseDetails(json.RawMessage(raw))).Probability(tt.text, tt.from, tt.to)
		if ok != (tt.want != 0) || math.Abs(got-tt.want) > 1e-12 && ok {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, ok, tt.want)
		}
	}
}

// A stream has the tokens of each event.
func TestTokensOfStream(t *testing.T) {
	event := func(text string, p float64) string {
		return `{"candidates":[{"content":{"parts":[{"text":"` + text + `"}]},"logprobsResult":` + tokensResult(text, math.Log(p)) + `}]}`
	}
	d := gemini.ParseDetails(json.RawMessage("[" + event("bil", 0.8) + "," + event("ling", 0.5) + "]"))
	if p, ok := TokensOf(d).Probability("billing", 0, 7); !ok || math.Abs(p-0.4) > 1e-12 {
		t.Errorf("%v, %v, want 0.4", p, ok)
	}
}

// What Vertex AI was recorded to answer, with and without thoughts and alternatives, spells the
// text of each answer.
func TestTokensRecorded(t *testing.T) {
	type recorded struct {
		Response json.RawMessage `json:"response"`
	}
	seen := 0
	for i, r := range recordedtest.Lines[recorded](t, "recorded.jsonl") {
		d := gemini.ParseDetails(r.Response)
		if len(d.Logprobs) == 0 || len(d.Candidates) == 0 {
			continue
		}
		seen++
		text := d.Candidates[0]
		if p, ok := TokensOf(d).Probability(text, 0, len(text)); !ok || p <= 0.9 || p > 1 {
			t.Errorf("line %d: the probability of %q is %v, %v", i+1, text, p, ok)
		}
	}
	if seen == 0 {
		t.Error("no recorded answer has log probabilities")
	}
}
