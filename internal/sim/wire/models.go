package wire

import (
	"regexp"
	"slices"
	"strings"
)

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
	{prefix: "gemini-nano-banana", levels: "minimal high", byDefault: "minimal"},
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
	{prefix: "gemini-4-hydrogen", levels: "low medium high xhigh", byDefault: "high"},
	{prefix: "gemini-4", levels: "low medium high", byDefault: "medium"},
	{prefix: "gemini-", budget: true, max: 32768, mayBeOff: true, levels: "minimal low medium high", byDefault: "medium"},
}

// Listed are the models that GET models names.
var Listed = strings.Fields(`
	gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-lite
	gemini-3-flash-preview gemini-3.1-pro-preview gemini-3.1-flash-lite
	gemini-3.5-flash gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash
	gemini-4-argon gemini-4-carbon gemini-4-hydrogen gemini-4-neon gemma-4-31b-it
	gemini-2.5-flash-image gemini-3.1-flash-image gemini-3.1-flash-lite-image gemini-3-pro-image gemini-nano-banana-2.1
	gemini-2.5-flash-preview-tts gemini-2.5-pro-preview-tts gemini-3.1-flash-tts-preview gemini-3.8-flash-tts gemini-3.8-flash-lite-tts
	gemini-flash-latest gemini-flash-lite-latest gemini-pro-latest`)

// unlisted are models that answer as well.
var unlisted = strings.Fields(`
	gemini-3-pro-preview gemini-3.1-pro-preview-customtools gemini-3.5-transcribe gemini-2.5-computer-use-preview-10-2025
	gemini-robotics-er-1.6-preview gemini-robotics-er-2-preview gemma-4-26b-a4b-it`)

// version is what may follow a model's name: -001, -latest, -preview, -preview-09-2025, -06-17.
var version = regexp.MustCompile(`(?:-latest|-\d{3}|-preview)?(?:-\d\d-\d\d|-\d\d-20\d\d)?$`)

// A Model is a model that answers.
type Model struct {
	Name string // as it was asked for
	profile
	forced string // the level that a gateway's alias forces, or "off"; empty for none
}

// FindModel returns the model of this name; ok is false when there is none. The models own
// are served beside those of the API.
func FindModel(d Dialect, name string, own ...string) (m Model, ok bool) {
	m.Name = name
	base := name
	if d.Gateway() {
		base, m.forced = cutAlias(d, name)
	} else if strings.HasSuffix(name, "-nothinking") || strings.HasSuffix(name, "-thinking") {
		return m, false
	}
	bare := version.ReplaceAllString(base, "")
	known := func(list []string) bool { return slices.Contains(list, base) || slices.Contains(list, bare) }
	if !known(Listed) && !known(unlisted) && !slices.Contains(own, name) {
		return m, false
	}
	for _, p := range profiles {
		if strings.HasPrefix(base, p.prefix) {
			m.profile = p
			break
		}
	}
	return m, true
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

// noLogprobs are the families of models that serve no log probabilities, by how their names
// begin. Neither Google AI nor Vertex AI serves those of Gemini 3. Of Gemini 2.5 Google AI has
// served none since late 2025, and Vertex AI does; here all dialects do.
// https://github.com/googleapis/python-genai/issues/1921
// https://github.com/GoogleCloudPlatform/generative-ai/issues/2947
var noLogprobs = strings.Fields("gemini-3 gemini-4 gemini-nano gemini-flash gemini-pro gemma-")

// Unserved returns why the model does not answer a request that is valid: it tells no
// probabilities of its tokens. It is nil if the model does answer.
func (q *Request) Unserved(d Dialect, m *Model) *Error {
	asked, _ := q.Logprobs()
	switch {
	case !asked || !slices.ContainsFunc(noLogprobs, func(prefix string) bool { return strings.HasPrefix(m.Name, prefix) }):
		return nil
	case d.VertexShaped():
		return Invalid("Unable to submit request because Logprobs is not supported for this model.")
	}
	return Invalid("Logprobs is not enabled for models/%s", m.Name)
}

// InputLimit returns the most input that the model takes, in tokens.
func (m *Model) InputLimit() int {
	if strings.HasPrefix(m.Name, "gemma-") {
		return 262144
	}
	return 1048576
}

// A ModelInfo is a model as Google AI describes it.
type ModelInfo struct {
	Name             string   `json:"name"`
	Version          string   `json:"version,omitempty"`
	DisplayName      string   `json:"displayName,omitempty"`
	Description      string   `json:"description,omitempty"`
	InputTokenLimit  int      `json:"inputTokenLimit,omitempty"`
	OutputTokenLimit int      `json:"outputTokenLimit,omitempty"`
	Methods          []string `json:"supportedGenerationMethods,omitempty"`
	Temperature      float64  `json:"temperature,omitempty"`
	TopP             float64  `json:"topP,omitempty"`
	TopK             int      `json:"topK,omitempty"`
	MaxTemperature   float64  `json:"maxTemperature,omitempty"`
	Thinking         bool     `json:"thinking,omitempty"`
}

// A PublisherModel is a model as Vertex AI describes it.
type PublisherModel struct {
	Name        string `json:"name"`
	VersionID   string `json:"versionId"`
	OpenSource  string `json:"openSourceCategory"`
	LaunchStage string `json:"launchStage"`
}

// InfoOf describes a model.
func InfoOf(m *Model) ModelInfo {
	return ModelInfo{
		Name: "models/" + m.Name, Version: "001",
		DisplayName:     strings.ReplaceAll(m.Name, "-", " ") + " (simulated)",
		Description:     "A simulated model.",
		InputTokenLimit: m.InputLimit(), OutputTokenLimit: 65536,
		Methods:     []string{"generateContent", "countTokens"},
		Temperature: 1, TopP: 0.95, TopK: 64, MaxTemperature: 2,
		Thinking: m.Thinks(),
	}
}

// AsPublisherModel describes a model of this name.
func AsPublisherModel(name string) PublisherModel {
	return PublisherModel{"publishers/google/models/" + name, "default", "PROPRIETARY", "GA"}
}
