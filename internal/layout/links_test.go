package layout_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// link is a relative link of a Markdown file, without its anchor.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)

// TestLinks holds links between the files of the project to files that are there:
// documents name many, and a move breaks them in silence.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatchIndex(string(text), -1) {
			target := string(text[m[2]:m[3]])
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s:%d: the link to %s leads nowhere", path, 1+strings.Count(string(text[:m[0]]), "\n"), target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
