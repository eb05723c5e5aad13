package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// A Progress shows how far a run is.
type Progress struct {
	Progress *jobs.Progress
	Total    int64        // rows of the job; 0 if not counted yet
	Survey   *jobs.Survey // what a run that carries on had to ask; nil if no run came before
	RowRate  float64      // rows a second, of late

	// Least says how long rows take at the least, whatever the pace is now; nil if that is
	// not known. See [jobs.Job.Least].
	Least func(rows int64) time.Duration
}

// String returns one line without its end. It leaves out what the run waits for; see Waiting.
func (p Progress) String() string { return strings.Join(p.parts(), "  ") }

// Waiting says in one line, without its end, what the run waits for, and what is in flight.
func (p Progress) Waiting() string {
	r := p.Progress
	switch {
	case r.Stopping:
		return "stopping on request: calls in flight finish; " + inFlight(r.Calls)
	case !r.PausedSince.IsZero():
		return fmt.Sprintf("paused since %s, until genbatch ctl JOB resume; %s", r.PausedSince.Local().Format(time.TimeOnly), inFlight(r.Calls))
	}
	return r.Quota.String()
}

func inFlight(calls int64) string { return fmt.Sprintf("%d in flight", calls) }

// Fit returns as much of the line as fits into so many columns. It leaves out whole figures
// from the end, since half a number is a wrong one.
func (p Progress) Fit(columns int) string {
	line := ""
	for i, part := range p.parts() {
		if i > 0 {
			part = "  " + part
		}
		if terminal.Width(line)+terminal.Width(part) > columns {
			break
		}
		line += part
	}
	return line
}

// parts returns the figures of the line, the most important ones first.
func (p Progress) parts() []string {
	r := p.Progress
	parts := []string{fraction(p.done(), p.Total) + " rows"}
	if share := p.Share(); share >= 0 {
		parts[0] += fmt.Sprintf(" (%d %%)", int(100*share)) // rounded down: 100 % is the end
	}
	if r.Batches > 0 {
		parts = append(parts, fmt.Sprintf("%s in %s", Count(r.Batched), Many(r.Batches, "batch job")))
	}
	if left := p.left(); left > 0 {
		parts = append(parts, "about "+timeLeft(left)+" left")
	}
	cost, unpriced := r.Run.CostUSD()
	money := CostText(cost, unpriced)
	if r.Run.Simulated() {
		money += " simulated"
	}
	return append(parts, decimal(p.RowRate)+"/s", money, Count(allTokens(&r.Run))+" tokens")
}

// done is how many rows have a result, or need none. Without a survey it counts those that
// the run has come to.
func (p Progress) done() int64 {
	if p.surveyed() {
		return p.Survey.Rows - p.Survey.Asked + p.Progress.Run.Rows
	}
	return p.Progress.Done()
}

func (p Progress) surveyed() bool { return p.Survey != nil && p.Survey.Complete }

// known reports whether done counts all rows that are done. In a run that carries on, rows
// that are settled may lie ahead of it.
func (p Progress) known() bool {
	return p.Total > 0 && (p.Survey == nil || p.surveyed() || p.Progress.Read >= p.Total)
}

// Share is how much of the job is done, from 0 to 1; below 0 if that is not known.
func (p Progress) Share() float64 {
	if !p.known() {
		return -1
	}
	return min(1, float64(p.done())/float64(p.Total))
}

// left is about how long the rest takes at this pace; 0 if that is not known. It is not known
// of batches or in a pause, nor of the last rows, which only wait for their answers or their next attempt.
func (p Progress) left() time.Duration {
	r := p.Progress
	rows := p.Total - p.done()
	paused := !r.PausedSince.IsZero() || r.Quota.Limit == quota.LimitPause || r.Quota.Limit == quota.LimitRPD
	if !p.known() || paused || r.Batches > 0 || rows <= r.Calls+r.Waiting || r.Run.Rows == 0 || p.RowRate <= 0 {
		return 0
	}
	rate := p.RowRate
	if r.Quota.Limit == quota.LimitRPM && r.Quota.Value > 0 {
		rate = min(rate, float64(r.Quota.Value)/60)
	}
	seconds := float64(rows) / rate
	if seconds > (100 * 24 * time.Hour).Seconds() {
		return 0 // the pace of a moment says nothing about that
	}
	left := time.Duration(seconds * float64(time.Second))
	if p.Least != nil {
		left = max(left, p.Least(rows))
	}
	switch {
	case left < 2*time.Minute:
		return left.Round(time.Second)
	case left < 2*time.Hour:
		return left.Round(10 * time.Second)
	}
	return left.Round(time.Minute)
}

// timeLeft writes a time that is known roughly.
func timeLeft(d time.Duration) string {
	if d < 48*time.Hour {
		return d.String()
	}
	return durationInDays(d)
}

