package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/store"
)

// Classify asks one question about each row, or several in one call, whose answers are labels.
type Classify struct {
	Text      string    `json:"text"`                // the template of the text to label, or @FILE; required
	Labels    Labels    `json:"labels,omitempty"`    // of the only question; required unless there are Questions
	Questions Questions `json:"questions,omitempty"` // instead of Labels; each has bounds of its own

	Multi     bool `json:"multi,omitempty"`      // whether a row may have any number of labels, or none
	MinLabels int  `json:"min_labels,omitempty"` // with Multi, the fewest labels of a row
	MaxLabels int  `json:"max_labels,omitempty"` // with Multi, the most labels of a row; 0 means all

	Rationale  bool       `json:"rationale,omitempty"`  // whether the model gives its reasons, before it decides; they get a column
	Confidence Confidence `json:"confidence,omitempty"` // how it is known how sure the model is of each label, from 0 to 1; this gets a column

	Examples Examples `json:"examples,omitzero"` // texts with their labels, which the model is shown before each row's text

	Descriptions map[string]string `json:"descriptions,omitempty"` // of labels by their names; [Spec.ReadFiles] puts them into Labels
}

// Labels are the labels of a classification, in their order. In YAML they are a list, or a map
// of names to descriptions. A name @FILE stands for the labels in a file: one on each line,
// followed by a tab and a description if it has one. Two at signs stand for one.
type Labels []Label

// A Label is one label of a classification. The description may be empty.
type Label struct{ Name, Description string }

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *Labels) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil && strings.HasPrefix(one, "@") {
		*l = Labels{{Name: one}}
		return nil
	}
	var list []Label
	err := unmarshal(&list)
	if err == nil {
		*l = list
		return nil
	}
	var described yaml.MapSlice
	if unmarshal(&described) != nil {
		if errors.Is(err, errLabel) {
			return err
		}
		return errors.New("labels are a list of names, or a map of name to description")
	}
	for _, item := range described {
		label, err := describedLabel(item)
		if err != nil {
			return err
		}
		*l = append(*l, label)
	}
	return nil
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler. A label in a list is its name, or a
// map that has it: {spam: unsolicited} or {name: spam, description: unsolicited}.
func (l *Label) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&l.Name) == nil {
		return nil
	}
	var members yaml.MapSlice
	if err := unmarshal(&members); err != nil {
		return errLabel
	}
	if len(members) == 1 && members[0].Key != "name" {
		label, err := describedLabel(members[0])
		*l = label
		return err
	}
	for _, m := range members {
		text, isText := m.Value.(string)
		switch {
		case m.Key == "name" && isText:
			l.Name = text
		case m.Key == "description" && (isText || m.Value == nil):
			l.Description = text
		default:
			return errLabel
		}
	}
	return nil
}

// errLabel says what a label is in a list.
var errLabel = errors.New("a label is a name, a name with its description (spam: unsolicited), or the keys name and description")

// describedLabel returns a label of a map of names to descriptions.
func describedLabel(item yaml.MapItem) (Label, error) {
	name, isName := item.Key.(string)
	description, isText := item.Value.(string)
	if !isName || !isText && item.Value != nil {
		return Label{}, fmt.Errorf("the label %v is described by a text", item.Key)
	}
	return Label{Name: name, Description: description}, nil
}

// resolve applies at to each path; see [Spec.resolve].
func (c *Classify) resolve(at func(*string)) {
	if c == nil {
		return
	}
	at(&c.Examples.File)
	c.Labels.resolve(at)
	for _, q := range c.Questions {
		q.Labels.resolve(at)
	}
}

func (l Labels) resolve(at func(*string)) {
	for i := range l {
		if file, ok := labelFile(l[i].Name); ok {
			at(&file)
			l[i].Name = "@" + file
		}
	}
}

// labelFile returns the file that a label's name stands for, if it stands for one.
func labelFile(name string) (string, bool) {
	file, ok := strings.CutPrefix(name, "@")
	return file, ok && file != "" && !strings.HasPrefix(file, "@")
}

// readFiles puts the contents of the files with labels and examples in place of their names.
// c itself is a copy already, but what it points to is not.
func (c *Classify) readFiles() (err error) {
	if c == nil {
		return nil
	}
	if c.Labels, err = c.Labels.read(); err != nil {
		return err
	}
	c.Questions = slices.Clone(c.Questions)
	for i := range c.Questions {
		q := &c.Questions[i]
		if q.Labels, err = q.Labels.read(); err != nil {
			return err
		}
	}
	if err := c.describe(); err != nil {
		return err
	}
	return c.Examples.read(c.Questions)
}

