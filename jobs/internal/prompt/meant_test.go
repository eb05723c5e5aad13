package prompt

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A prompt that uses no column is refused, with the text as it was likely meant.
func TestPromptsWithoutColumns(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ask.me"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{"id", "review", "user name"}
	for text, want := range map[string]string{
		"Rate {review}":        `write "Rate {{.review}}"`,
		"Rate {Review}!":       `write "Rate {{.review}}!"`,
		"Rate ${review}":       `write "Rate {{.review}}"`,
		"Rate $review, please": `write "Rate {{.review}}, please"`,
		"Rate %(review)s":      `write "Rate {{.review}}"`,
		"Rate <review>":        `write "Rate {{.review}}"`,
		"Rate [review]":        `write "Rate {{.review}}"`,
		"Rate [[review]]":      `write "Rate {{.review}}"`,
		"Rate <<review>>":      `write "Rate {{.review}}"`,
		"Rate {row.review}":    `write "Rate {{.review}}"`,
		"Rate :review":         `write "Rate {{.review}}"`,
		"Rate @review":         `write "Rate {{.review}}"`,
		"Rate %review%":        `write "Rate {{.review}}"`,
		"Rate __review__":      `write "Rate {{.review}}"`,
		"Rate {user name}":     `the input has id, review, user name`,
		"Rate [user name]":     `write "Rate {{index . \"user name\"}}"`,
		"Rate %s":              `write "Rate {{.review}}"`,
		"Rate {}":              `write "Rate {{.review}}"`,
		"Rate {0}":             `write "Rate {{.review}}"`,
		"Rate {reviw}":         `write "Rate {{.review}}"`,
		"review":               `write "{{.review}}"`,
		"Rate this":            `write "Rate this {{.review}}"`,
		`{{"fixed"}}`:          "uses no column of the input",
		"prompt.txt":           "write @prompt.txt for what stands in the file",
		"./a/Prompt.MD":        "write @./a/Prompt.MD",
		"ask.me":               "write @ask.me",
	} {
		for kind, s := range map[string]spec.Spec{
			"prompt":    {Prompt: text},
			"classify":  {Classify: &spec.Classify{Text: text, Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}},
			"summarize": {Summarize: &spec.Summarize{Text: text}},
			"extract":   {Extract: &spec.Extract{Text: text}, Schema: spec.Schema(`{"type":"object"}`)},
		} {
			s.Model, s.Input = "m", spec.List{filepath.Join(dir, "in.csv")}
			if err := meant(t, s, names); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--allow-same-prompt") {
				t.Errorf("%s %q: error %v, want %q", kind, text, err, want)
			}
			s.AllowSamePrompt = true
			if err := meant(t, s, names); err != nil {
				t.Errorf("%s %q is refused although it is meant", kind, text)
			}
			s.AllowSamePrompt, s.Media = false, spec.MediaColumns{{Column: "id"}}
			if err := meant(t, s, names); err != nil {
				t.Errorf("%s %q is refused although the media differ", kind, text)
			}
		}
	}
	for name, s := range map[string]spec.Spec{
		"a column":            {Prompt: `Rate {{.review}} as {"stars": 1} in {id}`},
		"the whole row":       {Prompt: "{{json .}}"},
		"the system text":     {Prompt: "Do it.", System: "{{.review}}"},
		"set":                 {Prompt: "Do it.", Set: map[string]string{"system": "{{.review}}"}},
		"a column in a block": {Prompt: `{{define "x"}}{{.review}}{{end}}{{template "x" .}}`},
	} {
		if err := meant(t, s, names); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := meant(t, spec.Spec{Prompt: "Rate {review}", System: "{{.id}}"}, names); err == nil {
		t.Error("a prompt with a column in other braces is let through beside a system text")
	}
	if err := meant(t, spec.Spec{Prompt: "{{.review}}", System: "You are {id}."}, names); err == nil || !strings.Contains(err.Error(), `write "You are {{.id}}."`) {
		t.Errorf("a column in other braces in the system text: %v", err)
	}
	if err := meant(t, spec.Spec{Prompt: "{{.review}}", Set: map[string]string{"generationConfig.temperature": "${id}"}}, names); err == nil || !strings.Contains(err.Error(), `write "{{.id}}"`) {
		t.Errorf("a column in other braces in set: %v", err)
	}
	odd, err := New(&spec.Spec{Model: "m", Prompt: "Rate {{.review}} of {id}, not of <review>"}, Wording)
	if err != nil || len(odd.Oddities(names)) != 1 {
		t.Errorf("%v, %v", odd.Oddities(names), err)
	}
	if err := meant(t, spec.Spec{Prompt: "{{.review}}", System: "persona.txt"}, names); err == nil || !strings.Contains(err.Error(), "write @persona.txt") {
		t.Errorf("a file's name as the system text: %v", err)
	}
}

