package preflight

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// request returns a request that is given as the YAML of a job file.
func request(t *testing.T, text string) map[string]any {
	t.Helper()
	s, err := jobtest.LoadText(t, "prompt: hi\nrequest: "+text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.Request
}

// target returns a model behind an endpoint, with the prices that come with the program.
func target(model, endpoint string) Target {
	return Target{Model: model, Dialect: gemini.EndpointOptions{Name: endpoint}.Dialect(), Prices: price.Default(), Now: time.Now()}
}

func TestCheck(t *testing.T) {
	config := func(text string) string { return "{generationConfig: {" + text + "}}" }
	const flash, old = "gemini-3.5-flash", "gemini-2.5-flash"
	for _, tt := range []struct {
		model, endpoint, request string
		want                     []string // in what is refused; nil: nothing is
	}{
		// Thinking, by model.
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: 0}"), []string{"generationConfig.thinkingConfig.thinkingBudget is 0", "gemini-2.5-pro takes 128 to 32768", "cannot be turned off"}},
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: 127}"), []string{"is 127", "128 to 32768"}},
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: -1}"), nil},
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: 128, includeThoughts: true}"), nil},
		{old, "", config("thinkingConfig: {thinkingBudget: 0}"), nil},
		{old, "", config("thinkingConfig: {thinkingBudget: 24577}"), []string{"0 to 24576"}},
		{old, "", config(`thinking_config: {thinking_budget: "24577"}`), []string{"thinkingBudget", "24577"}},
		{old, "", config("thinkingConfig: {thinkingBudget: 1.5}"), []string{"whole number"}},
		{old, "", config("thinkingConfig: {thinkingLevel: low}"), []string{"takes no thinkingLevel", "use thinkingBudget"}},
		{"gemini-2.5-flash-lite", "", config("thinkingConfig: {thinkingBudget: 100}"), []string{"512 to 24576", "or 0 (off)"}},
		{"gemini-2.5-flash-lite", "", config("thinkingConfig: {thinkingBudget: 0}"), nil},
		{"gemini-2.5-flash-image", "", config("thinkingConfig: {includeThoughts: true}"), []string{"takes no thinkingConfig", "leave it out"}},
		{"gemini-3.1-pro-preview", "", config("thinkingConfig: {thinkingLevel: minimal}"), []string{"takes low, medium, high"}},
		{"gemini-3.8-flash", "", config("thinkingConfig: {thinkingLevel: MINIMAL}"), []string{`"MINIMAL"`, "takes low, medium, high"}},
		{flash, "", config("thinkingConfig: {thinkingLevel: MINIMAL}"), nil},
		{flash, "", config("thinkingConfig: {thinkingBudget: 999999}"), nil}, // taken for compatibility; the range is not said
		{"gemini-4-argon", "", config("thinkingConfig: {thinkingBudget: 0}"), []string{"takes no thinkingBudget", "use thinkingLevel"}},
		{"house-model", "", config("thinkingConfig: {thinkingBudget: -7}"), nil},
		{"gemini-2.5-flash-nothinking", "", config("thinkingConfig: {thinkingBudget: 99999}"), nil},

		// Numbers.
		{flash, "", config("temperature: 2"), nil},
		{flash, "", config("temperature: 2.1"), []string{"generationConfig.temperature is 2.1", "0 to 2"}},
		{"house-model", "", config("temperature: -1"), []string{"0 to 2"}},
		{flash, "", config("temperature: warm"), []string{`"warm"`, "0 to 2"}},
		{flash, "", config(`temperature: "1"`), nil},
		{flash, "", config("topP: 1.1"), []string{"topP is 1.1"}},
		{flash, "", config("top_k: 0"), []string{"topK is 0"}},
		{flash, "", config("presencePenalty: 2"), []string{"below 2"}},
		{flash, "", config("frequencyPenalty: -2"), nil},
		{flash, "", config("seed: 4294967296"), []string{"32 bits"}},
		{flash, "", config("stopSequences: [a, b, c, d, e]"), nil},
		{flash, "", config("stopSequences: [a, b, c, d, e, f]"), []string{"at most 5, and there are 6"}},
		{flash, "", config("candidateCount: 9"), []string{"1 to 8"}},
		{"gemini-4-argon", "", config("candidateCount: 2"), []string{"one candidate"}},
		{"gemini-2.5-flash-image", "", config("candidateCount: 2"), []string{"one candidate"}},
		{flash, "", config("logprobs: 5"), []string{"responseLogprobs: true"}},
		{flash, "", config("logprobs: 21, responseLogprobs: true"), []string{"0 to 20"}},
		{flash, "", config("logprobs: 20, responseLogprobs: true"), nil},

		// Length and form.
		{flash, "", config("maxOutputTokens: 65536"), nil},
		{flash, "", config("maxOutputTokens: 65537"), []string{"at most 65536 tokens"}},
		{flash, "", config("maxOutputTokens: 0"), []string{"above 0"}},
		{"gemini-2.0-flash", "", config("maxOutputTokens: 8193"), []string{"at most 8192"}},
		{"gemini-4-argon", "", config("maxOutputTokens: 32769"), []string{"at most 32768", "not streamed", "add --stream"}},
		{"house-model", "", config("maxOutputTokens: 999999"), nil},
		{flash, "", config("responseSchema: {type: STRING}"), []string{"responseSchema", "responseMimeType application/json or text/x.enum"}},
		{flash, "", config("responseMimeType: text/x.enum, responseSchema: {type: STRING, enum: [a]}"), nil},
		{flash, "", config("responseMimeType: text/x.enum, responseJsonSchema: {type: string}"), []string{"responseJsonSchema", "application/json"}},
		{flash, "", config("responseMimeType: application/json, responseSchema: {type: STRING}, responseJsonSchema: {type: string}"), []string{"keep one of them"}},

		// Modalities and media.
		{flash, "", config("responseModalities: [TEXT]"), nil},
		{flash, "", config("responseModalities: [TEXT, IMAGE]"), []string{"gemini-3.5-flash puts out TEXT"}},
		{flash, "", config("responseModalities: [SMELL]"), []string{"TEXT, IMAGE, AUDIO"}},
		{"gemini-2.5-flash-image", "", config("responseModalities: [TEXT, IMAGE]"), nil},
		{"gemini-2.5-flash-image", "", config("responseModalities: [AUDIO]"), []string{"TEXT and IMAGE"}},
		{"gemini-2.5-flash-preview-tts", "", "{}", []string{"AUDIO alone"}},
		{"gemini-2.5-flash-preview-tts", "", config("responseModalities: [audio]"), nil},
		{flash, "", config("mediaResolution: MEDIA_RESOLUTION_LOW"), nil},
		{flash, "", config("mediaResolution: LOW"), []string{"MEDIA_RESOLUTION_LOW"}},
		{"gemini-2.5-flash-image", "", config("imageConfig: {aspectRatio: '16:9', imageSize: 2K}"), nil},
		{"gemini-2.5-flash-image", "", config("imageConfig: {aspectRatio: '16:10'}"), []string{"16:10", "16:9"}},
		{"gemini-2.5-flash-image", "", config("imageConfig: {imageSize: 2k}"), []string{"upper-case K", "write 2K"}},
		{"gemini-2.5-flash-image", "gptproto", config("imageConfig: {imageSize: 2k}"), nil},
		{"gemini-2.5-flash-image", "gptproto", config("imageConfig: {imageSize: 3k}"), []string{"1K, 2K, 4K"}},
		{"gemini-2.5-flash-preview-tts", "", config("responseModalities: [AUDIO], speechConfig: {multiSpeakerVoiceConfig: {speakerVoiceConfigs: [{speaker: A}]}}"), []string{"exactly 2 speakers, and there are 1"}},
		{"gemini-2.5-flash-preview-tts", "", config("responseModalities: [AUDIO], speechConfig: {multiSpeakerVoiceConfig: {speakerVoiceConfigs: [{speaker: A}, {speaker: B}]}}"), nil},

		// Safety.
		{flash, "", "{safetySettings: [{category: HARM_CATEGORY_HARASSMENT, threshold: BLOCK_ONLY_HIGH}]}", nil},
		{flash, "", "{safetySettings: [{category: HARM_CATEGORY_HARASSMENT, threshold: OFF}, {category: HARM_CATEGORY_HARASSMENT, threshold: OFF}]}", []string{"safetySettings[1].category", "one setting for each category"}},
		{flash, "gptproto", "{safety_settings: [{category: HARM_CATEGORY_HARASSMENT, threshold: BLOCK_HIGH_AND_ABOVE}]}", []string{"safetySettings[0].threshold", "write BLOCK_ONLY_HIGH"}},
		{flash, "", "{safetySettings: [{category: HARASSMENT, threshold: OFF}]}", []string{"write HARM_CATEGORY_HARASSMENT"}},
		{flash, "", "{safetySettings: [{category: HARM_CATEGORY_IMAGE_HATE, threshold: OFF}]}", nil},
		{flash, "", "{safetySettings: [{category: 7, threshold: 3}]}", nil},

		// Tools.
		{flash, "", "{tools: [{functionDeclarations: [{name: f, parameters: {type: OBJECT}}]}], toolConfig: {functionCallingConfig: {mode: ANY, allowedFunctionNames: [f]}}}", nil},
		{flash, "", "{tools: [{function_declarations: [{name: get weather}]}]}", []string{"tools[0].functionDeclarations[0].name", "128 letters"}},
		{flash, "", "{tools: [{functionDeclarations: [{name: f}]}, {functionDeclarations: [{name: f}]}]}", []string{"tools[1].functionDeclarations[0].name", "a name once"}},
		{flash, "", "{tools: [{functionDeclarations: [{name: f, parameters: {}, parametersJsonSchema: {}}]}]}", []string{"keep one of them"}},
		{flash, "", "{tools: [{functionDeclarations: [{name: get_weather}]}], toolConfig: {functionCallingConfig: {mode: ANY, allowedFunctionNames: [get_wether]}}}", []string{"allowedFunctionNames", `did you mean "get_weather"?`}},
		{flash, "", "{toolConfig: {functionCallingConfig: {mode: ANY}}}", []string{"add tools"}},
		{flash, "", "{toolConfig: {functionCallingConfig: {mode: MUST}}}", []string{"AUTO, ANY, NONE, VALIDATED"}},
		{old, "", "{tools: [{googleSearch: {}}], generationConfig: {responseMimeType: application/json}}", []string{"JSON only without tools", "Gemini 3"}},
		{flash, "", "{tools: [{googleSearch: {}}], generationConfig: {responseMimeType: application/json}}", nil},

		// What only one API takes, and what goes with nothing else.
		{flash, "", "{labels: {team: a}}", []string{"labels", "only Vertex AI"}},
		{flash, "vertex", "{labels: {team: a}}", nil},
		{flash, "https://gateway.example", "{labels: {team: a}}", nil},
		{flash, "https://europe-west1-aiplatform.googleapis.com", "{serviceTier: flex}", []string{"Vertex AI takes no serviceTier"}},
		{flash, "", "{serviceTier: FLEX}", nil},
		{flash, "", "{serviceTier: cheap}", []string{"standard, flex and priority"}},
		{flash, "", "{cachedContent: cachedContents/x, tools: [{googleSearch: {}}]}", []string{"cachedContents/x", "no tools beside it"}},
		{flash, "", "{cachedContent: cachedContents/x, system_instruction: {parts: [{text: a}]}}", []string{"no systemInstruction"}},
		{flash, "", "{cachedContent: cachedContents/x}", nil},
		{flash, "", "{generationConfig: 7}", []string{"an object is wanted"}},
	} {
		name := fmt.Sprintf("%s %s %s", tt.model, tt.endpoint, tt.request)
		target := target(tt.model, tt.endpoint)
		found, _ := Check(request(t, tt.request), target)
		if (len(found) > 0) != (tt.want != nil) {
			t.Errorf("%s: refused %v, want %q", name, found, tt.want)
		}
		var refused strings.Builder
		for i := range found {
			refused.WriteString(found[i].Error() + "\n")
		}
		for _, want := range tt.want {
			if !strings.Contains(refused.String(), want) {
				t.Errorf("%s: refused %s, want %q in it", name, &refused, want)
			}
		}

		// The same request as a row's body is refused for the first of these reasons.
		body, err := apijson.Marshal(request(t, tt.request))
		if err != nil {
			t.Fatal(err)
		}
		err = CheckBody(body, true, target)
		if len(found) == 0 && err != nil || len(found) > 0 && (err == nil || err.Error() != found[0].Error()) {
			t.Errorf("%s: as a body it is refused for %v, want the first of %v", name, err, found)
		}
	}
}

