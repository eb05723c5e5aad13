package prompt

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
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
		_, err := newSettings(job{&spec.Spec{Set: map[string]string{path: "{{.x}}"}}, Wording})
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
		if _, err := newSettings(job{&spec.Spec{Set: set}, Wording}); !errors.As(err, &mistake) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := setPath("labels.max_output_tokens"); err != nil || p[1] != "max_output_tokens" {
		t.Errorf("the names of labels are the user's own: %q, %v", p, err)
	}
}

// The rows share a cache unless each may name another.
func TestSharesCache(t *testing.T) {
	const cached = "request: {cachedContent: cachedContents/x}\n"
	for text, want := range map[string]bool{
		"prompt: '{{.q}}'":          false,
		cached + "prompt: '{{.q}}'": true,
		cached + "prompt: '{{.q}}'\nset: {cachedContent: '{{.c}}'}": false,
		"prompt: '{{.q}}'\nset: {cachedContent: cachedContents/y}":  true,
		cached + "raw: {}": false,
	} {
		if got := mustPrompt(t, text).SharesCache(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// mustPrompt returns the Prompt of a job file.
func mustPrompt(t *testing.T, text string) *Prompt {
	t.Helper()
	p, err := New(jobtest.Load(t, text), Wording)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSets(t *testing.T) {
	p := mustPrompt(t, `
prompt: "{{.x}}"
set: {generationConfig.seed: "{{.s}}", labels.team: red, tools: "{{json .t}}", model: "{{.m}}"}
`)
	for path, want := range map[string]string{
		"generationConfig.seed": "sets varies", "generationConfig": "sets varies", "generationConfig.seed.x": "sets varies", "generationConfig.topK": "",
		"generationConfig.seeds": "", "labels.team": "sets", "labels": "sets", "labels.tea": "", "tools[0].functionDeclarations": "sets varies", "toolConfig": "",
		"model": "sets varies", "system": "",
	} {
		got := ""
		if p.Sets(path) {
			got = "sets"
		}
		if p.Varies(path) {
			got += " varies"
		}
		if got != want {
			t.Errorf("at the path %s the job %q, want %q", path, got, want)
		}
	}
	if p := mustPrompt(t, "prompt: hi"); p.Sets("model") || p.Varies("model") {
		t.Error("a job without set sets the model")
	}
}

// What is the same for each row is what preflight can look at before the first one.
func TestCommon(t *testing.T) {
	for text, want := range map[string]string{
		`prompt: "Say {{.x}}"`: `m {"contents":[{"parts":[{"text":""}],"role":"user"}]}`,
		"prompt: hi\nrequest: {generationConfig: {temperature: 0.50}}\nset: {generationConfig.seed: '{{.s}}', labels.team: red, model: '{{.m}}'}": `m {"contents":[{"parts":[{"text":""}],"role":"user"}],"generationConfig":{"temperature":0.5},"labels":{"team":"red"}}`,
		"prompt: hi\nset: {model: n, system: be brief}":                         `n {"contents":[{"parts":[{"text":""}],"role":"user"}],"systemInstruction":{"parts":[{"text":"be brief"}]}}`,
		"raw: {}\nmax_output_tokens: 5\nrequest: {generationConfig: {seed: 1}}": `m {"generationConfig":{"maxOutputTokens":5,"seed":1}}`,
	} {
		request, model, err := mustPrompt(t, text).Common()
		if err != nil {
			t.Fatal(err)
		}
		body, err := apijson.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := model + " " + string(body); got != want {
			t.Errorf("%s: all rows have\n%s in common, want\n%s", text, got, want)
		}
	}
	if _, _, err := mustPrompt(t, "prompt: hi\nset: {model: a b}").Common(); err == nil {
		t.Error("a model's name with a space is taken")
	}
}

// An empty text leaves what the job says, null takes a field away, and what is no JSON is
// a text. The first parts of a system instruction are the kind's.
func TestRenderWithSet(t *testing.T) {
	p := mustPrompt(t, `
summarize: {text: "{{.x}}"}
system: be brief
request: {generationConfig: {temperature: 1, topK: 2}}
set: {generationConfig.temperature: "{{.t}}", generationConfig.topK: "{{.k}}", system: "{{.s}}", labels.n: "{{.k}}", model: "{{.m}}"}
`)
	type body struct {
		SystemInstruction struct{ Parts []struct{ Text string } }
		GenerationConfig  json.RawMessage
		Labels            json.RawMessage
	}
	for _, tt := range []struct{ t, k, s, m, model, system, config, labels string }{
		{"", "", "", "", "m", "be brief", `{"temperature":1,"topK":2}`, ``},
		{"0.50", "null", "be long", "n", "n", "be long", `{"temperature":0.50}`, `{"n":"null"}`},
		{"warm", "7", "", " models/n ", "models/n", "be brief", `{"temperature":"warm","topK":7}`, `{"n":"7"}`},
	} {
		model, text, err := p.Render(jobtest.Row("x", "hello", "t", tt.t, "k", tt.k, "s", tt.s, "m", tt.m))
		if err != nil {
			t.Fatal(err)
		}
		var b body
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		parts := b.SystemInstruction.Parts
		if len(parts) != 2 || !strings.HasPrefix(parts[0].Text, "Summarize") || parts[1].Text != tt.system {
			t.Errorf("%+v: the system instruction is %+v", tt, parts)
		}
		if model != tt.model || string(b.GenerationConfig) != tt.config || string(b.Labels) != tt.labels {
			t.Errorf("%+v: the model is %s, and the body %s", tt, model, text)
		}
	}
}
