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
