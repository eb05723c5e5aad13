package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/genbatch/genbatch/internal/durable"
)

// A link is written through, and the temporary file stands beside the file it names.
func TestCreateSharedThroughLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, name := range []string{"data", "deep/er"} {
		if err := os.MkdirAll(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{
		"relative": "data/a", "absolute": at("data/b"), "chain": "relative", "folder": "deep/er", "deep/er/up": "../c", "round": "round",
	}
	for name, to := range links {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Skip("no symbolic links: ", err)
		}
	}
	if err := os.WriteFile(at("data/a"), []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, file string }{
		{"relative", "data/a"}, {"absolute", "data/b"}, {"chain", "data/a"}, {"folder/up", "deep/c"}, {"folder/plain", "deep/er/plain"}, {"plain", "plain"},
	} {
		before, _ := os.Readlink(at(c.path))
		f, err := durable.FS{}.CreateShared(at(c.path))
		if err != nil {
			t.Fatal(err)
		}
		if temps, _ := filepath.Glob(at(c.file) + ".tmp-*"); len(temps) != 1 {
			t.Errorf("%s: %d temporary files beside %s, want 1", c.path, len(temps), c.file)
		}
		if _, err := f.Write([]byte("new " + c.path)); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(at(c.file)); err != nil || string(text) != "new "+c.path {
			t.Errorf("%s: %s holds %q (%v)", c.path, c.file, text, err)
		}
		if after, _ := os.Readlink(at(c.path)); after != before {
			t.Errorf("%s led to %q, and leads to %q", c.path, before, after)
		}
	}
	if info, err := os.Stat(at("data/a")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the replaced file has mode %v (%v)", info.Mode(), err)
	}
	if f, err := (durable.FS{}).CreateShared(at("round")); err == nil {
		f.Abort()
		t.Error("a link to itself was written through")
	}
}
