package jobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/genbatch/genbatch/batch"
)

// picture returns a PNG of its own for each shade.
func picture(t *testing.T, shade uint8, width, height int) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, width, height))
	m.SetGray(1, 1, color.Gray{shade})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write writes a file below the fixture's folder, as it was an hour ago.
func (f *fixture) write(name string, data []byte) {
	f.t.Helper()
	writeFile(f.t, f.dir, name, data)
}

// writeFile writes a file below a folder, with the folders on the way to it.
func writeFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour) // what was just changed is read each time
	if err := os.Chtimes(path, before, before); err != nil {
		t.Fatal(err)
	}
}

// parts returns what the cells of a row become, and its error.
func cellParts(t *testing.T, s *Spec, source string, cells map[string]any) (string, []batch.Media, int, error) {
	t.Helper()
	m, err := newMedia(s)
	if err != nil {
		t.Fatal(err)
	}
	row := &batch.Row{Source: source, Line: 1}
	for name, v := range cells {
		row.Columns = append(row.Columns, batch.Column{Name: name})
		row.Values = append(row.Values, v)
	}
	body, media, tokens, err := m.add(row, []byte(`{"contents":[{"parts":[{"text":"what is it?"}],"role":"user"}]}`))
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

func sumOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func TestMediaCells(t *testing.T) {
	dir := t.TempDir()
	cat := picture(t, 1, 4, 4)
	writeFile(t, dir, "cat.png", cat)
	writeFile(t, dir, "pets/dog.png", cat)
	writeFile(t, dir, "no-extension", cat)
	writeFile(t, dir, "report.pdf", []byte("%PDF-1.4\n1 0 obj\n<</Type /Page>>\nendobj\n"))
	writeFile(t, dir, "song.flac", []byte("fLaC\x00\x00\x00\x22"+strings.Repeat("\x00", 64)))
	writeFile(t, dir, "voice.m4a", []byte("\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00"+strings.Repeat("\x00", 64)))
	writeFile(t, dir, "phone.heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"+strings.Repeat("\x00", 64)))
	if err := os.Symlink("cat.png", filepath.Join(dir, "link.png")); err != nil {
		t.Skipf("this system lets the user make no links (%v): run the test as one who may", err)
	}
	ref := func(data []byte, kind string) string {
		return fmt.Sprintf(`{"inlineData":{"data":{"sha256":"%s"},"mimeType":"%s"}}`, sumOf(data), kind)
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
		got, _, _, err := cellParts(t, &Spec{Media: MediaColumns{{Column: "p"}}}, filepath.Join(dir, "in.jsonl"), map[string]any{"p": c.cell})
		want := strings.TrimPrefix(c.want+"\n"+text, "\n")
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, want)
		}
	}
}

// Several columns, in their order, with what each says of its parts.
func TestMediaColumns(t *testing.T) {
	dir := t.TempDir()
	cat := picture(t, 1, 4, 4)
	writeFile(t, dir, "a/cat.png", cat)
	s := &Spec{MediaRoot: filepath.Join(dir, "a"), Media: MediaColumns{
		{Column: "second", MIMEType: "image/webp", Resolution: "ultra-high"}, {Column: "first"}, {Column: "third", MIMEType: "audio/mpeg"},
	}}
	got, media, _, err := cellParts(t, s, "stdin", map[string]any{"first": "cat.png", "second": "cat.png", "third": "https://e.org/play?id=3"})
	want := `{"inlineData":{"data":{"sha256":"` + sumOf(cat) + `"},"mimeType":"image/webp"},"mediaResolution":{"level":"MEDIA_RESOLUTION_ULTRA_HIGH"}}
{"inlineData":{"data":{"sha256":"` + sumOf(cat) + `"},"mimeType":"image/png"}}
{"fileData":{"fileUri":"https://e.org/play?id=3","mimeType":"audio/mpeg"}}
{"text":"what is it?"}`
	if err != nil || got != want || len(media) != 2 {
		t.Errorf("%v, %d media\n%s\nwant\n%s", err, len(media), got, want)
	}
}

