package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// checkFlight checks a job with this request, given as the YAML of a job file.
func checkFlight(t *testing.T, model, endpoint, request string, change func(*spec.Spec)) (log string, err error) {
	t.Helper()
	s, err := jobtest.LoadText(t, "input: in.jsonl\noutput: out.jsonl\nprompt: hi\nrequest: "+request)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	s.Model, s.Endpoint = model, endpoint
	if change != nil {
		change(s)
	}
	var said bytes.Buffer
	j, err := prepare(*s, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	err = j.critic.checkFlight()
	return said.String(), err
}

func TestPreflight(t *testing.T) {
	config := func(text string) string { return "{generationConfig: {" + text + "}}" }
	const flash, old = "gemini-3.5-flash", "gemini-2.5-flash"
	for _, tt := range []struct {
		model, endpoint, request string
		want                     []string // nil: it is let through
	}{
		// Thinking, by model.
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: 0}"), []string{"request.generationConfig.thinkingConfig.thinkingBudget is 0", "gemini-2.5-pro takes 128 to 32768", "cannot be turned off", "--no-preflight"}},
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
		{flash, "", config("temperature: 2.1"), []string{"request.generationConfig.temperature is 2.1", "0 to 2"}},
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
		{flash, "", "{safetySettings: [{category: HARM_CATEGORY_HARASSMENT, threshold: OFF}, {category: HARM_CATEGORY_HARASSMENT, threshold: OFF}]}", []string{"request.safetySettings[1].category", "one setting for each category"}},
		{flash, "gptproto", "{safety_settings: [{category: HARM_CATEGORY_HARASSMENT, threshold: BLOCK_HIGH_AND_ABOVE}]}", []string{"request.safetySettings[0].threshold", "write BLOCK_ONLY_HIGH"}},
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
		{flash, "", "{labels: {team: a}}", []string{"request.labels", "only Vertex AI"}},
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
		_, err := checkFlight(t, tt.model, tt.endpoint, tt.request, nil)
		if tt.want == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var mistake *spec.Error
		if !errors.As(err, &mistake) {
			t.Errorf("%s: %v, want a SpecError with %q", name, err, tt.want)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", name, err, want)
			}
		}
		if _, err := checkFlight(t, tt.model, tt.endpoint, tt.request, func(s *spec.Spec) { s.NoPreflight = true }); err != nil {
			t.Errorf("%s with no_preflight: %v", name, err)
		}
	}
}

