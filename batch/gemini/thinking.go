package gemini

import "strings"

// Thinking is what a model accepts in thinkingConfig.
type Thinking struct {
	// Refused says that the model refuses any thinkingConfig.
	Refused bool

	// A thinkingBudget from LeastBudget to MostBudget is accepted, and so is -1, which
	// means dynamic. If MostBudget is 0, nothing is known about budgets.
	LeastBudget, MostBudget int
	BudgetOff               bool // a budget of 0 is accepted, and turns thinking off
	NoBudget                bool // every budget is refused

	// Levels are the values of thinkingLevel, in lower case. If it is nil, the model
	// refuses thinkingLevel.
	Levels []string
}

// thinkers holds what Google's pages said in October 2026:
// https://ai.google.dev/gemini-api/docs/thinking (2026-04-16) and, for models after
// Gemini 3.1, the page of each model. The early models of Gemini 3 accept thinkingBudget
// for compatibility, but the pages do not give its range. Nothing is known about a model
// that is not listed.
var thinkers = []struct {
	name string
	Thinking
}{
	{"gemini-2.0-flash", Thinking{Refused: true}},
	{"gemini-2.0-flash-lite", Thinking{Refused: true}},
	{"gemini-2.5-flash-image", Thinking{Refused: true}},
	{"gemini-2.5-pro", Thinking{LeastBudget: 128, MostBudget: 32768}},
	{"gemini-2.5-flash", Thinking{MostBudget: 24576, BudgetOff: true}},
	{"gemini-2.5-flash-lite", Thinking{LeastBudget: 512, MostBudget: 24576, BudgetOff: true}},
	{"gemini-robotics-er-1.6", Thinking{MostBudget: 24576, BudgetOff: true}},
	{"gemini-3-pro", Thinking{Levels: []string{"low", "high"}}},
	{"gemini-3.1-pro", Thinking{Levels: []string{"low", "medium", "high"}}},
	{"gemini-3-flash", Thinking{Levels: allLevels}},
	{"gemini-3.1-flash-lite", Thinking{Levels: allLevels}},
	{"gemini-3.5-flash-lite", Thinking{Levels: allLevels}},
	{"gemini-3.5-flash", Thinking{Levels: allLevels}},
	{"gemini-3.6-flash", Thinking{Levels: allLevels}},
	{"gemini-3.7-flash", Thinking{Levels: noMinimal}},
	{"gemini-3.8-flash", Thinking{Levels: noMinimal}},
	{"gemini-4-argon", Thinking{Levels: noMinimal, NoBudget: true}},
	{"gemini-4-hydrogen", Thinking{Levels: []string{"low", "medium", "high", "xhigh"}}},
}

var (
	allLevels = []string{"minimal", "low", "medium", "high"}
	noMinimal = []string{"low", "medium", "high"}
)

// ThinkingOf returns what a model accepts in thinkingConfig, and whether that is known.
// It reads the name as [ControlsOf] does. The lists are read-only.
func ThinkingOf(model string) (Thinking, bool) {
	model = model[strings.LastIndexByte(model, '/')+1:]
	for _, t := range thinkers {
		if rest, ok := strings.CutPrefix(model, t.name); ok && isVersion(rest) {
			return t.Thinking, true
		}
	}
	return Thinking{}, false
}
