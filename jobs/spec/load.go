package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/genbatch/genbatch/internal/message"
)

// Load reads a job file, which is YAML or JSON. Paths in the file are relative to the file's
// own folder; in the Spec they are relative to the working folder. Its errors are of type
// [*Error], and name line and column. The Spec is not checked; see [Spec.Check].
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

// unmarshalYAML reads a job file. The YAML package panics on some files, such as one with a
// tag before a text where a list is due (input: !x a.csv). That is a mistake in the file.
func unmarshalYAML(text []byte, s *Spec) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it cannot be read as YAML: leave out tags, which begin with an exclamation mark")
		}
	}()
	return yaml.UnmarshalWithOptions(text, s, yaml.Strict(), yaml.CustomUnmarshaler(unmarshalDuration))
}

// unmarshalDuration reads a duration. By itself the YAML package asks for a whole number in
// place of one without a unit, which it does not take either.
func unmarshalDuration(d *time.Duration, text []byte) error {
	value := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	var err error
	if *d, err = time.ParseDuration(value); err != nil {
		return Errorf(message.Duration(value), "timeout or tier_wait is %q", message.OneLine(value, 80))
	}
	return nil
}

// meantBy says which value of a kind was meant by another one. It is empty if that is not
// known.
func meantBy(want reflect.Type, value string) string {
	switch want.Kind() {
	case reflect.Int, reflect.Int64:
		if hint := message.Number(value, 0); hint != message.AnyNumber {
			return hint
		}
	case reflect.Bool:
		if hint := message.Switch(value); hint != message.AnySwitch {
			return hint
		}
	}
	return ""
}

// yamlError returns the error for a mistake in a job file. It names the file, keeps the
// position that the YAML package found, and offers the nearest key for an unknown one.
func yamlError(path string, err error) error {
	var unknown *yaml.UnknownFieldError
	hint := ""
	if errors.As(err, &unknown) {
		name := unknown.GetToken().Value
		if near := message.Nearest(name, allKeys()); near == name {
			hint = "it stands under another key, such as classify: or summarize:"
		} else if near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	var positioned yaml.Error
	if errors.As(err, &positioned) {
		if t := positioned.GetToken(); t != nil && t.Position != nil {
			text := positioned.GetMessage()
			if mistyped, ok := positioned.(*yaml.TypeError); ok {
				text = wanted(mistyped.DstType) + " is wanted here"
				hint = meantBy(mistyped.DstType, t.Value)
			}
			err = fmt.Errorf("line %d, column %d: %s", t.Position.Line, t.Position.Column, text)
		}
	}
	if refused, ok := errors.AsType[*Error](err); ok {
		err, hint = refused.Err, refused.Hint
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

// allKeys returns every key that a job file may have, at any depth. Keys of the API's own
// JSON below request: are not among them.
func allKeys() []string {
	var keys []string
	for _, v := range []any{Spec{}, Classify{}, Examples{}, Example{}, Summarize{}, Extract{}, Raw{}, MediaColumn{}} {
		t := reflect.TypeOf(v)
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			keys = append(keys, name)
		}
	}
	return keys
}
