package media

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
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

// An echo answers with what it was sent, unless the next outcome is set.
type echo struct {
	bodies []string
	next   *batch.Outcome
}

func (e *echo) Attempt(_ context.Context, r *batch.Request) batch.Outcome {
	e.bodies = append(e.bodies, string(r.Body))
	if o := e.next; o != nil {
		e.next = nil
		return *o
	}
	return batch.Outcome{Consequence: batch.Answered, Status: batch.OK}
}

// sizedRequest is of a row whose cell lists pictures of these sizes in bytes.
func sizedRequest(t *testing.T, sizes ...int) *batch.Request {
	t.Helper()
	dir := t.TempDir()
	var cell []string
	for i, size := range sizes {
		picture := jobtest.Picture(t, uint8(i), 4, 4)
		name := fmt.Sprintf("%d.png", i)
		jobtest.WriteFile(t, dir, name, append(picture, make([]byte, size-len(picture))...))
		cell = append(cell, name)
	}
	m, err := New(Config{Root: dir, Columns: []spec.MediaColumn{{Column: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(cell)
	if err != nil {
		t.Fatal(err)
	}
	r := new(batch.Request)
	if r.Body, r.Media, r.InputTokens, err = m.Add(jobtest.Row("p", json.RawMessage(list)), []byte(`{"contents":[{"parts":[{"text":"x"}],"role":"user"}]}`)); err != nil {
		t.Fatal(err)
	}
	return r
}

// sentAs says of each part of a body how its medium was sent: inline, or the name of its
// upload.
func sentAs(t *testing.T, body string) (all []string) {
	t.Helper()
	var b struct {
		Contents []struct {
			Parts []struct {
				InlineData *struct{ Data []byte }
				FileData   *struct{ FileURI string }
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Contents[0].Parts {
		switch {
		case p.InlineData != nil:
			all = append(all, "inline")
		case p.FileData != nil:
			all = append(all, path.Base(p.FileData.FileURI))
		}
	}
	return all
}

// If a request would become too large, its largest media are uploaded, until the others
// fit. The row's own request stays as it is.
func TestLargestAreUploaded(t *testing.T) {
	g := newUploader(t)
	e := new(echo)
	for _, c := range []struct {
		above int
		want  []string
	}{
		{20_000, []string{"inline", "inline", "inline"}},
		{10_000, []string{"inline", "f1", "inline"}},
		{4_000, []string{"inline", "f1", "f2"}},
		{100, []string{"f3", "f1", "f2"}},
	} {
		r := sizedRequest(t, 1000, 5000, 3000)
		before := string(r.Body)
		m := model{Model: e, limit: 1 << 20, above: c.above, uploads: g.open(durable.FS{}, "")}
		if o := m.Attempt(t.Context(), r); o.Consequence != batch.Answered {
			t.Fatalf("above %d: %+v", c.above, o)
		}
		jobtest.Equal(t, fmt.Sprintf("media above %d bytes", c.above), sentAs(t, e.bodies[len(e.bodies)-1]), c.want...)
		if string(r.Body) != before || len(r.Media) != 3 {
			t.Error("the row's own request is changed")
		}
	}
}

// Without a Files API a request that is too large is not sent. Its row fails, and the
// others go on.
func TestTooLargeForTheEndpoint(t *testing.T) {
	e := new(echo)
	o := NewModel(e, 1<<20, nil).Attempt(t.Context(), sizedRequest(t, 1<<20))
	if o.Consequence != batch.Settled || o.Status != batch.Failed || len(e.bodies) > 0 || o.MaybeBilled ||
		!strings.Contains(o.Err.Message, "the request has 1.3 MB with its media, and the endpoint takes 1 MB") {
		t.Errorf("%+v after %d calls", o, len(e.bodies))
	}
}

// A refusal of an upload that is gone has the row asked once more, which uploads it again.
// Other refusals stay what they are.
func TestLostUploads(t *testing.T) {
	refusal := func(status int, message string) *batch.Outcome {
		return &batch.Outcome{Consequence: batch.Settled, Status: batch.Rejected, Refusal: "x", Err: &batch.Error{Kind: batch.KindRequest, HTTPStatus: status, Message: message}}
	}
	for _, c := range []struct {
		o    *batch.Outcome
		lost bool
	}{
		{refusal(http.StatusForbidden, "You do not have permission to access the File f1 or it may not exist."), true},
		{refusal(http.StatusForbidden, "You do not have permission to access the File or it may not exist."), true},
		{refusal(http.StatusBadRequest, "The file f1 is not in an ACTIVE state."), true},
		{refusal(http.StatusForbidden, "Your key has no permission."), false},
		{refusal(http.StatusTooManyRequests, "access the File f1"), false},
	} {
		g := newUploader(t)
		e := &echo{next: c.o}
		u := g.open(durable.FS{}, "")
		m := model{Model: e, limit: 1 << 20, above: 100, uploads: u}
		r := sizedRequest(t, 1000)
		o := m.Attempt(t.Context(), r)
		if again := o.Consequence == batch.Retry && o.Status == "" && o.Refusal == "" && o.MaxRetries == 1; again != c.lost {
			t.Errorf("%s: %+v", c.o.Err.Message, o)
		}
		if len(u.known) == 0 != c.lost {
			t.Errorf("%s: %d uploads are known", c.o.Err.Message, len(u.known))
		}
		want := "f1"
		if c.lost {
			want = "f2"
		}
		m.Attempt(t.Context(), r)
		jobtest.Equal(t, "sent then", sentAs(t, e.bodies[1]), want)
	}
}

// A fault of the Files API is the outcome of the row, and no call is made.
func TestUploadThatFails(t *testing.T) {
	g := newUploader(t)
	g.State = "FAILED"
	e := new(echo)
	m := model{Model: e, limit: 1 << 20, above: 100, uploads: g.open(durable.FS{}, "")}
	for range 2 {
		o := m.Attempt(t.Context(), sizedRequest(t, 1000))
		if o.Consequence != batch.Settled || o.Status != batch.Rejected || !strings.Contains(o.Err.Message, "cannot process the file") {
			t.Errorf("%+v", o)
		}
	}
	g.check(t, "two rows", 1, 0)
	if len(e.bodies) > 0 {
		t.Errorf("%d calls", len(e.bodies))
	}
}

// A row whose attempt is given up while it waits for an upload is neither failed nor
// asked about.
func TestAttemptGivenUp(t *testing.T) {
	g := newUploader(t)
	u := g.open(durable.FS{}, "")
	r := sizedRequest(t, 1000)
	u.flights[uploadOf(&r.Media[0]).id()] = &flight{done: make(chan struct{})} // another row's, which never ends
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := new(echo)
	o := model{Model: e, limit: 1 << 20, above: 100, uploads: u}.Attempt(ctx, r)
	if o.Consequence != batch.Retry || o.Status != "" || o.MaybeBilled || o.Err.Kind != batch.KindTransport || len(e.bodies) > 0 {
		t.Errorf("%+v", o)
	}
}
