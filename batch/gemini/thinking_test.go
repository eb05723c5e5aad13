package gemini

import (
	"slices"
	"testing"
)

// What ControlsOf asks for is something that ThinkingOf says the model accepts. The two
// tables list the same models.
func TestThinkingOf(t *testing.T) {
	for _, f := range families {
		k, ok := ThinkingOf(f.name)
		if !ok {
			t.Errorf("%s has controls, and nothing is known of its thinking", f.name)
			continue
		}
		switch f.Field {
		case "thinkingBudget":
			if k.MostBudget == 0 || k.NoBudget || f.Off != k.BudgetOff || f.Least == "0" != k.BudgetOff {
				t.Errorf("%s: %+v, and the least is %s", f.name, k, f.Least)
			}
		case "thinkingLevel":
			if len(k.Levels) == 0 || `"`+k.Levels[0]+`"` != f.Least {
				t.Errorf("%s: %q, and the least is %s", f.name, k.Levels, f.Least)
			}
		}
	}
	if k, ok := ThinkingOf("models/gemini-2.5-flash-image"); !ok || !k.Refused {
		t.Errorf("an image model: %+v, %t", k, ok)
	}
	if k, ok := ThinkingOf("gemini-2.5-flash-preview-09-2025"); !ok || k.MostBudget != 24576 {
		t.Errorf("a preview: %+v, %t", k, ok)
	}
	if k, _ := ThinkingOf("gemini-3.8-flash-simulated"); slices.Contains(k.Levels, "minimal") {
		t.Errorf("3.8 Flash refuses minimal: %+v", k)
	}
	for _, name := range []string{"gemini-2.5-flash-nothinking", "gemini-flash-latest", "house-model", ""} {
		if k, ok := ThinkingOf(name); ok {
			t.Errorf("%q: %+v, want it unknown", name, k)
		}
	}
}