// A stream has answers of any length that the model gives.
func TestCheckStream(t *testing.T) {
	target := target("gemini-4-argon", "")
	asked := request(t, "{generationConfig: {maxOutputTokens: 70000}}")
	if found, _ := Check(asked, target); len(found) != 1 {
		t.Errorf("70,000 tokens in one piece: %v", found)
	}
	target.Stream = true
	if found, _ := Check(asked, target); len(found) != 0 {
		t.Errorf("70,000 tokens in a stream: %v", found)
	}
}

// What is refused for the lack of another field names that field: it may come from each
// row.
func TestRefusalNamesOthers(t *testing.T) {
	for text, want := range map[string]string{
		"{generationConfig: {responseSchema: {type: STRING}}}":       "[generationConfig.responseMimeType]",
		"{generationConfig: {logprobs: 3}}":                          "[generationConfig.responseLogprobs]",
		"{toolConfig: {functionCallingConfig: {mode: ANY}}}":         "[tools cachedContent]",
		"{cachedContent: c, tools: [{googleSearch: {}}]}":            "[tools]",
		"{generationConfig: {temperature: 3}}":                       "[]",
		"{safetySettings: [{category: HARASSMENT, threshold: OFF}]}": "[]",
	} {
		found, _ := Check(request(t, text), target("gemini-3.5-flash", ""))
		if len(found) != 1 || fmt.Sprint(found[0].Others) != want {
			t.Errorf("%s: %v, want one refusal that names %s", text, found, want)
		}
	}
}

