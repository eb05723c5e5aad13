package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/genbatch/genbatch/internal/message"
)

// MakeAbsolute makes the paths of a Spec absolute, by the working folder.
func (s *Spec) MakeAbsolute() error {
	s.Input = slices.Clone(s.Input)
	paths := []*string{&s.Output, &s.State, &s.APIKeyFile, &s.Prices, &s.MediaRoot}
	for i := range s.Input {
		paths = append(paths, &s.Input[i])
	}
	for _, p := range paths {
		if *p == "" || *p == "-" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	return nil
}

// Load reads a job file. Paths in it are relative to its own folder. Its errors
// are SpecErrors that name line and column.
func Load(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Errorf("name a job file that exists, or describe the job by flags", "the job file cannot be read: %w", err)
	}
	var s Spec
	if err := unmarshalYAML(text, &s); err != nil {
		return nil, yamlError(path, err)
	}
	s.resolve(filepath.Dir(path))
	return &s, nil
}

// unmarshalYAML reads a job file. The YAML package panics on some files, such as one
// whose list is a text with a tag (input: !x a.csv); that is a mistake in the file.
func unmarshalYAML(text []byte, s *Spec) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it cannot be read as YAML: leave out tags, which begin with an exclamation mark")
		}
	}()
	return yaml.UnmarshalWithOptions(text, s, yaml.Strict())
}

// resolve makes the paths of a job file relative to its folder.
func (s *Spec) resolve(dir string) {
	at := func(path *string) {
		if *path != "" && *path != "-" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for i := range s.Input {
		at(&s.Input[i])
	}
	at(&s.Output)
	at(&s.State)
	at(&s.APIKeyFile)
	at(&s.Prices)
	s.resolveSchema(at)
	at(&s.MediaRoot)
	for _, text := range s.texts() {
		if file, ok := strings.CutPrefix(*text, "@"); ok && !strings.HasPrefix(file, "@") {
			at(&file)
			*text = "@" + file
		}
	}
	s.Classify.resolve(at)
}

// texts are the templates, which may name a file: @FILE. A text that begins with
// an at sign itself is written with two.
func (s *Spec) texts() map[string]*string {
	texts := map[string]*string{"prompt": &s.Prompt, "system": &s.System}
	if s.Classify != nil {
		texts["text"] = &s.Classify.Text
	}
	if s.Summarize != nil {
		texts["text"] = &s.Summarize.Text
	}
	if s.Extract != nil {
		texts["text"] = &s.Extract.Text
	}
	return texts
}

// ReadTexts puts the content of files in the place of their names, so that a job
// stays what it was when it is looked at later, from elsewhere.
func (s *Spec) ReadTexts() error {
	s.Classify, s.Summarize, s.Extract = clonePointer(s.Classify), clonePointer(s.Summarize), clonePointer(s.Extract)
	if err := s.readSchema(); err != nil {
		return err
	}
	for name, text := range s.texts() {
		file, ok := strings.CutPrefix(*text, "@")
		if !ok || strings.HasPrefix(file, "@") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return Errorf("a text that begins with an at sign is written with two", "%s: %w", name, err)
		}
		*text = string(content)
		if strings.HasPrefix(*text, "@") {
			*text = "@" + *text
		}
	}
	return s.Classify.readFiles()
}

// clonePointer returns a pointer to a copy, or nil.
func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// yamlError names the file, keeps the position that the YAML package found, and
// offers the nearest key for an unknown one.
func yamlError(path string, err error) error {
	var unknown *yaml.UnknownFieldError
	hint := ""
	if errors.As(err, &unknown) {
		name := unknown.GetToken().Value
		if near := message.Nearest(name, specKeys()); near == name {
			hint = "it stands under another key, such as classify: or summarize:"
		} else if near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	var positioned yaml.Error
	if errors.As(err, &positioned) {
		if t := positioned.GetToken(); t != nil && t.Position != nil {
			message := positioned.GetMessage()
			if mistyped, ok := positioned.(*yaml.TypeError); ok {
				message = wanted(mistyped.DstType) + " is wanted here"
			}
			err = fmt.Errorf("line %d, column %d: %s", t.Position.Line, t.Position.Column, message)
		}
	}
	if strings.HasPrefix(err.Error(), "time: ") { // the YAML package says no more of it
		err, hint = fmt.Errorf("timeout or tier_wait: %w", err), "write it as 90s or 5m"
	}
	return &Error{Err: fmt.Errorf("%s: %w", path, err), Hint: hint}
}

// wanted says in YAML's words what a field takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	}
	return "a group of keys"
}
