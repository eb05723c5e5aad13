package state

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
)

// What moved along with the folder is where it is now, and what did not is where it was.
func TestMove(t *testing.T) {
	root := t.TempDir()
	at := func(path string) string { return filepath.Join(root, filepath.FromSlash(path)) }
	for _, path := range []string{"new/in.jsonl", "new/data/a.csv", "old/in.jsonl", "elsewhere/b.csv", "new/renamed.jsonl"} {
		if err := os.MkdirAll(filepath.Dir(at(path)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, at(path), "")
	}
	m := move{from: at("old/out.jsonl.genbatch"), to: at("new/out.jsonl.genbatch")}
	for old, want := range map[string]string{
		"old/in.jsonl":      "new/in.jsonl", // the original's, of a copy, is not this job's
		"old/data/*.csv":    "new/data/*.csv",
		"old/gone.csv":      "new/gone.csv",
		"elsewhere/b.csv":   "elsewhere/b.csv",
		"elsewhere/gone.cs": "elsewhere/gone.cs",
	} {
		if got := m.path(at(old)); got != at(want) {
			t.Errorf("%s is at %s, want %s", old, got, want)
		}
	}
	for _, tt := range []struct{ to, want string }{
		{"new/out.jsonl.genbatch", "new/out.jsonl"},
		{"new/renamed.jsonl.genbatch", "new/renamed.jsonl"},
		{"old/copied.jsonl.genbatch", "old/copied.jsonl"}, // which is not there
		{"new/backup.genbatch", "new/out.jsonl"},
		{"new/out.jsonl.20260102T030405Z.genbatch", "new/out.jsonl"}, // set aside
	} {
		if got := (move{from: m.from, to: at(tt.to)}).output(at("old/out.jsonl")); got != at(tt.want) {
			t.Errorf("the output of %s is %s, want %s", tt.to, got, tt.want)
		}
	}
}

// A run needs a few files for itself, and two for each call.
func TestBoundCalls(t *testing.T) {
	for _, tt := range []struct{ asked, files, want int }{{64, 0, 64}, {64, 1024, 64}, {64, 20, 3}, {2, 20, 2}} {
		if got, err := boundCalls(tt.asked, tt.files); got != tt.want || err != nil {
			t.Errorf("%d calls with %d files are %d, %v, want %d", tt.asked, tt.files, got, err, tt.want)
		}
	}
	_, err := boundCalls(1, 15)
	jobtest.IsSpecError(t, "too few files", err, "ulimit -n")
}

// A job that was lost is known by the output, unless its folder was set aside.
func TestLossOf(t *testing.T) {
	f, s := newFolder(t)
	none := func() (int64, price.USD) { return 0, 0 }
	if l := LossOf(f, 0, none); l != nil {
		t.Errorf("a new job has lost %+v", l)
	}
	finish(t, f, s, "rows\n", 5)
	if l := LossOf(f, 2, none); l != nil {
		t.Errorf("a finished job has lost %+v", l)
	}
	if l := LossOf(f, 0, none); l == nil || l.Answers != 2 || l.Disowned {
		t.Errorf("an empty journal has lost %+v", l)
	}
	if err := os.RemoveAll(f.Dir); err != nil {
		t.Fatal(err)
	}
	l := LossOf(f, 0, func() (int64, price.USD) { return 7, 0 })
	if l == nil || l.Answers != 7 || !l.Disowned {
		t.Fatalf("a folder that is gone has lost %+v", l)
	}
	if err := f.Create(); err != nil {
		t.Fatal(err)
	}
	if err := Adopt(f); err != nil {
		t.Fatal(err)
	}
	if err := f.CheckOutput(false); err != nil {
		t.Errorf("an adopted output: %v", err)
	}
	if l := LossOf(f, 0, func() (int64, price.USD) { return 7, 0 }); l != nil {
		t.Errorf("after it was agreed to, %+v is lost", l)
	}
}

// The job of a file is what the file says now, and what flags said when it was run.
func TestLoadFile(t *testing.T) {
	f, s := newFolder(t)
	file := *s
	file.RPM, s.Limit = 100, 5 // by a flag
	s.RPM = 100
	if _, err := f.SaveSpec(s, &file, 1); err != nil {
		t.Fatal(err)
	}
	job, changed, err := LoadFile(&file)
	if err != nil || len(changed) > 0 || job.Limit != 5 || job.Prompt != s.Prompt {
		t.Errorf("unchanged: %+v, %q, %v", job, changed, err)
	}
	file.Prompt, file.RPM, file.Limit = "{{.q}}!", 200, 9
	job, changed, err = LoadFile(&file)
	if err != nil || job.Limit != 5 || job.Prompt != "{{.q}}!" || job.RPM != 200 {
		t.Errorf("changed: %+v, %v", job, err)
	}
	jobtest.Equal(t, "changed keys", changed, "prompt")
}
