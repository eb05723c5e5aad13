package output

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// mediaBody is a response with images or sounds, each a MIME type and its data.
func mediaBody(media ...string) string {
	var parts []string
	for i := 0; i < len(media); i += 2 {
		parts = append(parts, fmt.Sprintf(`{"inlineData":{"mimeType":%q,"data":%q}}`, media[i], base64.StdEncoding.EncodeToString([]byte(media[i+1]))))
	}
	return `{"candidates":[{"content":{"parts":[` + strings.Join(parts, ",") + `],"role":"model"},"finishReason":"STOP"}]}`
}

// pictureBody is a response with one picture, as far as its name goes.
func pictureBody(q string) string { return mediaBody("image/png", "picture "+q) }

// checkPictures fails unless the files beside the output are a picture for each row.
func checkPictures(t *testing.T, what string, tree map[string]string, rows ...string) {
	t.Helper()
	want := map[string]string{}
	for i, q := range rows {
		want[fmt.Sprintf("out_files/%06d.png", i+1)] = "picture " + q
	}
	got := maps.Clone(tree)
	maps.DeleteFunc(got, func(name, _ string) bool { return !strings.HasPrefix(name, "out_files/0") })
	if !maps.Equal(got, want) {
		t.Errorf("%s: the files are %v, want %v", what, got, want)
	}
	if !strings.Contains(tree["out_files/.genbatch"], "\njob: ../out.jsonl.genbatch\n") {
		t.Errorf("%s: the mark of the folder is %q", what, tree["out_files/.genbatch"])
	}
}

func filesFixture(t *testing.T, rows ...string) *fixture {
	t.Helper()
	f := newFixture(t, "prompt: '{{.q}}'\ncolumns: [q, files, status]", rows...)
	f.answer(func(q string, _ int64) *answer { return &answer{response: pictureBody(q)} })
	return f
}

func (f *fixture) mustWrite(to Target) {
	f.t.Helper()
	if to.Path == "" {
		to.Path = f.path("out.jsonl")
	}
	if _, _, err := f.deriver.Derive(f.t.Context(), to); err != nil {
		f.t.Fatal(err)
	}
}

// The files of answers are named by their rows, and raw samples become a WAV file. The
// column has their paths from the output's folder on.
func TestNamesOfFiles(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'\ncolumns: [q, files]", "two", "none", "sound", "pending", "odd")
	f.answer(func(q string, _ int64) *answer {
		return map[string]*answer{
			"two":   {response: mediaBody("image/png", "P", "image/jpeg", "J")},
			"none":  {response: jobtest.AnswerBody("text")},
			"sound": {response: mediaBody("audio/L16;codec=pcm;rate=24000", "abcd", "audio/L16;codec=pcm;rate=24000", "ef", "audio/L16;rate=8000;channels=2", "gh")},
			"odd":   {response: mediaBody("application/x-odd", "O")},
		}[q]
	})
	f.mustWrite(Target{})
	tree := f.tree()
	jobtest.Equal(t, "column", f.values(strings.Split(strings.TrimSpace(tree["out.jsonl"]), "\n"), "files"),
		`["out_files/000001.png","out_files/000001-2.jpg"]`, "null", `["out_files/000003.wav","out_files/000003-2.wav"]`, "null", `["out_files/000005.bin"]`)
	for name, want := range map[string]string{"000001.png": "P", "000001-2.jpg": "J", "000005.bin": "O"} {
		if got := tree["out_files/"+name]; got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]struct {
		samples        string
		rate, channels uint32
	}{"000003.wav": {"abcdef", 24000, 1}, "000003-2.wav": {"gh", 8000, 2}} {
		wav := []byte(tree["out_files/"+name])
		if len(wav) != wavHeaderLen+len(want.samples) || string(wav[wavHeaderLen:]) != want.samples {
			t.Errorf("%s holds %q", name, wav)
			continue
		}
		number := func(at int) uint32 { return binary.LittleEndian.Uint32(wav[at:]) }
		if number(4) != uint32(len(wav)-8) || number(24) != want.rate || uint32(wav[22]) != want.channels ||
			number(28) != want.rate*want.channels*2 || number(40) != uint32(len(want.samples)) {
			t.Errorf("%s has the header %x", name, wav[:wavHeaderLen])
		}
	}
}

// An answer whose data cannot be decoded makes its row invalid.
func TestFilesThatCannotBeDecoded(t *testing.T) {
	f := newFixture(t, "prompt: '{{.q}}'\ncolumns: [q, files]", "a")
	f.answer(func(string, int64) *answer {
		return &answer{response: strings.Replace(pictureBody("a"), `"data":"`, `"data":"!`, 1)}
	})
	totals, _, err := f.deriver.Derive(t.Context(), Target{Path: f.path("out.jsonl")})
	if err != nil || totals.Status[batch.Invalid] != 1 {
		t.Errorf("the totals are %+v, %v", totals, err)
	}
}

