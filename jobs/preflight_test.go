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
	err = j.critic.CheckFlight()
	return said.String(), err
}

// What preflight refuses is said with the name that it has in the job file, and with the
// way out. What that is, for each model and endpoint, is tested in the package preflight.
func TestPreflight(t *testing.T) {
	config := func(text string) string { return "{generationConfig: {" + text + "}}" }
	const flash = "gemini-3.5-flash"
	for _, tt := range []struct {
		model, endpoint, request string
		want                     []string // nil: it is let through
	}{
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: 0}"), []string{"request.generationConfig.thinkingConfig.thinkingBudget is 0", "gemini-2.5-pro takes 128 to 32768", "cannot be turned off", "--no-preflight"}},
		{"gemini-2.5-pro", "", config("thinkingConfig: {thinkingBudget: -1}"), nil},
		{flash, "", config("temperature: 2"), nil},
		{flash, "", config("temperature: 2.1"), []string{"request.generationConfig.temperature is 2.1", "0 to 2"}},
		{flash, "", config("top_k: 0"), []string{"topK is 0"}},
		{"gemini-4-argon", "", config("maxOutputTokens: 32769"), []string{"at most 32768", "not streamed", "add --stream"}},
		{"gemini-2.5-flash-preview-tts", "", "{}", []string{"AUDIO alone"}},
		{flash, "", "{safetySettings: [{category: HARM_CATEGORY_HARASSMENT, threshold: OFF}, {category: HARM_CATEGORY_HARASSMENT, threshold: OFF}]}", []string{"request.safetySettings[1].category", "one setting for each category"}},
		{flash, "gptproto", "{safety_settings: [{category: HARM_CATEGORY_HARASSMENT, threshold: BLOCK_HIGH_AND_ABOVE}]}", []string{"request.safetySettings[0].threshold", "write BLOCK_ONLY_HIGH"}},
		{flash, "", "{labels: {team: a}}", []string{"request.labels", "only Vertex AI"}},
		{flash, "vertex", "{labels: {team: a}}", nil},
		{flash, "https://gateway.example", "{labels: {team: a}}", nil},
		{flash, "https://europe-west1-aiplatform.googleapis.com", "{serviceTier: flex}", []string{"Vertex AI takes no serviceTier"}},
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

// What is odd about a request is logged, and refuses nothing.
func TestPreflightWarns(t *testing.T) {
	for request, want := range map[string]string{
		"{generationConfg: {}}":         `request.generationConfg is not known: did you mean \"generationConfig\"?`,
		"{generationConfig: {seed: 5}}": "",
	} {
		log, err := checkFlight(t, "gemini-3.5-flash", "", request, nil)
		if err != nil || (want == "") != (log == "") || !strings.Contains(log, want) {
			t.Errorf("%s: %v, warns %q, want %q", request, err, log, want)
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
