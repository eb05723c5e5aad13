package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// newFolder returns the folder of a job that has not been run, with one input.
func newFolder(t *testing.T) (*Folder, *spec.Spec) {
	t.Helper()
	dir := t.TempDir()
	s := &spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: "m", Prompt: "{{.q}}",
	}
	write(t, s.Input[0], `{"q":"a"}`+"\n")
	f := &Folder{Dir: s.Output + ".genbatch", Output: s.Output, FS: jobtest.Unsynced}
	if err := f.Create(); err != nil {
		t.Fatal(err)
	}
	return f, s
}

// finish derives the output of a job with two answered rows, as a run does, by the five
// steps of the package comment. It stops after one of them, as a crash would. All files
// are so old that their times count.
func finish(t *testing.T, f *Folder, s *spec.Spec, output string, steps int) {
	t.Helper()
	jl, err := journal.Open(journal.Config{Dir: f.Dir, FS: jobtest.Unsynced})
	if err != nil {
		t.Fatal(err)
	}
	defer jl.Close()
	if jl.Last() == 0 {
		results := []*batch.Result{{Fingerprint: batch.Fingerprint{1}, Row: 1, Status: batch.OK}, {Fingerprint: batch.Fingerprint{2}, Row: 2, Status: batch.OK}}
		if err := jl.Write(results); err != nil {
			t.Fatal(err)
		}
	}
	segments, err := filepath.Glob(f.Path("results-*"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments: %q, %v", segments, err)
	}
	for _, path := range append(segments, s.Input...) {
		age(t, path)
	}
	before, err := Sources{Spec: s, Inputs: s.Input, Journal: jl}.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	temp := s.Output + ".tmp-1"
	write(t, temp, output)
	sum, err := Sum(temp)
	if err != nil {
		t.Fatal(err)
	}
	if steps >= 3 {
		if err := f.Announce(int64(len(output)), sum); err != nil {
			t.Fatal(err)
		}
	}
	if steps >= 4 {
		if err := os.Rename(temp, s.Output); err != nil {
			t.Fatal(err)
		}
	}
	if steps >= 5 {
		totals := &cost.Totals{Rows: 2, Status: map[batch.Status]int64{batch.OK: 2}}
		id, err := Identify(f, sum)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Record(before, totals, id, "", jl); err != nil {
			t.Fatal(err)
		}
	}
}

// age gives a file a time an hour ago.
func age(t *testing.T, path string) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// contents returns the files below a folder, by path, but for locks, which name a
// process and a time.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockFile {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// eachFault has change fail at each of its operations on the disk, on a folder made by
// newFolder and start. check looks at the folder as the fault leaves it, with a disk that
// works again.
func eachFault(t *testing.T, start func(*Folder, *spec.Spec), change func(*Folder, *spec.Spec) error, check func(what string, f *Folder, s *spec.Spec)) {
	t.Helper()
	var f *Folder
	var s *spec.Spec
	jobtest.EachFault(t, 4, func(fault *jobtest.Fault) (string, error) {
		f, s = newFolder(t)
		start(f, s)
		f.FS = fault.FS()
		return filepath.Dir(f.Dir), change(f, s)
	}, func(fault *jobtest.Fault) {
		f.FS = jobtest.Unsynced
		check(fault.String(), f, s)
	})
}

// oneOf fails unless a file holds one of the texts. An empty text stands for no file.
func oneOf(t *testing.T, what, path string, texts ...string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, text := range texts {
		if bytes.Equal(got, []byte(text)) {
			return
		}
	}
	t.Errorf("%s: %s holds %q, want one of %q", what, filepath.Base(path), got, texts)
}
