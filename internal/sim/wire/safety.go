package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A safetySetting is one of a request's safetySettings.
type safetySetting struct {
	Category, Threshold   string
	named, thresholdNamed bool // false for an enum value that is given as a number
}

var thresholds = []string{"HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}

func parseSettings(v any) []safetySetting {
	var settings []safetySetting
	for _, v := range List(v) {
		o, _ := v.(map[string]any)
		var s safetySetting
		s.Category, s.named = enumName(o["category"])
		s.Threshold, s.thresholdNamed = enumName(o["threshold"])
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

func (q *Request) checkSafety(_ Dialect, _ *Model) *Error {
	seen := map[string]bool{}
	for i, s := range q.Settings {
		if s.named && !strings.HasPrefix(s.Category, "HARM_CATEGORY_") {
			return errValue(fmt.Sprintf("safety_settings[%d].category", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.HarmCategory", s.Category)
		}
		if s.thresholdNamed && !slices.Contains(thresholds, s.Threshold) {
			return errValue(fmt.Sprintf("safety_settings[%d].threshold", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.SafetySetting.HarmBlockThreshold", s.Threshold)
		}
		if seen[s.Category] {
			return Invalid("* GenerateContentRequest.safety_settings: there must be at most one setting for category %s\n", s.Category)
		}
		seen[s.Category] = true
	}
	return nil
}
