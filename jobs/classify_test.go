package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// See TestWordingIsPinned.
func TestClassifyWordingIsPinned(t *testing.T) {
	const common = "classify: {text: '{{.x}}', labels: [a, b, c]"
	for text, want := range map[string]string{
		", multi: true}":                                                        "850aaa9f",
		", multi: true, min_labels: 1}":                                         "2826dd9d",
		", multi: true, max_labels: 2}":                                         "bd9a34fa",
		", multi: true, min_labels: 1, max_labels: 2}":                          "a4ae6690",
		", multi: true, min_labels: 2, max_labels: 2}":                          "c8cc254d",
		", confidence: true}":                                                   "32f56468",
		", rationale: true}":                                                    "0861e5be",
		", multi: true, confidence: true}":                                      "c5f1fc54",
		", rationale: true, confidence: true, examples: [{text: x, label: a}]}": "8c116338",
		", examples: [{text: x, label: a}]}":                                    "6f522958",
	} {
		f, err := batch.FingerprintOf("m", []byte(body(t, load(t, common+text), row("x", "hello"))))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String()[:8]; got != want {
			t.Errorf("%s has fingerprint %s, and had %s", text, got, want)
		}
	}
}

func TestClassifyForms(t *testing.T) {
	s := load(t, `
classify:
  text: "{{.x}}"
  labels: {a: one, b: two}
  multi: true
  max_labels: 1
  rationale: true
  confidence: true
  examples: [{text: first, label: B}, {text: second, label: []}]
`)
	var got struct {
		Contents []struct {
			Role  string
			Parts []struct{ Text string }
		}
		GenerationConfig json.RawMessage
	}
	if err := json.Unmarshal([]byte(body(t, s, row("x", "hello"))), &got); err != nil {
		t.Fatal(err)
	}
	var turns []string
	for _, c := range got.Contents {
		turns = append(turns, c.Role+" "+c.Parts[0].Text)
	}
	equal(t, "turns", turns, "user first", `model {"labels":["b"]}`, "user second", `model {"labels":[]}`, "user hello")
	// The rationale is written before the labels, or it would only justify them.
	sameJSON(t, string(got.GenerationConfig), `{"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT",
		"properties": {"rationale": {"type": "STRING"}, "labels": {"type": "ARRAY", "maxItems": 1, "items": {"type": "STRING", "enum": ["a", "b"]}},
			"confidence": {"type": "NUMBER", "minimum": 0, "maximum": 1}},
		"required": ["rationale", "labels", "confidence"], "propertyOrdering": ["rationale", "labels", "confidence"]}}`)

	plain := load(t, "classify: {text: '{{.x}}', labels: [a, b], multi: true, min_labels: 1, examples: [{text: first, label: 'b; a'}]}")
	if err := json.Unmarshal([]byte(body(t, plain, row("x", "hello"))), &got); err != nil {
		t.Fatal(err)
	}
	if answer := got.Contents[1].Parts[0].Text; answer != `["a","b"]` {
		t.Errorf("the example's answer is %s", answer)
	}
	sameJSON(t, string(got.GenerationConfig), `{"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY", "minItems": 1, "items": {"type": "STRING", "enum": ["a", "b"]}}}`)
}

