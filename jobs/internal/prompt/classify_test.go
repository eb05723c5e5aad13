package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/logprobs"
	"github.com/genbatch/genbatch/jobs/spec"
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
		f, err := batch.FingerprintOf("m", []byte(body(t, jobtest.Load(t, common+text), jobtest.Row("x", "hello"))))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String()[:8]; got != want {
			t.Errorf("%s has fingerprint %s, and had %s", text, got, want)
		}
	}
}

func TestClassifyForms(t *testing.T) {
	s := jobtest.Load(t, `
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
	if err := json.Unmarshal([]byte(body(t, s, jobtest.Row("x", "hello"))), &got); err != nil {
		t.Fatal(err)
	}
	var turns []string
	for _, c := range got.Contents {
		turns = append(turns, c.Role+" "+c.Parts[0].Text)
	}
	jobtest.Equal(t, "turns", turns, "user first", `model {"labels":["b"]}`, "user second", `model {"labels":[]}`, "user hello")
	// The rationale is written before the labels, or it would only justify them.
	jobtest.SameJSON(t, string(got.GenerationConfig), `{"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT",
		"properties": {"rationale": {"type": "STRING"}, "labels": {"type": "ARRAY", "maxItems": 1, "items": {"type": "STRING", "enum": ["a", "b"]}},
			"confidence": {"type": "NUMBER", "minimum": 0, "maximum": 1}},
		"required": ["rationale", "labels", "confidence"], "propertyOrdering": ["rationale", "labels", "confidence"]}}`)

	plain := jobtest.Load(t, "classify: {text: '{{.x}}', labels: [a, b], multi: true, min_labels: 1, examples: [{text: first, label: 'b; a'}]}")
	if err := json.Unmarshal([]byte(body(t, plain, jobtest.Row("x", "hello"))), &got); err != nil {
		t.Fatal(err)
	}
	if answer := got.Contents[1].Parts[0].Text; answer != `["a","b"]` {
		t.Errorf("the example's answer is %s", answer)
	}
	jobtest.SameJSON(t, string(got.GenerationConfig), `{"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY", "minItems": 1, "items": {"type": "STRING", "enum": ["a", "b"]}}}`)
}

// Whatever the dress, the label that is meant is read; what may mean two labels,
// or none, is not guessed at.
func TestClassifyReadsAnswers(t *testing.T) {
	labels := "labels: ['a', 'b', 'c, d', 'U.S', 'U.S.']"
	kinds := make(map[string]*kind)
	for name, text := range map[string]string{
		"one": "", "many": ", multi: true", "some": ", multi: true, min_labels: 1, max_labels: 2",
		"sure": ", confidence: true", "why": ", rationale: true", "all": ", multi: true, rationale: true, confidence: true",
	} {
		k, err := newKind(job{jobtest.Load(t, "classify: {text: '{{.x}}', "+labels+text+"}"), Wording})
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
		{"one", "“B”", "b"},
		{"one", "«b».", "b"},
		{"one", "(a)!", "a"},
		{"one", "b。", "b"},
		{"one", "a\u00a0", "a"},
		{"one", "not a", "error: none of the labels"},
		{"one", "a or b", "error: none of the labels"},
		{"one", "The label is a.", "error: none of the labels"},

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
		values, _, err := kinds[test.kind].read(&gemini.Answer{Text: test.answer})
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
	if _, note, _ := kinds["one"].read(&gemini.Answer{Text: "```\na\n```"}); note == "" {
		t.Error("no note says that the answer stood in a fence")
	}
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
		{"many.csv", "text,label\n" + strings.Repeat("a,good\n", 1001), "", "many.csv has more than 1000 examples"},
		{"large.csv", "text,label\n" + strings.Repeat("a", 1<<20) + ",good\n", "", "the examples are 1024 KiB"},
		{"extension", "text,label\na,good\n", "", "says no format"},
		{"missing.csv", "", "", "missing.csv"},
	} {
		path := filepath.Join(dir, test.name)
		if test.text != "" {
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := jobtest.Load(t, fmt.Sprintf("classify: {text: '{{.x}}', labels: [good, bad], examples: %q%s}", path, test.more))
		err := s.ReadFiles()
		if err == nil {
			_, err = New(s, Wording)
		}
		var mistake *spec.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", test.name, err, test.want)
		}
	}

	// Columns of other names, and lists, are read too.
	path := filepath.Join(dir, "fine.jsonl")
	if err := os.WriteFile(path, []byte(`{"body":"a","kind":["bad","good"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := jobtest.Load(t, fmt.Sprintf("classify: {text: '{{.x}}', labels: [good, bad], multi: true, examples: {file: %q, text: body, label: kind}}", path))
	if err := s.ReadFiles(); err != nil {
		t.Fatal(err)
	}
	if text := body(t, s, jobtest.Row("x", "y")); !strings.Contains(text, `"text":"[\"good\",\"bad\"]"`) {
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
		s := jobtest.Load(t, "classify: {text: '{{.x}}', "+text+"}")
		err := s.ReadFiles()
		if err == nil {
			_, err = newKind(job{s, Wording})
		}
		var mistake *spec.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "latin1.txt")
	if err := os.WriteFile(path, []byte("gut\nb\xf6se\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := jobtest.Load(t, fmt.Sprintf("classify: {text: x, labels: ['@%s', b]}", path)).ReadFiles(); err == nil || !strings.Contains(err.Error(), "latin1.txt is not valid UTF-8") {
		t.Errorf("labels in Latin-1: %v", err)
	}
	if _, err := jobtest.LoadText(t, "classify: {text: x, labels: [a, b], examples: {text: body}}"); err == nil || !strings.Contains(err.Error(), "examples are a file, a list") {
		t.Errorf("examples without a file: %v", err)
	}
}

// Whatever a model says, what is read of it are the job's labels, as many as it
// wants, or an error.
func FuzzClassifyValues(f *testing.F) {
	for _, seed := range []string{`a`, `"b"`, "```json\n[\"a\"]\n```", `{"rationale":"r","labels":["a","c, d"],"confidence":"0.5"}`, `[[[`, "a;b|c, d", `{"labels":null}`, "```", "``````", "\x00", `[null]`, `{"confidence":1e999,"labels":[]}`,
		`{"ONE":"a","one_confidence":1,"labels":"a;b","labels_confidence":"0.5"}`} {
		f.Add(seed)
	}
	labels := spec.Labels{{Name: "a"}, {Name: "b"}, {Name: "c, d"}, {Name: "."}}
	var kinds []*Classification
	for _, c := range []spec.Classify{
		{Labels: labels}, {Labels: labels, Multi: true, MinLabels: 1, MaxLabels: 2}, {Labels: labels, Multi: true, Rationale: true, Confidence: spec.Said}, {Labels: labels, Confidence: spec.Said},
		{Questions: spec.Questions{{Name: "one", Labels: labels}, {Name: "labels", Labels: labels, Multi: true, MaxLabels: 2}}, Confidence: spec.Said},
	} {
		c.Text = "{{.x}}"
		k, err := newKind(job{&spec.Spec{Classify: &c}, Wording})
		if err != nil {
			f.Fatal(err)
		}
		kinds = append(kinds, k.classification)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range kinds {
			values, _, err := k.read(&gemini.Answer{Text: text})
			if err != nil {
				continue
			}
			if len(values) != len(k.columns()) {
				t.Fatalf("%q has %d values", text, len(values))
			}
			for i, q := range k.Questions {
				given, c := k.LabelsOf(values, i)
				for _, l := range given {
					if !slices.Contains(q.labels, l) {
						t.Errorf("%q is read as %q", text, l)
					}
				}
				if n := len(given); n < q.minLabels || q.maxLabels > 0 && n > q.maxLabels || !q.Multi && n != 1 {
					t.Errorf("%q has %d labels", text, n)
				}
				if !(c >= 0 && c <= 1) && k.Confidence != "" || c == c && k.Confidence == "" {
					t.Errorf("%q has the confidence %v", text, c)
				}
			}
		}
	})
}

// Of an answer that was cut, what is there as a whole counts, and nothing that the rest might
// have changed.
func TestReadCut(t *testing.T) {
	const (
		extract  = "extract: {text: '{{.b}}'}\nschema: {type: object, properties: {vendor: {type: string}, total: {type: number}}, required: [vendor]}"
		list     = "prompt: '{{.b}}'\nschema: {type: array, items: {type: array, items: {type: number}}}"
		classify = "classify: {text: '{{.b}}', labels: [good, bad, good enough]}"
		multi    = "classify: {text: '{{.b}}', multi: true, labels: [good, bad]}"
	)
	for _, c := range []struct{ job, text, want string }{
		{extract, "{\"vendor\":\"ACME\",\"total\":12.5}" + strings.Repeat("\n", 500), `["ACME",12.5]`},
		{extract, `{"vendor":"ACME"} I hope that this he`, `["ACME",null]`},
		{extract, "```json\n{\"vendor\":\"ACME\"}\n   \n", `["ACME",null]`},
		{extract, "```json\n{\"vendor\":\"ACME\"}\n```\n\n\t\n", `["ACME",null]`},
		{extract, `Here it is [as asked]: {"vendor":"ACME"}` + "\n\n", `["ACME",null]`},
		{extract, `{"vendor":"ACME","total":12.5    `, "cut"},
		{extract, `{"vendor":"ACME","total":{"vendor":"x"}`, "cut"},
		{extract, `{"vendor":"ACME"} or rather {"vendor":"AC`, "cut"},
		{extract, `{"total":1}`, "vendor"},
		{extract, ``, "cut"},
		{list, `[[1,2],[3,4]]   `, `null`},
		{list, `[[1,2],[3,`, "cut"},
		{classify, "bad\n\n\n", `["bad"]`},
		{classify, "bad", `["bad"]`},
		{classify, "good\n\n", `["good"]`},
		{classify, "good", "cut"}, // it might have become good enough
		{classify, "good en", "cut"},
		{classify, "```json\n{\"label\": \"bad\"}\n\n", `["bad"]`},
		{multi, `["good"]` + "\n\n", `[["good"]]`},
		{multi, `["good","b`, "cut"},
		{multi, `good`, "cut"},
	} {
		p := mustPrompt(t, c.job)
		values, note, err := p.ReadCut(&gemini.Answer{Text: c.text})
		got, _ := json.Marshal(values)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v, want %s", c.text, err, c.want)
			}
		} else if string(got) != c.want || !strings.Contains(note, "was whole") {
			t.Errorf("%q has %s, %q; want %s", c.text, got, note, c.want)
		}
	}
}

