package gemini

import "strings"

// Controls are what a request can tell a model about thinking and temperature.
type Controls struct {
	// Field and Least turn thinking down as far as the model allows. Field is the
	// member of thinkingConfig, and Least its value: a number or a JSON string. Both
	// are empty if the model does not think, or thinks that little by default.
	Field, Least string
	Off          bool // Least turns thinking off altogether

	Temperature bool // the model obeys the temperature
}

// A family is a group of models with the same controls.
type family struct {
	name string
	Controls
}

// The least thinking that thinkingConfig can ask for, by family.
var (
	budgetZero   = Controls{"thinkingBudget", "0", true, true}
	budgetLeast  = Controls{"thinkingBudget", "128", false, true} // 0 is refused
	levelMinimal = Controls{"thinkingLevel", `"minimal"`, false, true}
	levelLow     = Controls{"thinkingLevel", `"low"`, false, true} // minimal is refused
	asItIs       = Controls{Temperature: true}
)

// families holds what Google's pages said in October 2026:
// https://ai.google.dev/gemini-api/docs/thinking (2026-04-16) and, for models after
// Gemini 3.1, the page of each model. Gemini 3.6 Flash and later, and 3.5 Flash-Lite,
// ignore the temperature. Google has announced that later models will refuse it.
// Nothing is known about a model that is not listed.
var families = []family{
	{"gemini-2.0-flash", asItIs}, // any thinkingConfig is refused
	{"gemini-2.0-flash-lite", asItIs},
	{"gemini-2.5-pro", budgetLeast},
	{"gemini-2.5-flash", budgetZero},
	{"gemini-2.5-flash-lite", asItIs}, // off by default
	{"gemini-robotics-er-1.6", budgetZero},
	{"gemini-3-pro", levelLow},
	{"gemini-3.1-pro", levelLow},
	{"gemini-3-flash", levelMinimal},
	{"gemini-3.1-flash-lite", asItIs},     // minimal by default
	{"gemini-3.5-flash-lite", Controls{}}, // likewise
	{"gemini-3.5-flash", levelMinimal},
	{"gemini-3.6-flash", ignoring(levelMinimal)},
	{"gemini-3.7-flash", ignoring(levelLow)},
	{"gemini-3.8-flash", ignoring(levelLow)},
	{"gemini-4-argon", ignoring(levelLow)},
}

func ignoring(c Controls) Controls {
	c.Temperature = false
	return c
}

// ControlsOf returns the controls of a model, and whether they are known. The name may
// be the last segment of a path, and may end in a version. A gateway's alias that fixes
// the thinking, such as -nothinking, is not known.
func ControlsOf(model string) (Controls, bool) {
	model = model[strings.LastIndexByte(model, '/')+1:]
	for _, f := range families {
		if rest, ok := strings.CutPrefix(model, f.name); ok && isVersion(rest) {
			return f.Controls, true
		}
	}
	return Controls{}, false
}

// isVersion reports whether a model still belongs to a family if rest follows the
// family's name. "-001" and "-preview-09-2025" do not change it; "-image" and "-lite" do.
func isVersion(rest string) bool {
	if rest == "" {
		return true
	}
	words, ok := strings.CutPrefix(rest, "-")
	if !ok {
		return false
	}
	for word := range strings.SplitSeq(words, "-") {
		switch word {
		case "preview", "latest", "customtools", "simulated":
		default:
			if word == "" || strings.Trim(word, "0123456789") != "" {
				return false
			}
		}
	}
	return true
}
