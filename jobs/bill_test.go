package jobs

import (
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/cost"
)

// TestRetryCost has the attempt that gave a row its result told from those before it.
func TestRetryCost(t *testing.T) {
	begin := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	used := &batch.Usage{PromptTokenCount: 100} // 10 millionths of a dollar
	for _, tt := range []struct {
		name    string
		status  batch.Status
		finish  string
		spent   []time.Duration // when attempts began; the last of all began at 10 s
		retries int64
	}{
		{"the first attempt answers", batch.OK, "STOP", []time.Duration{10 * time.Second}, 0},
		{"the third does", batch.OK, "STOP", []time.Duration{0, 5 * time.Second, 10 * time.Second}, 2},
		{"a blocked prompt", batch.Blocked, "", []time.Duration{10 * time.Second}, 0},
		{"refused after an answer that was none", batch.Blocked, "", []time.Duration{0}, 1},
		{"a change is refused, and the answer before it stands", batch.Truncated, "MAX_TOKENS", []time.Duration{0}, 0},
		{"it fails", batch.Failed, "OTHER", []time.Duration{0, 10 * time.Second}, 2},
		{"the API refuses it in the end", batch.Rejected, "", []time.Duration{0}, 1},
		{"the run ends before", batch.Pending, "", []time.Duration{0, 5 * time.Second}, 2},
	} {
		r := &batch.Result{Status: tt.status, FinishReason: tt.finish, Model: "gemini-2.5-flash-lite", At: begin.Add(10*time.Second + 1234567), LatencyMS: 1}
		for _, d := range tt.spent {
			r.Spent = append(r.Spent, batch.Spend{At: begin.Add(d), Model: r.Model, Usage: used})
		}
		var all cost.Totals
		all.AddResult(r, price.Default())
		if got := all.Bill.Retries; got.Calls != tt.retries || got.Cost != price.USD(tt.retries)*10_000_000 {
			t.Errorf("%s: %+v, want %d", tt.name, got, tt.retries)
		}
	}
}
