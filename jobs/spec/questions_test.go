package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Questions keep their order, whichever way they are written, and in the job's state.
func TestQuestionsInTheirOrder(t *testing.T) {
	want := Questions{
		{Name: "urgency", Labels: Labels{{Name: "high"}, {Name: "no", Description: "1.0"}}},
		{Name: "on", Ask: "3.10", Labels: Labels{{Name: "010"}, {Name: "null"}}, Multi: true, MinLabels: 1, MaxLabels: 2},
	}
	for _, text := range []string{
		"classify: {questions: {urgency: {labels: {high: , no: 1.0}}, on: {ask: 3.10, labels: [010, null], multi: true, min_labels: 1, max_labels: 2}}}",
		"classify: {questions: [{name: urgency, labels: [high, {no: 1.0}]}, {name: on, ask: 3.10, labels: [010, null], multi: true, min_labels: 1, max_labels: 2}]}",
	} {
		s, err := loadText(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !reflect.DeepEqual(s.Classify.Questions, want) {
			t.Errorf("%s: %+v", text, s.Classify.Questions)
		}
		stored, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Spec
		if err := json.Unmarshal(stored, &again); err != nil || !reflect.DeepEqual(again.Classify, s.Classify) {
			t.Errorf("stored as %s and read as %+v, %v", stored, again.Classify, err)
		}
	}
}

func TestQuestionMistakes(t *testing.T) {
	const two = "labels: [a, b]"
	for text, want := range map[string]string{
		"questions: {topic: {" + two + "}}, labels: [a, b]":                "questions, and labels beside them",
		"questions: {topic: {" + two + "}}, multi: true":                   "questions, and multi beside them",
		"questions: {topic: {" + two + "}}, descriptions: {a: x}":          "is described, and is none of the labels",
		"questions: {topic: {" + two + "}, Topic: {" + two + "}}":          `the questions "topic" and "Topic"`,
		"questions: {the topic: {" + two + "}}":                            `a question with the name "the topic"`,
		"questions: {0topic: {" + two + "}}":                               `a question with the name "0topic"`,
		"questions: {'': {" + two + "}}":                                   `a question with the name ""`,
		"questions: [{" + two + "}]":                                       `a question with the name ""`,
		"questions: {topic: {name: other, " + two + "}}":                   "another name below",
		"questions: {topic: {lables: [a, b]}}":                             `did you mean "labels"?`,
		"questions: [a, b]":                                                "a group of keys is wanted here",
		"questions: none":                                                  "a list is wanted here",
		"questions: {topic: {" + two + "}, topic: {" + two + "}}":          "topic",
		"questions: {topic: {labels: ['@nowhere.txt']}}":                   "nowhere.txt",
		"questions: {topic: {" + two + "}}, examples: {file: x, label: l}": "the column of a question has its name",
	} {
		s, err := loadText(t, "classify: {"+text+"}")
		if err == nil {
			err = s.ReadFiles()
		}
		if err == nil {
			err = s.Classify.CheckQuestions()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// Labels and examples of questions may stand in files, next to the job file.
func TestFilesOfQuestions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"job.yaml":   "classify: {questions: {topic: {labels: '@topics.txt'}, mood: {labels: [good, bad], multi: true}}, examples: shots.csv}",
		"topics.txt": "sport\tgames\nfood\n",
		"shots.csv":  "text,mood,topic\nyummy,good,food\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
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
	if got := s.Classify.Questions[0].Labels; !reflect.DeepEqual(got, Labels{{"sport", "games"}, {"food", ""}}) {
		t.Errorf("the labels are %+v", got)
	}
	if got := s.Classify.Examples.List[0].Labels; !reflect.DeepEqual(got, map[string]List{"topic": {"food"}, "mood": {"good"}}) {
		t.Errorf("the example has %+v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "shots.csv"), []byte("text,topic\nyummy,food\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = Load(filepath.Join(dir, "job.yaml")); err == nil {
		err = s.ReadFiles()
	}
	if err == nil || !strings.Contains(err.Error(), `shots.csv:2: the example has no column "mood", it has text, topic`) {
		t.Errorf("an example without a question: %v", err)
	}
}