func TestPreflightOfFlags(t *testing.T) {
	_, err := checkFlight(t, "gemini-2.5-flash", "", "{}", func(s *spec.Spec) { s.MaxOutputTokens = 70000 })
	if err == nil || !strings.HasPrefix(err.Error(), "max_output_tokens is 70000") {
		t.Errorf("--max-output-tokens: %v", err)
	}
	if _, err := checkFlight(t, "gemini-4-argon", "", "{}", func(s *spec.Spec) { s.MaxOutputTokens, s.Stream = 70000, true }); err != nil {
		t.Errorf("a stream of Argon: %v", err)
	}
	// What the kind brings counts with what the request says.
	labels := func(s *spec.Spec) {
		s.Prompt, s.Classify = "", &spec.Classify{Text: "{{.q}}", Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
	}
	if _, err := checkFlight(t, "gemini-3.5-flash", "", "{generationConfig: {responseSchema: {type: STRING, enum: [a, b]}}}", labels); err != nil {
		t.Errorf("the kind sets responseMimeType: %v", err)
	}
	if _, err := checkFlight(t, "gemini-3.5-flash", "", "{cachedContent: cachedContents/x}", labels); err == nil || !strings.Contains(err.Error(), "systemInstruction") {
		t.Errorf("the kind has a system instruction: %v", err)
	}
	// Where rows name the model, what the job's own does not take is up to each row;
	// what no model takes is not.
	byRow := func(s *spec.Spec) { s.Set = map[string]string{"model": "{{.m}}"} }
	if _, err := checkFlight(t, "gemini-2.5-pro", "", "{generationConfig: {thinkingConfig: {thinkingBudget: 0}}}", byRow); err != nil {
		t.Errorf("rows name the model: %v", err)
	}
	for request, want := range map[string]string{"{generationConfig: {topK: 0}}": "topK is 0", "{labels: {a: b}}": "only Vertex AI"} {
		if _, err := checkFlight(t, "gemini-2.5-pro", "", request, byRow); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s where rows name the model: %v", request, err)
		}
	}
	// What set makes the same of every row is every request's.
	for value, want := range map[string]string{"9": "set generationConfig.temperature is 9", "warm": `set generationConfig.temperature is "warm"`, "{{.t}}": "", "1": ""} {
		same := func(s *spec.Spec) { s.Set = map[string]string{"generationConfig.temperature": value} }
		_, err := checkFlight(t, "gemini-2.5-flash", "", "{generationConfig: {topP: 1}}", same)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("temperature set to %s: %v", value, err)
		}
	}
	// What is refused only for the lack of another field may have it from each row.
	for _, tt := range []struct {
		model, request string
		set            map[string]string
		raw            bool
	}{
		{"gemini-2.5-flash", "{}", map[string]string{"generationConfig.responseSchema": `{"type":"STRING"}`, "generationConfig.responseMimeType": "{{.t}}"}, false},
		{"gemini-2.5-flash", "{generationConfig: {responseSchema: {type: STRING}}}", map[string]string{"generationConfig.responseMimeType": "{{.t}}"}, false},
		{"gemini-2.5-flash", "{}", map[string]string{"generationConfig.logprobs": "3", "generationConfig.responseLogprobs": "{{.t}}"}, false},
		{"gemini-2.5-flash", "{}", map[string]string{"toolConfig.functionCallingConfig.mode": "ANY", "tools": "{{json .t}}"}, false},
		{"gemini-2.5-flash", "{}", map[string]string{"generationConfig.logprobs": "3"}, true},
		{"gemini-2.5-flash-preview-tts", "{}", nil, true},
	} {
		_, err := checkFlight(t, tt.model, "", tt.request, func(s *spec.Spec) {
			s.Set = tt.set
			if tt.raw {
				s.Raw, s.Prompt = &spec.Raw{}, ""
			}
		})
		if err != nil {
			t.Errorf("%s, set %v, raw %t: %v", tt.request, tt.set, tt.raw, err)
		}
	}
	thinking := func(s *spec.Spec) { s.Set = map[string]string{"model": "gemini-2.5-pro"} }
	if _, err := checkFlight(t, "gemini-2.5-flash", "", "{generationConfig: {thinkingConfig: {thinkingBudget: 0}}}", thinking); err == nil || !strings.Contains(err.Error(), "gemini-2.5-pro") {
		t.Errorf("every row asks gemini-2.5-pro: %v", err)
	}
	// All that is wrong is said at once.
	_, err = checkFlight(t, "gemini-2.5-pro", "", "{generationConfig: {temperature: 3, topK: 0, thinkingConfig: {thinkingBudget: 0}}}", nil)
	for _, want := range []string{"temperature", "topK", "thinkingBudget"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// A name that is near a known one is most likely a slip, and one that is not may
// be newer than this program: neither is refused.
func TestPreflightNames(t *testing.T) {
	for request, want := range map[string]string{
		"{generationConfg: {}}":                                     `request.generationConfg is not known: did you mean \"generationConfig\"?`,
		"{generationConfig: {max_output_token: 5}}":                 `request.generationConfig.max_output_token is not known: did you mean \"maxOutputTokens\"?`,
		"{generationConfig: {tempreature: 1}}":                      "temperature",
		"{generationConfig: {max_output_tokens: 5}}":                "",
		"{generationConfig: {quantumDepth: 5}}":                     "",
		"{holoConfig: {}}":                                          "",
		"{generationConfig: {thinkingConfig: {thinkingBudget: 0}}}": "for compatibility at most: use thinkingLevel (minimal, low",
		"{store: false}":                                            "",
	} {
		log, err := checkFlight(t, "gemini-3.5-flash", "", request, nil)
		if err != nil || (want == "") != (log == "") || !strings.Contains(log, want) {
			t.Errorf("%s: %v, warns %q, want %q", request, err, log, want)
		}
	}
}

// What is only ignored is said.
func TestPreflightIgnored(t *testing.T) {
	for model, want := range map[string]string{"gemini-3.5-flash": "", "gemini-3.8-flash": "temperature is ignored by gemini-3.8-flash", "house": ""} {
		log, err := checkFlight(t, model, "", "{generationConfig: {temperature: 0}}", nil)
		if err != nil || (want == "") != (log == "") || !strings.Contains(log, want) {
			t.Errorf("%s: %v, warns %q, want %q", model, err, log, want)
		}
	}
}

// A refused job sends nothing and leaves nothing; with --no-preflight the API has
// the word; and answers that are there stay, whatever is known by now.
func TestPreflightBeforeTheRun(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	f.spec.Request = map[string]any{"generationConfig": map[string]any{"temperature": 3}}
	var spec *spec.Error
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "temperature is 3") {
		t.Fatalf("run: %v", err)
	}
	if _, err := os.Stat(f.spec.StateDir()); !os.IsNotExist(err) {
		t.Errorf("the state folder was made: %v", err)
	}
	if asked := f.e.Requests(); len(asked) != 0 {
		t.Errorf("%q were sent", asked)
	}
	view, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := view.Plan(); !errors.As(err, &spec) {
		t.Errorf("plan: %v", err)
	}
	view.Close()
	f.spec.NoPreflight = true
	f.mustRun()
	if asked := f.e.Requests(); len(asked) != 1 {
		t.Errorf("with no_preflight %q were sent", asked)
	}
	f.spec.NoPreflight = false
	if view, err = View(f.spec, Options{}); err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if totals, err := view.Export(filepath.Join(f.dir, "again.jsonl"), "", nil, false); err != nil || totals.Status["ok"] != 1 {
		t.Errorf("export: %+v, %v", totals, err)
	}
}

// Rows of raw are checked one by one: a bad one is skipped, the others are asked.
func TestPreflightOfRawRows(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Raw = "", &spec.Raw{}
	request := func(prompt, more string) string {
		return fmt.Sprintf(`{"request":{"contents":[{"parts":[{"text":%q}]}]%s}}`, prompt, more)
	}
	f.input(request("a", ""), request("b", `,"generation_config":{"top_k":0}`), request("c", `,"generationConfig":{"topK":1}`),
		request("d", `,"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_HIGH_AND_ABOVE"}]`))
	s := f.mustRun()
	if s.Job.Status["ok"] != 2 || s.Job.Status["skipped"] != 2 {
		t.Errorf("totals %+v", s.Job)
	}
	out := f.output("status", "error")
	if !strings.Contains(out[1], "in.jsonl:2: generationConfig.topK is 0") || !strings.Contains(out[3], "write BLOCK_ONLY_HIGH") {
		t.Errorf("output %q", out)
	}
	if asked := f.e.Requests(); fmt.Sprint(asked) != "[a c]" {
		t.Errorf("asked %q", asked)
	}
	f.spec.Strict, f.spec.Output = true, filepath.Join(f.dir, "strict.jsonl")
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), "in.jsonl:2: generationConfig.topK") {
		t.Errorf("--strict: %v", err)
	}
}
