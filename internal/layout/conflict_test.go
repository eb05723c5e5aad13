package layout_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// conflict is a line that a merge leaves where it could not decide. Go files that
// have one do not compile; texts do nothing of the kind.
var conflict = regexp.MustCompile(`(?m)^(<{7}|>{7}|\|{7}) .*$`)

func TestNoMergeConflicts(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() != filepath.Base(root) && strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".md", ".yaml", ".yml", ".json", ".csv", ".txtar", ".html", ".sh":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := conflict.FindIndex(text); at != nil {
			t.Errorf("%s:%d: the mark of a merge conflict", path, 1+strings.Count(string(text[:at[0]]), "\n"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
