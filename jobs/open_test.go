package jobs

import (
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

func TestMistakesLeaveNothingBehind(t *testing.T) {
	for want, change := range map[string]func(*fixture){
		`did you mean "q"?`:      func(f *fixture) { f.spec.Prompt = "{{.qq}}" },
		"no such file":           func(f *fixture) { f.spec.Input = spec.List{filepath.Join(f.dir, "none.jsonl")} },
		"prefix":                 func(f *fixture) { f.input(`{"q":"a","status":"mine"}`) },
		"does not exist":         func(f *fixture) { f.spec.Output = filepath.Join(f.dir, "no", "out.jsonl") },
		"says no format":         func(f *fixture) { f.spec.Output = filepath.Join(f.dir, "out.doc") },
		"is input and output":    func(f *fixture) { f.spec.Output = f.spec.Input[0] },
		`"a" stands at`:          func(f *fixture) { f.input("a", "b", "a"); f.spec.Key = "q" },
		`the column "id", which`: func(f *fixture) { f.spec.Key = "id" },
		"there is no API key":    func(f *fixture) { f.spec.Auth = "" },
		"unknown endpoint":       func(f *fixture) { f.spec.Endpoint = "gogle" },
		"max_failures":           func(f *fixture) { f.spec.MaxFailures = "some" },
		"NAME=VALUE":             func(f *fixture) { f.spec.Header = spec.List{"X-Secret: abc"} },
		"in.jsonl:2":             func(f *fixture) { f.input("a", "{bad", "c"); f.spec.Strict = true },
	} {
		f := newFixture(t)
		f.input("a", "b")
		change(f)
		_, err := f.run()
		var spec *spec.Error
		if !errors.As(err, &spec) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want a SpecError with %q", err, want)
		}
		if strings.Contains(fmt.Sprint(err), "abc") {
			t.Errorf("error %v shows a header's value", err)
		}
		if asked := f.e.Requests(); len(asked) > 0 {
			t.Errorf("%s: %q was sent", want, asked)
		}
		if _, err := os.Stat(f.spec.StateDir()); err == nil {
			t.Errorf("%s: a state folder was left behind", want)
		}
	}
}

func TestForeignOutputIsKept(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	if err := os.WriteFile(f.spec.Output, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	var spec *spec.Error
	if _, err := f.run(); !errors.As(err, &spec) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.spec.StateDir()); err == nil {
		t.Error("a refused run leaves a state folder behind")
	}
	f.spec.Force = true
	f.mustRun()
	jobtest.Equal(t, "forced", f.output("response"), "a")

	// An output that was changed by hand is foreign too.
	f.spec.Force = false
	if err := os.WriteFile(f.spec.Output, []byte("my notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.run(); !errors.As(err, &spec) {
		t.Errorf("error %v", err)
	}
}

func TestOneProcessRunsAJob(t *testing.T) {
	f := newFixture(t)
	f.input("a")
	j, err := Open(f.spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := f.run(); !errors.As(err, &locked) || locked.Owner.PID != os.Getpid() {
		t.Errorf("error %v", err)
	}
	s, err := ReadStatus(f.spec.StateDir())
	if err != nil || s.Running == nil || s.Running.PID != os.Getpid() {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f.mustRun()
	if s, err = ReadStatus(f.spec.StateDir()); err != nil || s.Running != nil || !s.Finished || s.Totals.Status[batch.OK] != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestStdinIsKept(t *testing.T) {
	f := newFixture(t)
	f.spec.Input = spec.List{"-"}
	var confirm func(string) bool
	open := func(stdin string) error {
		j, err := Open(f.spec, Options{Stdin: strings.NewReader(stdin), Confirm: confirm})
		if err != nil {
			return err
		}
		defer j.Close()
		_, err = j.Run(t.Context())
		return err
	}
	if err := open(""); err == nil || !strings.Contains(err.Error(), "stdin is empty") {
		t.Errorf("error %v", err)
	}
	if err := open("q\na\n"); err == nil || !strings.Contains(err.Error(), "--input-format") {
		t.Errorf("error %v", err)
	}
	if err := open(`{"q":"a"}` + "\n" + `{"q":"b"}`); err != nil {
		t.Fatal(err)
	}
	if err := open(""); err != nil { // from cron, or a terminal
		t.Fatal(err)
	}
	// Other rows are asked about, since they take the place of the first ones. More of them
	// are not.
	f.spec.InputFormat = "csv"
	other := "q\nb\nc\n"
	if err := open(other); err == nil || !strings.Contains(err.Error(), "stdin is another one than before") {
		t.Errorf("another stdin: %v", err)
	}
	jobtest.Equal(t, "rows", f.output("q", "status"), "a ok", "b ok")
	confirm = func(string) bool { return true }
	if err := open(other); err != nil {
		t.Fatal(err)
	}
	confirm = nil
	if err := open(other + "d\n"); err != nil {
		t.Fatal(err)
	}
	jobtest.Equal(t, "asked", f.e.Requests(), "a", "b", "c", "d")
	jobtest.Equal(t, "rows", f.output("q", "status"), "b ok", "c ok", "d ok")
}
