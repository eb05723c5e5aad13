package gemini

import "strings"

// Thinking is what a model takes in thinkingConfig.
type Thinking struct {
	// Refused: the model refuses any thinkingConfig.
	Refused bool

	// Budgets from LeastBudget to MostBudget are taken as thinkingBudget, also -1
	// (dynamic), and 0 (off) where BudgetOff says so. With MostBudget 0 nothing is
	// known of budgets, unless NoBudget says that they are refused.
	LeastBudget, MostBudget int
	BudgetOff               bool
	NoBudget                bool

	// Levels are the values of thinkingLevel, in lower case; nil: it is refused.
	Levels []string
}

// thinkers says what Google's pages said by October 2026:
// https://ai.google.dev/gemini-api/docs/thinking (2026-04-16) and, for what came
// after Gemini 3.1, the page of each model. The early models of Gemini 3 take
// thinkingBudget for compatibility, with ranges that are not said. A model that is
// not listed is one of which nothing is known.
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
}

var (
	allLevels = []string{"minimal", "low", "medium", "high"}
	noMinimal = []string{"low", "medium", "high"}
)

// ThinkingOf returns what a model takes in thinkingConfig, by its name as in
// [ControlsOf]; false: nothing is known of it. The lists are read-only.
func ThinkingOf(model string) (Thinking, bool) {
	model = model[strings.LastIndexByte(model, '/')+1:]
	for _, t := range thinkers {
		if rest, ok := strings.CutPrefix(model, t.name); ok && isVersion(rest) {
			return t.Thinking, true
		}
	}
	return Thinking{}, false
}