// Known labels are compared as tables write them. Codes keep their zeros.
func TestParseLabelsOfNumbers(t *testing.T) {
	for _, c := range []struct{ labels, text, want string }{
		{"['1', '2']", "1.0", "[1]"},
		{"['1', '2']", " 2.00 ", "[2]"},
		{"['1.0', '2.0']", "1", "[1.0]"},
		{"['1', '2']", "1.5", "none"},
		{"['1', '2']", "01", "none"},
		{"['1', '2']", "-1.0", "none"},
		{"['1', '1.0']", "1.00", "none"}, // either of two
		{"['101', '0101']", "0101.0", "[0101]"},
		{"['true', 'false']", "True", "[true]"},
		{"['1', '2'], multi: true", "[1, 2.0]", "[1 2]"},
		{"['1', '2'], multi: true", "2.0", "[2]"},
		{"['1', '2'], multi: true", "[3]", "none"},
		{"['true', 'x'], multi: true", `[true, "X"]`, "[true x]"},
	} {
		k := mustPrompt(t, "classify: {text: '{{.x}}', labels: "+c.labels+"}").Classification()
		labels, err := k.Questions[0].ParseLabels(c.text)
		if err != nil {
			labels = nil
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %q: %v", c.labels, c.text, err)
			}
		} else if fmt.Sprint(labels) != c.want {
			t.Errorf("%s: %q is %v, want %s", c.labels, c.text, labels, c.want)
		}
	}
}