// meant returns what CheckMeant says of a job.
func meant(t *testing.T, s spec.Spec, names []string) error {
	t.Helper()
	p, err := New(&s, Wording)
	if err != nil {
		t.Fatal(err)
	}
	err = p.CheckMeant(names)
	if _, ok := errors.AsType[*spec.Error](err); err != nil && !ok {
		t.Errorf("%v is no *spec.Error", err)
	}
	return err
}

// A row with nothing to ask about is told from one with little.
func TestIsEmpty(t *testing.T) {
	for _, tt := range []struct {
		job  string
		row  *batch.Row
		want bool
	}{
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", ""), true},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", nil), true},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", " \t\r\n\u00a0\u2003\u200b\ufeff\u2060\u3000"), true},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", json.RawMessage(`[]`)), true},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", json.RawMessage(`{ }`)), true},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", "NULL"), false},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", "NaN"), false},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", "."), false},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", int64(0)), false},
		{"prompt: 'Rate {{.a}}'", jobtest.Row("a", false), false},
		{"prompt: 'Rate {{.a}} {{.b}}'", jobtest.Row("a", "", "b", "x"), false},
		{"prompt: 'Rate {{.a}} {{.b}}'", jobtest.Row("a", "", "b", " ", "id", "1"), true},
		{"prompt: 'Rate {{json .}}'", jobtest.Row("a", "", "b", "x"), false},
		{"prompt: 'Rate {{default \"nothing\" .a}}'", jobtest.Row("a", ""), false}, // the job says what to ask then
		{"prompt: 'Rate {{.a | default \"nothing\"}}'", jobtest.Row("a", ""), false},
		{"prompt: 'Rate it'\nallow_same_prompt: true", jobtest.Row("a", ""), false},
		{"classify: {text: '{{.a}} ', labels: [x, y]}", jobtest.Row("a", ""), true},
		{"classify: {text: 'Title: {{.a}}', labels: [x, y]}", jobtest.Row("a", ""), false},
		{"classify: {text: '{{if .a}}{{.b}}{{end}}', labels: [x, y]}", jobtest.Row("a", "", "b", "x"), true},
		{"summarize: {text: '{{.a}}'}", jobtest.Row("a", " "), true},
		{"summarize: {text: '{{.a}}'}\nsystem: '{{.b}}'", jobtest.Row("a", " ", "b", "x"), true},
		{"extract: {text: '{{.a}}', schema: {type: object}}", jobtest.Row("a", nil), true},
		{"raw: {}", jobtest.Row("request", ""), false},
	} {
		s := jobtest.Load(t, tt.job)
		if s.Extract != nil {
			if err := s.ReadFiles(); err != nil {
				t.Fatal(err)
			}
		}
		p, err := New(s, Wording)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.IsEmpty(tt.row); got != tt.want {
			t.Errorf("%s with %v: empty is %v", tt.job, tt.row.Values, got)
		}
	}
}

// Requests of other APIs are told by their form, with the right one.
func TestForeignRequests(t *testing.T) {
	for text, want := range map[string]string{
		`{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}`:               "chat API such as OpenAI's",
		`{"prompt":"x","max_tokens":5}`:                                               "a completion API",
		`{"input":"x"}`:                                                               "the request has no contents",
		`{"contents":"x"}`:                                                            "contents is a text",
		`{"contents":["x"]}`:                                                          "contents is a list of texts",
		`{"contents":[{"parts":["x"]}]}`:                                              "a part is a text",
		`{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}`:                  "the role assistant",
		`{"contents":[{"role":"system","parts":[{"text":"x"}]}]}`:                     "the role system",
		`{"contents":[{"parts":[{"text":"x"}]}],"config":{"temperature":0}}`:          "config, which is the SDK's own",
		`{"contents":[{"role":"user","parts":[{"text":"x"}]},{"role":"model"}]}`:      "",
		`{"contents":{"parts":{"text":"x"}},"generation_config":{"temperature":0}}`:   "",
		`{"contents":[],"newField":1}`:                                                "",
		`{"system_instruction":{"parts":[{"text":"x"}]},"contents":[{"parts":[]}]}  `: "",
	} {
		err := foreign([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	raw := &rawRequests{}
	for names, want := range map[string]string{
		"custom_id method url body": "OpenAI's batch files",
		"custom_id params":          "Anthropic's message batches",
		"recordId modelInput":       "Amazon Bedrock's batch files",
		"messages model":            "a chat API",
		"id text":                   "neither a column request nor contents; it has id, text",
		"key request":               "",
		"contents":                  "",
	} {
		err := raw.checkMeant(strings.Fields(names))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", names, err, want)
		}
	}
}
