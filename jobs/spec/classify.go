package spec

import (
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// resolve makes the paths of a job file relative to its folder.
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

// labelFile returns the file that stands for labels.
func labelFile(name string) (string, bool) {
	file, ok := strings.CutPrefix(name, "@")
	return file, ok && file != "" && !strings.HasPrefix(file, "@")
}

// readFiles puts what the files of labels and examples hold into the place of their
// names. c is a copy already; what it points to is not.
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

// readLabels reads a file of labels, one a line, with a tab before a description.
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
		if strings.HasPrefix(name, "@") { // no file of a file
			name = "@" + name
		}
		labels = append(labels, Label{Name: name, Description: strings.TrimSpace(description)})
	}
	if len(labels) == 0 {
		return nil, Errorf("write one label a line", "%s has no labels", path)
	}
	return labels, nil
}