// The tokens tell how sure the model is: it is asked for the probabilities of those that it
// chose, and for nothing in words. So the wording is that without confidence.
func TestConfidenceOfTokens(t *testing.T) {
	const common = "classify: {text: '{{.x}}', labels: [a, b]"
	config := func(s *spec.Spec) (instruction, config string) {
		var got struct {
			SystemInstruction json.RawMessage
			GenerationConfig  json.RawMessage
		}
		if err := json.Unmarshal([]byte(body(t, s, jobtest.Row("x", "hello"))), &got); err != nil {
			t.Fatal(err)
		}
		return string(got.SystemInstruction), string(got.GenerationConfig)
	}
	plain, _ := config(jobtest.Load(t, common+"}"))
	words, fields := config(jobtest.Load(t, common+", confidence: logprobs}"))
	if words != plain {
		t.Errorf("it is asked in the words %s, and without confidence in %s", words, plain)
	}
	jobtest.SameJSON(t, fields, `{"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}, "responseLogprobs": true}`)
	_, fields = config(jobtest.Load(t, common+", rationale: true, confidence: logprobs}"))
	jobtest.SameJSON(t, fields, `{"responseLogprobs": true, "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT",
		"properties": {"rationale": {"type": "STRING"}, "label": {"type": "STRING", "enum": ["a", "b"]}}, "required": ["rationale", "label"], "propertyOrdering": ["rationale", "label"]}}`)
}