// The contents of a row are not looked at, and a body that has nothing else only when all
// are to be.
func TestCheckBody(t *testing.T) {
	for _, tt := range []struct {
		body   string
		always bool
		want   string
	}{
		{`{"contents":[{"parts":[{"text":"hi"}]}],"generation_config":{"top_k":0}}`, false, "generationConfig.topK is 0"},
		{`{"contents":7,"generationConfig":{"topK":1}}`, true, ""},
		{`{"contents":[]}`, false, ""},
		{`{"contents":[]}`, true, "AUDIO alone"},
		{`{}`, false, ""},
		{`[]`, true, ""}, // it is found elsewhere
		{`{"generationConfig":`, true, ""},
	} {
		model := "gemini-3.5-flash"
		if strings.Contains(tt.want, "AUDIO") || tt.body == `{"contents":[]}` {
			model = "gemini-2.5-flash-preview-tts"
		}
		err := CheckBody([]byte(tt.body), tt.always, target(model, ""))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.body, err, tt.want)
		}
	}
}

// A name that is near a known one is most likely a slip, and one that is not may
// be newer than this program: neither is refused.
func TestCheckWarnsOfNames(t *testing.T) {
	for text, want := range map[string]string{
		"{generationConfg: {}}":                                     `request.generationConfg is not known: did you mean "generationConfig"?`,
		"{generationConfig: {max_output_token: 5}}":                 `request.generationConfig.max_output_token is not known: did you mean "maxOutputTokens"?`,
		"{generationConfig: {tempreature: 1}}":                      "temperature",
		"{generationConfig: {max_output_tokens: 5}}":                "",
		"{generationConfig: {quantumDepth: 5}}":                     "",
		"{holoConfig: {}}":                                          "",
		"{generationConfig: {thinkingConfig: {thinkingBudget: 0}}}": "for compatibility at most: use thinkingLevel (minimal, low",
		"{store: false}":                                            "",
	} {
		found, warnings := Check(request(t, text), target("gemini-3.5-flash", ""))
		if said := strings.Join(warnings, "\n"); len(found) > 0 || (want == "") != (said == "") || !strings.Contains(said, want) {
			t.Errorf("%s: refused %v, warns %q, want %q", text, found, said, want)
		}
	}
}

