package jobfile

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// yamlBlock matches a block of YAML in a page of Markdown.
var yamlBlock = regexp.MustCompile("(?ms)^```yaml[^\n]*\n(.*?)^```")

// aKey matches a line with a key of a job.
var aKey = regexp.MustCompile(`(?m)^(input|output|model|prompt|classify|summarize|extract|raw|request|expected|schema|media|set|tier):`)

// jobFiles returns the job files of the project, by where they stand: those of the examples,
// of the documentation and of the tests of the command line.
func jobFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		switch filepath.Ext(path) {
		case ".yaml", ".yml":
			text, err := os.ReadFile(path)
			if aKey.Match(text) {
				files[path] = text
			}
			return err
		case ".md":
			text, err := os.ReadFile(path)
			for _, m := range yamlBlock.FindAllSubmatch(text, -1) {
				if aKey.Match(m[1]) {
					files[path+": "+string(m[1])] = m[1]
				}
			}
			return err
		case ".txtar":
			archive, err := txtar.ParseFile(path)
			if err != nil {
				return err
			}
			for _, f := range archive.Files {
				if strings.HasSuffix(f.Name, ".yaml") && aKey.Match(f.Data) {
					files[path+": "+f.Name] = f.Data
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Every job file of the project that genbatch reads is one by the schema, and what it refuses
// the schema refuses.
func TestFilesOfTheProject(t *testing.T) {
	schema := compiled(t)
	read, refused := 0, 0
	for name, text := range jobFiles(t) {
		path := filepath.Join(t.TempDir(), "job.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		job, err := load(path)
		if err == nil {
			err = job.Check()
		}
		asJSON, notYAML := yaml.YAMLToJSON(bytes.ReplaceAll(text, []byte("max_cost: .nan"), []byte("max_cost: 1"))) // JSON has none
		if notYAML != nil {
			if err == nil {
				t.Errorf("%s: genbatch reads it, and it is no YAML: %v", name, notYAML)
			}
			continue
		}
		instance, jsonErr := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if jsonErr != nil {
			t.Errorf("%s: %v", name, jsonErr)
			continue
		}
		valid := schema.Validate(instance)
		switch {
		case err == nil && valid != nil:
			t.Errorf("%s: genbatch reads it, and the schema does not accept it: %v", name, valid)
		case err != nil && valid == nil:
			t.Errorf("%s: the schema accepts it, and genbatch does not read it: %v", name, err)
		case err == nil:
			read++
		default:
			refused++
		}
	}
	t.Logf("%d job files are read, %d refused", read, refused)
	if read < 40 {
		t.Errorf("only %d job files were found", read)
	}
}
