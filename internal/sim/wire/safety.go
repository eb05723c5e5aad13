package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A SafetySetting is one of the safetySettings of a request.
type SafetySetting struct {
	Category, Threshold           string
	categoryNamed, thresholdNamed bool // false when the value is given as a number
}

var thresholds = []string{"HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}

func parseSettings(v any) []SafetySetting {
	var settings []SafetySetting
	for _, v := range List(v) {
		o, _ := v.(map[string]any)
		var s SafetySetting
		s.Category, s.categoryNamed = enumName(o["category"])
		s.Threshold, s.thresholdNamed = enumName(o["threshold"])
		settings = append(settings, s)
	}
	return settings
}

// enumName reads the value of an enum. named is false when it is given as a number.
func enumName(v any) (value string, named bool) {
	if n, ok := v.(json.Number); ok {
		return n.String(), false
	}
	value, _ = v.(string)
	return value, true
}

// checkSafety refuses settings that name what does not exist, or a category twice.
func (q *Request) checkSafety(_ Dialect, _ *Model) *Error {
	seen := map[string]bool{}
	for i, s := range q.Settings {
		if s.categoryNamed && !strings.HasPrefix(s.Category, "HARM_CATEGORY_") {
			return invalidValue(fmt.Sprintf("safety_settings[%d].category", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.HarmCategory", s.Category)
		}
		if s.thresholdNamed && !slices.Contains(thresholds, s.Threshold) {
			return invalidValue(fmt.Sprintf("safety_settings[%d].threshold", i), "type.googleapis.com/google.ai.generativelanguage.v1beta.SafetySetting.HarmBlockThreshold", s.Threshold)
		}
		if seen[s.Category] {
			return Invalid("* GenerateContentRequest.safety_settings: there must be at most one setting for category %s\n", s.Category)
		}
		seen[s.Category] = true
	}
	return nil
}