// What is only ignored is said.
func TestCheckWarnsOfIgnored(t *testing.T) {
	for model, want := range map[string]string{"gemini-3.5-flash": "", "gemini-3.8-flash": "temperature is ignored by gemini-3.8-flash", "house": ""} {
		found, warnings := Check(request(t, "{generationConfig: {temperature: 0}}"), target(model, ""))
		if said := strings.Join(warnings, "\n"); len(found) > 0 || (want == "") != (said == "") || !strings.Contains(said, want) {
			t.Errorf("%s: refused %v, warns %q, want %q", model, found, said, want)
		}
	}
}

// FuzzCheckBody looks at bodies that are any JSON at all: it may refuse them, and must not
// trip over them.
func FuzzCheckBody(f *testing.F) {
	for _, body := range []string{
		`{"tools":[{"functionDeclarations":{"name":7}}],"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":"f"}}}`,
		`{"generationConfig":{"thinkingConfig":{"thinkingBudget":1e400},"stopSequences":"x","responseModalities":[7],"imageConfig":[]}}`,
		`{"safetySettings":{"category":null},"labels":[],"serviceTier":{},"cachedContent":1}`, `{"generationConfig":[[]],"contents":null}`, `{`,
	} {
		f.Add([]byte(body), "gemini-2.5-pro")
		f.Add([]byte(body), "gemini-2.5-flash-preview-tts")
	}
	f.Fuzz(func(t *testing.T, body []byte, model string) {
		if err := CheckBody(body, true, target(model, "")); err != nil && (!json.Valid(body) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q is refused: %v", body, err)
		}
	})
}