// What a cell must not do, or cannot mean.
func TestMediaCellErrors(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "rows/in.jsonl", nil)
	writeFile(t, dir, "rows/text.txt", []byte("a plain text, long enough to be one"))
	writeFile(t, dir, "rows/empty.png", nil)
	writeFile(t, dir, "rows/anim.gif", []byte("GIF89a\x01\x00\x01\x00"))
	writeFile(t, dir, "rows/big.png", picture(t, 1, 64, 64))
	writeFile(t, dir, "rows/.hidden/key.png", picture(t, 1, 4, 4))
	writeFile(t, dir, "rows/long.pdf", []byte("%PDF-1.4\n"+strings.Repeat("<< /Type /Page /Parent 1 0 R >>\n", 1001)))
	writeFile(t, dir, "secret.png", picture(t, 2, 4, 4))
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
		{"s3://bucket/a.png", "no s3://"},
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
		_, _, _, err := cellParts(t, &Spec{Media: MediaColumns{{Column: "p", MaxBytes: 100}}}, filepath.Join(inside, "in.jsonl"), map[string]any{"p": c.cell})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "p: ") || len(err.Error()) > 600 {
			t.Errorf("%.60v: %v, want %q", c.cell, err, c.want)
		}
	}
	_, _, _, err := cellParts(t, &Spec{Media: MediaColumns{{Column: "p"}}}, filepath.Join(inside, "in.jsonl"), map[string]any{"p": "long.pdf"})
	if err == nil || !strings.Contains(err.Error(), "1001 pages, and the API takes 1000") {
		t.Errorf("a PDF of 1001 pages: %v", err)
	}
	_, _, _, err = cellParts(t, &Spec{Input: List{"-"}, Media: MediaColumns{{Column: "p"}}}, "/state/stdin.jsonl", map[string]any{"p": "a.png"})
	if err == nil || !strings.Contains(err.Error(), "say it with --media-root") {
		t.Errorf("a path from stdin: %v", err)
	}
}

