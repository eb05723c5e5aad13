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
	var s speed
	if got := s.add(0, 0); got != 0 {
		t.Errorf("at the start %v rows/s", got)
	}
	if got := s.add(10*time.Second, 100); got != 10 {
		t.Errorf("after 10 s %v rows/s, want 10", got)
	}
	for i := range 40 { // a row a second: the first ten seconds are forgotten
		s.add(time.Duration(11+i)*time.Second, int64(101+i))
	}
	if got := s.add(51*time.Second, 141); got < 0.99 || got > 1.01 {
		t.Errorf("%v rows/s, want the last seconds' 1", got)
	}
	if len(s.at) > 20 {
		t.Errorf("%d points are kept", len(s.at))
	}
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
		{"bar", func(d *display, b *bytes.Buffer) { d.bar = newBar(b, 120, false) }, "█", "genbatch: "},
		{"plain bar", func(d *display, b *bytes.Buffer) { d.bar = newBar(b, 120, true) }, "3/3 rows ", "█"},
		{"json", func(d *display, _ *bytes.Buffer) { d.json = true }, `"rows":3,`, "genbatch: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			d := &display{con: &console{stderr: &stderr}, job: job}
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