// A file that holds what it should is left alone, one that the output does not name goes,
// and what is no file of an answer stays.
func TestFilesAreDerived(t *testing.T) {
	f := filesFixture(t, "a", "b", "c")
	f.mustWrite(Target{})
	checkPictures(t, "at first", f.tree(), "a", "b", "c")

	path := f.path("out_files/000001.png")
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"000002.png": "edited", "000017.png": "of an earlier row", "notes.txt": "mine"} {
		if err := os.WriteFile(f.path("out_files/"+name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.mustWrite(Target{})
	checkPictures(t, "again", f.tree(), "a", "b", "c")
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("a file that was as it should be was written: %v", err)
	}
	if f.tree()["out_files/notes.txt"] != "mine" {
		t.Error("a file of the user's is gone")
	}

	// A selection of rows leaves the files of the others.
	f.mustWrite(Target{Path: f.path("out.csv"), Only: []batch.Status{batch.Blocked}})
	checkPictures(t, "after a selection", f.tree(), "a", "b", "c")
	f.input("in.jsonl", "c", "a")
	f.mustWrite(Target{})
	checkPictures(t, "with fewer rows", f.tree(), "c", "a")
}

// A derivation to elsewhere compares the files, and says how the first one differs.
func TestFilesAreCompared(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(path string) error
		want   string // empty if nothing differs
	}{
		{"nothing", func(string) error { return nil }, ""},
		{"another content", func(path string) error { return os.WriteFile(path, []byte("picturE b"), 0o600) }, "is not as it was written"},
		{"another size", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is not as it was written"},
		{"a missing file", os.Remove, "is missing"},
		{"a missing mark", func(path string) error { return os.Remove(filepath.Join(filepath.Dir(path), filesMark)) }, ""},
	} {
		f := filesFixture(t, "a", "b", "c")
		f.mustWrite(Target{})
		path := f.path("out_files/000002.png")
		if err := tt.change(path); err != nil {
			t.Fatal(err)
		}
		before := f.tree()
		_, err := f.derived(t.Context())
		file, differs := errors.AsType[*FileError](err)
		if differs != (tt.want != "") || differs && file.Error() != path+" "+tt.want || !differs && err != nil {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if !maps.Equal(before, f.tree()) {
			t.Errorf("%s: files were changed", tt.name)
		}
	}
}

// A folder that is not the job's is refused, unless force is set. A mark that names
// another job counts only while that job's state folder exists.
func TestCheckFiles(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(f *fixture) error
		want   string // empty if the folder is accepted
	}{
		{"no folder", func(f *fixture) error { return os.RemoveAll(f.path("out_files")) }, ""},
		{"the job's own", func(*fixture) error { return nil }, ""},
		{"an empty one", func(f *fixture) error {
			return errors.Join(os.RemoveAll(f.path("out_files")), os.Mkdir(f.path("out_files"), 0o700))
		}, ""},
		{"one without a mark", func(f *fixture) error { return os.Remove(f.path("out_files/.genbatch")) }, "exists and is not genbatch's"},
		{"another job's", func(f *fixture) error {
			f.deriver.StateDir = f.path("other.genbatch")
			return nil
		}, "holds those of another job"},
		{"that of a job that is gone", func(f *fixture) error {
			f.deriver.StateDir = f.path("other.genbatch")
			return os.Rename(f.state(), f.deriver.StateDir)
		}, ""},
		{"a mark without a job", func(f *fixture) error { return os.WriteFile(f.path("out_files/.genbatch"), nil, 0o600) }, ""},
		{"a file", func(f *fixture) error {
			return errors.Join(os.RemoveAll(f.path("out_files")), os.WriteFile(f.path("out_files"), nil, 0o600))
		}, "cannot be written"},
	} {
		f := filesFixture(t, "a")
		f.mustWrite(Target{})
		if err := tt.change(f); err != nil {
			t.Fatal(err)
		}
		before := f.tree()
		err := f.deriver.CheckFiles(f.path("out.jsonl"), false)
		if _, ok := errors.AsType[*spec.Error](err); ok != (tt.want != "") || ok && !strings.Contains(err.Error(), tt.want) || !ok && err != nil {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if err := f.deriver.CheckFiles(f.path("out.jsonl"), true); err != nil && tt.name != "a file" {
			t.Errorf("%s, by force: %v", tt.name, err)
		}
		if !maps.Equal(before, f.tree()) {
			t.Errorf("%s: files were changed", tt.name)
		}
	}
	f := newFixture(t, "prompt: '{{.q}}'", "a")
	if err := os.WriteFile(f.path("out_files"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.deriver.CheckFiles(f.path("out.jsonl"), false); err != nil {
		t.Errorf("a job without files: %v", err)
	}
}

// Compression and format do not show in the name of the folder, so that outputs of one
// name share it.
func TestFilesDir(t *testing.T) {
	for output, want := range map[string]string{
		"labels.csv": "labels_files", "labels.parquet": "labels_files", "labels.jsonl.gz": "labels_files", "labels.csv.zst": "labels_files",
		"a.b.csv": "a.b_files", "labels": "labels_files",
	} {
		if got := filesDir(filepath.Join("dir", output)); got != filepath.Join("dir", want) {
			t.Errorf("%s has its files in %s, want %s", output, got, want)
		}
	}
}

// What killed runs leave of files goes, and nothing else.
func TestRemoveTempsOfFiles(t *testing.T) {
	f := filesFixture(t, "a")
	if err := RemoveTemps(f.path("out.jsonl")); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	f.mustWrite(Target{})
	before := slices.Sorted(maps.Keys(f.tree()))
	for _, name := range []string{".genbatch.tmp-1", "000001.png.tmp-22", "000001-2.wav.tmp-3"} {
		if err := os.WriteFile(f.path("out_files/"+name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const other = "notes.txt.tmp-1"
	if err := os.WriteFile(f.path("out_files/"+other), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := RemoveTemps(f.path("out.jsonl")); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(append(before, "out_files/"+other)))
	jobtest.Equal(t, "left", slices.Sorted(maps.Keys(f.tree())), want...)
	if !bytes.Equal([]byte(f.tree()["out_files/000001.png"]), []byte("picture a")) {
		t.Error("a file of an answer is not what it was")
	}
}
