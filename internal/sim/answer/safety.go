package answer

import (
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// alarmingWords raise the probability of a category: one of them to LOW, two to MEDIUM,
// more to HIGH.
var alarmingWords = map[string][]string{
	"HARM_CATEGORY_HARASSMENT":        {"idiot", "stupid", "loser", "moron", "threat"},
	"HARM_CATEGORY_HATE_SPEECH":       {"hate", "vermin", "subhuman"},
	"HARM_CATEGORY_SEXUALLY_EXPLICIT": {"porn", "nude", "sex", "naked"},
	"HARM_CATEGORY_DANGEROUS_CONTENT": {"bomb", "weapon", "explosive", "poison", "murder", "kill"},
}

// probabilities are the levels of a rating, the lowest first.
var probabilities = []string{"NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"}

// blockedFrom is the lowest probability that a threshold blocks. Any other threshold
// blocks nothing.
var blockedFrom = map[string]int{"BLOCK_LOW_AND_ABOVE": 1, "BLOCK_MEDIUM_AND_ABOVE": 2, "BLOCK_ONLY_HIGH": 3}

// ratings rates the prompt in each category that the request names. blocked says that
// one of them blocks the answer.
func (t *Turn) ratings() (rated []safetyRating, blocked bool) {
	for _, s := range t.Request.Settings {
		level := 0
		for w := range words(wire.Clip(t.Prompt.User, 20000)) {
			for _, bad := range alarmingWords[s.Category] {
				if w == bad || w == bad+"s" {
					level = min(level+1, len(probabilities)-1)
				}
			}
		}
		r := safetyRating{Category: s.Category, Probability: probabilities[level]}
		if t.Dialect == wire.Vertex {
			r.ProbabilityScore = 0.02 + 0.3*float64(level)
			r.Severity, r.SeverityScore = "HARM_SEVERITY_"+probabilities[level], 0.04+0.3*float64(level)
		}
		if from := blockedFrom[strings.ToUpper(s.Threshold)]; from > 0 && level >= from {
			r.Blocked, blocked = true, true
		}
		rated = append(rated, r)
	}
	return rated, blocked
}
