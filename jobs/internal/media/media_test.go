package media

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/objecttest"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// parts returns what the cells of a row become, and its error.
func cellParts(t *testing.T, c Config, source string, cells map[string]any) (string, []batch.Media, int, error) {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	row := &batch.Row{Source: source, Line: 1}
	for name, v := range cells {
		row.Columns = append(row.Columns, batch.Column{Name: name})
		row.Values = append(row.Values, v)
	}
	body, media, tokens, err := m.Add(row, []byte(`{"contents":[{"parts":[{"text":"what is it?"}],"role":"user"}]}`))
	if err != nil {
		return "", nil, 0, err
	}
	var b struct {
		Contents []struct{ Parts []json.RawMessage }
	}
	if err := json.Unmarshal(body, &b); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var texts []string
	for _, p := range b.Contents[0].Parts {
		texts = append(texts, string(p))
	}
	return strings.Join(texts, "\n"), media, tokens, nil
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]Config{
		"twice":                               {Columns: []spec.MediaColumn{{Column: "q"}, {Column: "q"}}},
		"without a column":                    {Columns: []spec.MediaColumn{{}}},
		"use low, medium, high or ultra_high": {Columns: []spec.MediaColumn{{Column: "q", Resolution: "huge"}}},
		"write it as image/png":               {Columns: []spec.MediaColumn{{Column: "q", MIMEType: "png"}}},
		`max_bytes of "q" is negative`:        {Columns: []spec.MediaColumn{{Column: "q", MaxBytes: -1}}},
		"is no folder":                        {Columns: []spec.MediaColumn{{Column: "q"}}, Root: filepath.Join(t.TempDir(), "none")},
	} {
		_, err := New(c)
		if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want a mistake in the job: %q", err, want)
		}
	}
}

func TestMediaCells(t *testing.T) {
	dir := t.TempDir()
	cat := jobtest.Picture(t, 1, 4, 4)
	jobtest.WriteFile(t, dir, "cat.png", cat)
	jobtest.WriteFile(t, dir, "pets/dog.png", cat)
	jobtest.WriteFile(t, dir, "no-extension", cat)
	jobtest.WriteFile(t, dir, "report.pdf", []byte("%PDF-1.4\n1 0 obj\n<</Type /Page>>\nendobj\n"))
	jobtest.WriteFile(t, dir, "song.flac", []byte("fLaC\x00\x00\x00\x22"+strings.Repeat("\x00", 64)))
	jobtest.WriteFile(t, dir, "voice.m4a", []byte("\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00"+strings.Repeat("\x00", 64)))
	jobtest.WriteFile(t, dir, "phone.heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"+strings.Repeat("\x00", 64)))
	if err := os.Symlink("cat.png", filepath.Join(dir, "link.png")); err != nil {
		t.Skipf("this system lets the user make no links (%v): run the test as one who may", err)
	}
	ref := func(data []byte, kind string) string {
		return fmt.Sprintf(`{"inlineData":{"data":{"sha256":"%s"},"mimeType":"%s"}}`, jobtest.SHA256Of(data), kind)
	}
	file := func(uri, kind string) string {
		if kind == "" {
			return fmt.Sprintf(`{"fileData":{"fileUri":"%s"}}`, uri)
		}
		return fmt.Sprintf(`{"fileData":{"fileUri":"%s","mimeType":"%s"}}`, uri, kind)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	b64 := base64.StdEncoding.EncodeToString(cat)
	const text = `{"text":"what is it?"}`
	for _, c := range []struct {
		name string
		cell any
		want string // without the text part
	}{
		{"null", nil, ""},
		{"empty", " ", ""},
		{"path", "cat.png", ref(cat, "image/png")},
		{"path in a folder", "pets/dog.png", ref(cat, "image/png")},
		{"path that goes up and stays", "pets/../cat.png", ref(cat, "image/png")},
		{"absolute path", filepath.Join(dir, "cat.png"), ref(cat, "image/png")},
		{"link that stays", "link.png", ref(cat, "image/png")},
		{"no extension", "no-extension", ref(cat, "image/png")},
		{"PDF", "report.pdf", ref(read("report.pdf"), "application/pdf")},
		{"FLAC", "song.flac", ref(read("song.flac"), "audio/flac")},
		{"M4A", "voice.m4a", ref(read("voice.m4a"), "audio/m4a")},
		{"HEIC", "phone.heic", ref(read("phone.heic"), "image/heic")},
		{"https", "https://example.com/a/b.JPG?size=3", file("https://example.com/a/b.JPG?size=3", "image/jpeg")},
		{"gs", "gs://bucket/film.mp4", file("gs://bucket/film.mp4", "video/mp4")},
		{"YouTube", "https://www.youtube.com/watch?v=abc", file("https://www.youtube.com/watch?v=abc", "")},
		{"upload", "files/abc-123", file("https://generativelanguage.googleapis.com/v1beta/files/abc-123", "")},
		{"data URI", "data:image/png;base64," + b64, ref(cat, "image/png")},
		{"data URI without a type", "data:;base64," + b64, ref(cat, "image/png")},
		{"base64", b64, ref(cat, "image/png")},
		{"URL-safe base64 with line ends", base64.RawURLEncoding.EncodeToString(cat[:40]) + "\n" + base64.RawURLEncoding.EncodeToString(cat)[54:], ""},
		{"bytes", cat, ref(cat, "image/png")},
		{"no bytes", []byte{}, ""},
		{"JSON list", json.RawMessage(`["cat.png", null, "https://e.org/x.pdf"]`), ref(cat, "image/png") + "\n" + file("https://e.org/x.pdf", "application/pdf")},
		{"list in CSV", `["cat.png","cat.png"]`, ref(cat, "image/png") + "\n" + ref(cat, "image/png")},
		{"Hugging Face image", json.RawMessage(`{"bytes":"` + b64 + `","path":"x.png"}`), ref(cat, "image/png")},
		{"Hugging Face path", json.RawMessage(`{"bytes":null,"path":"cat.png"}`), ref(cat, "image/png")},
	} {
		if strings.HasPrefix(c.name, "URL-safe") {
			c.want = ref(cat, "image/png")
			c.cell = strings.NewReplacer("+", "-", "/", "_").Replace(b64[:50] + "\r\n" + b64[50:])
		}
		got, _, _, err := cellParts(t, Config{Columns: []spec.MediaColumn{{Column: "p"}}}, filepath.Join(dir, "in.jsonl"), map[string]any{"p": c.cell})
		want := strings.TrimPrefix(c.want+"\n"+text, "\n")
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, want)
		}
	}
}