// read returns the labels with those of files in place of the files' names.
func (l Labels) read() (labels Labels, err error) {
	for _, label := range l {
		file, ok := labelFile(label.Name)
		if !ok {
			labels = append(labels, label)
			continue
		}
		more, err := readLabels(file)
		if err != nil {
			return nil, err
		}
		labels = append(labels, more...)
	}
	return labels, nil
}

// describe puts the descriptions into the labels.
func (c *Classify) describe() error {
	var names []string
	for _, l := range c.Labels {
		names = append(names, l.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Descriptions)) {
		i := slices.IndexFunc(names, func(n string) bool { return SameText(n, name) })
		if i < 0 {
			hint := "write --describe LABEL=TEXT; the labels are " + message.List(names)
			if near := message.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return Errorf(hint, "%q is described, and is none of the labels", message.OneLine(name, 60))
		}
		if strings.TrimSpace(c.Descriptions[name]) == "" {
			return Errorf("write --describe LABEL=TEXT", "the label %q is described by no text", message.OneLine(name, 60))
		}
		c.Labels[i].Description = c.Descriptions[name]
	}
	c.Descriptions = nil
	return nil
}

// readLabels reads a file of labels; see [Labels].
func readLabels(path string) (labels Labels, err error) {
	text, err := store.ReadFile(inHome(path))
	if err != nil {
		return nil, Errorf("a label that begins with an at sign is written with two", "label: %w", err)
	}
	if text = decodeText(text); !utf8.Valid(text) {
		return nil, Errorf("save it as UTF-8", "%s is not valid UTF-8", path)
	}
	for line := range strings.Lines(string(text)) {
		name, description, _ := strings.Cut(strings.TrimSpace(line), "\t")
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if strings.HasPrefix(name, "@") { // a label, not another file
			name = "@" + name
		}
		labels = append(labels, Label{Name: name, Description: strings.TrimSpace(description)})
	}
	if len(labels) == 0 {
		return nil, Errorf("write one label a line", "%s has no labels", path)
	}
	return labels, nil
}

// Confidence says how it is known how sure a model is of its labels. The zero value means that
// nobody asks. In YAML and JSON, true stands for [Said].
type Confidence string

const (
	Said     Confidence = "said"     // the model is asked for a number
	Logprobs Confidence = "logprobs" // the probability that it gave to the tokens of the label
)

// errConfidence says what the setting takes.
var errConfidence = errors.New("confidence is said or logprobs, or true, which means said")

// ParseConfidence reads a setting as it is written in a job file.
func ParseConfidence(text string) (Confidence, error) {
	switch strings.ToLower(text) {
	case "true", string(Said):
		return Said, nil
	case string(Logprobs):
		return Logprobs, nil
	case "false", "":
		return "", nil
	}
	return "", fmt.Errorf("%w: %q is neither", errConfidence, message.OneLine(text, 60))
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (c *Confidence) UnmarshalYAML(unmarshal func(any) error) (err error) {
	var text string
	if unmarshal(&text) != nil {
		return errConfidence
	}
	*c, err = ParseConfidence(text)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Confidence) UnmarshalJSON(text []byte) (err error) {
	var name string
	if json.Unmarshal(text, &name) != nil {
		name = string(text) // true, as the state folders of versions to 0.5.0 have it
	}
	*c, err = ParseConfidence(name)
	return err
}

// MarshalJSON implements [json.Marshaler]. A Spec with [Said] is stored as it always was, so
// that its output stays up to date.
func (c Confidence) MarshalJSON() ([]byte, error) {
	if c == Said {
		return []byte("true"), nil
	}
	return json.Marshal(string(c))
}

// checkConfidence refuses what nothing can be known of.
func checkConfidence(s *Spec) error {
	known := s.Classify != nil && s.Classify.Confidence != ""
	switch {
	case s.ReviewBelow < 0 || s.ReviewBelow > 1:
		return Errorf("write a confidence from 0 to 1, such as 0.8", "review_below is %v", s.ReviewBelow)
	case s.ReviewBelow > 0 && !known:
		return Errorf("add --confidence, or confidence: said or logprobs under classify:; that asks, and pays, anew",
			"review_below marks rows by how sure the model is of their labels, and the job does not ask how sure it is")
	case known && s.Classify.Confidence == Logprobs && apijson.Field(apijson.Config(s.Request), "responseLogprobs") == false:
		return Errorf("keep one of them", "classify.confidence is logprobs, and request.generationConfig.responseLogprobs is false")
	}
	return nil
}
