package jobs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// mediaFixture is a job with a media column p, asked of a gallery.
func mediaFixture(t *testing.T) (*fixture, *jobtest.Gallery) {
	f, g := newFixture(t), jobtest.NewGallery(t)
	f.spec.Endpoint, f.handler = g.URL, g.Config.Handler
	f.spec.Media = spec.MediaColumns{{Column: "p"}}
	return f, g
}

// Google's own endpoint, elsewhere.
func (f *fixture) google(g *jobtest.Gallery) {
	key := filepath.Join(f.dir, "key")
	if err := os.WriteFile(key, []byte("key-1"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.spec.Endpoint, f.spec.BaseURL, f.spec.Auth, f.spec.APIKeyFile = "google", g.URL, "", key
}

// Answers belong to what the files hold: a changed file is asked anew, and the one
// of before has its answer still.
func TestMediaRuns(t *testing.T) {
	f, g := mediaFixture(t)
	one, two := jobtest.Picture(t, 1, 4, 4), jobtest.Picture(t, 2, 4, 4)
	a, b := jobtest.SHA256Of(one)[:8], jobtest.SHA256Of(two)[:8]
	f.write("cat.png", one)
	f.input(`{"q":"x","p":"cat.png"}`, `{"q":"y","p":["cat.png","`+base64.StdEncoding.EncodeToString(two)+`"]}`, `{"q":"z","p":null}`, `{"q":"w"}`, `{"q":"v","p":"none.png"}`)
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests(), a+" "+b+" y", a+" x", "w", "z")
	jobtest.Equal(t, "output", f.output("status", "response"), "ok "+a+" x", "ok "+a+" "+b+" y", "ok z", "ok w", "skipped <nil>")
	if got := f.output("error")[4]; !strings.Contains(got, "in.jsonl:5: p: none.png cannot be read in "+f.dir) {
		t.Errorf("the error of a missing file is %q", got)
	}
	if s := f.mustRun(); !s.Unchanged {
		t.Error("the second run writes its output again")
	}
	jobtest.Equal(t, "asked again", g.Requests())

	f.write("cat.png", two)
	f.mustRun()
	jobtest.Equal(t, "asked of the changed file", g.Requests(), b+" "+b+" y", b+" x")
	jobtest.Equal(t, "output", f.output("response")[:2], b+" x", b+" "+b+" y")

	f.write("cat.png", one)
	f.mustRun()
	jobtest.Equal(t, "asked of the restored file", g.Requests())
	jobtest.Equal(t, "output", f.output("response")[:2], a+" x", a+" "+b+" y")

	f.write("none.png", two)
	f.mustRun()
	jobtest.Equal(t, "asked of the file that came", g.Requests(), b+" v")
	if err := os.Remove(filepath.Join(f.dir, "none.png")); err != nil {
		t.Fatal(err)
	}
	f.mustRun()
	jobtest.Equal(t, "output without the file", f.output("status")[4:], "skipped")

	f.spec.Strict = true
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), "none.png cannot be read") {
		t.Errorf("with --strict: %v", err)
	}
}

// Later attempts, corrective ones included, have the media again.
func TestMediaRetries(t *testing.T) {
	f, g := mediaFixture(t)
	cat := jobtest.Picture(t, 1, 4, 4)
	f.write("cat.png", cat)
	f.spec.Prompt = ""
	f.spec.Classify = &spec.Classify{Labels: spec.Labels{{Name: "cat"}, {Name: "dog"}}}
	f.input(`{"p":"cat.png"}`)
	g.Reply = func(said string, n int) (int, string) {
		switch {
		case n == 1 && !strings.Contains(said, "not valid"):
			return 503, `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`
		case !strings.Contains(said, "not valid"):
			return 200, jobtest.AnswerBody("a fish")
		}
		return 200, jobtest.AnswerBody("cat")
	}
	f.inBubble(func(t *testing.T) {
		f.mustRun()
		a := jobtest.SHA256Of(cat)[:8]
		got := g.Requests()
		if len(got) != 3 || got[0] != a || got[1] != a || !strings.HasPrefix(got[2], a+" a fish That is not valid") {
			t.Errorf("asked %q", got)
		}
		jobtest.Equal(t, "output", f.output("status", "label"), "ok cat")
	})
}

