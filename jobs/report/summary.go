package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// A Summary shows what a run came to.
type Summary struct {
	Summary  *jobs.Summary
	Total    int64 // rows of the job; 0 if not known
	Err      error // why the run ended early; nil if it did not. Only the JSON has it
	ExitCode int   // what the process is to end with, for the JSON
}

func (s Summary) String() string {
	var b strings.Builder
	r := s.Summary
	writeSimulated(&b, r.Simulated)
	rows, left := r.Job, int64(0)
	switch {
	case r.Unchanged:
		fmt.Fprintf(&b, "%s is up to date: nothing was sent.\n", r.Output)
	case r.Output != "":
		fmt.Fprintf(&b, "Wrote %s: %s\n", r.Output, Many(rows.Rows, "row"))
	}
	if rows == nil {
		rows = &r.Run
		if s.Total > 0 {
			left = r.Left(s.Total)
		}
	}
	tw := newTable(&b)
	writeRows(tw, r, rows, left)
	writeRun(tw, r)
	writeCost(tw, r, rows)
	tw.Flush()
	writeEvaluation(&b, rows.Evaluation)
	return b.String()
}

// writeRows writes what became of the rows.
func writeRows(w io.Writer, s *jobs.Summary, rows *jobs.Totals, left int64) {
	fmt.Fprintf(w, "  rows\t%s\n", statusText(rows, left))
	writeProblems(w, rows.Problems)
	if len(rows.Labels) > 0 {
		fmt.Fprintf(w, "  labels\t%s\n", labelsText(rows.Labels, rows.Status[batch.OK]))
	}
	if s.Settled > 0 {
		fmt.Fprintf(w, "  settled before\t%s, not asked again%s\n", Many(s.Settled, "row"), saved(s.Kept))
	}
	if rows.Copied > 0 {
		fmt.Fprintf(w, "  copied\t%s from identical ones, which saved %s\n", Many(rows.Copied, "row"), costText(rows.Saved, 0))
	}
	writeCleaned(w, rows)
}

// writeProblems writes the most frequent reasons for which rows are not ok.
func writeProblems(w io.Writer, problems map[string]int64) {
	const most = 3
	for i, why := range byCount(problems) {
		if i == most {
			fmt.Fprintf(w, "\tand others: see the column error\n")
			break
		}
		fmt.Fprintf(w, "\t%s %s\n", Count(problems[why]), why)
	}
}

// labelsText lists labels, the most frequent first, with their share of the rows.
func labelsText(labels map[string]int64, rows int64) string {
	names := byCount(labels)
	shown := make([]string, len(names))
	for i, name := range names {
		n := labels[name]
		if name == "" {
			name = "none of them"
		}
		shown[i] = fmt.Sprintf("%s %s (%s)", name, Count(n), percentOf(n, max(rows, 1)))
	}
	return strings.Join(shown, ", ")
}

// writeRun writes what this run alone did.
func writeRun(w io.Writer, s *jobs.Summary) {
	run := &s.Run
	if run.Attempts > 0 {
		retries := ""
		if run.Retries > 0 {
			retries = fmt.Sprintf(", %s of them retries", Count(run.Retries))
		}
		fmt.Fprintf(w, "  this run\t%s%s in %s, %s rows/s\n", Many(run.Attempts, "request"), retries, duration(s.Elapsed), decimal(rowRate(s)))
	}
	if run.Changed > 0 {
		fmt.Fprintf(w, "  changed\t%s answered after the request was changed: see \"note\" in the journal\n", Many(run.Changed, "row"))
	}
	for _, l := range s.Learned {
		fmt.Fprintf(w, "  learned\t%v\n", l)
	}
	for _, m := range run.Models {
		fmt.Fprintf(w, "  %s\t%s in (%s cached), %s out (%s thinking), %s\n", m.Model,
			Many(m.PromptTokens+m.ToolTokens, "token"), Count(m.CachedTokens), Count(m.OutputTokens+m.ThoughtsTokens), Count(m.ThoughtsTokens),
			costText(m.Cost, m.Unknown))
	}
	writeTiers(w, run, len(s.Asked) > 1)
	if run.Unreported > 0 {
		fmt.Fprintf(w, "  not reported\t%s cut before it was known what was used, and possibly billed as well: at most $%s more\n",
			Many(run.Unreported, "attempt"), Money(run.UnreportedMost))
	}
}

