package apijson

import (
	"slices"
	"strings"
	"testing"
)

func TestFieldName(t *testing.T) {
	for name, want := range map[string]string{
		"max_output_tokens": "maxOutputTokens", "maxOutputTokens": "maxOutputTokens", "top_p": "topP", "seed": "seed", "": "",
		"lat_lng": "latLng", "my_label": "my_label", "Top_P": "Top_P", "_responseJsonSchema": "_responseJsonSchema",
	} {
		if got := FieldName(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestCamelPath(t *testing.T) {
	for path, want := range map[string]string{
		"generation_config.thinking_config.thinking_budget": "generationConfig.thinkingConfig.thinkingBudget",
		"labels.top_p": "labels.top_p",
		"generation_config.response_schema.properties.top_p": "generationConfig.responseSchema.properties.top_p",
		"my_field.top_p": "my_field.topP",
	} {
		given := strings.Split(path, ".")
		if got := CamelPath(given); strings.Join(got, ".") != want {
			t.Errorf("%s is %q, want %s", path, got, want)
		}
		if !slices.Equal(given, strings.Split(path, ".")) {
			t.Errorf("the path %s was changed to %q", path, given)
		}
	}
}
