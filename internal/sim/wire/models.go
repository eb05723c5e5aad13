package wire

import "strings"

// A profile is what a family of models allows.
// https://ai.google.dev/gemini-api/docs/thinking
type profile struct {
	prefix    string
	budget    bool // takes thinkingBudget
	min, max  int  // of thinkingBudget, besides 0 and -1
	mayBeOff  bool // thinkingBudget 0 is allowed
	levels    string
	byDefault string // the level without a thinkingConfig; "off" for none
}

// profiles is searched from the top: the first prefix that fits counts.
var profiles = []profile{
	{prefix: "gemma-", byDefault: "off"},
	{prefix: "gemini-2.5-flash-image", byDefault: "off"},
	{prefix: "gemini-2.5-flash-preview-tts", byDefault: "off"},
	{prefix: "gemini-2.5-pro-preview-tts", byDefault: "off"},
	{prefix: "gemini-3.1-flash-tts", byDefault: "off"},
	{prefix: "gemini-3.8-flash-tts", byDefault: "off"},
	{prefix: "gemini-3.8-flash-lite-tts", byDefault: "off"},
	{prefix: "gemini-3.1-flash-lite-image", levels: "minimal high", byDefault: "minimal"},
	{prefix: "gemini-3.1-flash-image", levels: "minimal high", byDefault: "minimal"},
	{prefix: "gemini-3-pro-image", levels: "low high", byDefault: "high"},
	{prefix: "gemini-2.5-pro", budget: true, min: 128, max: 32768, byDefault: "high"},
	{prefix: "gemini-2.5-flash-lite", budget: true, min: 512, max: 24576, mayBeOff: true, byDefault: "off"},
	{prefix: "gemini-2.5-flash", budget: true, min: 1, max: 24576, mayBeOff: true, byDefault: "medium"},
	{prefix: "gemini-robotics-er", budget: true, min: 1, max: 24576, mayBeOff: true, byDefault: "medium"},
	{prefix: "gemini-3-pro", budget: true, min: 128, max: 32768, levels: "low high", byDefault: "high"},
	{prefix: "gemini-3.1-pro", budget: true, min: 128, max: 32768, levels: "low medium high", byDefault: "high"},
	{prefix: "gemini-3-flash", budget: true, max: 32768, levels: "minimal low medium high", byDefault: "high"},
	{prefix: "gemini-3.1-flash-lite", budget: true, max: 32768, levels: "minimal low medium high", byDefault: "minimal"},
	{prefix: "gemini-3.5-flash-lite", budget: true, max: 32768, levels: "minimal low medium high", byDefault: "minimal"},
	{prefix: "gemini-3.5-flash", budget: true, max: 32768, levels: "minimal low medium high", byDefault: "medium"},
	{prefix: "gemini-3.6-flash", budget: true, max: 32768, levels: "minimal low medium high", byDefault: "medium"},
	{prefix: "gemini-3.7", levels: "low medium high", byDefault: "medium"},
	{prefix: "gemini-3.8", levels: "low medium high", byDefault: "medium"},
	{prefix: "gemini-4", levels: "low medium high", byDefault: "medium"},
	{prefix: "gemini-", budget: true, max: 32768, mayBeOff: true, levels: "minimal low medium high", byDefault: "medium"},
}

// retired are the prefixes of models that are no longer served.
// https://ai.google.dev/gemini-api/docs/deprecations
var retired = []string{"gemini-1", "gemini-2.0", "gemini-pro", "gemini-ultra"}

// A Model is a model that answers.
type Model struct {
	Name string // as it was asked for
	profile
	forced string // the level that a gateway's alias forces, or "off"; empty for none
}

// FindModel returns the model of this name; ok is false when there is none.
func FindModel(d Dialect, name string) (m Model, ok bool) {
	m.Name = name
	base := name
	if d.Gateway() {
		base, m.forced = cutAlias(d, name)
	} else if strings.HasSuffix(name, "-nothinking") || strings.HasSuffix(name, "-thinking") {
		return m, false
	}
	for _, p := range retired {
		if strings.HasPrefix(base, p) {
			return m, false
		}
	}
	for _, p := range profiles {
		if strings.HasPrefix(base, p.prefix) && len(base) > len(p.prefix) || base == p.prefix {
			m.profile = p
			return m, true
		}
	}
	return m, false
}

// cutAlias cuts off the suffixes by which gateways force a level of thinking. In
// GPTProto's own sample its nothinking alias thinks, so it forces nothing there.
func cutAlias(d Dialect, name string) (base, thinking string) {
	if base, ok := strings.CutSuffix(name, "-nothinking"); ok {
		if d == GPTProto {
			return base, ""
		}
		return base, "off"
	}
	if base, ok := strings.CutSuffix(name, "-thinking"); ok {
		return base, "high"
	}
	return name, ""
}

// Before3 reports whether the model is older than Gemini 3, which changed many rules.
func (m *Model) Before3() bool { return strings.HasPrefix(m.Name, "gemini-2") }

// Thinks reports whether a request can make the model think.
func (m *Model) Thinks() bool { return m.budget || m.levels != "" }

// Level returns how much the model thinks when a request asks for t: "minimal", "low",
// "medium", "high", or "off".
func (m *Model) Level(t Thinking) string {
	switch {
	case m.forced != "":
		return m.forced
	case t.HasBudget && t.Budget == 0:
		return "off"
	case t.HasBudget && t.Budget < 0 && m.byDefault == "off":
		return "medium" // -1 turns dynamic thinking on
	case t.HasBudget && t.Budget > 0:
		return "high"
	case t.level != "":
		return t.level
	}
	return m.byDefault
}

// InputLimit returns the most input that the model takes, in tokens.
func (m *Model) InputLimit() int {
	if strings.HasPrefix(m.Name, "gemma-") {
		return 262144
	}
	return 1048576
}
