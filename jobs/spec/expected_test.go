package spec

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// However the known values are given, they are the same in the job's state.
func TestExpectedForms(t *testing.T) {
	for text, want := range map[string]Expected{
		"expected: truth": {"": {Column: "truth"}},
		"expected: 010":   {"": {Column: "010"}},
		"expected: ''":    nil,
		"expected:":       nil,
		"expected: {topic: truth, on: no, total: {column: 1.50, as: number, tolerance: 0.010}, name: {column: x, normalize: true}}": {
			"topic": {Column: "truth"}, "on": {Column: "no"}, "total": {Column: "1.50", As: "number", Tolerance: "0.010"}, "name": {Column: "x", Normalize: true}},
	} {
		s, err := loadText(t, text)
		if err != nil || !reflect.DeepEqual(s.Expected, want) {
			t.Errorf("%s is read as %+v, %v", text, s, err)
			continue
		}
		stored, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Spec
		if err := json.Unmarshal(stored, &again); err != nil || !reflect.DeepEqual(again.Expected, want) {
			t.Errorf("%s is stored as %s, and read as %+v, %v", text, stored, again.Expected, err)
		}
	}
	var s Spec // as versions before stored it
	if err := json.Unmarshal([]byte(`{"expected":"truth"}`), &s); err != nil || s.Expected[""].Column != "truth" {
		t.Errorf("%+v, %v", s.Expected, err)
	}
}

func TestExpectedMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{a: {as: text}}":                               "expected.a names no column",
		"{a: {column: b, as: numbers}}":                 `expected.a is to be compared as "numbers"; use label, number, date, set, text`,
		"{a: {column: b, tolerance: 5 %}}":              `expected.a has the tolerance "5 %"`,
		"{a: {column: b, tolerance: -1}}":               `expected.a has the tolerance "-1"`,
		"{a: {column: b, tolerance: 1%, as: text}}":     "a tolerance, which is for numbers, and is compared as text",
		"{a: {column: b, normalize: true, as: number}}": "normalize, which is for texts, and is compared as number",
		"{a: {colum: b}}":                               `did you mean "column"?`,
		"{a: [b]}":                                      "a group of keys is wanted here",
		"[a, b]":                                        "a group of keys is wanted here",
	} {
		s, err := loadText(t, "input: a.csv\noutput: b.csv\nmodel: m\nprompt: '{{.x}}'\nexpected: "+text)
		if err == nil {
			err = s.Check()
		}
		var mistake *Error
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &mistake) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What the job expects comes before what a question does, and neither is a part of what is
// asked.
func TestExpectedOfQuestions(t *testing.T) {
	load := func(text string) *Spec {
		s, err := loadText(t, text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const questions = "classify: {text: x, questions: {topic: {labels: [a, b], expected: topic_true}, mood: {labels: [a, b], expected: {column: mood_true}}}}"
	s := load(questions + "\nexpected: {mood: other}")
	if got := AllExpected(s); !reflect.DeepEqual(got, Expected{"topic": {Column: "topic_true"}, "mood": {Column: "other"}}) {
		t.Errorf("the job compares %+v", got)
	}
	if len(s.Expected) != 1 {
		t.Errorf("the job itself has become %+v", s.Expected)
	}
	plain := load("classify: {text: x, questions: {topic: {labels: [a, b]}, mood: {labels: [a, b]}}}")
	if !SameQuestion(s, plain) || s.Classify.Questions[0].Expected.Column == "" {
		t.Error("known labels make another question of a job")
	}
}
