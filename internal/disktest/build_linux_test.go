package disktest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A replacement is a text of genbatch's source, and what a build has in its place. The text
// stands once in its file.
type replacement struct{ file, old, new string }

// shortSegments makes segments of the journal so short that a small job has many.
var shortSegments = []replacement{
	{"batch/journal/journal.go", "c.SegmentBytes = 256 << 20", "c.SegmentBytes = 64 << 10"},
}

// build builds genbatch, with some of its source replaced, and returns the path of the
// binary.
func build(t *testing.T, replaced ...replacement) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for i, r := range replaced {
		path := filepath.Join(root, filepath.FromSlash(r.file))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), r.old); n != 1 {
			t.Fatalf("%s has %q %d times, and once is needed", r.file, r.old, n)
		}
		other := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(other, []byte(strings.Replace(string(text), r.old, r.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[path] = other
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "genbatch")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", list, "-o", binary, "./cmd/genbatch")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}
