package prompt

import (
	"errors"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/spec"
)

func TestSetMistakes(t *testing.T) {
	for path, want := range map[string]string{
		"":                                    "generationConfig.temperature",
		"generationConfig.":                   "path",
		"temperature":                         "write generationConfig.temperature",
		"generationConfig.temprature":         `did you mean "temperature"?`,
		"generationConfg.seed":                `did you mean "generationConfig"?`,
		"contents":                            "put the text into prompt",
		"safetySettings[0].threshold":         "set the whole list",
		"safetySettings.0.threshold":          "set the whole list",
		"systemInstruction":                   "write --set system=",
		"system_instruction":                  "write --set system=",
		"model.name":                          "which no request has",
		"body.x":                              "which no request has",
		"generationConfig.thinkingConfig.a.b": "",
		"generation_config.max_output_tokens": "",
		"request.labels.max_output_tokens":    "",
		"serviceTier":                         "",
		"generationConfig.quantumDepth":       "",
	} {
		_, err := newSettings(&spec.Spec{Set: map[string]string{path: "{{.x}}"}})
		var spec *spec.Error
		if want == "" && err != nil || want != "" && (!errors.As(err, &spec) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	for name, set := range map[string]map[string]string{
		"no template":       {"model": ""},
		"bad template":      {"model": "{{.x"},
		"a part of another": {"generationConfig": "{{.x}}", "generationConfig.seed": "{{.y}}"},
		"the same twice":    {"generationConfig.topK": "{{.x}}", "generation_config.top_k": "{{.y}}"},
	} {
		var mistake *spec.Error
		if _, err := newSettings(&spec.Spec{Set: set}); !errors.As(err, &mistake) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := setPath("labels.max_output_tokens"); err != nil || p[1] != "max_output_tokens" {
		t.Errorf("the names of labels are the user's own: %q, %v", p, err)
	}
}
