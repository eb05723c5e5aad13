package sim

import (
	"net/http"
	"strconv"
	"strings"
)

// service is the name that errors and quotas of Google AI carry.
const service = "generativelanguage.googleapis.com"

// simulated ends the modelVersion of every answer.
const simulated = "-simulated"

// A modelInfo is one model of the list, as GET models/{id} answers it.
type modelInfo struct {
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

// A publisherModel is the same on Vertex AI.
type publisherModel struct {
	Name        string `json:"name"`
	VersionID   string `json:"versionId"`
	OpenSource  string `json:"openSourceCategory"`
	LaunchStage string `json:"launchStage"`
}

// listed are the models that GET models names. Others of the same families are
// answered as well, since models come and go faster than this list.
var listed = []string{
	"gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite",
	"gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-3.1-flash-lite",
	"gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash",
	"gemini-4-argon", "gemma-4-31b-it",
	"gemini-2.5-flash-image", "gemini-3.1-flash-image", "gemini-3-pro-image",
	"gemini-2.5-flash-preview-tts", "gemini-2.5-pro-preview-tts", "gemini-3.1-flash-tts-preview",
}

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

// A model is one that answers: its profile, and what a gateway's alias makes of it.
type model struct {
	name string // as it was asked for
	profile
	thinking string // "off", or a level that the alias forces; empty for none
}

// findModel returns the model of a name; ok is false when there is none.
func findModel(d Dialect, name string) (m model, ok bool) {
	m.name = name
	base := name
	if d.gateway() {
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

// info describes the model for the list.
func (m *model) info() modelInfo {
	i := modelInfo{
		Name: "models/" + m.name, Version: "001",
		DisplayName:     strings.ReplaceAll(m.name, "-", " ") + " (simulated)",
		Description:     "A simulated model.",
		InputTokenLimit: m.inputLimit(), OutputTokenLimit: 65536,
		Methods:     []string{"generateContent", "countTokens"},
		Temperature: 1, TopP: 0.95, TopK: 64, MaxTemperature: 2,
		Thinking: m.budget || m.levels != "",
	}
	return i
}

// inputLimit is the model's window for input, in tokens.
func (m *model) inputLimit() int {
	if strings.HasPrefix(m.name, "gemma-") {
		return 262144
	}
	return 1048576
}

// listModels answers GET models, in pages as the API does.
func (s *Server) listModels(x *exchange) {
	q := x.r.URL.Query()
	size, _ := strconv.Atoi(q.Get("pageSize"))
	if size <= 0 {
		size = 50
	}
	from, _ := strconv.Atoi(q.Get("pageToken"))
	from = min(max(from, 0), len(listed))
	to := min(from+size, len(listed))
	next := ""
	if to < len(listed) {
		next = strconv.Itoa(to)
	}

	if s.config.Dialect == Vertex {
		var page struct {
			Models []publisherModel `json:"publisherModels"`
			Next   string           `json:"nextPageToken,omitempty"`
		}
		for _, name := range listed[from:to] {
			page.Models = append(page.Models, asPublisherModel(name))
		}
		page.Next = next
		x.writeJSON(http.StatusOK, page)
		return
	}
	var page struct {
		Models []modelInfo `json:"models"`
		Next   string      `json:"nextPageToken,omitempty"`
	}
	for _, name := range listed[from:to] {
		m, _ := findModel(Google, name)
		page.Models = append(page.Models, m.info())
	}
	page.Next = next
	x.writeJSON(http.StatusOK, page)
}

// getModel answers GET models/{id}.
func (s *Server) getModel(x *exchange) {
	if s.config.Dialect == Vertex {
		x.writeJSON(http.StatusOK, asPublisherModel(x.model.name))
		return
	}
	x.writeJSON(http.StatusOK, x.model.info())
}

func asPublisherModel(name string) publisherModel {
	return publisherModel{"publishers/google/models/" + name, "default", "PROPRIETARY", "GA"}
}
