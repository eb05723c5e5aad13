package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs"
)

func TestExitCode(t *testing.T) {
	whole := &jobs.Summary{Job: &jobs.Totals{Rows: 2, Status: map[batch.Status]int64{batch.OK: 2}}}
	mixed := &jobs.Summary{Job: &jobs.Totals{Rows: 2, Status: map[batch.Status]int64{batch.OK: 1, batch.Skipped: 1}}}
	tests := []struct {
		name    string
		summary *jobs.Summary
		err     error
		want    int
	}{
		{"every row is ok", whole, nil, 0},
		{"a command without a run", nil, nil, 0},
		{"a row is not ok", mixed, nil, 3},
		{"a fault", mixed, errors.New("no space left on device"), 1},
		{"the journal", whole, fmt.Errorf("%w: no space left on device", batch.ErrSink), 1},
		{"a mistake", nil, &jobs.SpecError{Err: os.ErrNotExist}, 2},
		{"every request is refused", whole, &batch.StopError{Err: &batch.Error{Message: "key"}}, 4},
		{"the day", whole, &quota.DayError{}, 5},
		{"locked", nil, &durable.LockedError{}, 7},
		{"too many failures", whole, fmt.Errorf("%w: 3 of 4", batch.ErrMaxFailures), 8},
		{"interrupted", whole, fmt.Errorf("%w: by signal", batch.ErrInterrupted), 130},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.summary, tt.err); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
			if tt.err != nil {
				if got := exitCode(tt.summary, fmt.Errorf("at row 7: %w", tt.err)); got != tt.want {
					t.Errorf("of the error wrapped: exit code %d, want %d", got, tt.want)
				}
			}
		})
	}
}

func TestPermute(t *testing.T) {
	commands := []*cli.Command{{Name: "run", Flags: []cli.Flag{
		&cli.StringFlag{Name: "model", Aliases: []string{"m"}}, &cli.StringSliceFlag{Name: "label"},
		&cli.IntFlag{Name: "limit"}, &cli.BoolFlag{Name: "json"},
	}}}
	tests := []struct{ in, want string }{
		{"genbatch run", "genbatch run"},
		{"genbatch run job.yaml", "genbatch run -- job.yaml"},
		{"genbatch run job.yaml --limit 10", "genbatch run --limit 10 -- job.yaml"},
		{"genbatch run --json job.yaml -m x", "genbatch run --json -m x -- job.yaml"},
		{"genbatch run job.yaml --limit=10 --json", "genbatch run --limit=10 --json -- job.yaml"},
		{"genbatch run --label -1 --label - job.yaml", "genbatch run --label -1 --label - -- job.yaml"},
		{"genbatch run --json -- --model job.yaml", "genbatch run --json -- --model job.yaml"},
		{"genbatch run job.yaml --limit", "genbatch run --limit -- job.yaml"},
		{"genbatch other a --limit 3", "genbatch other --limit -- a 3"},
	}
	for _, tt := range tests {
		if got := permute(strings.Fields(tt.in), commands); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s: %s, want %s", tt.in, strings.Join(got, " "), tt.want)
		}
	}
}

func TestAsksJSON(t *testing.T) {
	tests := []struct {
		args, env string
		want      bool
	}{
		{"run", "", false},
		{"run --json", "", true},
		{"run -json", "", true},
		{"run --json=true", "", true},
		{"run --json=false", "true", false},
		{"run -- --json", "", false},
		{"run json", "", false},
		{"run", "1", true},
	}
	for _, tt := range tests {
		t.Setenv("GENBATCH_JSON", tt.env)
		if got := asksJSON(strings.Fields(tt.args)); got != tt.want {
			t.Errorf("%q with GENBATCH_JSON=%q: %v, want %v", tt.args, tt.env, got, tt.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for word, want := range map[string]string{
		"plain-1_./:=@%+,~": "plain-1_./:=@%+,~",
		"":                  "''",
		"two words":         "'two words'",
		"{{.body}}":         "'{{.body}}'",
		"it's":              `'it'\''s'`,
		"$HOME":             "'$HOME'",
		"part*.csv":         "'part*.csv'",
	} {
		if got := shellQuote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

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

// Each flag of run has its variable, and sets something of the Spec.
func TestSettings(t *testing.T) {
	for _, s := range settings() {
		name := s.flag.Names()[0]
		t.Run(name, func(t *testing.T) {
			f, ok := s.flag.(cli.DocGenerationFlag)
			if !ok || !slices.Contains(f.GetEnvVars(), "GENBATCH_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))) {
				t.Errorf("there is no variable for --%s", name)
			}
			// 1 is a value of every type but one.
			value := "1"
			if _, ok := s.flag.(*cli.DurationFlag); ok {
				value = "1s"
			}
			set := flag.NewFlagSet("run", flag.ContinueOnError)
			if err := s.flag.Apply(set); err != nil {
				t.Fatal(err)
			}
			if err := set.Set(name, value); err != nil {
				t.Fatal(err)
			}
			var spec jobs.Spec
			s.set(cli.NewContext(nil, set, nil), &spec)
			if fmt.Sprintf("%+v", spec) == fmt.Sprintf("%+v", jobs.Spec{}) {
				t.Errorf("--%s sets nothing", name)
			}
		})
	}
}