func TestMediaYAML(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"media: a":           `[{"column":"a"}]`,
		"media: [a, b]":      `[{"column":"a"},{"column":"b"}]`,
		"media: {column: a}": `[{"column":"a"}]`,
		"media: [a, {column: b, mime_type: image/png, resolution: low, max_bytes: 5}]": `[{"column":"a"},{"column":"b","mime_type":"image/png","resolution":"low","max_bytes":5}]`,
	} {
		path := filepath.Join(dir, "job.yaml")
		if err := os.WriteFile(path, []byte(text+"\nmedia_root: pictures\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, _ := json.Marshal(s.Media)
		if string(got) != want || s.MediaRoot != filepath.Join(dir, "pictures") {
			t.Errorf("%s: %s below %s, want %s", text, got, s.MediaRoot, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "job.yaml"), []byte("media: [{colum: a}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "job.yaml")); err == nil || !strings.Contains(err.Error(), "line 1") || !strings.Contains(err.Error(), `did you mean "column"?`) {
		t.Errorf("an unknown key below media: %v", err)
	}

	f := newFixture(t)
	f.input("a")
	for _, c := range []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Media = MediaColumns{{Column: "pictur"}} }, `media names the column "pictur", which the input does not have`},
		{func(s *Spec) { s.Media = MediaColumns{{Column: "q"}, {Column: "q"}} }, "twice"},
		{func(s *Spec) { s.Media = MediaColumns{{}} }, "without a column"},
		{func(s *Spec) { s.Media = MediaColumns{{Column: "q", Resolution: "huge"}} }, "use low, medium, high or ultra_high"},
		{func(s *Spec) { s.Media = MediaColumns{{Column: "q", MIMEType: "png"}} }, "write it as image/png"},
		{func(s *Spec) { s.Media = MediaColumns{{Column: "q"}}; s.MediaRoot = filepath.Join(f.dir, "none") }, "is no folder"},
		{func(s *Spec) { s.MediaRoot = f.dir }, "name the columns with --media COLUMN"},
		{func(s *Spec) { s.Media = MediaColumns{{Column: "q"}}; s.Prompt, s.Raw = "", &Raw{} }, "does not go with raw:"},
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
	cat := picture(t, 1, 4, 4)
	b64 := base64.StdEncoding.EncodeToString(cat)
	f.write("cat.png", cat)
	prints := make(map[string]batch.Fingerprint)
	for name, line := range map[string]string{
		"path": `{"q":"?","p":"cat.png"}`, "base64": `{"q":"?","p":"` + b64 + `"}`, "data": `{"q":"?","p":"data:image/png;base64,` + b64 + `"}`,
	} {
		f.input(line)
		s := f.spec
		s.Media = MediaColumns{{Column: "p"}}
		prints[name] = onlyRequest(t, s).Fingerprint
	}
	f.input(`{"request":{"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"` + b64 + `"}},{"text":"?"}],"role":"user"}]}}`)
	s := f.spec
	s.Prompt, s.Raw = "", &Raw{}
	prints["raw"] = onlyRequest(t, s).Fingerprint
	for name, p := range prints {
		if p != prints["raw"] {
			t.Errorf("%s has the fingerprint %s, and a raw request %s", name, p, prints["raw"])
		}
	}
}

func onlyRequest(t *testing.T, s Spec) *batch.Request {
	t.Helper()
	j, err := View(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for it, err := range j.items() {
		if err != nil || it.err != nil {
			t.Fatal(err, it.err)
		}
		return it.req
	}
	t.Fatal("no row")
	return nil
}

func TestMediaKinds(t *testing.T) {
	f := newFixture(t)
	f.write("cat.png", picture(t, 1, 4, 4))
	f.input(`{"p":"cat.png","t":"","q":""}`)
	for name, c := range map[string]struct {
		set  func(*Spec)
		want string // of the instruction
	}{
		"prompt":    {func(s *Spec) { s.Prompt = "{{.t}}" }, ""},
		"classify":  {func(s *Spec) { s.Prompt = ""; s.Classify = &Classify{Labels: Labels{{Name: "a"}, {Name: "b"}}} }, "Classify what the user gives into exactly one"},
		"summarize": {func(s *Spec) { s.Prompt = ""; s.Summarize = &Summarize{Text: "{{.t}}"} }, "Summarize what the user gives in at most 3 sentences"},
	} {
		s := f.spec
		s.Media = MediaColumns{{Column: "p"}}
		c.set(&s)
		body := string(onlyRequest(t, s).Body)
		if strings.Contains(body, `"text":""`) || !strings.Contains(body, `"sha256"`) || !strings.Contains(body, c.want) {
			t.Errorf("%s: %s", name, body)
		}
	}
	f.input(`{"p":null,"t":"","q":""}`)
	s := f.spec
	s.Media = MediaColumns{{Column: "p"}}
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
	cat, dog := picture(t, 1, 4, 4), picture(t, 2, 4, 4)
	f.write("dog.png", dog)
	f.spec.Input = List{filepath.Join(f.dir, "in.parquet")}
	if err := parquet.WriteFile(f.spec.Input[0], []row{{"?", cat, []string{"dog.png", "https://e.org/c.webp"}}}); err != nil {
		t.Fatal(err)
	}
	f.spec.Media = MediaColumns{{Column: "image"}, {Column: "files"}}
	r := onlyRequest(t, f.spec)
	want := []string{sumOf(cat), sumOf(dog)}
	var got []string
	for _, m := range r.Media {
		got = append(got, fmt.Sprintf("%x", m.SHA256))
	}
	if !slices.Equal(got, want) || !strings.Contains(string(r.Body), "https://e.org/c.webp") {
		t.Errorf("the media are %q, want %q: %s", got, want, r.Body)
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
		{"small image", "gemini-2.5-flash", "", picture(t, 1, 384, 384), 258},
		{"image of four tiles", "gemini-2.5-flash", "", photo.Bytes(), 4 * 258},
		{"image, low", "gemini-2.5-flash", "low", photo.Bytes(), 64},
		{"image", "gemini-3-flash-preview", "", photo.Bytes(), 1120},
		{"image, ultra high", "gemini-3-flash-preview", "ultra_high", photo.Bytes(), 2240},
		{"PDF of 300 pages", "gemini-2.5-flash", "", pdf, 300 * 258},
		{"PDF of 300 pages", "gemini-3.5-flash", "", pdf, 300 * 560},
		{"10 s of audio", "gemini-3.5-flash", "", wav, 10 * 32},
	} {
		_, _, got, err := cellParts(t, &Spec{Model: c.model, Media: MediaColumns{{Column: "p", Resolution: c.level}}}, "x", map[string]any{"p": c.data})
		if err != nil || got != c.want {
			t.Errorf("%s for %s: %d tokens, want %d (%v)", c.what, c.model, got, c.want, err)
		}
	}
}

// Whatever stands in a cell, the row has an error or a request that is JSON.
func FuzzMediaCell(f *testing.F) {
	for _, cell := range []string{"a.png", "../a", "data:image/png;base64,iVBORw0KGgo=", "iVBORw0KGgoAAAANSUhEUg==", `["a",["b"]]`, `{"bytes":"iVBORw0KGgo="}`, "gs://b/c.pdf", "files/x", "https://[::1/a.png", "%PDF-1.4"} {
		f.Add(cell)
	}
	dir := f.TempDir()
	m, err := newMedia(&Spec{MediaRoot: dir, Media: MediaColumns{{Column: "p"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		for _, v := range []any{cell, json.RawMessage(cell), []byte(cell)} {
			row := &batch.Row{Columns: []batch.Column{{Name: "p"}}, Values: []any{v}}
			body, media, _, err := m.add(row, []byte(`{"contents":[{"parts":[{"text":"?"}]}]}`))
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