// Whatever the dress, the label that is meant is read; what may mean two labels,
// or none, is not guessed at.
func TestClassifyReadsAnswers(t *testing.T) {
	labels := "labels: ['a', 'b', 'c, d', 'U.S', 'U.S.']"
	kinds := make(map[string]kind)
	for name, text := range map[string]string{
		"one": "", "many": ", multi: true", "some": ", multi: true, min_labels: 1, max_labels: 2",
		"sure": ", confidence: true", "why": ", rationale: true", "all": ", multi: true, rationale: true, confidence: true",
	} {
		k, _, err := newKind(load(t, "classify: {text: '{{.x}}', "+labels+text+"}"))
		if err != nil {
			t.Fatal(err)
		}
		kinds[name] = k
	}
	for _, test := range []struct{ kind, answer, want string }{
		{"one", "```\nA\n```", "a"},
		{"one", "```json\n\"b\"\n```", "b"},
		{"one", `{"label": "b"}`, "b"},
		{"one", `["b"]`, "b"},
		{"one", "C, D", "c, d"},
		{"one", "u.s.", "U.S."},
		{"one", "*u.s*", "error: none of the labels"}, // either of two
		{"one", `["a", "b"]`, "error: none of the labels"},
		{"one", "``` a ```", "a"},
		{"one", "...", "error: none of the labels"},
		{"one", "a\nb", "error: none of the labels"},

		{"many", `["b", "A", "b"]`, `["a","b"]`},
		{"many", `[]`, `[]`},
		{"many", "```json\n[\"a\"]\n```", `["a"]`},
		{"many", `{"labels": ["c, d"]}`, `["c, d"]`},
		{"many", `a, b`, `["a","b"]`},
		{"many", `"a; c, d"`, `["a","c, d"]`},
		{"many", `c, d`, `["c, d"]`},
		{"many", "- a\n- b", `["a","b"]`},
		{"many", `["a", "x"]`, `error: "x" is none of the labels`},
		{"many", `["a", 1]`, "error: is none of the labels"},
		{"many", "none", `error: "none" is none of the labels`},
		{"many", "", "error: is none of the labels"},
		{"some", "[]", "error: 0 labels, and at least 1"},
		{"some", `["a","b","c, d"]`, "error: 3 labels, and at most 2"},
		{"some", `["a","a","b"]`, `["a","b"]`},

		{"sure", `{"label": "A", "confidence": 0.25}`, "a 0.25"},
		{"sure", "```json\n{\"label\": \"a\", \"confidence\": \"1\"}\n```", "a 1"},
		{"sure", `{"label": "a", "confidence": 85}`, "error: the confidence 85 is not a number from 0 to 1"},
		{"sure", `{"label": "a", "confidence": "NaN"}`, "error: not a number from 0 to 1"},
		{"sure", `{"label": "a", "confidence": "high"}`, "error: not a number from 0 to 1"},
		{"sure", `{"label": "a"}`, "error: no confidence"},
		{"sure", `{"confidence": 1}`, "error: not the JSON object"},
		{"sure", `{"label": "x", "confidence": 1}`, "error: none of the labels"},
		{"sure", "a", "error: not the JSON object"},
		{"why", `{"rationale": " since ", "label": "a"}`, "a since"},
		{"why", `{"rationale": "", "label": "a"}`, "error: no rationale"},
		{"why", `{"label": "a"}`, "error: no rationale"},
		{"all", `{"rationale": "r", "labels": [], "confidence": 0}`, "[] 0 r"},
		{"all", `{"rationale": "r", "labels": ["a"], "confidence": 1} and more`, "error: not the JSON object"},
	} {
		values, _, err := kinds[test.kind].values(&gemini.Answer{Text: test.answer})
		if want, fails := strings.CutPrefix(test.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %s gives %v, %v; want the error %q", test.kind, test.answer, values, err, want)
			}
			continue
		}
		var got []string
		for _, v := range values {
			if raw, ok := v.(json.RawMessage); ok {
				v = string(raw)
			}
			got = append(got, fmt.Sprint(v))
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s gives %q, %v; want %s", test.kind, test.answer, got, err, test.want)
		}
		if len(values) != 0 && len(values) != len(kinds[test.kind].columns()) {
			t.Errorf("%s has %d values and %d columns", test.kind, len(values), len(kinds[test.kind].columns()))
		}
	}
	if _, note, _ := kinds["one"].values(&gemini.Answer{Text: "```\na\n```"}); note == "" {
		t.Error("no note says that the answer stood in a fence")
	}
}

// An answer without what was asked for is shown to the model once.
func TestClassifyAsksOnceMore(t *testing.T) {
	f := newFixture(t)
	f.spec.Prompt, f.spec.Classify = "", &Classify{Text: "{{.q}}", Labels: Labels{{Name: "a"}, {Name: "b"}}, Confidence: true}
	f.e.reply = func(prompt string, n int) (int, string) {
		switch {
		case prompt == "good":
			return 200, answerBody(`{"label":"a","confidence":0.5}`)
		case strings.HasPrefix(prompt, "That is not valid: the confidence 50 is not a number from 0 to 1."):
			return 200, answerBody(`{"label":"b","confidence":0.25}`)
		}
		return 200, answerBody(`{"label":"b","confidence":50}`)
	}
	f.input("good", "percent")
	f.mustRun()
	equal(t, "rows", f.output("q", "label", "confidence", "status", "attempts"), "good a 0.5 ok 1", "percent b 0.25 ok 2")
}

