package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/jobs"
)

// What cannot be told to a run is refused in words that help, without a run.
func TestCtlMistakes(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.jsonl")
	in := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(in, []byte(`{"q":"a"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := jobs.Open(jobs.Spec{Input: jobs.List{in}, Output: out, Model: "gemini-2.5-flash", Prompt: "{{.q}}", Endpoint: "sim"}, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	for words, want := range map[string]string{
		"OUT pause":            "no process runs the job of OUT.genbatch; genbatch run starts it, or carries on with it",
		"nothing.csv pause":    "nothing.csv",
		"pause":                "no job is named; write genbatch ctl JOB pause",
		"":                     "what to do is not said",
		"OUT":                  "what to do is not said; write one of pause, resume, retry, stop, set, state behind the job",
		"OUT puase":            `there is no action "puase"; did you mean pause? Write one of`,
		"OUT stop now":         `"now" stands behind stop, which takes nothing`,
		"OUT set":              "set has no limit behind it; write rpm, tpm",
		"OUT set 600":          `"600" is no limit to set; write rpm, tpm`,
		"OUT set speed=600":    `"speed=600" is no limit to set`,
		"OUT set rpm=fast":     `rpm is "fast"`,
		"--state OUT.genbatch": "what to do is not said",
	} {
		args := []string{"genbatch", "ctl"}
		for _, w := range strings.Fields(words) {
			args = append(args, strings.ReplaceAll(w, "OUT", out))
		}
		var stderr bytes.Buffer
		code := run(args, nil, nil, new(bytes.Buffer), &stderr)
		if got := stderr.String(); code != 2 || !strings.Contains(got, strings.ReplaceAll(want, "OUT", out)) {
			t.Errorf("ctl %s: exit %d, %s", words, code, got)
		}
	}
}
