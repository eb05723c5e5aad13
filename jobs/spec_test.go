package jobs

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/spec"
)

func TestLoad(t *testing.T) {
	s, err := jobtest.LoadText(t, `
input: reviews.csv
output: /abs/labels.csv
model: gemini-2.5-flash
timeout: 90s
classify:
  text: "{{.body}}"
  labels: {positive: "praises, loudly", negative: complains}
request:
  generationConfig: {temperature: 0}
rpm: 1000
`)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(s.Input[0]) != "reviews.csv" || !filepath.IsAbs(s.Input[0]) || s.Output != "/abs/labels.csv" {
		t.Errorf("paths %q and %q: relative ones are to the job file's folder", s.Input, s.Output)
	}
	if s.RPM != 1000 || s.Timeout != 90*time.Second || s.Classify.Labels[0] != (spec.Label{Name: "positive", Description: "praises, loudly"}) || s.Classify.Labels[1].Name != "negative" {
		t.Errorf("spec %+v, %+v", s, s.Classify)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}

	// What job.json keeps reads back as it was.
	s.State = t.TempDir()
	s.Request = map[string]any{"generationConfig": map[string]any{"temperature": 1e-5, "seed": 123456789012345678, "topK": 1e21}, "x": "\x01\x1b\x7f"}
	want := rendered(t, s, jobtest.Row("body", "fine"))
	if _, err := (&state.Folder{Dir: s.State}).SaveSpec(s, prompt.Wording); err != nil {
		t.Fatal(err)
	}
	again, err := LoadState(s.State)
	if err != nil {
		t.Fatal(err)
	}
	if got := rendered(t, again, jobtest.Row("body", "fine")); got != want {
		t.Errorf("after it was saved the job sends\n%s and sent\n%s", got, want)
	}
	if again.RPM != s.RPM || again.Timeout != s.Timeout || !slices.Equal(again.Classify.Labels, s.Classify.Labels) || again.Input[0] != s.Input[0] {
		t.Errorf("reads back as %+v", again)
	}
}
