package wire

import "strings"

// A profile is what a family of models allows and does.
// https://ai.google.dev/gemini-api/docs/thinking
type profile struct {
	prefix   string
	budget   bool // takes thinkingBudget
	min, max int  // of thinkingBudget, besides 0 and -1
	canOff   bool // thinkingBudget 0 is allowed
	levels   string
	def      string // level by default; "off" for none
}

// profiles is read from the top: the first prefix that fits counts.
var profiles = []profile{
	{prefix: "gemma-", def: "off"},
	{prefix: "gemini-2.5-flash-image", def: "off"},
	{prefix: "gemini-2.5-flash-preview-tts", def: "off"},
	{prefix: "gemini-2.5-pro-preview-tts", def: "off"},
	{prefix: "gemini-3.1-flash-tts", def: "off"},
	{prefix: "gemini-3.8-flash-tts", def: "off"},
	{prefix: "gemini-3.8-flash-lite-tts", def: "off"},
	{prefix: "gemini-3.1-flash-lite-image", levels: "minimal high", def: "minimal"},
	{prefix: "gemini-3.1-flash-image", levels: "minimal high", def: "minimal"},
	{prefix: "gemini-3-pro-image", levels: "low high", def: "high"},
	{prefix: "gemini-2.5-pro", budget: true, min: 128, max: 32768, def: "high"},
	{prefix: "gemini-2.5-flash-lite", budget: true, min: 512, max: 24576, canOff: true, def: "off"},
	{prefix: "gemini-2.5-flash", budget: true, min: 1, max: 24576, canOff: true, def: "medium"},
	{prefix: "gemini-robotics-er", budget: true, min: 1, max: 24576, canOff: true, def: "medium"},
	{prefix: "gemini-3-pro", budget: true, min: 128, max: 32768, levels: "low high", def: "high"},
	{prefix: "gemini-3.1-pro", budget: true, min: 128, max: 32768, levels: "low medium high", def: "high"},
	{prefix: "gemini-3-flash", budget: true, max: 32768, levels: "minimal low medium high", def: "high"},
	{prefix: "gemini-3.1-flash-lite", budget: true, max: 32768, levels: "minimal low medium high", def: "minimal"},
	{prefix: "gemini-3.5-flash-lite", budget: true, max: 32768, levels: "minimal low medium high", def: "minimal"},
	{prefix: "gemini-3.5-flash", budget: true, max: 32768, levels: "minimal low medium high", def: "medium"},
	{prefix: "gemini-3.6-flash", budget: true, max: 32768, levels: "minimal low medium high", def: "medium"},
	{prefix: "gemini-3.7", levels: "low medium high", def: "medium"},
	{prefix: "gemini-3.8", levels: "low medium high", def: "medium"},
	{prefix: "gemini-4", levels: "low medium high", def: "medium"},
	{prefix: "gemini-", budget: true, max: 32768, canOff: true, levels: "minimal low medium high", def: "medium"},
}

// retired are prefixes of models that answer 404.
// https://ai.google.dev/gemini-api/docs/deprecations
var retired = []string{"gemini-1", "gemini-2.0", "gemini-pro", "gemini-ultra"}

// A Model is one that answers: its profile, and what a gateway's alias makes of it.
type Model struct {
	Name string // as it was asked for
	profile
	thinking string // "off", or a level that the alias forces; empty for none
}

// FindModel returns the model of a name; ok is false when there is none.
func FindModel(d Dialect, name string) (m Model, ok bool) {
	m.Name = name
	base := name
	if d.Gateway() {
		base, m.thinking = cutAlias(d, name)
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

// cutAlias takes off the suffixes that gateways put on a model's name. GPTProto's
// own sample shows its nothinking alias thinking, so there it stays on.
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

// Thinks reports whether the model can think at all.
func (m *Model) Thinks() bool { return m.budget || m.levels != "" }

// Level returns the level at which the model thinks when a request asks for t.
func (m *Model) Level(t thinking) string {
	switch {
	case m.thinking != "":
		return m.thinking
	case t.HasBudget && t.Budget == 0:
		return "off"
	case t.HasBudget && t.Budget < 0 && m.def == "off":
		return "medium" // -1 turns dynamic thinking on
	case t.HasBudget && t.Budget > 0:
		return "high"
	case t.level != "":
		return t.level
	}
	return m.def
}

// InputLimit is the model's window for input, in tokens.
func (m *Model) InputLimit() int {
	if strings.HasPrefix(m.Name, "gemma-") {
		return 262144
	}
	return 1048576
}
