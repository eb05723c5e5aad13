package jobs

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// write writes a file below the fixture's folder, as it was an hour ago.
func (f *fixture) write(name string, data []byte) {
	f.t.Helper()
	jobtest.WriteFile(f.t, f.dir, name, data)
}

func TestMediaMistakes(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	for _, c := range []struct {
		change func(*spec.Spec)
		want   string
	}{
		{func(s *spec.Spec) { s.Media = spec.MediaColumns{{Column: "pictur"}} }, `media names the column "pictur", which the input does not have`},
		{func(s *spec.Spec) { s.MediaRoot = f.dir }, "name the columns with --media COLUMN"},
		{func(s *spec.Spec) { s.Media = spec.MediaColumns{{Column: "q"}}; s.Prompt, s.Raw = "", &spec.Raw{} }, "does not go with raw:"},
	} {
		s := f.spec
		c.change(&s)
		_, err := Open(s, Options{Env: func(string) string { return "" }})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// A medium is the same, and so is its row, whether the cell has its path or its
// bytes, and as in a raw request.
func TestMediaFingerprint(t *testing.T) {
	f := newFixture(t)
	cat := jobtest.Picture(t, 1, 4, 4)
	b64 := base64.StdEncoding.EncodeToString(cat)
	f.write("cat.png", cat)
	prints := make(map[string]batch.Fingerprint)
	for name, line := range map[string]string{
		"path": `{"q":"?","p":"cat.png"}`, "base64": `{"q":"?","p":"` + b64 + `"}`, "data": `{"q":"?","p":"data:image/png;base64,` + b64 + `"}`,
	} {
		f.input(line)
		s := f.spec
		s.Media = spec.MediaColumns{{Column: "p"}}
		prints[name] = onlyRequest(t, s).Fingerprint
	}
	f.input(`{"request":{"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"` + b64 + `"}},{"text":"?"}],"role":"user"}]}}`)
	s := f.spec
	s.Prompt, s.Raw = "", &spec.Raw{}
	prints["raw"] = onlyRequest(t, s).Fingerprint
	for name, p := range prints {
		if p != prints["raw"] {
			t.Errorf("%s has the fingerprint %s, and a raw request %s", name, p, prints["raw"])
		}
	}
}

func onlyRequest(t *testing.T, s spec.Spec) *batch.Request {
	t.Helper()
	j, err := View(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for it, err := range j.list.Items() {
		if err != nil || it.Err != nil {
			t.Fatal(err, it.Err)
		}
		return it.Request
	}
	t.Fatal("no row")
	return nil
}

func TestMediaKinds(t *testing.T) {
	f := newFixture(t)
	f.write("cat.png", jobtest.Picture(t, 1, 4, 4))
	f.input(`{"p":"cat.png","t":"","q":""}`)
	for name, c := range map[string]struct {
		set  func(*spec.Spec)
		want string // of the instruction
	}{
		"prompt": {func(s *spec.Spec) { s.Prompt = "{{.t}}" }, ""},
		"classify": {func(s *spec.Spec) {
			s.Prompt = ""
			s.Classify = &spec.Classify{Labels: spec.Labels{{Name: "a"}, {Name: "b"}}}
		}, "Classify what the user gives into exactly one"},
		"summarize": {func(s *spec.Spec) { s.Prompt = ""; s.Summarize = &spec.Summarize{Text: "{{.t}}"} }, "Summarize what the user gives in at most 3 sentences"},
	} {
		s := f.spec
		s.Media = spec.MediaColumns{{Column: "p"}}
		c.set(&s)
		body := string(onlyRequest(t, s).Body)
		if strings.Contains(body, `"text":""`) || !strings.Contains(body, `"sha256"`) || !strings.Contains(body, c.want) {
			t.Errorf("%s: %s", name, body)
		}
	}
	f.input(`{"p":null,"t":"","q":""}`)
	s := f.spec
	s.Media = spec.MediaColumns{{Column: "p"}}
	f.spec = s
	f.mustRun()
	if got := f.output("status", "error"); len(got) != 1 || !strings.Contains(got[0], "skipped") || !strings.Contains(got[0], "in.jsonl:1: the row has neither text nor media") {
		t.Errorf("a row without text and media is %q", got)
	}
}

// Parquet columns hold bytes, lists of bytes, and paths.
func TestMediaParquet(t *testing.T) {
	type row struct {
		Q     string   `parquet:"q"`
		Image []byte   `parquet:"image,optional"`
		Files []string `parquet:"files,list"`
	}
	f := newFixture(t)
	cat, dog := jobtest.Picture(t, 1, 4, 4), jobtest.Picture(t, 2, 4, 4)
	f.write("dog.png", dog)
	f.spec.Input = spec.List{filepath.Join(f.dir, "in.parquet")}
	if err := parquet.WriteFile(f.spec.Input[0], []row{{"?", cat, []string{"dog.png", "https://e.org/c.webp"}}}); err != nil {
		t.Fatal(err)
	}
	f.spec.Media = spec.MediaColumns{{Column: "image"}, {Column: "files"}}
	r := onlyRequest(t, f.spec)
	want := []string{jobtest.SHA256Of(cat), jobtest.SHA256Of(dog)}
	var got []string
	for _, m := range r.Media {
		got = append(got, fmt.Sprintf("%x", m.SHA256))
	}
	if !slices.Equal(got, want) || !strings.Contains(string(r.Body), "https://e.org/c.webp") {
		t.Errorf("the media are %q, want %q: %s", got, want, r.Body)
	}
}
