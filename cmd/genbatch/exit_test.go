package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/compare"
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
		{"locked", nil, &jobs.LockedError{}, 7},
		{"too many failures", whole, fmt.Errorf("%w: 3 of 4", batch.ErrMaxFailures), 8},
		{"a comparison that does not pass", nil, &compare.GateError{Reasons: []string{"worse"}}, 9},
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
