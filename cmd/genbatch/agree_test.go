package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// agreeing is a finished job of six rows, which a situation then changes.
type agreeing struct {
	t   *testing.T
	dir string
}

func newAgreeing(t *testing.T) *agreeing {
	t.Helper()
	a := &agreeing{t, filepath.Join(t.TempDir(), "job")}
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for i := range 6 {
		fmt.Fprintf(&rows, "{\"id\":%d,\"body\":\"text %d\"}\n", i, i)
	}
	a.write("in.jsonl", rows.String())
	a.write("job.yaml", "input: in.jsonl\noutput: out.jsonl\nmodel: gemini-2.5-flash-lite\nendpoint: sim\nprompt: 'Say {{.body}}'\n")
	if code, said := a.genbatch("run"); code != 0 {
		t.Fatalf("the first run ends with %d: %s", code, said)
	}
	return a
}

func (a *agreeing) path(name string) string { return filepath.Join(a.dir, name) }

func (a *agreeing) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(a.path(name), []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// edit replaces a part of a file.
func (a *agreeing) edit(name, old, text string) error {
	content, err := os.ReadFile(a.path(name))
	if err != nil {
		return err
	}
	return os.WriteFile(a.path(name), bytes.Replace(content, []byte(old), []byte(text), 1), 0o600)
}

// genbatch runs a command on the job's file, and returns its exit code and what it says.
func (a *agreeing) genbatch(command string, flags ...string) (int, string) {
	var said bytes.Buffer
	args := append([]string{"genbatch", command, a.path("job.yaml")}, flags...)
	code := run(args, make(chan os.Signal), strings.NewReader(""), &said, &said)
	return code, said.String()
}

// unwrapped returns a text without its line ends and tables, which depend on the length of
// paths.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// A saying is how a command ends, and a part of what it says.
type saying struct {
	code int
	text string
}

// Every command says the same of a job, in whatever way it is not as it was: what one
// calls finished no other asks for, and what one refuses no other does in silence.
func TestCommandsAgree(t *testing.T) {
	const simulated = "SIMULATED"
	state := "out.jsonl.genbatch"
	for _, tt := range []struct {
		name                              string
		change                            func(a *agreeing) error
		status, verify, plan, export, run saying
	}{
		{"as it was", func(*agreeing) error { return nil },
			saying{0, "finished: "}, saying{0, "OK    6 rows"}, saying{0, "0 to ask, 6 settled"}, saying{0, "6 of 6 rows (6 ok)"}, saying{0, "up to date"}},
		{"another prompt", func(a *agreeing) error { return a.edit("job.yaml", "Say", "Tell") },
			saying{0, "6 left"}, saying{3, "6 pending"}, saying{0, "6 to ask (6 of them changed)"}, saying{2, "6 rows are pending"}, saying{0, "6 requests"}},
		{"another model", func(a *agreeing) error { return a.edit("job.yaml", "flash-lite", "pro") },
			saying{0, "changed      since the last run: model"}, saying{3, "has changed since the last run: model"}, saying{0, "6 to ask"}, saying{2, "6 rows are pending"}, saying{0, "6 requests"}},
		{"another limit on calls", func(a *agreeing) error { return a.edit("job.yaml", "endpoint:", "rpm: 6000\nendpoint:") },
			saying{0, "finished: "}, saying{0, "OK    6 rows"}, saying{0, "0 to ask"}, saying{0, "6 ok"}, saying{0, "up to date"}},
		{"a row changed, and one more", func(a *agreeing) error {
			return errors.Join(a.edit("in.jsonl", "text 2", "other"), a.edit("in.jsonl", "{", "{\"id\":9,\"body\":\"new\"}\n{"))
		},
			saying{0, "7: 5 settled, 2 left"}, saying{3, "2 pending"}, saying{0, "2 to ask, 5 settled"}, saying{2, "2 rows are pending"}, saying{0, "2 requests"}},
		{"rows gone", func(a *agreeing) error { return a.edit("in.jsonl", "{\"id\":0,\"body\":\"text 0\"}\n", "") },
			saying{0, "orphaned     1 answer"}, saying{0, "OK    5 rows"}, saying{0, "orphaned      1 answer"}, saying{0, "5 of 5 rows (5 ok)"}, saying{0, "5 ok"}},
		{"input gone", func(a *agreeing) error { return os.Remove(a.path("in.jsonl")) },
			saying{0, "no such file"}, saying{2, "no such file"}, saying{2, "no such file"}, saying{2, "no such file"}, saying{2, "no such file"}},
		{"output gone", func(a *agreeing) error { return os.Remove(a.path("out.jsonl")) },
			saying{0, "is not there any more"}, saying{1, "FAULT"}, saying{0, "0 to ask"}, saying{0, "6 ok"}, saying{0, "6 ok"}},
		{"output of somebody else", func(a *agreeing) error { return os.WriteFile(a.path("out.jsonl"), []byte("mine"), 0o600) },
			saying{0, "is not as this job has written it"}, saying{1, "is not as it was written"}, saying{0, "run would refuse: "}, saying{2, "exists"}, saying{2, "is not as this job has written it"}},
		{"state folder gone", func(a *agreeing) error { return os.RemoveAll(a.path(state)) },
			saying{2, "bring the folder back"}, saying{2, "bring the folder back"}, saying{0, "holds 6 answers"}, saying{2, "bring the folder back"}, saying{2, "holds 6 answers"}},
		{"journal gone", func(a *agreeing) error { return os.Remove(a.path(state + "/results-000001.jsonl")) },
			saying{0, "6 left"}, saying{1, "FAULT the journal ends at result 0"}, saying{0, "6 of the answers in"}, saying{2, "6 rows are pending"}, saying{2, "6 of the answers in"}},
		{"job.json damaged", func(a *agreeing) error { return os.WriteFile(a.path(state+"/job.json"), []byte("{"), 0o600) },
			saying{0, "finished: "}, saying{0, "OK    6 rows"}, saying{0, "0 to ask"}, saying{0, "6 ok"}, saying{0, "up to date"}},
		{"manifest damaged", func(a *agreeing) error { return os.WriteFile(a.path(state+"/manifest.json"), []byte("{"), 0o600) },
			saying{0, "which costs nothing"}, saying{1, "manifest.json is damaged"}, saying{0, "0 to ask"}, saying{0, "6 ok"}, saying{0, "6 ok"}},
		{"another endpoint, which answers for real", func(a *agreeing) error {
			a.t.Setenv("GEMINI_API_KEY", "any")
			return a.edit("job.yaml", "endpoint: sim", "endpoint: google")
		},
			saying{0, "finished: "}, saying{0, "OK    6 rows"}, saying{0, "run would refuse: the answers in"}, saying{0, "6 ok"}, saying{2, "were made up by the simulator"}},
		{"all moved", func(a *agreeing) error {
			moved := filepath.Join(filepath.Dir(a.dir), "moved")
			old := a.dir
			a.dir = moved
			return os.Rename(old, moved)
		},
			saying{0, "moved/out.jsonl has 6 rows"}, saying{0, "OK    6 rows"}, saying{0, "0 to ask"}, saying{0, "moved/out.jsonl: 6 of 6 rows"}, saying{0, "up to date"}},
		{"all copied, and the original changed", func(a *agreeing) error {
			copied := filepath.Join(filepath.Dir(a.dir), "copied")
			err := os.CopyFS(copied, os.DirFS(a.dir))
			err = errors.Join(err, a.edit("in.jsonl", "text", "other"), a.edit("out.jsonl", "text", "other"))
			a.dir = copied
			return err
		},
			saying{0, "copied/out.jsonl has 6 rows"}, saying{0, "OK    6 rows"}, saying{0, "0 to ask"}, saying{0, "copied/out.jsonl: 6 of 6 rows"}, saying{0, "6 ok"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", t.TempDir())
			for _, c := range []struct {
				command string
				want    saying
				flags   []string
			}{
				{"status", tt.status, nil}, {"verify", tt.verify, nil}, {"plan", tt.plan, nil}, {"export", tt.export, nil}, {"run", tt.run, nil},
			} {
				a := newAgreeing(t) // export writes, and must not mend it for the others
				if err := tt.change(a); err != nil {
					t.Fatal(err)
				}
				code, said := a.genbatch(c.command, c.flags...)
				if code != c.want.code || !strings.Contains(unwrapped(said), unwrapped(c.want.text)) {
					t.Errorf("%s ends with %d, and says\n%s\nwant %d and %q", c.command, code, said, c.want.code, c.want.text)
				}
				if answered := strings.Contains(said, "cost  ") && !strings.Contains(said, "to ask") && !strings.Contains(said, "6 left"); answered && code == 0 && !strings.Contains(said, simulated) {
					t.Errorf("%s does not say that the answers are simulated:\n%s", c.command, said)
				}
			}
		})
	}
}