func TestNearestField(t *testing.T) {
	for name, want := range map[string]string{
		"temperature": "", "max_output_tokens": "", "tempreature": "temperature", "maxOutputToken": "maxOutputTokens", "max_output_token": "maxOutputTokens",
		"topQ": "topP", "quantumDepth": "", "x": "",
	} {
		if got := NearestField(name, configFields); got != want {
			t.Errorf("%q is most likely %q, want %q", name, got, want)
		}
	}
}

// TestOtherMethods checks that models which generateContent does not reach are refused in
// words that say by what they are reached, and that a price file may know better.
func TestOtherMethods(t *testing.T) {
	own, err := price.Load(strings.NewReader(`{"models": [{"id": "gemini-omni-1.1-flash", "per_request": 0.1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		model  string
		prices *price.Table
		want   string // empty: sent
	}{
		{"gemini-omni-1.2-flash", price.Default(), "the Interactions API"},
		{"models/gemini-omni-flash-preview", price.Default(), "the Interactions API"},
		{"gemini-embedding-2", price.Default(), "embedContent"},
		{"gemini-omni-1.1-flash", own, ""},
		{"gemini-3.5-flash-lite", price.Default(), ""},
		{"nobody-knows-it", price.Default(), ""},
	} {
		at := target(tt.model, "")
		at.Prices = tt.prices
		found, _ := Check(map[string]any{}, at)
		switch {
		case tt.want == "" && len(found) > 0:
			t.Errorf("%s: %v", tt.model, &found[0])
		case tt.want != "" && (len(found) != 1 || found[0].Path != "model" || !found[0].OfModel || !strings.Contains(found[0].Error(), tt.want)):
			t.Errorf("%s: %v, want a refusal that names %s", tt.model, found, tt.want)
		}
	}
}

// Where rows name the model, what one model refuses is up to each row.
func TestRefusalOfModel(t *testing.T) {
	for text, want := range map[string]bool{
		"{generationConfig: {thinkingConfig: {thinkingBudget: 0}}}": true,
		"{generationConfig: {maxOutputTokens: 70000}}":              true,
		"{generationConfig: {topK: 0}}":                             false,
		"{labels: {team: a}}":                                       false,
	} {
		found, _ := Check(request(t, text), target("gemini-2.5-pro", ""))
		if len(found) != 1 || found[0].OfModel != want {
			t.Errorf("%s: %+v, want one refusal, of the model: %t", text, found, want)
		}
	}
}