// large is a picture that fits into no request of 20 MB.
func large(t *testing.T, shade uint8) []byte {
	return append(jobtest.Picture(t, shade, 4, 4), make([]byte, 16<<20)...)
}

func TestMediaTooLarge(t *testing.T) {
	f, g := mediaFixture(t)
	f.write("large.png", large(t, 1))
	f.input(`{"q":"x","p":"large.png"}`, `{"q":"y"}`)
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests(), "y")
	got := f.output("status", "error", "total_tokens")
	if !strings.HasPrefix(got[0], "failed the request has 21.3 MB with its media, and the endpoint takes 20 MB") || !strings.HasSuffix(got[0], "<nil>") {
		t.Errorf("the row is %q", got[0])
	}
}

func TestMediaUploads(t *testing.T) {
	f, g := mediaFixture(t)
	f.google(g)
	big, other, small := large(t, 1), large(t, 2), jobtest.Picture(t, 3, 4, 4)
	f.write("big.png", big)
	f.write("other.png", other)
	f.write("small.png", small)
	a, b, c := "f:"+jobtest.SHA256Of(big)[:8], "f:"+jobtest.SHA256Of(other)[:8], jobtest.SHA256Of(small)[:8]
	f.input(`{"q":"x","p":["small.png","big.png"]}`, `{"q":"y","p":["big.png","big.png"]}`, `{"q":"z","p":"big.png"}`, `{"q":"w","p":"small.png"}`)
	uploads := func(what string, uploads, gets int) {
		t.Helper()
		g.Mu.Lock()
		defer g.Mu.Unlock()
		if g.Uploads != uploads || g.Gets != gets {
			t.Errorf("%s: %d uploads and %d looks at a file, want %d and %d", what, g.Uploads, g.Gets, uploads, gets)
		}
	}
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests(), c+" "+a+" x", c+" w", a+" "+a+" y", a+" z")
	uploads("the first run", 1, 0)
	if !bytes.Equal(g.Files["files/f1"], big) {
		t.Error("the upload is not the file")
	}

	// Later runs use the upload as long as it lives.
	f.input(`{"q":"x2","p":"big.png"}`, `{"q":"y2","p":"big.png"}`)
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests(), a+" x2", a+" y2")
	uploads("the second run", 1, 1)

	// One that has expired, or was deleted, is made again.
	f.expireUploads()
	f.input(`{"q":"x3","p":"big.png"}`)
	f.mustRun()
	uploads("after the end of its life", 2, 1)
	g.Mu.Lock()
	g.Files = map[string][]byte{}
	g.Mu.Unlock()
	f.input(`{"q":"x4","p":"big.png"}`)
	f.mustRun()
	uploads("after it was deleted", 3, 1)
	jobtest.Equal(t, "remembered", f.remembered(), "files/f2", "files/f3")

	// It is gone between two calls.
	f.spec.Concurrency = 1
	g.Reply = func(said string, n int) (int, string) {
		if said == a+" x5" {
			g.Files = map[string][]byte{}
		}
		return 0, ""
	}
	f.input(`{"q":"x5","p":"big.png"}`, `{"q":"x6","p":"big.png"}`)
	f.mustRun()
	jobtest.Equal(t, "output", f.output("status"), "ok", "ok")
	uploads("gone in a run", 4, 2)
	g.Requests()

	// Another key has its own uploads.
	if err := os.WriteFile(f.spec.APIKeyFile, []byte("key-2"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.input(`{"q":"x7","p":"big.png"}`, `{"q":"x8","p":"other.png"}`)
	f.spec.MediaDelete = true
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests(), a+" x7", b+" x8")
	uploads("another key", 6, 2)
	slices.Sort(g.Deleted)
	jobtest.Equal(t, "deleted", g.Deleted, "files/f5", "files/f6")
	f.input(`{"q":"x9","p":"big.png"}`)
	f.mustRun()
	uploads("after --media-delete", 7, 2)
}