// Several columns, in their order, with what each says of its parts.
func TestMediaColumns(t *testing.T) {
	dir := t.TempDir()
	cat := jobtest.Picture(t, 1, 4, 4)
	jobtest.WriteFile(t, dir, "a/cat.png", cat)
	c := Config{Root: filepath.Join(dir, "a"), Columns: []spec.MediaColumn{
		{Column: "second", MIMEType: "image/webp", Resolution: "ultra-high"}, {Column: "first"}, {Column: "third", MIMEType: "audio/mpeg"},
	}}
	got, media, _, err := cellParts(t, c, "stdin", map[string]any{"first": "cat.png", "second": "cat.png", "third": "https://e.org/play?id=3"})
	want := `{"inlineData":{"data":{"sha256":"` + jobtest.SHA256Of(cat) + `"},"mimeType":"image/webp"},"mediaResolution":{"level":"MEDIA_RESOLUTION_ULTRA_HIGH"}}
{"inlineData":{"data":{"sha256":"` + jobtest.SHA256Of(cat) + `"},"mimeType":"image/png"}}
{"fileData":{"fileUri":"https://e.org/play?id=3","mimeType":"audio/mpeg"}}
{"text":"what is it?"}`
	if err != nil || got != want || len(media) != 2 {
		t.Errorf("%v, %d media\n%s\nwant\n%s", err, len(media), got, want)
	}
}

