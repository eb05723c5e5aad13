package sim

import "strings"

// candidates is how many answers are asked for.
func (q *apiRequest) candidates() int {
	n, ok := number(q.config["candidateCount"])
	if !ok {
		return 1
	}
	return int(n)
}

// wants reports whether the answer may hold a modality: all that the model has
// where the request names none.
func (q *apiRequest) wants(modality string) bool {
	asked := list(q.config["responseModalities"])
	for _, v := range asked {
		if s, _ := v.(string); strings.EqualFold(s, modality) {
			return true
		}
	}
	return len(asked) == 0
}

// logprobs returns whether log probabilities are asked for, and of how many tokens
// at each place besides the chosen one.
func (q *apiRequest) logprobs() (asked bool, top int) {
	asked, _ = q.config["responseLogprobs"].(bool)
	if n, ok := number(q.config["logprobs"]); ok {
		top = int(min(max(n, 0), 20))
	}
	return asked, top
}
