package media

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// failingModel counts what reaches it.
type failingModel struct{ calls int }

func (m *failingModel) Attempt(context.Context, *batch.Request) batch.Outcome {
	m.calls++
	return batch.Outcome{}
}

// pictureRequest is of a row whose medium is a picture at path.
func pictureRequest(t *testing.T, path string) *batch.Request {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, jobtest.Picture(t, 1, 4, 4), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{Root: filepath.Dir(path), Columns: []spec.MediaColumn{{Column: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := new(batch.Request)
	if r.Body, r.Media, r.InputTokens, err = m.Add(jobtest.Row("p", filepath.Base(path)), []byte(`{"contents":[{"parts":[{"text":"x"}],"role":"user"}]}`)); err != nil {
		t.Fatal(err)
	}
	return r
}

// A file that is not what it was when its row was made is not sent, and the row
// costs nothing.
func TestMediaChangedFile(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"same size": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)-1]++
			return os.WriteFile(path, data, 0o600)
		},
		"longer": func(path string) error { return os.WriteFile(path, make([]byte, 1000), 0o600) },
		"gone":   os.Remove,
		"a link out": func(path string) error {
			if err := os.Rename(path, filepath.Join(filepath.Dir(filepath.Dir(path)), "cat.png")); err != nil {
				return err
			}
			return os.Symlink("../cat.png", path)
		},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "in", "cat.png")
		r := pictureRequest(t, path)
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		m := &failingModel{}
		o := model{Model: m, limit: uploadAbove, above: uploadAbove}.Attempt(t.Context(), r)
		if o.Consequence != batch.Settled || o.Status != batch.Failed || m.calls != 0 || o.MaybeBilled || !strings.Contains(o.Err.Message, "cat.png") {
			t.Errorf("%s: %+v after %d calls", name, o, m.calls)
		}
	}
}
