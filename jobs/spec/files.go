package spec

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/store"
)

// MakePathsAbsolute makes the paths of the job's own files absolute, from the working folder.
// The input "-" and the addresses of objects stay as they are. Paths of files as rows are relative
// to the working folder, unless the job says another media root. The output "-" becomes a file in
// the state folder, which
// whoever runs the job copies to stdout when it is whole.
func (s *Spec) MakePathsAbsolute() error {
	if store.IsAddress(s.Output) {
		s.State = s.JobDir()
	}
	if s.Output == "-" {
		s.State = s.JobDir()
		if s.OutputFormat == "" {
			s.OutputFormat = fileformat.JSONL
		}
		s.Output = filepath.Join(s.State, "stdout") // of whatever format: the next run may ask for another
	}
	if s.FilesAsRows() && s.MediaRoot == "" {
		s.MediaRoot = "."
	}
	var failed error
	s.MapPaths(func(path string) string {
		abs, err := filepath.Abs(inHome(path))
		if err != nil {
			failed = err
		}
		return abs
	})
	return failed
}

// MapPaths replaces the paths of the job's own files, and the patterns among them. It leaves
// out paths that are empty or "-". What the Spec points to is copied before it is changed.
func (s *Spec) MapPaths(to func(path string) string) {
	s.Input = slices.Clone(s.Input)
	paths := []*string{&s.Output, &s.State, &s.APIKeyFile, &s.Prices, &s.MediaRoot, &s.Webhook.SecretFile}
	for i := range s.Input {
		paths = append(paths, &s.Input[i])
	}
	for _, p := range paths {
		if *p != "" && *p != "-" && !fileformat.IsAddress(*p) { // Check refuses those of no object store
			*p = to(*p)
		}
	}
}

// ReadFiles puts the contents of prompts, schemas, labels and examples in place of the names
// of their files. So a job stays what it was when somebody looks at it later, from another
// folder. What the Spec points to is copied before it is changed.
func (s *Spec) ReadFiles() error {
	s.Classify, s.Summarize, s.Extract = clonePointer(s.Classify), clonePointer(s.Summarize), clonePointer(s.Extract)
	if err := s.readSchema(); err != nil {
		return err
	}
	for name, text := range s.texts() {
		file, ok := fileOf(*text)
		if !ok {
			continue
		}
		content, err := store.ReadFile(inHome(file))
		if err != nil {
			return Errorf("a text that begins with an at sign is written with two", "%s: %w", name, err)
		}
		if !bytes.HasPrefix(content, []byte("\ufeff")) { // that one is left to the wording
			content = decodeText(content)
		}
		*text = string(content)
		if strings.HasPrefix(*text, "@") {
			*text = "@" + *text
		}
	}
	return s.Classify.readFiles()
}

// resolve makes the paths in a job file relative to the working folder, instead of to the
// job file's own folder dir.
func (s *Spec) resolve(dir string) {
	at := func(path *string) {
		*path = inHome(*path)
		if *path != "" && *path != "-" && !filepath.IsAbs(*path) && !fileformat.IsAddress(*path) {
			if *path = filepath.Join(dir, *path); *path == "-" { // ./- is a file
				*path = "." + string(filepath.Separator) + *path
			}
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
	if at(&s.MediaRoot); s.MediaRoot == "" && s.FilesAsRows() {
		s.MediaRoot = dir
	}
	at(&s.Webhook.SecretFile)
	for _, text := range s.texts() {
		if file, ok := fileOf(*text); ok {
			at(&file)
			*text = "@" + file
		}
	}
	s.Classify.resolve(at)
}

// inHome returns a path in which ~ stands for the user's home folder, as in a shell.
func inHome(path string) string {
	rest, ok := strings.CutPrefix(filepath.ToSlash(path), "~")
	if home, err := os.UserHomeDir(); err == nil && ok && (rest == "" || rest[0] == '/') {
		return filepath.Join(home, rest)
	}
	return path
}

// texts returns the templates that may be given as a file, by the names of their keys.
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

// fileOf returns the file that a template stands for: @FILE. A template that begins with an
// at sign itself is written with two.
func fileOf(text string) (file string, ok bool) {
	file, ok = strings.CutPrefix(text, "@")
	return file, ok && !strings.HasPrefix(file, "@")
}

// clonePointer returns a pointer to a copy, or nil.
func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
