package sim

import (
	"math"
	"strings"
)

// A usage is usageMetadata as the simulator reports it.
type usage struct {
	Prompt            int            `json:"promptTokenCount,omitempty"`
	Candidates        int            `json:"candidatesTokenCount,omitempty"`
	Total             int            `json:"totalTokenCount,omitempty"`
	TrafficType       string         `json:"trafficType,omitempty"`
	PromptDetails     []tokensDetail `json:"promptTokensDetails,omitempty"`
	CandidatesDetails []tokensDetail `json:"candidatesTokensDetails,omitempty"`
	Thoughts          int            `json:"thoughtsTokenCount,omitempty"`
	ToolUse           int            `json:"toolUsePromptTokenCount,omitempty"`
	ToolUseDetails    []tokensDetail `json:"toolUsePromptTokensDetails,omitempty"`
	ServiceTier       string         `json:"serviceTier,omitempty"`
	Cached            int            `json:"cachedContentTokenCount,omitempty"`
}

type tokensDetail struct {
	Modality string `json:"modality"`
	Tokens   int    `json:"tokenCount"`
}

// countText estimates the tokens of a text: four ASCII characters a token, two of
// the other alphabets, one of the scripts from Chinese to Korean.
func countText(s string) int {
	quarters := 0
	for _, r := range s {
		switch {
		case r < 0x80:
			quarters++
		case r < 0x2E80:
			quarters += 2
		default:
			quarters += 4
		}
	}
	return (quarters + 3) / 4
}

// countPrompt counts a prompt by modality. Media are priced by the published rates
// where their size does not matter, and by their bytes where it would take a
// decoder to know: https://ai.google.dev/gemini-api/docs/tokens
func (q *apiRequest) countPrompt(m *model) []tokensDetail {
	level, _ := q.config["mediaResolution"].(string)
	media := mediaCount{old: m == nil || strings.HasPrefix(m.name, "gemini-2"), level: level, tokens: map[string]int{}}
	count := func(c content) {
		for _, p := range c.parts {
			if p.mime == "" && p.uri == "" {
				media.tokens["TEXT"] += countText(p.text)
			} else {
				media.add(p)
			}
		}
	}
	count(q.system)
	for _, c := range q.contents {
		count(c)
	}
	var details []tokensDetail
	for _, modality := range [...]string{"TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT"} {
		if n := media.tokens[modality]; n > 0 {
			details = append(details, tokensDetail{modality, n})
		}
	}
	return details
}

func sumTokens(details []tokensDetail) int {
	n := 0
	for _, d := range details {
		n += d.Tokens
	}
	return n
}

// medianThoughts are the medians of the thinking tokens by level.
var medianThoughts = map[string]float64{"off": 0, "minimal": 0, "low": 90, "medium": 300, "high": 800}

// thoughts draws how many tokens the model thinks about this request: log-normal
// around the median of the level, since that is how thinking is spread in real
// runs, and by hash alone, so that it repeats.
func thoughts(q *apiRequest, m *model, hash uint64) int {
	median := medianThoughts[m.level(q.thinking)]
	if median == 0 {
		return 0
	}
	n := int(median * math.Exp(0.7*normal(hash)))
	if q.thinking.hasBudget && q.thinking.budget > 0 {
		n = min(n, q.thinking.budget)
	}
	return max(n, 1)
}

// normal turns a hash into a draw from the standard normal distribution.
// https://en.wikipedia.org/wiki/Box-Muller_transform
func normal(hash uint64) float64 {
	u := (float64(mix(hash)>>11) + 1) / (1 << 53)
	v := unit(mix(hash + 1))
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// unit turns a hash into a number in [0, 1).
func unit(hash uint64) float64 { return float64(hash>>11) / (1 << 53) }

// mix is splitmix64's finalizer: it makes one hash out of another.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// hashText hashes a text: FNV-1a, mixed.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}
