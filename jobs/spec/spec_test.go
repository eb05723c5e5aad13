package spec

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	s, err := loadText(t, `
input: reviews.csv
output: /abs/labels.csv
model: gemini-2.5-flash
timeout: 90s
tpm: 1e6
classify:
  text: "{{.body}}"
  labels: {positive: "praises, loudly", negative: complains}
request:
  generationConfig: {temperature: 0}
rpm: 1000
`)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(s.Input[0]) != "reviews.csv" || !filepath.IsAbs(s.Input[0]) || s.Output != "/abs/labels.csv" {
		t.Errorf("paths %q and %q: relative ones are to the job file's folder", s.Input, s.Output)
	}
	if s.RPM != 1000 || s.TPM != 1_000_000 || s.Timeout != 90*time.Second || s.Classify.Labels[0] != (Label{Name: "positive", Description: "praises, loudly"}) || s.Classify.Labels[1].Name != "negative" {
		t.Errorf("spec %+v, %+v", s, s.Classify)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestLoadErrors(t *testing.T) {
	for text, want := range map[string][]string{
		"inptu: a.csv":                             {"line 1, column 1", "inptu", `did you mean "input"?`},
		"model: m\nclassify:\n  lables: [a, b]":    {"line 3, column 3", "lables", `did you mean "labels"?`},
		"rpm: fast":                                {"line 1, column 6: a whole number is wanted here"},
		"rpm: 10.5":                                {"line 1, column 6: a whole number is wanted here, and 10.5 is none"},
		"media: {column: x, max_bytes: '1.5'}":     {"line 1, column 31: a whole number is wanted here"},
		"strict: 7":                                {"true or false"},
		"raw: true":                                {"line 1"},
		"text: x":                                  {"under classify:"},
		"rpm: 1\nrpm: 2":                           {"line 2"},
		"input: [a\nmodel: b":                      {"line "},
		"classify: {text: x, labels: 7}":           {"labels are"},
		"input: {a: b}":                            {"line 1, column 8: a list is wanted here"},
		"input: [a, [b]]":                          {"line 1, column 12: a text is wanted here"},
		"temperature: 0":                           {"line 1, column 1", "temperature"},
		"request: {generationConfig: [1, 2}":       {"line 1"},
		"timeout: soon":                            {"timeout"},
		"budget: 3\n":                              {"budget"},
		"prompt: \"{{.x}}\"\n\tmodel: tabs here\n": {"line 2"},
	} {
		_, err := loadText(t, text)
		var mistake *Error
		if !errors.As(err, &mistake) {
			t.Errorf("%q: error %v, want an *Error", text, err)
			continue
		}
		for _, part := range append(want, "job.yaml") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: error %q lacks %q", text, err, part)
			}
		}
	}
}

// What rows set stands in a job file as paths and templates, and is kept sorted by path.
func TestSetInJobFile(t *testing.T) {
	s, err := loadText(t, "prompt: hi\nset:\n  model: \"{{.m}}\"\n  generationConfig.temperature: '{{.t}}'\nno_preflight: true\n")
	if err != nil || len(s.Set) != 2 || s.Set["model"] != "{{.m}}" || !s.NoPreflight {
		t.Fatalf("%+v, %v", s, err)
	}
	text, err := json.Marshal(s)
	if err != nil || !strings.Contains(string(text), `"set":{"generationConfig.temperature":"{{.t}}","model":"{{.m}}"}`) {
		t.Errorf("kept as %s, %v", text, err)
	}
}

func TestCheck(t *testing.T) {
	good := func() *Spec {
		return &Spec{Input: List{"in.csv"}, Output: "out.csv", Model: "m", Prompt: "{{.x}}"}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Spec){
		"no input":                  func(s *Spec) { s.Input = nil },
		"no output":                 func(s *Spec) { s.Output = "" },
		"no model":                  func(s *Spec) { s.Model = "" },
		"what to ask":               func(s *Spec) { s.Prompt = "" },
		"2 kinds: classify, prompt": func(s *Spec) { s.Classify = &Classify{} },
		"--limit and --sample":      func(s *Spec) { s.Limit, s.Sample = 1, 1 },
		"rpm is -1":                 func(s *Spec) { s.RPM = -1 },
		"timeout is -1s":            func(s *Spec) { s.Timeout = -time.Second },
		"on_daily_quota":            func(s *Spec) { s.OnDailyQuota = "sleep" },
		"thinkingBudget and thinkingL": func(s *Spec) {
			s.Request = config(map[string]any{"thinkingConfig": map[string]any{"thinking_budget": 1, "thinkingLevel": "LOW"}})
		},
		"maxOutputTokens are both": func(s *Spec) { s.MaxOutputTokens = 1; s.Request = config(map[string]any{"max_output_tokens": 1}) },
		"system":                   func(s *Spec) { s.System = "x"; s.Request = map[string]any{"system_instruction": map[string]any{}} },
		"request.contents":         func(s *Spec) { s.Request = map[string]any{"contents": []any{}} },
	} {
		s := good()
		change(s)
		err := s.Check()
		var mistake *Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want an *Error with %q", err, want)
		}
	}
}

func config(members map[string]any) map[string]any {
	return map[string]any{"generationConfig": members}
}

func loadText(t *testing.T, text string) (*Spec, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}
