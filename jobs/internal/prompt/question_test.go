package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// See TestWordingIsPinned.
func TestQuestionWordingIsPinned(t *testing.T) {
	const common = "classify: {text: '{{.x}}', questions: {topic: {labels: [a, b]}, tags: {ask: 'Which?', labels: {a: one, c: }, multi: true, max_labels: 1}}"
	for text, want := range map[string]string{
		"}": "93abf59e",
		", confidence: true, rationale: true, examples: [{text: x, labels: {topic: a, tags: []}}]}": "f4603933",
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

func TestQuestionForms(t *testing.T) {
	s := jobtest.Load(t, `
classify:
  text: "{{.x}}"
  questions:
    urgency: {labels: [high, low]}
    about: {ask: What is it about?, labels: {billing: invoices, other: }, multi: true, min_labels: 1, max_labels: 2}
  rationale: true
  confidence: true
  examples: [{text: first, labels: {about: [Other, billing], urgency: HIGH}}]
`)
	var got struct {
		Contents          []struct{ Parts []struct{ Text string } }
		SystemInstruction struct{ Parts []struct{ Text string } }
		GenerationConfig  json.RawMessage
	}
	if err := json.Unmarshal([]byte(body(t, s, jobtest.Row("x", "hello"))), &got); err != nil {
		t.Fatal(err)
	}
	if answer := got.Contents[1].Parts[0].Text; answer != `{"urgency":"high","about":["billing","other"]}` {
		t.Errorf("the example's answer is %s", answer)
	}
	jobtest.SameJSON(t, string(got.GenerationConfig), `{"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT",
		"properties": {"rationale": {"type": "STRING"}, "urgency": {"type": "STRING", "enum": ["high", "low"]}, "urgency_confidence": {"type": "NUMBER", "minimum": 0, "maximum": 1},
			"about": {"type": "ARRAY", "minItems": 1, "maxItems": 2, "items": {"type": "STRING", "enum": ["billing", "other"]}}, "about_confidence": {"type": "NUMBER", "minimum": 0, "maximum": 1}},
		"required": ["rationale", "urgency", "urgency_confidence", "about", "about_confidence"],
		"propertyOrdering": ["rationale", "urgency", "urgency_confidence", "about", "about_confidence"]}}`)
	const want = `Answer these questions about the text that the user gives. Each question has labels of its own. Answer with a JSON object that has, in this order:
- "rationale": one or two sentences on what in the text speaks for or against the labels in question, before you decide
- "urgency": exactly one of its labels, spelled as it stands here
- "urgency_confidence": from 0 to 1, how likely it is that "urgency" is right
- "about": the list of each of its labels that applies, and of no other, spelled as they stand here. Give from 1 to 2 of them.
- "about_confidence": from 0 to 1, how likely it is that "about" is right
The first answers, to texts that are examples, are cut to the labels; give yours whole.

Question "urgency"
Labels:
- high
- low

Question "about": What is it about?
Labels:
- billing: invoices
- other`
	if text := got.SystemInstruction.Parts[0].Text; text != want {
		t.Errorf("the instruction is\n%s\nwant\n%s", text, want)
	}
}

func TestQuestionsReadAnswers(t *testing.T) {
	const questions = "classify: {text: '{{.x}}', questions: {topic: {labels: [a, b]}, tags: {labels: [a, c], multi: true, max_labels: 1}}"
	plain, all := mustPrompt(t, questions+"}"), mustPrompt(t, questions+", confidence: true, rationale: true}")
	for _, test := range []struct {
		p            *Prompt
		answer, want string
	}{
		{plain, `{"topic": "a", "tags": []}`, `[a []]`},
		{plain, "```json\n{\"tags\": [\"C\"], \"Topic\": [\"B.\"]}\n```", `[b ["c"]]`},
		{plain, `{"topic": "a", "tags": "c"}`, `[a ["c"]]`},
		{plain, `{"topic": "a"}`, "error: tags: the answer does not have this question"},
		{plain, `{"topic": "c", "tags": ["a"]}`, `error: topic: the answer "\"c\"" is none of the labels a, b`},
		{plain, `{"topic": null, "tags": []}`, "error: topic: "},
		{plain, `{"topic": "a", "tags": ["b"]}`, `error: tags: of the answer "[\"b\"]", "b" is none of the labels a, c`},
		{plain, `{"topic": "a", "tags": ["a", "c"]}`, "error: tags: the answer has 2 labels, and at most 1 are wanted"},
		{plain, `{"label": "a", "tags": ["a"]}`, "error: topic: the answer does not have this question"},
		{plain, `a`, "error: not the JSON object"},
		{plain, `["a", ["c"]]`, "error: not the JSON object"},
		{all, `{"rationale": "r", "topic": "a", "topic_confidence": 0.5, "tags": ["c"], "tags_confidence": "1"}`, `[a 0.5 ["c"] 1 r]`},
		{all, `{"rationale": "r", "topic": "a", "topic_confidence": 0.5, "tags": ["c"]}`, "error: tags: the answer has no confidence"},
		{all, `{"rationale": "r", "topic": "a", "confidence": 0.5, "tags": ["c"], "tags_confidence": 1}`, "error: topic: the answer has no confidence"},
		{all, `{"topic": "a", "topic_confidence": 0.5, "tags": ["c"], "tags_confidence": 1}`, "error: the answer has no rationale"},
	} {
		values, _, err := test.p.Read(&gemini.Answer{Text: test.answer})
		if want, fails := strings.CutPrefix(test.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s gives %s, %v; want the error %q", test.answer, values, err, want)
			}
			continue
		}
		for i, v := range values {
			if raw, ok := v.(json.RawMessage); ok {
				values[i] = string(raw)
			}
		}
		if got := fmt.Sprint(values); err != nil || got != test.want || len(values) != len(test.p.Columns()) {
			t.Errorf("%s gives %s, %v; want %s", test.answer, got, err, test.want)
		}
	}
	var names []string
	for _, c := range all.Columns() {
		names = append(names, c.Name)
	}
	jobtest.Equal(t, "columns", names, "topic", "topic_confidence", "tags", "tags_confidence", "rationale")

	values, _, err := all.Read(&gemini.Answer{Text: `{"rationale": "r", "topic": "b", "topic_confidence": 0.5, "tags": ["a"], "tags_confidence": 0.25}`})
	if err != nil {
		t.Fatal(err)
	}
	if labels, confidence := all.Classification().LabelsOf(values, 1); fmt.Sprint(labels, confidence) != "[a] 0.25" {
		t.Errorf("the second question has %v, %v", labels, confidence)
	}
	// What was cut has all questions, or none.
	if _, _, err := plain.ReadCut(&gemini.Answer{Text: "{\"topic\":\"a\",\"tags\":[]}\n\n"}); err != nil {
		t.Errorf("an answer that was whole before the cut: %v", err)
	}
	if _, _, err := plain.ReadCut(&gemini.Answer{Text: `{"topic":"a","tags":[`}); err == nil {
		t.Error("an answer that was cut is read")
	}
}

func TestQuestionMistakes(t *testing.T) {
	const two = "labels: [a, b]"
	for text, want := range map[string]string{
		"questions: {topic: {labels: [a]}}":                                                   "the question topic of classify has 1 labels",
		"questions: {topic: {labels: [a, A]}}":                                                `the question topic of classify has the labels "a" and "A"`,
		"questions: {topic: {labels: ['a, b']}}":                                              "the question topic of classify has 1 labels",
		"questions: {topic: {ask: 'Is {{.x}} new?', " + two + "}}":                            "ask of the question topic has a template",
		"questions: {topic: {labels: [list.txt]}}":                                            "write @list.txt",
		"questions: {topic: {" + two + ", max_labels: 1}}":                                    "add multi: true under topic:",
		"questions: {topic: {" + two + ", multi: true, min_labels: 3}}":                       "the question topic: min_labels is 3, and there are 2 labels",
		"questions: {topic: {" + two + "}}, labels: [c, d]":                                   "questions, and labels beside them",
		"questions: {Rationale: {" + two + "}}, rationale: true":                              `a question "rationale", and confidence or rationale`,
		"questions: {t: {" + two + "}, t_confidence: {" + two + "}}, confidence: true":        `a question "t_confidence"`,
		"questions: {t: {" + two + "}}, examples: [{text: x, label: a}]":                      "examples: 1: the example has no label for the question t",
		"questions: {t: {" + two + "}}, examples: [{text: x, labels: {t: c}}]":                `examples: 1: t: the example's label "c" is none`,
		"questions: {t: {" + two + "}}, examples: [{text: x, labels: {t: a, u: a}}]":          `a label for "u", which is no question`,
		"questions: {t: {" + two + "}}, examples: [{text: x, label: a, labels: {t: a}}]":      "label beside labels",
		"questions: {t: {" + two + ", multi: true}}, examples: [{text: x, labels: {t: [c]}}]": "t: of the example's labels",
		two + ", examples: [{text: x, labels: {t: a}}]":                                       "and the job no questions",
	} {
		s := jobtest.Load(t, "classify: {text: '{{.x}}', "+text+"}")
		_, err := New(s, Wording)
		var mistake *spec.Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
