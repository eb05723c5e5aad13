package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// At a terminal init asks, tells what is wrong with an answer, and asks again. Who leaves by
// Ctrl-C or Ctrl-D has written nothing.
func TestInitAtTerminal(t *testing.T) {
	var table strings.Builder
	table.WriteString("id,topic,body\n")
	for i := range 12 {
		fmt.Fprintf(&table, "r%d,%s,some words that tell about number %d\n", i, []string{"tea", "\x1b[31mcoffee"}[i%2], i)
	}
	for _, tt := range []struct {
		name    string
		answers []string
		code    int
		said    string
		want    []string // in the job file; nil if there is to be none
	}{
		{"proposals", []string{"\n", "\n", "\n", "\n", "\n"}, 0, "Wrote job.yaml", []string{"expected: topic\n", `"\u001B[31mcoffee":`}},
		{"answers", []string{"nonsense\n", "summarize\n", "bdoy\n", "body\n", "\n", "sum.jsonl\n"}, 0, `did you mean "body"?`, []string{"summarize:\n", "output: sum.jsonl\n"}},
		{"Ctrl-C", []string{"\n", "\x03"}, 130, "ended by the signal interrupt", nil},
		{"Ctrl-D", []string{"\n", "\x04"}, 2, "no file is written", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "in.csv"), []byte(table.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.Command(os.Args[0])
			c.Args = []string{"genbatch", "init", "in.csv"}
			c.Dir, c.Env = dir, append(os.Environ(), "GORACE=atexit_sleep_ms=0", "XDG_STATE_HOME="+dir)
			s := newScreen(t, c)
			typed := 0 // what was shown before the last answer
			for _, answer := range tt.answers {
				s.until("a question", func() bool { text := s.text(); return len(text) > typed && strings.HasSuffix(text, ": ") })
				typed = len(s.text())
				s.keys(answer)
			}
			<-s.ended    // the program's end is that of its terminal
			_ = c.Wait() // the exit code says it
			code, screen := c.ProcessState.ExitCode(), strings.ReplaceAll(s.text(), "\r", "")
			if code != tt.code || !strings.Contains(screen, tt.said) || strings.Contains(screen, "\x1b") {
				t.Errorf("it ends with %d, and the screen shows\n%q\nwant %d and %q", code, screen, tt.code, tt.said)
			}
			job, err := os.ReadFile(filepath.Join(dir, "job.yaml"))
			if (err == nil) != (tt.want != nil) {
				t.Errorf("the job file: %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(job), want) {
					t.Errorf("the job file is\n%s\nwithout %q", job, want)
				}
			}
		})
	}
}
