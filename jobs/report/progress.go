package report

import (
	"fmt"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// A Progress shows how far a run is.
type Progress struct {
	Progress *jobs.Progress
	Total    int64   // rows of the job; 0 if not counted yet
	RowRate  float64 // rows a second, of late
}

// String returns one line without its end, since a progress bar may show it. It leaves out
// what the run waits for, which is the String of the Progress's Quota.
func (p Progress) String() string {
	r := p.Progress
	cost := totalCost(&r.Run)
	if cost == "unknown" {
		cost = "cost unknown"
	}
	line := fmt.Sprintf("%s rows  %s/s  %s tokens  %s", fraction(r.Done(), p.Total), decimal(p.RowRate), Count(allTokens(&r.Run)), cost)
	if r.Run.Simulated() {
		line += " simulated"
	}
	if left := p.left(); left > 0 {
		line += "  " + left.String() + " left"
	}
	return line
}

// left is how long the rest takes at this rate; 0 if that is not known.
func (p Progress) left() time.Duration {
	rows := p.Total - p.Progress.Done()
	if rows <= 0 || p.RowRate <= 0 {
		return 0
	}
	return time.Duration(float64(rows) / p.RowRate * float64(time.Second)).Round(time.Second)
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
	Total   int64   `json:"total"`
	Rows    int64   `json:"rows"` // done
	progressRowsJSON
	RowRate     float64 `json:"rows_per_second"`
	LeftSeconds float64 `json:"eta_seconds"`

	InFlight int64 `json:"in_flight"`
	Attempts int64 `json:"attempts"`
	Waiting  int64 `json:"retries_waiting"`

	Tokens    int64             `json:"tokens"`
	CostUSD   *dollars          `json:"cost_usd"`
	Simulated bool              `json:"simulated"`
	Quota     sorted[quotaJSON] `json:"quota"`
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
	Text          string  `json:"text"` // for people
	Tier          string  `json:"tier"`
	Limit         string  `json:"limit"`
	Value         int64   `json:"value"`
	Learned       bool    `json:"learned"`
	Estimated     bool    `json:"estimated"`
	Trouble       bool    `json:"trouble"`
	Since         *string `json:"since"` // null: no limit binds, or it always did
	AgeSeconds    float64 `json:"age_seconds"`
	Why           string  `json:"why"`
	NextSeconds   float64 `json:"next_seconds"`
	InFlight      int     `json:"in_flight"`
	OldestSeconds float64 `json:"oldest_seconds"`
	Waiting       int     `json:"waiting"`
}

// MarshalJSON implements json.Marshaler.
func (p Progress) MarshalJSON() ([]byte, error) {
	r := p.Progress
	return marshal(sorted[progressJSON]{progressJSON{
		Type: "progress", Seconds: r.Elapsed.Seconds(), Total: p.Total, Rows: r.Done(),
		progressRowsJSON: progressRowsJSON{r.Run.Status, r.Settled, r.Bad, r.Copied},
		RowRate:          p.RowRate, LeftSeconds: p.left().Seconds(),
		InFlight: r.Calls, Attempts: r.Attempts, Waiting: r.Waiting,
		Tokens: allTokens(&r.Run), CostUSD: totalJSON(&r.Run), Simulated: r.Run.Simulated(), Quota: quotaOf(r.Quota),
	}})
}

func quotaOf(q quota.State) sorted[quotaJSON] {
	r := quotaJSON{
		Text: q.String(), Tier: q.Tier, Limit: q.Limit, Value: q.Value, Learned: q.Learned, Estimated: q.Estimated, Trouble: q.Trouble, AgeSeconds: q.Age.Seconds(), Why: q.Why,
		NextSeconds: q.Next.Seconds(), InFlight: q.InFlight, OldestSeconds: q.Oldest.Seconds(), Waiting: q.Waiting,
	}
	if !q.Since.IsZero() {
		r.Since = new(q.Since.UTC().Format(time.RFC3339))
	}
	return sorted[quotaJSON]{r}
}
