package wire

// A Usage is the usageMetadata of an answer.
type Usage struct {
	Prompt            int            `json:"promptTokenCount,omitempty"`
	Candidates        int            `json:"candidatesTokenCount,omitempty"`
	Total             int            `json:"totalTokenCount,omitempty"`
	TrafficType       string         `json:"trafficType,omitempty"`
	PromptDetails     []TokensDetail `json:"promptTokensDetails,omitempty"`
	CandidatesDetails []TokensDetail `json:"candidatesTokensDetails,omitempty"`
	Thoughts          int            `json:"thoughtsTokenCount,omitempty"`
	ToolUse           int            `json:"toolUsePromptTokenCount,omitempty"`
	ToolUseDetails    []TokensDetail `json:"toolUsePromptTokensDetails,omitempty"`
	ServiceTier       string         `json:"serviceTier,omitempty"`
	Cached            int            `json:"cachedContentTokenCount,omitempty"`
}

// A TokensDetail counts the tokens of one modality.
type TokensDetail struct {
	Modality string `json:"modality"`
	Tokens   int    `json:"tokenCount"`
}

// Sum returns the tokens of all modalities.
func Sum(details []TokensDetail) int {
	n := 0
	for _, d := range details {
		n += d.Tokens
	}
	return n
}
