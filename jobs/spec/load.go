package spec

import (
	"os"
	"path/filepath"
)

// Load reads a job file, which is YAML or JSON. Paths in the file are relative to the file's
// own folder; in the Spec they are relative to the working folder. Its errors are of type
// [*Error], and name line and column. The Spec is not checked; see [Spec.Check].
func Load(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Errorf("name a job file that exists, or describe the job by flags", "the job file cannot be read: %w", err)
	}
	text = decodeText(text)
	var s Spec
	if err := unmarshalYAML(text, &s); err != nil {
		return nil, yamlError(path, text, err)
	}
	s.resolve(filepath.Dir(path))
	return &s, nil
}
