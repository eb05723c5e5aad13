package jobs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

const (
	pngBytes = "\x89PNG\r\n\x1a\n of a kind"
	pcmType  = "audio/L16;codec=pcm;rate=16000"
)

// mediaBody is an answer with a text and such media; each is a MIME type and bytes.
func mediaBody(text string, media ...[2]string) string {
	parts := fmt.Sprintf(`{"text":%q}`, text)
	for _, m := range media {
		parts += fmt.Sprintf(`,{"inlineData":{"mimeType":%q,"data":%q}}`, m[0], base64.StdEncoding.EncodeToString([]byte(m[1])))
	}
	return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"},"finishReason":"STOP"}],` +
		`"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1290,"totalTokenCount":1295},"modelVersion":"gemini-2.5-flash-image"}`
}

func newFilesFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.spec.Model = "gemini-2.5-flash-image" // others put out no images
	f.spec.Request = map[string]any{"generation_config": map[string]any{"response_modalities": []any{"TEXT", "image"}}}
	f.e.Reply = func(prompt string, _ int) (int, string) {
		switch prompt {
		case "picture":
			return 200, mediaBody("here", [2]string{"image/png", pngBytes}, [2]string{"image/jpeg", "jpeg"})
		case "speech": // the pieces of one sound
			return 200, mediaBody("", [2]string{pcmType, "\x01\x02"}, [2]string{pcmType, "\x03\x04"})
		case "broken":
			return 200, strings.Replace(mediaBody("", [2]string{"image/png", "x"}), `"data":"`, `"data":"*`, 1)
		}
		return 200, jobtest.AnswerBody(prompt)
	}
	return f
}

// rows returns the rows of the output.
func (f *fixture) rows() (rows []map[string]any) {
	f.t.Helper()
	text, err := os.ReadFile(f.spec.Output)
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			f.t.Fatalf("%v in %s", err, line)
		}
		rows = append(rows, row)
	}
	return rows
}

func (f *fixture) files(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(filepath.Join(f.dir, "out_files"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(f.dir, "out_files", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	delete(files, ".genbatch")
	return files
}

func TestFilesOfAnswers(t *testing.T) {
	f := newFilesFixture(t)
	f.input("no", "picture", "speech")
	f.mustRun()
	rows := f.rows()
	if rows[0]["files"] != nil {
		t.Errorf("an answer without files has %v", rows[0]["files"])
	}
	if got := fmt.Sprint(rows[1]["files"]); got != "[out_files/000002.png out_files/000002-2.jpg]" || rows[1]["response"] != "here" {
		t.Errorf("the picture's files are %s, and its response is %q", got, rows[1]["response"])
	}
	files := f.files(t)
	if len(files) != 3 || files["000002.png"] != pngBytes || files["000002-2.jpg"] != "jpeg" {
		t.Errorf("the files are %q", files)
	}
	wav := []byte(files["000003.wav"])
	if len(wav) != 48 || !bytes.HasPrefix(wav, []byte("RIFF\x28\x00\x00\x00WAVEfmt ")) || !bytes.HasSuffix(wav, []byte("data\x04\x00\x00\x00\x01\x02\x03\x04")) {
		t.Errorf("the sound is %q", wav)
	} else if rate := binary.LittleEndian.Uint32(wav[24:]); rate != 16000 {
		t.Errorf("the sound has %d samples a second, want 16000", rate)
	}
	if faults := f.verify().Faults; len(faults) != 0 {
		t.Errorf("verify finds %q", faults)
	}

	// The files are derived: what was changed is found, and mended without a call.
	f.e.Requests()
	picture := filepath.Join(f.dir, "out_files", "000002.png")
	if err := os.WriteFile(picture, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if faults := f.verify().Faults; len(faults) != 1 || !strings.Contains(faults[0], picture) {
		t.Errorf("verify finds %q, want the changed file", faults)
	}
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Export(f.spec.Output, "", nil, true); err != nil {
		t.Fatal(err)
	}
	if f.files(t)["000002.png"] != pngBytes || len(f.e.Requests()) != 0 {
		t.Error("export does not write the file again, or asks for it")
	}

	// They are named by the rows as these are now; what a killed run left goes.
	leftover := filepath.Join(f.dir, "out_files", "000002.png.tmp-123")
	if err := os.WriteFile(leftover, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.input("picture")
	f.mustRun()
	if files := f.files(t); len(files) != 2 || files["000001.png"] != pngBytes {
		t.Errorf("after rows were deleted the files are %q", files)
	}
}

func TestFilesThatAreNoBase64(t *testing.T) {
	f := newFilesFixture(t)
	f.input("broken")
	f.mustRun()
	if row := f.rows()[0]; row["status"] != "invalid" || !strings.Contains(fmt.Sprint(row["error"]), "base64") {
		t.Errorf("the row is %v", row)
	}
}

func TestForeignFolderIsKept(t *testing.T) {
	f := newFilesFixture(t)
	f.input("picture")
	dir := filepath.Join(f.dir, "out_files")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "000001.png")
	if err := os.WriteFile(own, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mistake *spec.Error
	if _, err := f.run(); !errors.As(err, &mistake) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("the run ends with %v, want a SpecError that names the folder", err)
	}
	if text, _ := os.ReadFile(own); string(text) != "mine" || len(f.e.Requests()) != 0 {
		t.Error("the foreign file was changed, or something was sent")
	}
	f.spec.Force = true
	f.mustRun()
	if text, _ := os.ReadFile(own); string(text) != pngBytes {
		t.Error("--force does not replace the file")
	}
}

// Outputs of one name but for the extension share a folder of files: those of one job
// do without harm, and another job's are refused it.
func TestFolderIsShared(t *testing.T) {
	f := newFilesFixture(t)
	f.input("picture", "speech", "no")
	f.mustRun()
	before := f.files(t)
	j, err := View(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, statuses := range [][]batch.Status{{batch.Blocked}, nil} {
		if _, err := j.Export(filepath.Join(f.dir, "out.csv"), "", statuses, true); err != nil {
			t.Fatal(err)
		}
		if files := f.files(t); len(files) != len(before) {
			t.Errorf("after an export of %v the files are %q, want those of before", statuses, files)
		}
	}
	f.proven("after the exports", 0)

	f.e.Requests()
	other := f.spec
	other.Output = filepath.Join(f.dir, "out.tsv")
	_, err = Open(other, Options{Env: noEnv})
	if mistake := (*spec.Error)(nil); !errors.As(err, &mistake) || !strings.Contains(err.Error(), "out_files, which holds those of another job") {
		t.Errorf("another job gets %v, want a SpecError that names the folder", err)
	}
	if err := os.RemoveAll(spec.StateDirOf(f.spec.Output)); err != nil {
		t.Fatal(err)
	}
	if again, err := Open(other, Options{Env: noEnv}); err != nil {
		t.Errorf("after the first job is gone: %v", err)
	} else {
		again.Close()
	}
}

// A job that only names the column has it too, and others do not write files.
func TestFilesByName(t *testing.T) {
	f := newFilesFixture(t)
	f.spec.Request, f.spec.Model = nil, "gemini-2.5-flash-lite"
	f.input("picture")
	f.mustRun()
	if files := f.files(t); len(files) != 0 {
		t.Errorf("files were written that nobody asked for: %q", files)
	}
	f.spec.Columns = spec.List{"q", "files"}
	f.mustRun()
	if len(f.files(t)) != 2 || f.rows()[0]["files"] == nil {
		t.Errorf("the row is %v, with the files %q", f.rows()[0], f.files(t))
	}
}