// What a cell must not do, or cannot mean.
func TestMediaCellErrors(t *testing.T) {
	dir := t.TempDir()
	jobtest.WriteFile(t, dir, "rows/in.jsonl", nil)
	jobtest.WriteFile(t, dir, "rows/text.txt", []byte("a plain text, long enough to be one"))
	jobtest.WriteFile(t, dir, "rows/empty.png", nil)
	jobtest.WriteFile(t, dir, "rows/anim.gif", []byte("GIF89a\x01\x00\x01\x00"))
	jobtest.WriteFile(t, dir, "rows/big.png", jobtest.Picture(t, 1, 64, 64))
	jobtest.WriteFile(t, dir, "rows/.hidden/key.png", jobtest.Picture(t, 1, 4, 4))
	jobtest.WriteFile(t, dir, "rows/long.pdf", []byte("%PDF-1.4\n"+strings.Repeat("<< /Type /Page /Parent 1 0 R >>\n", 1001)))
	jobtest.WriteFile(t, dir, "secret.png", jobtest.Picture(t, 2, 4, 4))
	inside := filepath.Join(dir, "rows")
	for link, to := range map[string]string{"out.png": "../secret.png", "abs.png": filepath.Join(dir, "secret.png"), "up": ".."} {
		if err := os.Symlink(to, filepath.Join(inside, link)); err != nil {
			t.Skipf("this system lets the user make no links (%v): run the test as one who may", err)
		}
	}
	for _, c := range []struct {
		cell any
		want string
	}{
		{json.RawMessage(`{"path":{"x":1}}`), "the cell holds no medium"},
		{json.RawMessage(`{"bytes":5,"path":"long.pdf"}`), "the cell holds no medium"},
		{"../secret.png", "does not lie below " + inside + ": choose another --media-root"},
		{"x/../../secret.png", "does not lie below"},
		{filepath.Join(dir, "secret.png"), "does not lie below"},
		{"/etc/passwd", "does not lie below"},
		{"out.png", "escapes"},
		{"abs.png", "escapes"},
		{"up/secret.png", "escapes"},
		{".hidden/key.png", "hidden files are not sent"},
		{"missing.png", "paths are relative to that folder, which --media-root can say"},
		{".", "no regular file"},
		{"text.txt", "text/plain, which belongs into the prompt"},
		{"empty.png", "it is empty"},
		{"anim.gif", "the API takes no image/gif: convert it to PNG or JPEG"},
		{"big.png", "and max_bytes is 100"},
		{"long.pdf", "max_bytes"},
		{"http://example.com/a.png", "https:// addresses only"},
		{"s3://bucket/a.png", "only objects below the media root are read"},
		{"file:///etc/passwd", "write a path, without file://"},
		{"https://example.com/a", "give mime_type"},
		{"https://example.com/a.gif", "give mime_type"},
		{"https:///a.png", "no valid address"},
		{"data:image/png,abc", "not of the form"},
		{"data:image/png;base64,%%", "not valid base64"},
		{"data:image/gif;base64,R0lGODlhAQABAA==", "no image/gif"},
		{strings.Repeat("QUJD", 4000), "neither a path nor base64"},
		{int64(5), "holds no medium"},
		{json.RawMessage(`{"a":1}`), "holds no medium"},
		{json.RawMessage(`["text.txt"]`), "p: item 1: text.txt: "},
		{[]byte("words"), "text/plain"},
		{"a\x00b", "neither a path nor base64"},
	} {
		_, _, _, err := cellParts(t, Config{Columns: []spec.MediaColumn{{Column: "p", MaxBytes: 100}}}, filepath.Join(inside, "in.jsonl"), map[string]any{"p": c.cell})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "p: ") || len(err.Error()) > 600 {
			t.Errorf("%.60v: %v, want %q", c.cell, err, c.want)
		}
	}
	_, _, _, err := cellParts(t, Config{Columns: []spec.MediaColumn{{Column: "p"}}}, filepath.Join(inside, "in.jsonl"), map[string]any{"p": "long.pdf"})
	if err == nil || !strings.Contains(err.Error(), "1001 pages, and the API takes 1000") {
		t.Errorf("a PDF of 1001 pages: %v", err)
	}
	_, _, _, err = cellParts(t, Config{Stdin: true, Columns: []spec.MediaColumn{{Column: "p"}}}, "/state/stdin.jsonl", map[string]any{"p": "a.png"})
	if err == nil || !strings.Contains(err.Error(), "say it with --media-root") {
		t.Errorf("a path from stdin: %v", err)
	}
}

func TestMediaTokens(t *testing.T) {
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 1536, 1536)), nil); err != nil {
		t.Fatal(err)
	}
	pdf := []byte("%PDF-1.7\n" + strings.Repeat("<< /Type/Page /Parent 1 0 R >>"+strings.Repeat(" ", 997)+"\n", 300) + "<< /Type /Pages >>")
	wav := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00"), make([]byte, 320_000)...)
	for _, c := range []struct {
		what, model, level string
		data               []byte
		want               int
	}{
		{"small image", "gemini-2.5-flash", "", jobtest.Picture(t, 1, 384, 384), 258},
		{"image of four tiles", "gemini-2.5-flash", "", photo.Bytes(), 4 * 258},
		{"image, low", "gemini-2.5-flash", "low", photo.Bytes(), 64},
		{"image", "gemini-3-flash-preview", "", photo.Bytes(), 1120},
		{"image, ultra high", "gemini-3-flash-preview", "ultra_high", photo.Bytes(), 2240},
		{"PDF of 300 pages", "gemini-2.5-flash", "", pdf, 300 * 258},
		{"PDF of 300 pages", "gemini-3.5-flash", "", pdf, 300 * 560},
		{"10 s of audio", "gemini-3.5-flash", "", wav, 10 * 32},
	} {
		_, _, got, err := cellParts(t, Config{Model: c.model, Columns: []spec.MediaColumn{{Column: "p", Resolution: c.level}}}, "x", map[string]any{"p": c.data})
		if err != nil || got != c.want {
			t.Errorf("%s for %s: %d tokens, want %d (%v)", c.what, c.model, got, c.want, err)
		}
	}
}

