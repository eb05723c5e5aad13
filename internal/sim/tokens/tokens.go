// Package tokens says how probable the tokens of an answer are.
package tokens

import (
	"math"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A Result is the logprobsResult of an answer.
// https://ai.google.dev/api/generate-content#logprobsresult
type Result struct {
	Chosen []Candidate     `json:"chosenCandidates"`
	Top    []TopCandidates `json:"topCandidates,omitempty"`
}

// TopCandidates are the most probable tokens at one place, the chosen one first.
type TopCandidates struct {
	Candidates []Candidate `json:"candidates"`
}

// A Candidate is a token with the logarithm of its probability.
type Candidate struct {
	Token string  `json:"token"`
	ID    int     `json:"tokenId"`
	Log   float64 `json:"logProbability"`
}

// A Choice is a place in a text where the model could have gone on in another way.
type Choice struct {
	At int     // in bytes
	P  float64 // of what it chose, above 0
}

// Plain are the choices in a text that holds no label.
func Plain() []Choice { return []Choice{{0, 0.9}} }

// Logprobs are what an answer says of the probability of its tokens. The zero value says
// nothing.
type Logprobs struct {
	Asked bool
	Top   int      // so many candidates at each token, the chosen one included
	Text  string   // that the choices were made in
	Made  []Choice // in their order, at least one
}

// Of returns the log probabilities of a text, and their mean. The token in which a choice
// falls has its probability, and all others are nearly certain. A text in which no choice
// was made, because a fault has changed it, is chosen as a whole. The result is nil for an
// empty text.
func (l *Logprobs) Of(text string) (average float64, out *Result) {
	choices := l.Made
	if !strings.HasPrefix(l.Text, text) && len(choices) > 0 {
		choices = []Choice{{0, choices[0].P}}
	}
	out = &Result{}
	sum, start := 0.0, 0
	for rest := text; rest != ""; {
		token := wire.Clip(rest, min(len(rest), 4))
		if token == "" {
			token = wire.Clip(rest, 8)
		}
		if token == "" {
			break
		}
		rest = rest[len(token):]
		p := 0.9999
		for len(choices) > 0 && choices[0].At < start+len(token) {
			p *= overconfident(choices[0].P)
			choices = choices[1:]
		}
		start += len(token)
		chosen := Candidate{token, int(chance.Hash(token) % 262144), math.Log(p)}
		sum += chosen.Log
		out.Chosen = append(out.Chosen, chosen)
		if l.Top == 0 {
			continue
		}
		top := TopCandidates{[]Candidate{chosen}}
		for i := 1; i < l.Top; i++ {
			other := Candidate{" " + strings.Repeat("?", i), i, math.Log((1 - p) / float64(int(1)<<i))}
			top.Candidates = append(top.Candidates, other)
		}
		out.Top = append(out.Top, top)
	}
	if len(out.Chosen) == 0 {
		return 0, nil
	}
	return sum / float64(len(out.Chosen)), out
}

// overconfident returns a higher probability: models that were trained to please are surer of
// themselves than they are right.
func overconfident(p float64) float64 { return 1 - math.Pow(1-p, 5) }