// Each question has the confidence of its own tokens, wherever the answer has it.
func TestConfide(t *testing.T) {
	const questions = "classify: {text: '{{.x}}', confidence: logprobs, questions: {one: {labels: [a, b]}, two: {labels: [c, d], multi: true}}}"
	const sole = "classify: {text: '{{.x}}', confidence: logprobs, labels: [a, b]}"
	for _, tt := range []struct {
		job    string
		tokens []string
		probs  []float64
		want   string
	}{
		{questions, []string{`{"one":"`, "a", `","two":["`, "c", `"]}`}, []float64{1, 0.75, 1, 0.5, 1}, "[a 0.75 [\"c\"] 0.5]"},
		{questions, []string{"```json\n", `{"Two":["`, "c", `"],"one":"`, "b", `"}`, "\n```"}, []float64{1, 1, 0.25, 1, 0.5, 1, 1}, "[b 0.5 [\"c\"] 0.25]"},
		{sole, []string{"a"}, []float64{0.75}, "[a 0.75]"},
		{sole, []string{`{"label":"`, "b", `"}`}, []float64{1, 0.5, 1}, "[b 0.5]"},     // some gateways drop the schema
		{sole, []string{"```a\n", "a", "\n```"}, []float64{0.25, 0.75, 1}, "[a 0.75]"}, // the language of the fence is no label
		{sole, []string{"b"}, []float64{math.NaN()}, "[b <nil>]"},
		{sole, nil, nil, "[b <nil>]"},
	} {
		p, err := New(jobtest.Load(t, tt.job), Wording)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(tt.tokens, "")
		if tt.tokens == nil {
			text = "b"
		}
		a := &gemini.Answer{Text: text}
		values, _, err := p.Read(a)
		if err != nil {
			t.Fatal(err)
		}
		var tokens logprobs.Tokens
		for i, token := range tt.tokens {
			tokens = append(tokens, logprobs.Token{Text: token, Logprob: math.Log(tt.probs[i])})
		}
		p.Classification().Confide(values, a, tokens)
		var got []any
		for _, v := range values {
			if raw, ok := v.(json.RawMessage); ok {
				v = string(raw)
			}
			got = append(got, v)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%q comes to %v, want %s", text, got, tt.want)
		}
	}
}