// A pass has a digest once it is whole, which tells what media the rows had.
func TestPass(t *testing.T) {
	m, err := New(Config{Columns: []spec.MediaColumn{{Column: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	one, two := &batch.Request{Fingerprint: batch.Fingerprint{1}}, &batch.Request{Fingerprint: batch.Fingerprint{2}}
	digest := func(rows ...any) string {
		t.Helper()
		before := m.LastSeen()
		p := m.NewPass()
		for _, row := range rows {
			switch row := row.(type) {
			case *batch.Request:
				p.Add(row, nil)
			case error:
				p.Add(nil, row)
			}
		}
		if m.LastSeen() != before {
			t.Error("a pass counts before its end")
		}
		p.End()
		return m.LastSeen()
	}
	missing := errors.New("cat.png cannot be read")
	both := digest(one, two)
	if both == "" || digest(one, two) != both {
		t.Error("the same rows have no digest of their own")
	}
	for what, other := range map[string]string{
		"one row": digest(one), "another order": digest(two, one), "a missing file": digest(one, missing), "another reason": digest(one, errors.New("it is empty")),
	} {
		if other == both || other == "" {
			t.Errorf("%s has the digest %q of both rows", what, other)
		}
	}

	var none *Parts // a job without media
	p := none.NewPass()
	p.Add(one, nil)
	p.End()
	if none.LastSeen() != "" || none.Columns() != nil {
		t.Errorf("a job without media has seen %q", none.LastSeen())
	}
}

// Whatever stands in a cell, the row has an error or a request that is JSON.
func FuzzMediaCell(f *testing.F) {
	for _, cell := range []string{"a.png", "../a", "data:image/png;base64,iVBORw0KGgo=", "iVBORw0KGgoAAAANSUhEUg==", `["a",["b"]]`, `{"bytes":"iVBORw0KGgo="}`, "gs://b/c.pdf", "files/x", "https://[::1/a.png", "%PDF-1.4"} {
		f.Add(cell)
	}
	dir := f.TempDir()
	m, err := New(Config{Root: dir, Columns: []spec.MediaColumn{{Column: "p"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		for _, v := range []any{cell, json.RawMessage(cell), []byte(cell)} {
			row := &batch.Row{Columns: []batch.Column{{Name: "p"}}, Values: []any{v}}
			body, media, _, err := m.Add(row, []byte(`{"contents":[{"parts":[{"text":"?"}]}]}`))
			if err != nil {
				continue
			}
			if !json.Valid(body) {
				t.Fatalf("%q makes the body %q", cell, body)
			}
			if n := len(place(body, media)); n != len(media) {
				t.Errorf("%q: %d of %d media have a place in %s", cell, n, len(media), body)
			}
		}
	})
}

// A file that is a row is found by the row, whatever its path looks like, and wherever the root
// is.
func TestFilesAsRows(t *testing.T) {
	dir := t.TempDir()
	names := []string{"files/abc", "[1].png", "data:,x", ".hidden.png", " blank .png", "https:/x.png", "aGVsbG8gd29ybGQ"}
	for i, name := range names {
		data := jobtest.Picture(t, uint8(i), 4, 4)
		jobtest.WriteFile(t, dir, name, data)
		c := Config{Columns: []spec.MediaColumn{{Column: "path"}}, Root: t.TempDir(), Files: true}
		text, media, _, err := cellParts(t, c, filepath.Join(dir, name), map[string]any{"path": name})
		if err != nil || len(media) != 1 || !strings.Contains(text, jobtest.SHA256Of(data)) {
			t.Errorf("%s: %v, %v", name, media, err)
			continue
		}
		f, err := openContent(&media[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f.Close()
	}
	// A link was followed to read the file, and is to send it.
	elsewhere := t.TempDir()
	data := jobtest.Picture(t, 9, 4, 4)
	jobtest.WriteFile(t, elsewhere, "real.png", data)
	link := filepath.Join(dir, "link.png")
	if err := os.Symlink(filepath.Join(elsewhere, "real.png"), link); err != nil {
		t.Skip(err)
	}
	c := Config{Columns: []spec.MediaColumn{{Column: "path"}}, Files: true}
	if text, _, _, err := cellParts(t, c, link, map[string]any{"path": "link.png"}); err != nil || !strings.Contains(text, jobtest.SHA256Of(data)) {
		t.Errorf("a link: %v", err)
	}
	// So is an object, wherever the root is.
	bucket, address := objecttest.New()
	bucket.Put("in/a b.png", string(data))
	c.Root = dir
	if text, _, _, err := cellParts(t, c, address+"in/a b.png", map[string]any{"path": address + "in/a b.png"}); err != nil || !strings.Contains(text, jobtest.SHA256Of(data)) {
		t.Errorf("an object: %v", err)
	}
	c.Root = ""
	// Other columns are as in tables.
	c.Columns[0].Column = "photo"
	if _, _, _, err := cellParts(t, c, link, map[string]any{"photo": "../x.png"}); err == nil {
		t.Error("another column leads out of the folder")
	}
}
