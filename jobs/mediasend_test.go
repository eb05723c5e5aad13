package jobs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/durable"
)

// A gallery answers generateContent with what it was sent, and has a Files API.
type gallery struct {
	*httptest.Server
	reply func(said string, n int) (status int, body string) // n: how often it was said, from 1; empty: an echo

	mu      sync.Mutex
	said    []string
	times   map[string]int
	files   map[string][]byte // by name
	state   string            // of new files
	open    []byte            // the upload under way
	uploads int
	gets    int
	deleted []string
}

func newGallery(t *testing.T) *gallery {
	g := &gallery{times: map[string]int{}, files: map[string][]byte{}, state: "ACTIVE"}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gallery) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	name := strings.TrimPrefix(r.URL.Path, "/v1beta/")
	switch {
	case r.URL.Path == "/upload/v1beta/files":
		g.open = nil
		w.Header().Set("X-Goog-Upload-Url", g.URL+"/session")
	case r.URL.Path == "/session":
		at, _ := strconv.Atoi(r.Header.Get("X-Goog-Upload-Offset"))
		g.open = append(g.open[:at], body...)
		w.Header().Set("X-Goog-Upload-Status", "active")
		if strings.Contains(r.Header.Get("X-Goog-Upload-Command"), "finalize") {
			g.uploads++
			name := fmt.Sprintf("files/f%d", g.uploads)
			g.files[name] = g.open
			w.Header().Set("X-Goog-Upload-Status", "final")
			fmt.Fprintf(w, `{"file":%s}`, g.file(name))
		}
	case strings.HasPrefix(name, "files/"):
		if g.files[name] == nil {
			w.WriteHeader(403)
			io.WriteString(w, forbidden(name))
			return
		}
		if r.Method == http.MethodDelete {
			delete(g.files, name)
			g.deleted = append(g.deleted, name)
			io.WriteString(w, `{}`)
			return
		}
		g.gets++
		io.WriteString(w, g.file(name))
	default:
		status, text := g.generate(body)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func forbidden(name string) string {
	return fmt.Sprintf(`{"error":{"code":403,"message":"You do not have permission to access the File %s or it may not exist.","status":"PERMISSION_DENIED"}}`,
		strings.TrimPrefix(name, "files/"))
}

func (g *gallery) file(name string) string {
	return fmt.Sprintf(`{"name":%q,"uri":%q,"mimeType":"image/png","state":%q,"sizeBytes":"%d","expirationTime":%q,"error":{"message":"it is broken"}}`,
		name, g.URL+"/v1beta/"+name, g.state, len(g.files[name]), time.Now().Add(48*time.Hour).Format(time.RFC3339Nano))
}

// generate says what it was sent: the sums of media, f:name for files, and texts.
func (g *gallery) generate(body []byte) (int, string) {
	var req struct {
		Contents []struct {
			Parts []struct {
				Text       string
				InlineData *struct{ Data, MimeType string }
				FileData   *struct{ FileURI string }
			}
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return 400, `{"error":{"code":400,"message":"not JSON","status":"INVALID_ARGUMENT"}}`
	}
	var said []string
	for _, c := range req.Contents {
		for _, p := range c.Parts {
			switch {
			case p.InlineData != nil:
				data, err := base64.StdEncoding.DecodeString(p.InlineData.Data)
				if err != nil {
					return 400, `{"error":{"code":400,"message":"not base64","status":"INVALID_ARGUMENT"}}`
				}
				said = append(said, sumOf(data)[:8])
			case p.FileData != nil:
				name := p.FileData.FileURI[strings.LastIndex(p.FileData.FileURI, "files/"):]
				if g.files[name] == nil {
					return 403, forbidden(name)
				}
				said = append(said, "f:"+sumOf(g.files[name])[:8])
			default:
				said = append(said, p.Text)
			}
		}
	}
	all := strings.Join(said, " ")
	g.said = append(g.said, all)
	g.times[all]++
	if g.reply != nil {
		if status, text := g.reply(all, g.times[all]); text != "" {
			return status, text
		}
	}
	return 200, answerBody(all)
}

// requests returns what was said since the last call, sorted.
func (g *gallery) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	said := g.said
	g.said = nil
	slices.Sort(said)
	return said
}

// mediaFixture is a job with a media column p, asked of a gallery.
func mediaFixture(t *testing.T) (*fixture, *gallery) {
	f, g := newFixture(t), newGallery(t)
	f.spec.Endpoint = g.URL
	f.spec.Media = MediaColumns{{Column: "p"}}
	return f, g
}

// Google's own endpoint, elsewhere.
func (f *fixture) google(g *gallery) {
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
	one, two := picture(t, 1, 4, 4), picture(t, 2, 4, 4)
	a, b := sumOf(one)[:8], sumOf(two)[:8]
	f.write("cat.png", one)
	f.input(`{"q":"x","p":"cat.png"}`, `{"q":"y","p":["cat.png","`+base64.StdEncoding.EncodeToString(two)+`"]}`, `{"q":"z","p":null}`, `{"q":"w"}`, `{"q":"v","p":"none.png"}`)
	f.mustRun()
	equal(t, "asked", g.requests(), a+" "+b+" y", a+" x", "w", "z")
	equal(t, "output", f.output("status", "response"), "ok "+a+" x", "ok "+a+" "+b+" y", "ok z", "ok w", "skipped <nil>")
	if got := f.output("error")[4]; !strings.Contains(got, "in.jsonl:5: p: none.png cannot be read in "+f.dir) {
		t.Errorf("the error of a missing file is %q", got)
	}
	if s := f.mustRun(); !s.Unchanged {
		t.Error("the second run writes its output again")
	}
	equal(t, "asked again", g.requests())

	f.write("cat.png", two)
	f.mustRun()
	equal(t, "asked of the changed file", g.requests(), b+" "+b+" y", b+" x")
	equal(t, "output", f.output("response")[:2], b+" x", b+" "+b+" y")

	f.write("cat.png", one)
	f.mustRun()
	equal(t, "asked of the restored file", g.requests())
	equal(t, "output", f.output("response")[:2], a+" x", a+" "+b+" y")

	f.write("none.png", two)
	f.mustRun()
	equal(t, "asked of the file that came", g.requests(), b+" v")
	if err := os.Remove(filepath.Join(f.dir, "none.png")); err != nil {
		t.Fatal(err)
	}
	f.mustRun()
	equal(t, "output without the file", f.output("status")[4:], "skipped")

	f.spec.Strict = true
	if _, err := f.run(); err == nil || !strings.Contains(err.Error(), "none.png cannot be read") {
		t.Errorf("with --strict: %v", err)
	}
}

// Later attempts, corrective ones included, have the media again.
func TestMediaRetries(t *testing.T) {
	f, g := mediaFixture(t)
	cat := picture(t, 1, 4, 4)
	f.write("cat.png", cat)
	f.spec.Prompt = ""
	f.spec.Classify = &Classify{Labels: Labels{{Name: "cat"}, {Name: "dog"}}}
	f.input(`{"p":"cat.png"}`)
	g.reply = func(said string, n int) (int, string) {
		switch {
		case n == 1 && !strings.Contains(said, "not valid"):
			return 503, `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`
		case !strings.Contains(said, "not valid"):
			return 200, answerBody("a fish")
		}
		return 200, answerBody("cat")
	}
	f.mustRun()
	a := sumOf(cat)[:8]
	got := g.requests()
	if len(got) != 3 || got[0] != a || got[1] != a || !strings.HasPrefix(got[2], a+" a fish That is not valid") {
		t.Errorf("asked %q", got)
	}
	equal(t, "output", f.output("status", "label"), "ok cat")
}

// failingModel counts what reaches it.
type failingModel struct{ calls int }

func (m *failingModel) Attempt(context.Context, *batch.Request) batch.Outcome {
	m.calls++
	return batch.Outcome{}
}

// A file that is not what it was when its row was made is not sent, and the row
// costs nothing.
// pictureRequest is of a row whose medium is a picture at path.
func pictureRequest(t *testing.T, path string) *batch.Request {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, picture(t, 1, 4, 4), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := newMedia(&Spec{MediaRoot: filepath.Dir(path), Media: MediaColumns{{Column: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := new(batch.Request)
	if r.Body, r.Media, r.InputTokens, err = m.add(row("p", filepath.Base(path)), []byte(`{"contents":[{"parts":[{"text":"x"}],"role":"user"}]}`)); err != nil {
		t.Fatal(err)
	}
	return r
}

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
		o := mediaModel{Model: m, limit: uploadAbove, above: uploadAbove}.Attempt(t.Context(), r)
		if o.Consequence != batch.Settled || o.Status != batch.Failed || m.calls != 0 || o.MaybeBilled || !strings.Contains(o.Err.Message, "cat.png") {
			t.Errorf("%s: %+v after %d calls", name, o, m.calls)
		}
	}
}

// large is a picture that fits into no request of 20 MB.
func large(t *testing.T, shade uint8) []byte {
	return append(picture(t, shade, 4, 4), make([]byte, 16<<20)...)
}

func TestMediaTooLarge(t *testing.T) {
	f, g := mediaFixture(t)
	f.write("large.png", large(t, 1))
	f.input(`{"q":"x","p":"large.png"}`, `{"q":"y"}`)
	f.mustRun()
	equal(t, "asked", g.requests(), "y")
	got := f.output("status", "error", "total_tokens")
	if !strings.HasPrefix(got[0], "failed the request has 21.3 MB with its media, and the endpoint takes 20 MB") || !strings.HasSuffix(got[0], "<nil>") {
		t.Errorf("the row is %q", got[0])
	}
}

func TestMediaUploads(t *testing.T) {
	f, g := mediaFixture(t)
	f.google(g)
	big, other, small := large(t, 1), large(t, 2), picture(t, 3, 4, 4)
	f.write("big.png", big)
	f.write("other.png", other)
	f.write("small.png", small)
	a, b, c := "f:"+sumOf(big)[:8], "f:"+sumOf(other)[:8], sumOf(small)[:8]
	f.input(`{"q":"x","p":["small.png","big.png"]}`, `{"q":"y","p":["big.png","big.png"]}`, `{"q":"z","p":"big.png"}`, `{"q":"w","p":"small.png"}`)
	uploads := func(what string, uploads, gets int) {
		t.Helper()
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.uploads != uploads || g.gets != gets {
			t.Errorf("%s: %d uploads and %d looks at a file, want %d and %d", what, g.uploads, g.gets, uploads, gets)
		}
	}
	f.mustRun()
	equal(t, "asked", g.requests(), c+" "+a+" x", c+" w", a+" "+a+" y", a+" z")
	uploads("the first run", 1, 0)
	if !bytes.Equal(g.files["files/f1"], big) {
		t.Error("the upload is not the file")
	}

	// Later runs use the upload as long as it lives.
	f.input(`{"q":"x2","p":"big.png"}`, `{"q":"y2","p":"big.png"}`)
	f.mustRun()
	equal(t, "asked", g.requests(), a+" x2", a+" y2")
	uploads("the second run", 1, 1)

	// One that has expired, or was deleted, is made again.
	f.expireUploads()
	f.input(`{"q":"x3","p":"big.png"}`)
	f.mustRun()
	uploads("after the end of its life", 2, 1)
	g.mu.Lock()
	g.files = map[string][]byte{}
	g.mu.Unlock()
	f.input(`{"q":"x4","p":"big.png"}`)
	f.mustRun()
	uploads("after it was deleted", 3, 1)
	equal(t, "remembered", f.remembered(), "files/f2", "files/f3")

	// It is gone between two calls.
	f.spec.Concurrency = 1
	g.reply = func(said string, n int) (int, string) {
		if said == a+" x5" {
			g.files = map[string][]byte{}
		}
		return 0, ""
	}
	f.input(`{"q":"x5","p":"big.png"}`, `{"q":"x6","p":"big.png"}`)
	f.mustRun()
	equal(t, "output", f.output("status"), "ok", "ok")
	uploads("gone in a run", 4, 2)
	g.requests()

	// Another key has its own uploads.
	if err := os.WriteFile(f.spec.APIKeyFile, []byte("key-2"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.input(`{"q":"x7","p":"big.png"}`, `{"q":"x8","p":"other.png"}`)
	f.spec.MediaDelete = true
	f.mustRun()
	equal(t, "asked", g.requests(), a+" x7", b+" x8")
	uploads("another key", 6, 2)
	slices.Sort(g.deleted)
	equal(t, "deleted", g.deleted, "files/f5", "files/f6")
	f.input(`{"q":"x9","p":"big.png"}`)
	f.mustRun()
	uploads("after --media-delete", 7, 2)
}

// A finished job whose files lie untouched for long is up to date only as long as
// they do.
func TestMediaUpToDate(t *testing.T) {
	f, g := mediaFixture(t)
	f.write("cat.png", picture(t, 1, 4, 4))
	f.input(`{"q":"x","p":"cat.png"}`)
	f.mustRun()
	before := time.Now().Add(-time.Hour)
	paths, err := filepath.Glob(filepath.Join(StateDirOf(f.spec.Output), "results-*"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range append(paths, f.spec.Input[0]) {
		if err := os.Chtimes(path, before, before); err != nil {
			t.Fatal(err)
		}
	}
	f.mustRun() // its manifest has these times
	f.write("cat.png", picture(t, 2, 4, 4))
	g.requests()
	if s := f.mustRun(); s.Unchanged || len(g.requests()) != 1 {
		t.Error("a job whose file has changed is taken for up to date")
	}
}

// The files that rows name are part of the input: also of an output that export has
// written, and for verify.
func TestMediaFilesAreInput(t *testing.T) {
	f, _ := mediaFixture(t)
	f.write("cat.png", picture(t, 1, 4, 4))
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
	equal(t, "output without the file", f.output("status"), "skipped")
	f.proven("after the second run", 0)
}

// remembered returns the uploads that the state folder holds.
func (f *fixture) remembered() (names []string) {
	text, err := os.ReadFile(filepath.Join(StateDirOf(f.spec.Output), "uploads.jsonl"))
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
	path := filepath.Join(StateDirOf(f.spec.Output), "uploads.jsonl")
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

// An upload that comes to its end while the run goes on is made again, as is one
// that two rows wait for in vain.
func TestMediaUploadsInOneRun(t *testing.T) {
	g := newGallery(t)
	path := filepath.Join(t.TempDir(), "in", "big.png")
	medium := &pictureRequest(t, path).Media[0]
	client, err := gemini.New(gemini.Config{Endpoint: gemini.Endpoint{
		Name: "google", BaseURL: g.URL, Version: "v1beta", Auth: gemini.AuthNone, Facts: gemini.FactsOf("google"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := newUploads(client.Files(), durable.FS{}, filepath.Join(t.TempDir(), uploadsFile), "", slog.New(slog.DiscardHandler))
	first, err := u.get(t.Context(), medium)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := u.get(t.Context(), medium); err != nil || again.Name != first.Name {
		t.Errorf("the second call comes to %q, %v, want %q", again.Name, err, first.Name)
	}
	first.Expires = time.Now().Add(uploadMargin / 2)
	u.known[first.id()] = first
	if late, err := u.get(t.Context(), medium); err != nil || late.Name == first.Name {
		t.Errorf("an upload that is about to expire is used: %q, %v", late.Name, err)
	}
	if err := os.WriteFile(path, picture(t, 2, 4, 4), 0o600); err != nil {
		t.Fatal(err)
	}
	u.known = map[string]upload{}
	if _, err := u.get(t.Context(), medium); err == nil || !strings.Contains(err.Error(), "big.png: the file has changed") {
		t.Errorf("a changed file is uploaded: %v", err)
	}
}

// What the API cannot process is the fault of its rows, and is uploaded once.
func TestMediaUploadFailed(t *testing.T) {
	f, g := mediaFixture(t)
	f.google(g)
	g.state = "FAILED"
	f.spec.Concurrency = 1 // one row after the other
	f.write("big.png", large(t, 1))
	f.input(`{"q":"x","p":"big.png"}`, `{"q":"y","p":"big.png"}`, `{"q":"z"}`)
	f.mustRun()
	equal(t, "asked", g.requests(), "z")
	got := f.output("status", "error")
	for _, row := range got[:2] {
		if !strings.HasPrefix(row, "rejected the Files API cannot process the file: it is broken; check that") {
			t.Errorf("the row is %q", row)
		}
	}
	if g.uploads != 1 {
		t.Errorf("it was uploaded %d times", g.uploads)
	}
}