// allTokens counts the tokens that went in and came out.
func allTokens(t *jobs.Totals) (n int64) {
	for _, m := range t.Models {
		n += m.PromptTokens + m.ToolTokens + m.OutputTokens + m.ThoughtsTokens
	}
	return n
}

// progressJSON is [Progress] as JSON.
type progressJSON struct {
	Type    string  `json:"type"`
	Seconds float64 `json:"seconds"`
	Total   *int64  `json:"total"` // null: not counted yet
	Rows    int64   `json:"rows"`  // done
	progressRowsJSON
	progressPaceJSON

	progressCallsJSON
	progressBatchesJSON

	Tokens    int64             `json:"tokens"`
	CostUSD   *dollars          `json:"cost_usd"`
	Simulated bool              `json:"simulated"`
	Quota     sorted[quotaJSON] `json:"quota"`
	progressControlJSON
}

// progressControlJSON is what the run was told to do.
type progressControlJSON struct {
	PausedSince *time.Time `json:"paused_since"` // null: it is not paused
	Stopping    bool       `json:"stopping,omitempty"`
}

// progressCallsJSON counts calls.
type progressCallsJSON struct {
	InFlight int64 `json:"in_flight"`
	Attempts int64 `json:"attempts"`
	Waiting  int64 `json:"retries_waiting"`
}

// progressPaceJSON says how far the run is, and how fast.
type progressPaceJSON struct {
	Share       *float64 `json:"share"` // of the rows, from 0 to 1; null: not known
	RowRate     float64  `json:"rows_per_second"`
	LeftSeconds *float64 `json:"eta_seconds"` // null: not known
}

// progressBatchesJSON counts what is at work at the endpoint.
type progressBatchesJSON struct {
	Batches int64 `json:"batches,omitempty"`         // batch jobs
	Batched int64 `json:"rows_in_batches,omitempty"` // rows in these
}

// progressRowsJSON divides the rows that are done.
type progressRowsJSON struct {
	Status  map[batch.Status]int64 `json:"status"` // of those that this run asked
	Settled int64                  `json:"settled_before"`
	Bad     int64                  `json:"bad"`
	Copied  int64                  `json:"copied"`
}

// quotaJSON is [quota.State] as JSON.
type quotaJSON struct {
	Text          string   `json:"text"` // for people
	Tier          string   `json:"tier"`
	Limit         string   `json:"limit"`
	Value         *int64   `json:"value"` // null: the limit has no number, or it is not known
	Learned       bool     `json:"learned"`
	Estimated     bool     `json:"estimated"`
	Trouble       bool     `json:"trouble"`
	Since         *string  `json:"since"`       // null: no limit binds, or it always did
	AgeSeconds    *float64 `json:"age_seconds"` // null as since is
	Why           string   `json:"why"`
	NextSeconds   *float64 `json:"next_seconds"` // null: a call in flight must end first
	InFlight      int      `json:"in_flight"`
	OldestSeconds float64  `json:"oldest_seconds"`
	Waiting       int      `json:"waiting"`
}

// MarshalJSON implements json.Marshaler.
func (p Progress) MarshalJSON() ([]byte, error) {
	r := p.Progress
	record := progressJSON{
		Type: "progress", Seconds: r.Elapsed.Seconds(), Total: known(p.Total), Rows: p.done(),
		progressRowsJSON:  progressRowsJSON{r.Run.Status, r.Settled, r.Bad, r.Copied},
		progressPaceJSON:  progressPaceJSON{RowRate: p.RowRate},
		progressCallsJSON: progressCallsJSON{r.Calls, r.Attempts, r.Waiting}, progressBatchesJSON: progressBatchesJSON{r.Batches, r.Batched},
		Tokens: allTokens(&r.Run), CostUSD: totalJSON(&r.Run), Simulated: r.Run.Simulated(), Quota: quotaOf(r.Quota),
	}
	record.Stopping = r.Stopping
	if !r.PausedSince.IsZero() {
		record.PausedSince = new(r.PausedSince.UTC().Truncate(time.Second))
	}
	if left := p.left(); left > 0 {
		record.LeftSeconds = new(left.Seconds())
	}
	if share := p.Share(); share >= 0 {
		record.Share = new(share)
	}
	return apijson.Marshal(sorted[progressJSON]{record})
}

func quotaOf(q quota.State) sorted[quotaJSON] {
	r := quotaJSON{
		Text: q.String(), Tier: q.Tier, Limit: q.Limit, Value: known(q.Value), Learned: q.Learned, Estimated: q.Estimated, Trouble: q.Trouble, Why: q.Why,
		NextSeconds: known(q.Next.Seconds()), InFlight: q.InFlight, OldestSeconds: q.Oldest.Seconds(), Waiting: q.Waiting,
	}
	if !q.Since.IsZero() {
		r.Since, r.AgeSeconds = new(q.Since.UTC().Format(time.RFC3339)), new(q.Age.Seconds())
	}
	return sorted[quotaJSON]{r}
}
