package spec

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// Classify asks for one label for each row, or for several.
type Classify struct {
	Text   string `json:"text"`   // the template of the text to label, or @FILE; required
	Labels Labels `json:"labels"` // required

	Multi     bool `json:"multi,omitempty"`      // whether a row may have any number of labels, or none
	MinLabels int  `json:"min_labels,omitempty"` // with Multi, the fewest labels of a row
	MaxLabels int  `json:"max_labels,omitempty"` // with Multi, the most labels of a row; 0 means all

	Rationale  bool `json:"rationale,omitempty"`  // whether the model gives its reasons, before it decides; they get a column
	Confidence bool `json:"confidence,omitempty"` // whether the model says how sure it is, from 0 to 1; this gets a column

	Examples Examples `json:"examples,omitzero"` // texts with their labels, which the model is shown before each row's text
}

// Labels are the labels of a classification, in their order. In YAML they are a list, or a map
// of names to descriptions. A name @FILE stands for the labels in a file: one on each line,
// followed by a tab and a description if it has one. Two at signs stand for one.
type Labels []Label

// A Label is one label of a classification. The description may be empty.
type Label struct{ Name, Description string }

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (l *Labels) UnmarshalYAML(unmarshal func(any) error) error {
	var names []string
	if err := unmarshal(&names); err == nil {
		for _, name := range names {
			*l = append(*l, Label{Name: name})
		}
		return nil
	}
	var described yaml.MapSlice
	if err := unmarshal(&described); err != nil {
		return errors.New("labels are a list of names, or a map of name to description")
	}
	for _, item := range described {
		label := Label{Name: fmt.Sprint(item.Key)}
		if item.Value != nil {
			label.Description = fmt.Sprint(item.Value)
		}
		*l = append(*l, label)
	}
	return nil
}

// resolve applies at to each path; see [Spec.resolve].
func (c *Classify) resolve(at func(*string)) {
	if c == nil {
		return
	}
	at(&c.Examples.File)
	for i := range c.Labels {
		if file, ok := labelFile(c.Labels[i].Name); ok {
			at(&file)
			c.Labels[i].Name = "@" + file
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
func (c *Classify) readFiles() error {
	if c == nil {
		return nil
	}
	if slices.ContainsFunc(c.Labels, func(l Label) bool { _, ok := labelFile(l.Name); return ok }) {
		var labels Labels
		for _, l := range c.Labels {
			file, ok := labelFile(l.Name)
			if !ok {
				labels = append(labels, l)
				continue
			}
			more, err := readLabels(file)
			if err != nil {
				return err
			}
			labels = append(labels, more...)
		}
		c.Labels = labels
	}
	return c.Examples.read()
}

// readLabels reads a file of labels; see [Labels].
func readLabels(path string) (labels Labels, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Errorf("a label that begins with an at sign is written with two", "label: %w", err)
	}
	if !utf8.Valid(text) {
		return nil, Errorf("save it as UTF-8", "%s is not valid UTF-8", path)
	}
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
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