// rowRate is how many rows a second a run had answered. The least time keeps it finite.
func rowRate(s *jobs.Summary) float64 { return float64(s.Run.Rows) / max(s.Elapsed.Seconds(), 0.001) }

// writeCost writes what the rows cost, in all runs together.
func writeCost(w io.Writer, s *jobs.Summary, rows *jobs.Totals) {
	if n, fee := rows.SearchFees(); fee > 0 {
		fmt.Fprintf(w, "  search fees\t$%s of the cost, for %s, before the free allowance (see genbatch prices MODEL)\n", Money(fee), searches(n))
	}
	what := "cost"
	if s.Job != nil && rows.Attempts > s.Run.Attempts {
		what = "cost of these rows"
	}
	by := ""
	if cost, _ := rows.CostUSD(); s.ListPriced && cost > 0 {
		by = " at Google's list price; the gateway charges its own (see --prices)"
	}
	fmt.Fprintf(w, "  %s\t%s%s\n", what, totalCost(rows), by)
	writeBill(w, "  ", rows)
	if f := s.Forecast; f != nil {
		fmt.Fprintf(w, "  forecast\t$%s by the pilot, 90 %%: $%s to $%s\n", Money(f.Mean), Money(f.Low), Money(f.High))
	}
}

func searches(n int64) string {
	if n == 1 {
		return "1 search"
	}
	return Count(n) + " searches"
}

// summaryJSON is [Summary] as JSON.
type summaryJSON struct {
	Type     string `json:"type"`
	ExitCode int    `json:"exit_code"`
	Error    string `json:"error,omitempty"`

	Output    string  `json:"output"`
	Unchanged bool    `json:"unchanged"`
	Simulated bool    `json:"simulated"`
	Seconds   float64 `json:"seconds"`
	RowRate   float64 `json:"rows_per_second"`
	summaryRowsJSON

	ListPriced bool                  `json:"list_priced"`
	Learned    []quota.Learned       `json:"learned,omitempty"`
	Forecast   *sorted[forecastJSON] `json:"forecast,omitempty"`
	Run        sorted[totalsJSON]    `json:"run"`
	Job        *sorted[totalsJSON]   `json:"job,omitempty"`
}

// summaryRowsJSON are the rows that a run did not have to ask.
type summaryRowsJSON struct {
	Settled         int64   `json:"settled_before"`
	SettledSavedUSD dollars `json:"settled_before_saved_usd"`
	Bad             int64   `json:"bad"`
	Copied          int64   `json:"copied"`
}

// MarshalJSON implements json.Marshaler.
func (s Summary) MarshalJSON() ([]byte, error) {
	r := s.Summary
	record := summaryJSON{
		Type: "summary", ExitCode: s.ExitCode,
		Output: r.Output, Unchanged: r.Unchanged, Simulated: r.Simulated, Seconds: r.Elapsed.Seconds(), RowRate: rowRate(r),
		summaryRowsJSON: summaryRowsJSON{r.Settled, dollars(r.Kept), r.Bad, r.Copied},
		ListPriced:      r.ListPriced, Learned: r.Learned, Forecast: forecastOf(r.Forecast), Run: sorted[totalsJSON]{totalsOf(&r.Run)},
	}
	if s.Err != nil {
		record.Error = s.Err.Error()
	}
	if r.Job != nil {
		record.Job = &sorted[totalsJSON]{totalsOf(r.Job)}
	}
	return marshal(sorted[summaryJSON]{record})
}

// forecastJSON is [jobs.Forecast] as JSON.
type forecastJSON struct {
	Answers int64   `json:"answers"`
	MeanUSD dollars `json:"mean_usd"`
	LowUSD  dollars `json:"low_usd"`
	HighUSD dollars `json:"high_usd"`
}

// forecastOf returns nil for a forecast that is not there.
func forecastOf(f *jobs.Forecast) *sorted[forecastJSON] {
	if f == nil {
		return nil
	}
	return &sorted[forecastJSON]{forecastJSON{f.Answers, dollars(f.Mean), dollars(f.Low), dollars(f.High)}}
}
