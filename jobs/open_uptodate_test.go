package jobs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// TestUpToDateReadsNothing has a job run over and over, and something change in
// between: only a run that can know that nothing has changed may leave input and
// journal unread, and whatever changed must have the effect that it always has.
func TestUpToDateReadsNothing(t *testing.T) {
	f := newFixture(t)
	f.spec.Key = "q" // which costs a pass of its own otherwise
	f.input("a", "b", "c", "not a row")
	segment := filepath.Join(f.spec.StateDir(), "results-000001.jsonl")
	manifestPath := filepath.Join(f.spec.StateDir(), "manifest.json")

	// later makes the files so old, next to the manifest, that their times count.
	later := func() {
		t.Helper()
		then := time.Now().Add(time.Minute)
		if err := os.Chtimes(manifestPath, then, then); err != nil {
			t.Fatal(err)
		}
	}
	// run returns whether the journal was left unread. A lost journal is asked about.
	run := func() (*Summary, bool) {
		t.Helper()
		j, err := Open(f.spec, Options{Env: noEnv, Confirm: func(string) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		unread := j.journal == nil
		s, err := j.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s, unread
	}
	rewrite := func(path string, edit func([]byte) []byte) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, edit(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// As long after the run as a change is that a clock can tell.
		then := time.Now().Add(10 * time.Second)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}

	run()
	if _, unread := run(); unread {
		t.Fatal("files as young as the manifest were taken for unchanged by their times")
	}
	later()
	f.e.Requests()
	s, unread := run()
	if !unread || !s.Unchanged || s.Settled != 4 || s.Bad != 0 || s.Job.Rows != 4 || s.Job.Attempts != 4 {
		t.Fatalf("unread %v, summary %+v", unread, s)
	}

	for _, tt := range []struct {
		name   string
		change func()
		asked  []string
	}{
		{"a row more", func() { f.input("a", "b", "c", "not a row", "d") }, []string{"d"}},
		{"the same size", func() {
			rewrite(f.spec.Input[0], func(b []byte) []byte { return bytes.Replace(b, []byte(`"a"`), []byte(`"e"`), 1) })
		}, []string{"e"}},
		{"a damaged answer", func() {
			rewrite(segment, func(b []byte) []byte { b[bytes.Index(b, []byte(`"text":"b"`))+8] = 'x'; return b })
		}, []string{"b"}},
		{"a lost journal", func() { rewrite(segment, func(b []byte) []byte { return nil }) }, []string{"b", "c", "d", "e", "not a row"}},
		{"another prompt", func() { f.spec.Prompt = "{{.q}}!" }, []string{"b!", "c!", "d!", "e!", "not a row!"}},
		{"a damaged output", func() { rewrite(f.spec.Output, func(b []byte) []byte { return b[:len(b)-1] }); f.spec.Force = true }, nil},
		{"an output that is gone", func() { os.Remove(f.spec.Output) }, nil},
		{"rows to ask again", func() {
			f.spec.Prompt = "{{.q}}?"
			f.e.Reply = func(prompt string, n int) (int, string) {
				if prompt == "c?" {
					return 200, `{"promptFeedback":{"blockReason":"SAFETY"}}`
				}
				return 200, jobtest.AnswerBody(prompt)
			}
			run()
			f.e.Requests()
			f.spec.Retry = spec.List{"blocked"}
		}, []string{"c?"}},
	} {
		later()
		tt.change()
		if _, unread := run(); unread {
			t.Errorf("%s: the journal was left unread", tt.name)
		}
		jobtest.Equal(t, tt.name, f.e.Requests(), tt.asked...)
		if _, err := os.Stat(f.spec.Output); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		run() // notes in the manifest how the files are now
		f.e.Requests()
	}
}

// TestUpToDateJobCanBeExported has a job that read nothing when it was opened.
func TestUpToDateJobCanBeExported(t *testing.T) {
	f := newFixture(t)
	f.input("a", `{"x":1}`)
	f.mustRun()
	old := time.Now().Add(-time.Hour)
	segment := filepath.Join(f.spec.StateDir(), "results-000001.jsonl")
	for _, path := range []string{f.spec.Input[0], segment} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	f.mustRun()
	j, err := Open(f.spec, Options{Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.journal != nil {
		t.Fatal("the journal was read")
	}
	s, err := j.Run(t.Context())
	if err != nil || s.Settled != 1 || s.Bad != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if totals, err := j.Export(filepath.Join(f.dir, "again.csv"), "", nil, false); err != nil || totals.Rows != 2 {
		t.Fatalf("%+v, %v", totals, err)
	}
	if v, err := j.Verify(); err != nil || len(v.Faults) > 0 {
		t.Fatalf("%+v, %v", v, err)
	}
}
