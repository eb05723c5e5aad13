package preflight

import (
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
)

// Like returns the known field that a name is most likely meant to be; empty: it is
// known, or like none.
func Like(name string, known []string) string {
	name = apijson.FieldName(name)
	if slices.Contains(known, name) {
		return ""
	}
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	// What differs in more is a new field rather than a slip.
	return message.NearestWithin(min(len(name)/2, max(1, len(name)/4)), name, known)
}

// TopFields and ConfigFields are the known names, of both APIs.
var (
	TopFields = strings.Fields(`contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent
		serviceTier store labels modelArmorConfig model continuationToken`)
	ConfigFields = strings.Fields(`candidateCount stopSequences maxOutputTokens temperature topP topK seed presencePenalty
		frequencyPenalty responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema _responseJsonSchema
		responseFormat responseModalities speechConfig imageConfig mediaResolution thinkingConfig enableEnhancedCivicAnswers
		audioTranscriptionConfig translationConfig audioTimestamp routingConfig modelSelectionConfig continuationToken`)
)
