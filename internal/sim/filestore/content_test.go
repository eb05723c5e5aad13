package filestore

import (
	"io"
	"path/filepath"
	"testing"
	"time"
)

// A content is there as long as somebody uses it, and leaves nothing behind.
func TestContent(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // on Windows
	u := &Upload{File: File{ID: "a", Owner: "o", MIME: "text/plain"}}
	if _, err := u.Write([]byte("some rows\n")); err != nil {
		t.Fatal(err)
	}
	var s Store
	f := u.Finish()
	s.Add(f)
	c := s.Get("a", "o").Content
	if !c.Retain() {
		t.Fatal("a content that is stored cannot be used")
	}
	if !s.Remove("a") || s.Remove("a") {
		t.Error("a file is there once")
	}
	if text, err := io.ReadAll(c.ReaderAt(5)); err != nil || string(text) != "rows\n" {
		t.Errorf("after the file was removed: %q %v", text, err)
	}
	if err := c.Release(); err != nil {
		t.Error(err)
	}
	if c.Retain() {
		t.Error("a content that nobody uses can be used again")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Media are kept by their beginning only.
func TestMediaHaveNoContent(t *testing.T) {
	u := &Upload{File: File{ID: "a", MIME: "image/png"}, Delay: time.Hour}
	if _, err := u.Write([]byte("PNG")); err != nil {
		t.Fatal(err)
	}
	if f := u.Finish(); f.Content != nil || string(f.Head) != "PNG" || f.Size != 3 || f.State() != "PROCESSING" {
		t.Errorf("%+v", f)
	}
}
