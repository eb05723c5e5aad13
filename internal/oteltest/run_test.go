package oteltest

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbatch/genbatch/internal/billtest"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/telemetry"
)

const model = "gemini-3.5-flash-lite"

// A told is a run, and what was told of it.
type told struct {
	summary *jobs.Summary
	stats   sim.Stats
	log     string
	took    time.Duration // from the end of the run to that of Close
}

// run runs a job of so many rows against a simulator. page, if not nil, is called with the
// address of the page of metrics, after the run and before the end is told.
func run(t *testing.T, rows int, c sim.Config, metrics string, page func(address string)) told {
	t.Helper()
	dir := t.TempDir()
	server, err := sim.Listen("", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	billtest.Watch(t, billtest.Witness{Dirs: []string{dir}, Billers: []billtest.Biller{server}, Totals: func(dir string) (*cost.Totals, error) {
		s, err := jobs.ReadStatus(dir)
		if err != nil {
			return nil, err
		}
		return &s.Totals, nil
	}})
	var in strings.Builder
	for i := range rows {
		fmt.Fprintf(&in, `{"secret":"the secret of row %d"}`+"\n", i)
	}
	spec := jobs.Spec{
		Input: jobs.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: model, Endpoint: "sim", BaseURL: server.URL, Prompt: "{{.secret}}", Metrics: metrics, RPM: 100_000, MaxCost: "5", MaxOutputTokens: 1000,
	}
	if err := os.WriteFile(spec.Input[0], []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	o := jobs.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
	tell, err := telemetry.Open(t.Context(), &spec, o.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer tell.Close()
	o.Around = tell.Around
	job, err := jobs.Open(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	ctx, end := tell.Begin(t.Context(), job)
	s, err := job.Run(ctx)
	end(err)
	if err != nil {
		t.Fatal(err)
	}
	if page != nil {
		page(tell.Address())
	}
	ended := time.Now()
	tell.Close()
	return told{s, server.Stats(), log.String(), time.Since(ended)}
}
