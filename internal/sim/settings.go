package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A safetySetting is one of a request's safetySettings.
type safetySetting struct {
	category, threshold   string
	named, thresholdNamed bool // false for an enum value that is given as a number
}

var thresholds = []string{"HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}

func parseSettings(v any) []safetySetting {
	var settings []safetySetting
	for _, v := range list(v) {
		o, _ := v.(map[string]any)
		var s safetySetting
		s.category, s.named = enumName(o["category"])
		s.threshold, s.thresholdNamed = enumName(o["threshold"])
		settings = append(settings, s)
	}
	return settings
}

// enumName reads an enum's value, which may also be a number; named is false then.
func enumName(v any) (value string, named bool) {
	if n, ok := v.(json.Number); ok {
		return n.String(), false
	}
	value, _ = v.(string)
	return value, true
}

func (q *apiRequest) checkSafety(_ Dialect, _ *model) *apiError {
	seen := map[string]bool{}
	for i, s := range q.settings {
		if s.named && !strings.HasPrefix(s.category, "HARM_CATEGORY_") {
			return errValue(fmt.Sprintf("safety_settings[%d].category", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.HarmCategory", s.category)
		}
		if s.thresholdNamed && !slices.Contains(thresholds, s.threshold) {
			return errValue(fmt.Sprintf("safety_settings[%d].threshold", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.SafetySetting.HarmBlockThreshold", s.threshold)
		}
		if seen[s.category] {
			return invalid("* GenerateContentRequest.safety_settings: there must be at most one setting for category %s\n", s.category)
		}
		seen[s.category] = true
	}
	return nil
}
