package disktest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/genbatch/genbatch/internal/overlaytest"
)

// shortSegments makes segments of the journal so short that a small job has many.
var shortSegments = []overlaytest.Replacement{
	{File: "batch/journal/journal.go", Old: "c.SegmentBytes = 256 << 20", New: "c.SegmentBytes = 64 << 10"},
}

// build builds genbatch, with some of its source replaced, and returns the path of the
// binary.
func build(t *testing.T, replaced ...overlaytest.Replacement) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string][]byte)
	for _, r := range replaced {
		if texts[r.File], err = r.Apply(root); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(t.TempDir(), "genbatch")
	cmd := exec.Command("go", "build", "-overlay", overlaytest.Write(t, root, texts), "-o", binary, "./cmd/genbatch")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}
