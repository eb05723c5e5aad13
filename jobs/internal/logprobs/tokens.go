package logprobs

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch/gemini"
)

// Tokens are the tokens of an answer's text, in order. They have its thoughts nowhere among
// them (recorded).
type Tokens []Token

// A Token is a piece of the text.
type Token struct {
	Text string
	// Logprob is the natural logarithm of the probability that the model gave to this token
	// after those before. It is at most 0, and NaN if it is not known. Where a schema binds the
	// answer, the tokens that it forbids have no part in the probability.
	Logprob float64
}

// TokensOf returns the tokens that the model chose, with their probabilities. There are none
// if the request did not ask with responseLogprobs, and where that is not served.
func TokensOf(d *gemini.Details) Tokens {
	var all Tokens
	for _, raw := range d.Logprobs {
		var result struct {
			ChosenCandidates []struct {
				Token          string          `json:"token"`
				LogProbability json.RawMessage `json:"logProbability"` // left out for 0; NaN is a text
			} `json:"chosenCandidates"`
		}
		if json.Unmarshal(raw, &result) != nil {
			continue // not the API's own form
		}
		for _, c := range result.ChosenCandidates {
			t := Token{Text: c.Token}
			if len(c.LogProbability) > 0 {
				f, err := strconv.ParseFloat(string(bytes.Trim(c.LogProbability, `"`)), 64)
				if err != nil || f > 0 {
					f = math.NaN()
				}
				t.Logprob = f
			}
			all = append(all, t)
		}
	}
	return all
}

// Probability returns how probable the bytes from..to of the answer's text were, after those
// before them: the product of the probabilities of all tokens that have a part in them. It
// reports false if that is not known, such as when the tokens do not spell the text.
func (l Tokens) Probability(text string, from, to int) (p float64, ok bool) {
	var b strings.Builder
	for _, t := range l {
		b.WriteString(t.Text)
	}
	// White space at its ends may be missing of the text, or of the tokens.
	trimmed := strings.TrimSpace(text)
	at := strings.LastIndex(b.String(), trimmed)
	if at < 0 || trimmed == "" {
		return 0, false
	}
	at -= strings.Index(text, trimmed)
	from, to = from+at, to+at

	sum, end, covered := 0.0, 0, false
	for _, t := range l {
		start := end
		end += len(t.Text)
		if start < to && end > from {
			sum += t.Logprob
			covered = true
		}
	}
	return math.Exp(sum), covered && !math.IsNaN(sum)
}
