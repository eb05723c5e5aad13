package report

import (
	"fmt"
	"io"
	"time"

	"github.com/genbatch/genbatch/jobs"
)

// What is known of how long batches take. Google's goal is a day. OpenRouter, which counted
// 230,000 batches of several providers in two weeks, reports that half of them took 7 minutes
// at most, and 90 % an hour.
// https://ai.google.dev/gemini-api/docs/batch-api and
// https://github.com/OpenRouterTeam/docs, docs/batch-research, September 2026
const (
	batchGoal   = 24 * time.Hour
	batchMedian = 7 * time.Minute
	batchTime   = "within 24 hours is the goal, not a promise; half of 230,000 batches took 7 minutes at most, and 90 % an hour (OpenRouter, September 2026)"
)

// writeBatches writes how many jobs of the Batch API the rows make, and how long that takes.
func (p Plan) writeBatches(w io.Writer) {
	b := p.Plan.Batches
	if b == nil {
		return
	}
	fmt.Fprintf(w, "batches\t%s of the Batch API, about %s of requests%s\n", Many(b.Jobs, "job"), Size(b.Bytes), p.boundText())
	fmt.Fprintf(w, "time\t%s\n", batchTime)
}

// boundText says why there are several jobs.
func (p Plan) boundText() string {
	b := p.Plan.Batches
	switch b.Bound {
	case "rows":
		return fmt.Sprintf(", of at most %s each", Many(b.Most, "row"))
	case "bytes":
		return fmt.Sprintf(", of at most %s each", Size(b.Most))
	case "tokens":
		next := ""
		if b.Next > 0 {
			next = fmt.Sprintf(", and one of tier 2 %s", Count(b.Next))
		}
		return fmt.Sprintf(", some after others: an account of tier 1 may have %s waiting at once%s (limits of %s)", Many(b.Most, "input token"), next, b.AsOf)
	}
	return ""
}

// batchesJSON is [jobs.Batches] as JSON.
type batchesJSON struct {
	Jobs  int64  `json:"jobs"`
	Bytes int64  `json:"bytes"`
	Bound string `json:"bound_by,omitempty"` // rows, bytes or tokens
	Most  *int64 `json:"limit,omitempty"`
	Next  *int64 `json:"limit_in_tier_2,omitempty"`
	AsOf  string `json:"limits_as_of,omitempty"`

	GoalSeconds   float64 `json:"goal_seconds"`
	MedianSeconds float64 `json:"median_seconds"`
}

func batchesOf(b *jobs.Batches) *sorted[batchesJSON] {
	if b == nil {
		return nil
	}
	return &sorted[batchesJSON]{batchesJSON{
		Jobs: b.Jobs, Bytes: b.Bytes, Bound: b.Bound, Most: known(b.Most), Next: known(b.Next), AsOf: b.AsOf,
		GoalSeconds: batchGoal.Seconds(), MedianSeconds: batchMedian.Seconds(),
	}}
}

// comparisonJSON is [jobs.Comparison] as JSON. A service without a known price is left out.
type comparisonJSON struct {
	Of       string   `json:"of"`
	Standard *dollars `json:"standard_usd,omitempty"`
	Flex     *dollars `json:"flex_usd,omitempty"`
	Batch    *dollars `json:"batch_usd,omitempty"`
}

func comparisonOf(c *jobs.Comparison) *sorted[comparisonJSON] {
	if c == nil {
		return nil
	}
	return &sorted[comparisonJSON]{comparisonJSON{c.Of, known(dollars(c.Standard)), known(dollars(c.Flex)), known(dollars(c.Batch))}}
}
