package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs"
)

// Nobody is told that the answers are safe where some are gone.
func TestSafeOnlyIfAllIsKept(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		safe bool
	}{
		{"interrupted", batch.ErrInterrupted, true},
		{"a deleted journal, written again", &jobs.LostError{Kept: "results-000001.jsonl", Results: 3}, true},
		{"older files gone", &jobs.LostError{Before: 1}, false},
		{"results gone", &jobs.LostError{Gone: 8}, false},
		{"not written again", &jobs.LostError{Err: errors.New("disk full")}, false},
		{"damage found by the output", &jobs.Damage{Segment: "results-000001.jsonl"}, false},
	} {
		var text strings.Builder
		printCarryOn(&text, &jobs.Summary{}, fmt.Errorf("the run ended: %w", tt.err), 30)
		if got := strings.Contains(text.String(), "is safe"); got != tt.safe {
			t.Errorf("%s: says that all is safe: %v, want %v", tt.name, got, tt.safe)
		}
	}
}

// A batch job that was never created is not said to go on at the endpoint.
func TestJobsThatStay(t *testing.T) {
	for name, stays := range map[string]bool{"": false, "batches/x": true} {
		var text strings.Builder
		s := jobs.Summary{Batches: []jobs.Batch{{ID: "5da34383-ca44b8b7", Name: name, State: "submitting", Live: true, Rows: 3}}}
		printCarryOn(&text, &s, batch.ErrInterrupted, 3)
		if got := strings.Contains(text.String(), "stay at the"); got != stays {
			t.Errorf("named %q: says that jobs stay: %v, want %v", name, got, stays)
		}
	}
}

// Rows that share calls take as many requests of a day as those of the run did.
func TestCallsOfRowsThatAreLeft(t *testing.T) {
	alone := &jobs.Totals{Rows: 100, Attempts: 130}
	if n := callsOf(250, alone); n != 250 {
		t.Errorf("250 rows take %d calls, want 250", n)
	}
	shared := &jobs.Totals{Rows: 100, Attempts: 13, Packs: 10}
	if n := callsOf(250, shared); n != 33 { // 32.5
		t.Errorf("250 rows take %d calls, where 100 took 13; want 33", n)
	}
}

// A shard names a command that works on any machine: by the address of its job's state, and not by
// the folder in which this machine keeps it.
func TestMergeOfAShard(t *testing.T) {
	of := jobs.Spec{Output: "out.csv", State: "/home/u/.local/state/genbatch/copied/b-runs.genbatch", Shard: "1/3"}
	for copied, want := range map[string]string{
		"s3://b/runs/sh/shards/1-of-3": " merge --state s3://b/runs/sh\n",
		"":                             " merge --state /home/u/.local/state/genbatch/copied/b-runs.genbatch\n",
	} {
		var text strings.Builder
		printMerge(&text, of, copied)
		if !strings.HasSuffix(text.String(), want) {
			t.Errorf("copied to %q: %s", copied, text.String())
		}
	}
}
