package jobs

import (
	"slices"
	"testing"

	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/internal/prompt"
	"github.com/genbatch/genbatch/jobs/internal/state"
)

// What job.json keeps reads back as it was, and sends the same.
func TestSavedSpec(t *testing.T) {
	s := jobtest.Load(t, `
timeout: 90s
classify:
  text: "{{.body}}"
  labels: {positive: "praises, loudly", negative: complains}
rpm: 1000
`)
	s.State = t.TempDir()
	s.Request = map[string]any{"generationConfig": map[string]any{"temperature": 1e-5, "seed": 123456789012345678, "topK": 1e21}, "x": "\x01\x1b\x7f"}
	want := rendered(t, s, jobtest.Row("body", "fine"))
	if _, err := (&state.Folder{Dir: s.State}).SaveSpec(s, nil, prompt.Wording); err != nil {
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
