package sim

import (
	"net/http"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// A modelInfo is a model as Google AI describes it.
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

// A publisherModel is a model as Vertex AI describes it.
type publisherModel struct {
	Name        string `json:"name"`
	VersionID   string `json:"versionId"`
	OpenSource  string `json:"openSourceCategory"`
	LaunchStage string `json:"launchStage"`
}

// listed are the models that GET models names. Others of their families answer as well,
// since models come and go faster than this list changes.
var listed = []string{
	"gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite",
	"gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-3.1-flash-lite",
	"gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash",
	"gemini-4-argon", "gemma-4-31b-it",
	"gemini-2.5-flash-image", "gemini-3.1-flash-image", "gemini-3-pro-image",
	"gemini-2.5-flash-preview-tts", "gemini-2.5-pro-preview-tts", "gemini-3.1-flash-tts-preview",
}

// infoOf describes a model.
func infoOf(m *wire.Model) modelInfo {
	i := modelInfo{
		Name: "models/" + m.Name, Version: "001",
		DisplayName:     strings.ReplaceAll(m.Name, "-", " ") + " (simulated)",
		Description:     "A simulated model.",
		InputTokenLimit: m.InputLimit(), OutputTokenLimit: 65536,
		Methods:     []string{"generateContent", "countTokens"},
		Temperature: 1, TopP: 0.95, TopK: 64, MaxTemperature: 2,
		Thinking: m.Thinks(),
	}
	return i
}

// listModels answers GET models, in pages as the API does.
func (x *exchange) listModels() {
	from, to, next := x.page(len(listed), 50, 1000)
	if x.server.config.Dialect == Vertex {
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
		m, _ := wire.FindModel(Google, name)
		page.Models = append(page.Models, infoOf(&m))
	}
	page.Next = next
	x.writeJSON(http.StatusOK, page)
}

// getModel answers GET models/{id}.
func (x *exchange) getModel() {
	if x.server.config.Dialect == Vertex {
		x.writeJSON(http.StatusOK, asPublisherModel(x.model.Name))
		return
	}
	x.writeJSON(http.StatusOK, infoOf(&x.model))
}

// asPublisherModel describes a model of this name.
func asPublisherModel(name string) publisherModel {
	return publisherModel{"publishers/google/models/" + name, "default", "PROPRIETARY", "GA"}
}
