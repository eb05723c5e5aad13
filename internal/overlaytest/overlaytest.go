// Package overlaytest has the go command build genbatch with other texts in the place of some
// of its source, for tests that must find out a program which is wrong.
package overlaytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Replacement is a text of a source file, and what stands in its place.
type Replacement struct {
	File     string // by its path below the root of the module, with slashes
	Old, New string // the file has Old once
}

// Apply returns the file with its text replaced.
func (r Replacement) Apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(r.File)))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), r.Old); n != 1 {
		return nil, fmt.Errorf("%s has the text %d times, and once is needed: %s", r.File, n, r.Old)
	}
	return []byte(strings.Replace(string(text), r.Old, r.New, 1)), nil
}

// Write writes an overlay for the flag -overlay of the go command, and returns its path. texts
// are the files to be replaced, by their paths below the root.
func Write(t testing.TB, root string, texts map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	for file, text := range texts {
		other := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(other, text, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = other
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