// A finished job whose files lie untouched for long is up to date only as long as
// they do.
func TestMediaUpToDate(t *testing.T) {
	f, g := mediaFixture(t)
	f.write("cat.png", jobtest.Picture(t, 1, 4, 4))
	f.input(`{"q":"x","p":"cat.png"}`)
	f.mustRun()
	before := time.Now().Add(-time.Hour)
	paths, err := filepath.Glob(filepath.Join(spec.StateDirOf(f.spec.Output), "results-*"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range append(paths, f.spec.Input[0]) {
		if err := os.Chtimes(path, before, before); err != nil {
			t.Fatal(err)
		}
	}
	f.mustRun() // its manifest has these times
	f.write("cat.png", jobtest.Picture(t, 2, 4, 4))
	g.Requests()
	if s := f.mustRun(); s.Unchanged || len(g.Requests()) != 1 {
		t.Error("a job whose file has changed is taken for up to date")
	}
}

// The files that rows name are part of the input: also of an output that export has
// written, and for verify.
func TestMediaFilesAreInput(t *testing.T) {
	f, _ := mediaFixture(t)
	f.write("cat.png", jobtest.Picture(t, 1, 4, 4))
	f.input(`{"q":"x","p":"cat.png"}`)
	f.mustRun()
	f.proven("after the run", 0)
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Export(f.spec.Output, "", nil, true); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(f.dir, "cat.png")); err != nil {
		t.Fatal(err)
	}
	f.proven("without the file", 1)
	if s := f.mustRun(); s.Unchanged {
		t.Error("the output of before is taken for that of now")
	}
	jobtest.Equal(t, "output without the file", f.output("status"), "skipped")
	f.proven("after the second run", 0)
}

// remembered returns the uploads that the state folder holds.
func (f *fixture) remembered() (names []string) {
	text, err := os.ReadFile(filepath.Join(spec.StateDirOf(f.spec.Output), "uploads.jsonl"))
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var x struct {
			Name    string
			Expires time.Time
		}
		if json.Unmarshal(line, &x) == nil && time.Until(x.Expires) > time.Hour {
			names = append(names, x.Name)
		}
	}
	return names
}

// expireUploads has all uploads end in a minute.
func (f *fixture) expireUploads() {
	path := filepath.Join(spec.StateDirOf(f.spec.Output), "uploads.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	var x map[string]any
	if err := json.Unmarshal(text, &x); err != nil {
		f.t.Fatal(err)
	}
	x["expires"] = time.Now().Add(time.Minute)
	line, _ := json.Marshal(x)
	// And a line that was cut by a crash.
	if err := os.WriteFile(path, append(append(line, '\n'), line[:20]...), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// What the API cannot process is the fault of its rows, and is uploaded once.
func TestMediaUploadFailed(t *testing.T) {
	f, g := mediaFixture(t)
	f.google(g)
	g.State = "FAILED"
	f.spec.Concurrency = 1 // one row after the other
	f.write("big.png", large(t, 1))
	f.input(`{"q":"x","p":"big.png"}`, `{"q":"y","p":"big.png"}`, `{"q":"z"}`)
	f.mustRun()
	jobtest.Equal(t, "asked", g.Requests(), "z")
	got := f.output("status", "error")
	for _, row := range got[:2] {
		if !strings.HasPrefix(row, "rejected the Files API cannot process the file: it is broken; check that") {
			t.Errorf("the row is %q", row)
		}
	}
	if g.Uploads != 1 {
		t.Errorf("it was uploaded %d times", g.Uploads)
	}
}