// Examples and labels of files are kept in the state folder: what looks at the job
// later needs no file, and a run asks again only when what they hold has changed.
func TestExamplesAreKept(t *testing.T) {
	f := newFixture(t)
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(f.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	examples := write("shots.csv", "text,label\nfine,good\nawful,BAD\nfine,good\n")
	labels := write("labels.txt", "good\tpraises\r\n\nbad\n@home\n")
	f.e.reply = func(string, int) (int, string) { return 200, answerBody("good") }
	f.spec.Prompt = ""
	f.spec.Classify = &Classify{Text: "{{.q}}", Labels: Labels{{Name: "@" + labels}, {Name: "@@work"}}, Examples: Examples{File: examples}}
	f.input("x", "y")
	f.mustRun()
	equal(t, "asked", f.e.requests(), "x", "y")
	f.mustRun()
	equal(t, "asked again", f.e.requests())

	if err := errors.Join(os.Remove(examples), os.Remove(labels)); err != nil {
		t.Fatal(err)
	}
	saved, err := LoadState(f.spec.StateDir())
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, rendered(t, saved, row("q", "x")), `{
		"contents": [{"role": "user", "parts": [{"text": "fine"}]}, {"role": "model", "parts": [{"text": "good"}]},
			{"role": "user", "parts": [{"text": "awful"}]}, {"role": "model", "parts": [{"text": "bad"}]}, {"role": "user", "parts": [{"text": "x"}]}],
		"systemInstruction": {"parts": [{"text": "Classify the text that the user gives into exactly one of these labels. Answer with the label alone, spelled as it stands here.\n\nLabels:\n- good: praises\n- bad\n- @home\n- @work"}]},
		"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["good", "bad", "@home", "@work"]}}}`)
	j, err := View(*saved, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	v, err := j.Verify()
	if err != nil || len(v.Faults) > 0 || v.Rows != 2 {
		t.Errorf("without the files, verify says %+v, %v", v, err)
	}

	write("shots.csv", "text,label\nfine,good\nawful,good\n")
	write("labels.txt", "good\tpraises\nbad\n@home\n")
	f.mustRun()
	equal(t, "asked after an example has changed", f.e.requests(), "x", "y")
}

func TestExamplesAreChecked(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, text, more, want string }{
		{"label.csv", "text,label\na,good\nb,godo\n", "", `label.csv:3: the example's label "godo" is none of the job's; did you mean "good"?`},
		{"clash.csv", "text,label\na,good\nb,bad\na,bad\n", "", "clash.csv:4: the example has another label than the same text at "},
		{"empty.csv", "text,label\n", "", "empty.csv has no examples"},
		{"column.csv", "body,label\na,good\n", "", `column.csv:2: the example has no column "text", it has body, label`},
		{"text.jsonl", `{"text":null,"label":"good"}`, "", "text.jsonl:1: the example has no text"},
		{"broken.jsonl", `{"text":"a","label":"good"}` + "\n{", "", "broken.jsonl:2"},
		{"two.jsonl", `{"text":"a","label":["good","bad"]}`, "", "two.jsonl:1: the example's label"},
		{"none.jsonl", `{"text":"a","labels":[]}`, ", multi: true, min_labels: 1", "none.jsonl:1: the example has 0 labels"},
		{"other.jsonl", `{"text":"a","label":"good; so so"}`, ", multi: true", `other.jsonl:1: of the example's labels, "so so" is none of the labels`},
		{"many.csv", "text,label\n" + strings.Repeat("a,good\n", maxExamples+1), "", "many.csv has more than 1000 examples"},
		{"large.csv", "text,label\n" + strings.Repeat("a", maxExampleBytes) + ",good\n", "", "the examples are 1024 KiB"},
		{"extension", "text,label\na,good\n", "", "says no format"},
		{"missing.csv", "", "", "missing.csv"},
	} {
		path := filepath.Join(dir, test.name)
		if test.text != "" {
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := load(t, fmt.Sprintf("classify: {text: '{{.x}}', labels: [good, bad], examples: %q%s}", path, test.more))
		_, err := View(*s, Options{})
		var mistake *SpecError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", test.name, err, test.want)
		}
	}

	// Columns of other names, and lists, are read too.
	path := filepath.Join(dir, "fine.jsonl")
	if err := os.WriteFile(path, []byte(`{"body":"a","kind":["bad","good"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := load(t, fmt.Sprintf("classify: {text: '{{.x}}', labels: [good, bad], multi: true, examples: {file: %q, text: body, label: kind}}", path))
	if err := s.readTexts(); err != nil {
		t.Fatal(err)
	}
	if text := body(t, s, row("x", "y")); !strings.Contains(text, `"text":"[\"good\",\"bad\"]"`) {
		t.Errorf("the body is %s", text)
	}
}

func TestClassifyMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"labels: [a, b], max_labels: 2":                             "add --multi",
		"labels: [a, b], multi: true, min_labels: 2, max_labels: 1": "min_labels is 2, and max_labels only 1",
		"labels: [a, b], multi: true, min_labels: 3":                "there are 2 labels",
		"labels: [a, b], multi: true, max_labels: -1":               "cannot be negative",
		"labels: ['@nowhere.txt', b]":                               "nowhere.txt",
	} {
		s := load(t, "classify: {text: '{{.x}}', "+text+"}")
		err := s.readTexts()
		if err == nil {
			_, _, err = newKind(s)
		}
		var mistake *SpecError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "latin1.txt")
	if err := os.WriteFile(path, []byte("gut\nb\xf6se\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readLabels(path); err == nil || !strings.Contains(err.Error(), "latin1.txt is not valid UTF-8") {
		t.Errorf("labels in Latin-1: %v", err)
	}
	if _, err := loadText(t, "classify: {text: x, labels: [a, b], examples: {text: body}}"); err == nil || !strings.Contains(err.Error(), "examples are a file, a list") {
		t.Errorf("examples without a file: %v", err)
	}
}

func TestWarnsOfManyExamples(t *testing.T) {
	for n, warned := range map[int]bool{manyExamples: false, manyExamples + 1: true} {
		f := newFixture(t)
		var log strings.Builder
		f.spec.Prompt, f.spec.Classify = "", &Classify{Text: "{{.q}}", Labels: Labels{{Name: "a"}, {Name: "b"}}}
		for i := range n {
			f.spec.Classify.Examples.List = append(f.spec.Classify.Examples.List, Example{Text: fmt.Sprintf("text %d", i), Label: List{"a"}})
		}
		f.input("x")
		j, err := View(f.spec, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := j.Plan(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "are sent with each row") != warned {
			t.Errorf("of %d examples the plan says %q", n, log.String())
		}
	}
}

// Whatever a model says, what is read of it are the job's labels, as many as it
// wants, or an error.
func FuzzClassifyValues(f *testing.F) {
	for _, seed := range []string{`a`, `"b"`, "```json\n[\"a\"]\n```", `{"rationale":"r","labels":["a","c, d"],"confidence":"0.5"}`, `[[[`, "a;b|c, d", `{"labels":null}`, "```", "``````", "\x00", `[null]`, `{"confidence":1e999,"labels":[]}`} {
		f.Add(seed)
	}
	labels := Labels{{Name: "a"}, {Name: "b"}, {Name: "c, d"}, {Name: "."}}
	var kinds []*classifyKind
	for _, c := range []Classify{{}, {Multi: true, MinLabels: 1, MaxLabels: 2}, {Multi: true, Rationale: true, Confidence: true}, {Confidence: true}} {
		c.Text, c.Labels = "{{.x}}", labels
		k, _, err := newKind(&Spec{Classify: &c})
		if err != nil {
			f.Fatal(err)
		}
		kinds = append(kinds, k.(*classifyKind))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range kinds {
			values, _, err := k.values(&gemini.Answer{Text: text})
			if err != nil {
				continue
			}
			if len(values) != len(k.columns()) {
				t.Fatalf("%q has %d values", text, len(values))
			}
			given, _ := k.Given(values)
			for _, l := range given {
				if !slices.Contains(k.labels, l) {
					t.Errorf("%q is read as %q", text, l)
				}
			}
			if n := len(given); n < k.MinLabels || k.MaxLabels > 0 && n > k.MaxLabels || !k.Multi && n != 1 {
				t.Errorf("%q has %d labels", text, n)
			}
			if k.Confidence {
				if c := values[1].(float64); !(c >= 0 && c <= 1) {
					t.Errorf("%q has the confidence %v", text, c)
				}
			}
		}
	})
}
