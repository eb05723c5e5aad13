package preflight

import (
	"math"
	"regexp"
	"strings"
)

// What the API is known to take, by its discovery document (v1beta, revision
// 20260415), https://ai.google.dev/api/generate-content and the guides beside it,
// as they stood in October 2026. What depends on the model is in batch/gemini and
// in the price table.

// ranges are the numbers of generationConfig.
var ranges = []struct {
	name        string
	least, most float64
	below       bool // most itself is not taken
	whole       bool
	takes       string
}{
	{"temperature", 0, 2, false, false, "0 to 2"},
	{"topP", 0, 1, false, false, "0 to 1"},
	{"topK", 1, math.MaxInt32, false, true, "a whole number above 0"},
	{"presencePenalty", -2, 2, true, false, "-2 to below 2"},
	{"frequencyPenalty", -2, 2, true, false, "-2 to below 2"},
	{"logprobs", 0, 20, false, true, "a whole number, 0 to 20"},
	{"candidateCount", 1, 8, false, true, "a whole number, 1 to 8"},
	{"seed", math.MinInt32, math.MaxInt32, false, true, "a whole number of 32 bits"},
}

const maxStopSequences = 5

var (
	serviceTiers = []string{"standard", "flex", "priority", "unspecified", "service_tier_unspecified"}

	modalities = []string{"TEXT", "IMAGE", "AUDIO"}
	// modelModalities says what a kind of model, as the price table calls it, puts out.
	modelModalities = map[string][]string{"text": {"TEXT"}, "image": {"TEXT", "IMAGE"}, "tts": {"AUDIO"}}

	// The last four are of Gemini 3.1 image models.
	aspectRatios = strings.Fields("1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9 1:4 4:1 1:8 8:1")
	imageSizes   = []string{"512", "1K", "2K", "4K"}
	resolutions  = []string{"MEDIA_RESOLUTION_UNSPECIFIED", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH", "MEDIA_RESOLUTION_ULTRA_HIGH"}

	// Vertex AI has more categories, and adds some: one of another name that begins
	// like these is let through.
	harmCategories = []string{
		"HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT", "HARM_CATEGORY_DANGEROUS_CONTENT",
		"HARM_CATEGORY_CIVIC_INTEGRITY", "HARM_CATEGORY_JAILBREAK",
	}
	thresholds = []string{"HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}
	// What the GPTProto gateway's page of the endpoint says (2026-11); the API never
	// had them.
	misnamedThresholds = map[string]string{"BLOCK_HIGH_AND_ABOVE": "BLOCK_ONLY_HIGH", "BLOCK_HIGH": "BLOCK_ONLY_HIGH"}

	functionName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)
	callingModes = []string{"MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"}

	// Models whose answers are JSON only without tools; from Gemini 3 on both go
	// together.
	noJSONWithTools = []string{"gemini-1.", "gemini-2."}
)
