package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/jobs"
)

func TestSpeed(t *testing.T) {
	// measure adds a point every 200 ms for so long, of rows at a pace.
	measure := func(s *speed, at *time.Duration, rows *float64, long time.Duration, pace float64, pause bool) (got float64) {
		for end := *at + long; *at < end; {
			*at += 200 * time.Millisecond
			*rows += pace / 5
			got = s.add(*at, int64(*rows), pause)
		}
		return got
	}
	within := func(what string, got, least, most float64) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s: %v rows/s, want %v to %v", what, got, least, most)
		}
	}
	var s speed
	var at time.Duration
	var rows float64
	within("at the start", s.add(0, 0, false), 0, 0)
	within("steady", measure(&s, &at, &rows, 30*time.Second, 10, false), 9.9, 10.1)
	within("slower: the old pace is forgotten", measure(&s, &at, &rows, 20*time.Second, 1, false), 0.9, 1.1)
	within("in a pause", measure(&s, &at, &rows, 20*time.Second, 0, true), 0, 0.05)
	if len(s.at) > 100 {
		t.Errorf("%d points are kept of a fast run", len(s.at))
	}
	measure(&s, &at, &rows, 30*time.Second, 10, false)
	rows -= 100
	within("failed rows are asked again", measure(&s, &at, &rows, time.Second, 10, false), 9.8, 10.1)
	s, at, rows = speed{}, 0, 0
	within("five rows a minute", measure(&s, &at, &rows, 10*time.Minute, 5.0/60, false), 0.075, 0.092)
}

// On a terminal progress is a bar, elsewhere a line, and for programs an object;
// each says how far the run is and what it has cost.
func TestDisplayShow(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in.csv"), []byte("body\na\nb\nc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	job, err := jobs.Open(jobs.Spec{
		Input: jobs.List{filepath.Join(dir, "in.csv")}, Output: filepath.Join(dir, "out.csv"),
		Model: "gemini-2.5-flash-lite", Endpoint: "sim", Prompt: "{{.body}}",
	}, jobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	if _, err := job.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name            string
		set             func(d *display, stderr *bytes.Buffer)
		want, wantNever string
	}{
		{"line", func(*display, *bytes.Buffer) {}, "genbatch: 3/3 rows ", "\x1b"},
		{"bar", func(d *display, _ *bytes.Buffer) { d.bar = true }, "████████████ 3/3 rows (100 %)", "genbatch: "},
		{"plain bar", func(d *display, _ *bytes.Buffer) { d.bar, d.plain = true, true }, "############ 3/3 rows (100 %)", "█"},
		{"json", func(d *display, _ *bytes.Buffer) { d.json = true }, `"rows":3,`, "genbatch: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			d := &display{con: newConsole(nil, nil, &stderr), job: job}
			d.total.Store(3)
			tt.set(d, &stderr)
			d.show()
			if got := stderr.String(); !strings.Contains(got, tt.want) || strings.Contains(got, tt.wantNever) {
				t.Errorf("shows %q, want %q and never %q", got, tt.want, tt.wantNever)
			}
			if !strings.Contains(stderr.String(), "simulated") {
				t.Errorf("%q does not say that it is simulated", stderr.String())
			}
		})
	}
}
