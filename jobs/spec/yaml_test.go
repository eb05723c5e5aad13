package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where a job file takes a text, it is the text as it is written, whatever YAML would make
// of it.
func TestTextsAsWritten(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"classify: {labels: [0123, 010, 3.10, 1.50, 08, 00501, 1E5, 1_000, 0x1F, 0o17, .5, +1, -0, 1e3, .inf, .nan]}",
			`[0123 010 3.10 1.50 08 00501 1E5 1_000 0x1F 0o17 .5 +1 -0 1e3 .inf .nan]`},
		{"classify: {labels: [null, ~, NULL, true, False, yes, no, on, Off, 2024-01-01, 12:30, 2024-01-01T10:00:00Z, NaN]}",
			`[null ~ NULL true False yes no on Off 2024-01-01 12:30 2024-01-01T10:00:00Z NaN]`},
		{"classify:\n  labels:\n  - 0101\n  - 3.10 # a comment\n  - null\n  - '0102'\n", "[0101 3.10 null 0102]"},
		{"classify: {labels: {0101: live horses, 0102: 3.10, 3.10: null, null: ~, yes: true, no: , on: 007}}",
			"[0101=live horses 0102=3.10 3.10=null null=~ yes=true no on=007]"},
		{"classify:\n  labels:\n    0101: 1.0\n    true:\n    2024-01-01: 1e3\n", "[0101=1.0 true 2024-01-01=1e3]"},
		{"classify: {labels: [{name: 010, description: 1.0}, {name: b}, {007: 3.10}, c, {d: }]}", "[010=1.0 b 007=3.10 c d]"},
		{`{"classify": {"labels": ["a", 1.50, null, {"name": 010}]}}`, "[a 1.50 null 010]"},
	} {
		s, err := loadText(t, tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		var list []string
		for _, l := range s.Classify.Labels {
			text := l.Name
			if l.Description != "" {
				text += "=" + l.Description
			}
			list = append(list, text)
		}
		if got := "[" + strings.Join(list, " ") + "]"; got != tt.want {
			t.Errorf("%s: the labels are %s, want %s", tt.text, got, tt.want)
		}
	}
	s, err := loadText(t, `
input: [0101.csv, 3.10]
output: 1e3
model: 2.50
key: 010
expected: no
columns: [0101, null, 1.0]
retry: 007
header: [1.0]
api_key_env: 1_0
max_cost: 5.00
max_failures: 010
project: 0123
system: 1.0
prompt: 3.10
prefix: 0x1
deadline: 18:00
set: {0101: 1.0, a: null, b: }
media: [010, {column: 3.10, max_bytes: 10, mime_type: 1.0}]
classify: {text: 1.0, examples: [{text: 1.50, label: 0101}, {text: null, label: [010, 3.10]}]}
summarize: {text: 1.0, words: 3, language: no}
raw: {column: 0101}
request: {generationConfig: {temperature: 0.50, stopSequences: [0101]}}
rpm: 10
strict: true
`)
	if err != nil {
		t.Fatal(err)
	}
	s.Input[0], s.Input[1], s.Output = filepath.Base(s.Input[0]), filepath.Base(s.Input[1]), filepath.Base(s.Output)
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"input":["0101.csv","3.10"],"output":"1e3","key":"010","strict":true,"expected":"no","model":"2.50","api_key_env":"1_0","project":"0123","header":["1.0"],"prompt":"3.10",` +
		`"classify":{"text":"1.0","examples":{"list":[{"text":"1.50","label":["0101"]},{"text":"","label":["010","3.10"]}]}},` +
		`"summarize":{"text":"1.0","words":3,"language":"no"},"raw":{"column":"0101"},"system":"1.0","request":{"generationConfig":{"stopSequences":["0101"],"temperature":0.5}},` +
		`"media":[{"column":"010"},{"column":"3.10","mime_type":"1.0","max_bytes":10}],"set":{"0101":"1.0","a":"null","b":""},"rpm":10,"max_failures":"010","retry":["007"],"deadline":"18:00","max_cost":"5.00","prefix":"0x1","columns":["0101","null","1.0"]}`
	if string(got) != want {
		t.Errorf("the job is\n%s\nwant\n%s", got, want)
	}
}

// Codes in schemas and requests are never read as other values: they are texts where only
// texts can stand, and elsewhere a mistake.
func TestCodesInSchemasAndRequests(t *testing.T) {
	const codes = `{type: object, properties: {0101: {type: string, enum: [0101, 00501, 3.10, true, null, yes, 12:30, 1_000], default: 010}, 3.10: {type: [string, "null"], enum: [007, null]}, null: {type: number, minimum: 0.2, enum: [1, 0.001, -2]}, labels: {type: array, minItems: 1}, text: {const: 1}}, required: [0101, null]}`
	const want = `{"type":"object","properties":{"0101":{"type":"string","enum":["0101","00501","3.10","true","null","yes","12:30","1_000"],"default":"010"},"3.10":{"type":["string","null"],"enum":["007",null]},"null":{"type":"number","minimum":0.2,"enum":[1,0.001,-2]},"labels":{"type":"array","minItems":1},"text":{"const":1}},"required":["0101","null"]}`
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte(codes), 0o600); err != nil {
		t.Fatal(err)
	}
	block := "schema:\n  properties:\n    0101: {type: integer}\n    3.10:\n      type: STRING\n      nullable: true\n      enum:\n      - 0101 # one\n      - null\n"
	for text, want := range map[string]string{
		"schema: " + codes:                          want,
		"extract: {text: x, schema: " + codes + "}": want,
		"schema: " + file:                           want,
		block:                                       `{"properties":{"0101":{"type":"integer"},"3.10":{"type":"STRING","nullable":true,"enum":["0101",null]}}}`,
	} {
		s, err := loadText(t, text)
		if err == nil {
			err = s.ReadFiles()
		}
		if err != nil || string(s.Schema) != want {
			t.Errorf("%s: the schema is\n%s, %v, want\n%s", text, s.Schema, err, want)
		}
	}
	for text, want := range map[string]string{
		`{generationConfig: {responseSchema: {type: STRING, enum: [0101, 3.10]}, stopSequences: [0101, yes, 3.10], temperature: 0.2, topP: 0.001, seed: 123}, systemInstruction: {parts: [{text: 0101}]}, labels: {a: 3.10, 010: null}}`: `{"generationConfig":{"responseSchema":{"enum":["0101","3.10"],"type":"STRING"},"seed":123,"stopSequences":["0101","yes","3.10"],"temperature":0.2,"topP":0.001},"labels":{"010":"null","a":"3.10"},"systemInstruction":{"parts":[{"text":"0101"}]}}`,
		`{generationConfig: {responseFormat: {text: {schema: {minItems: 1}}}}}`:            `{"generationConfig":{"responseFormat":{"text":{"schema":{"minItems":1}}}}}`,
		`{contents: [{parts: [{functionCall: {name: 1.0, args: {text: 5, 007: true}}}]}]}`: `{"contents":[{"parts":[{"functionCall":{"args":{"007":true,"text":5},"name":"1.0"}}]}]}`,
	} {
		s, err := loadText(t, "request: "+text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(s.Request); err != nil || string(got) != want {
			t.Errorf("%s: the request is\n%s, %v, want\n%s", text, got, err, want)
		}
	}
	for _, code := range strings.Fields("0101 00501 0x1F 0o17 0b11 1_000 .5 +1 .inf .nan") {
		want := "line 2, column "
		for _, text := range []string{"model: m\nrequest: {generationConfig: {seed: " + code + "}}", "model: m\nschema: {enum: [" + code + "]}"} {
			if _, err := loadText(t, text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), code+" may be a code") {
				t.Errorf("%s: error %v", text, err)
			}
		}
	}
	if err := os.WriteFile(file, []byte("type: integer\nenum: [0101]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Spec{Schema: SchemaFile(file)}
	if err := s.ReadFiles(); err == nil || !strings.Contains(err.Error(), "s.yaml: line 2, column 8: 0101 may be a code") {
		t.Errorf("a code in a schema's file: %v", err)
	}
}

// Mistakes in a job file are named with their place, and with what was most likely meant.
func TestJobFileMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"prompt: {{.body}}\n":                              `job.yaml: line 1: YAML takes the braces of {{.body}} for a group of keys; put templates in quotes: prompt: "{{.body}}"`,
		"model: m\nprompt: {{.body}} is what?\n":           `line 2: YAML takes the braces`,
		"classify:\n  text: {{.body}}\n  labels: [a, b]\n": `put templates in quotes: text: "{{.body}}"`,
		"set:\n  model: {{.m}}\n":                          `put templates in quotes: model: "{{.m}}"`,
		"prompt: {{index . \"odd\"}}\n":                    `put templates in quotes: prompt: "{{index . \"odd\"}}"`,
		"classify: {text: {{.body}}, labels: [a, b]}":      `put templates in quotes: text: "{{.body}}"`,
		"tier:\n- {{.a}}\n":                                `put templates in quotes: "{{.a}}"`,
		"classify: {label: [a]}":                           `unknown key "label"; did you mean "labels"?`,
		"label: [a]":                                       `unknown key "label"; labels: stands under classify:`,
		"labels: [a]":                                      `labels: stands under classify:`,
		"text: x":                                          `text: stands under classify:`,
		"classify: {model: m}":                             `model: stands beside classify:, not under it`,
		"api_key: AIzaSECRETSECRETSECRET":                  "a job file holds no key",
		"apikey: AIzaSECRETSECRETSECRET":                   "a job file holds no key",
		"GEMINI_API_KEY: AIzaSECRETSECRETSECRET":           "a job file holds no key",
		"key_file: AIzaSECRETSECRETSECRET":                 "unknown key",
		"temperature: 0":                                   "write request: {generationConfig: {temperature: ...}}",
		"top_p: 0":                                         "write request: {generationConfig: {topP: ...}}",
		"topP: 0":                                          "write request: {generationConfig: {topP: ...}}",
		"thinkingBudget: 0":                                "write request: {generationConfig: {thinkingConfig: {thinkingBudget: ...}}}",
		"generation_config: {}":                            "write request: {generationConfig: ...}",
		"maxOutputTokens: 5":                               `did you mean "max_output_tokens"?`,
		"max-cost: 5":                                      `did you mean "max_cost"?`,
		"modle: m":                                         `did you mean "model"?`,
		"promt: m":                                         `did you mean "prompt"?`,
		"summarize: {word: 3}":                             `did you mean "words"?`,
		"classify: {labels: [[a, b]]}":                     "a label is a name",
		"classify: {labels: {a: {b: c}}}":                  "described by a text",
		"input: a.csv\nrpm: many":                          "line 2, column 6: a whole number is wanted here",
		"timeout: 30":                                      `line 1, column 10: timeout is no length of time: "30"; did you mean 30s? A duration has a unit, as in 90s, 5m or 1h30m`,
		"rpm: 99999999999999999999999":                     "the number is too large",
		"classify: x":                                      "line 1, column 11: a group of keys is wanted here",
		"timeout: soon":                                    "write 90s, 5m or 1h30m",
		"media: {colunm: x}":                               `did you mean "column"?`,
		"zzzzzz: 1":                                        "the keys are input,",
	} {
		_, err := loadText(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		} else if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: the error %v has what may be a key", text, err)
		}
	}
}

// Files come with byte order marks, in UTF-16 and with the line ends of Windows.
func TestEncodingsOfFiles(t *testing.T) {
	utf16 := func(text string, mark string, little bool) string {
		out := []byte(mark)
		for _, c := range text {
			if little {
				out = append(out, byte(c), byte(c>>8))
			} else {
				out = append(out, byte(c>>8), byte(c))
			}
		}
		return string(out)
	}
	text := "prompt: '{{.é}}'\r\nmodel: m\r\n"
	for name, file := range map[string]string{
		"UTF-8 BOM": "\ufeff" + text, "UTF-16LE": utf16(text, "\xff\xfe", true), "UTF-16BE": utf16(text, "\xfe\xff", false), "plain": text,
	} {
		s, err := loadText(t, file)
		if err != nil || s.Prompt != "{{.é}}" || s.Model != "m" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for name, file := range map[string]string{
		"p.txt": utf16("Say {{.é}}", "\xff\xfe", true), "l.txt": utf16("schön\tnice\r\nnicht\r\n", "\xfe\xff", false),
		"job.yaml": "input: ~/rows.csv\noutput: ~/out.csv\nprompt: '@~/p.txt'\nclassify: {labels: ['@~/l.txt']}\nschema: ~/s.json\n", "s.json": "\ufeff{}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(filepath.Join(dir, "job.yaml"))
	if err == nil {
		err = s.ReadFiles()
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Input[0] != filepath.Join(dir, "rows.csv") || s.Output != filepath.Join(dir, "out.csv") || s.Prompt != "Say {{.é}}" || string(s.Schema) != "{}" ||
		len(s.Classify.Labels) != 2 || s.Classify.Labels[0] != (Label{"schön", "nice"}) {
		t.Errorf("%+v, labels %+v", s, s.Classify.Labels)
	}
	flags := Spec{Input: List{"~/rows.csv"}, Output: "~/out.csv", Prompt: "@~/p.txt"}
	if err := flags.MakePathsAbsolute(); err != nil || flags.Input[0] != s.Input[0] || flags.Output != s.Output || flags.ReadFiles() != nil || flags.Prompt != s.Prompt {
		t.Errorf("%+v, %v", flags, err)
	}
}

// A number with an exponent is one, as YAML 1.2 has it, also without a point. Texts that look
// so stay texts where only a text can stand, and in quotes.
func TestExponents(t *testing.T) {
	s, err := loadText(t, `request:
  generationConfig: {temperature: 1e-3, topP: -2E5, stopSequences: [1e3], seed: &n 1e2, topK: *n, x: '1e3', y: "1e3", z: 1e400}
  labels: {batch: 1e3}
schema:
  type: object
  properties: {a: {type: number, maximum: 1e3, enum: [1e-2, 2E2]}, b: {type: string, enum: [1e3]}}
`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s.Request)
	if err != nil {
		t.Fatal(err)
	}
	const request = `{"generationConfig":{"seed":100,"stopSequences":["1e3"],"temperature":0.001,"topK":100,"topP":-200000,"x":"1e3","y":"1e3","z":"1e400"},"labels":{"batch":"1e3"}}`
	if string(got) != request {
		t.Errorf("the request is %s, want %s", got, request)
	}
	const schema = `{"type":"object","properties":{"a":{"type":"number","maximum":1000,"enum":[0.01,200]},"b":{"type":"string","enum":["1e3"]}}}`
	if string(s.Schema) != schema {
		t.Errorf("the schema is %s, want %s", s.Schema, schema)
	}
	for _, written := range []string{"01e3", "+1e3"} {
		if _, err := loadText(t, "request: {a: "+written+"}"); err == nil || !strings.Contains(err.Error(), ": "+written+" may be") || !strings.Contains(err.Error(), "write numbers as JSON has them") {
			t.Errorf("%s: error %v", written, err)
		}
	}
}
