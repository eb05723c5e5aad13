package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
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
		fmt.Fprintf(&b, "%s is up to date: nothing was sent.\n", terminal.Line(r.Output, faultWidth))
	case r.Shard != "" && r.Job != nil:
		fmt.Fprintf(&b, "Shard %s is done: %s\n", r.Shard, Many(rows.Rows, "row"))
	case r.Output != "":
		fmt.Fprintf(&b, "Wrote %s: %s\n", terminal.Line(r.Output, faultWidth), Many(rows.Rows, "row"))
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
	writeBatches(tw, r.Batches, "  ")
	writeCost(tw, r, rows)
	tw.Flush()
	writeJudgement(&b, &rows.Judgement)
	if s.ExitCode == notOKCode {
		fmt.Fprint(&b, "\n", terminal.Paragraph(NotOK(r)+"\n"))
	}
	return b.String()
}

// notOKCode is the exit code of a run that finished, and left rows that are not ok.
const notOKCode = 3

// NotOK says how many rows of a finished run are not ok, and what the same command does about
// them.
func NotOK(s *jobs.Summary) string {
	rows := s.Job
	if rows == nil {
		rows = &s.Run
	}
	var parts, settled []string
	for _, status := range batch.Statuses {
		n := rows.Status[status]
		if status == batch.OK || n == 0 {
			continue
		}
		parts = append(parts, Count(n)+" "+string(status))
		if status.Settled() && status != batch.Skipped {
			settled = append(settled, string(status))
		}
	}
	bad, are := rows.Rows-rows.Status[batch.OK], "are"
	if bad == 1 {
		are = "is"
	}
	where := "see the column error"
	if s.Shard != "" { // which has no output
		where = "genbatch show says why"
	}
	text := fmt.Sprintf("%s of %s %s not ok: %s (%s).", Count(bad), Many(rows.Rows, "row"), are, strings.Join(parts, ", "), where)
	if rows.Status[batch.Failed] > 0 {
		text += " The same command asks the failed rows again."
	}
	if len(settled) > 0 {
		text += fmt.Sprintf(" Rows that are %s are asked again with --retry %s.", strings.Join(settled, " or "), strings.Join(settled, ","))
	}
	if rows.Status[batch.Skipped] > 0 {
		text += " Skipped rows are asked once the input is mended."
	}
	return text
}

// writeRows writes what became of the rows.
func writeRows(w io.Writer, s *jobs.Summary, rows *jobs.Totals, left int64) {
	lost := ""
	if s.Lost > 0 {
		lost = fmt.Sprintf(", of which %s had an answer that is lost", Count(s.Lost))
	}
	fmt.Fprintf(w, "  rows\t%s%s\n", statusText(rows, left), lost)
	writeProblems(w, rows)
	for _, question := range slices.Sorted(maps.Keys(rows.Labels)) {
		fmt.Fprintf(w, "  %s\t%s\n", cmp.Or(question, "labels"), labelsText(rows.Labels[question], rows.Status[batch.OK]))
	}
	if s.Settled > 0 {
		fmt.Fprintf(w, "  settled before\t%s, not asked again%s\n", Many(s.Settled, "row"), saved(s.Kept))
	}
	if rows.Copied > 0 {
		fmt.Fprintf(w, "  copied\t%s from identical ones, which saved %s\n", Many(rows.Copied, "row"), CostText(rows.Saved, 0))
	}
	writeCleaned(w, rows)
}

// problemWidth is how many columns a problem takes at most: three lines or so.
const problemWidth = 200

// listed is how many labels, models or endpoints a list has at most. The JSON has all.
const listed = 20

// writeProblems writes the most frequent reasons for which rows are not ok.
// A status with a finding is left out, since that says them.
func writeProblems(w io.Writer, t *jobs.Totals) {
	const most = 3
	problems := maps.Clone(t.Problems)
	maps.DeleteFunc(problems, func(why string, _ int64) bool {
		status, _, _ := strings.Cut(why, ": ")
		return slices.ContainsFunc(t.Findings, func(f jobs.Finding) bool { return f.Code == status })
	})
	for i, why := range ByCount(problems) {
		if i == most {
			fmt.Fprintf(w, "\tand others: see the column error\n")
			break
		}
		fmt.Fprintf(w, "\t%s %s\n", Count(problems[why]), terminal.Line(why, problemWidth))
	}
}

// labelsText lists labels, the most frequent first, with their share of the rows.
func labelsText(labels map[string]int64, rows int64) string {
	var shown []string
	for i, name := range ByCount(labels) {
		if i == listed {
			shown = append(shown, fmt.Sprintf("and %s more", Count(int64(len(labels)-i))))
			break
		}
		n := labels[name]
		if name == "" {
			name = "none of them"
		}
		shown = append(shown, fmt.Sprintf("%s %s (%s)", terminal.Name(name), Count(n), Percent(n, max(rows, 1))))
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
		fmt.Fprintf(w, "  this run\t%s%s in %s, %s rows/s\n", Many(run.Attempts, "request"), retries, Duration(s.Elapsed), decimal(rowRate(s)))
	}
	if run.Packs > 0 {
		fmt.Fprintf(w, "  shared\t%s\n", packsText(run))
	}
	if run.Changed > 0 {
		fmt.Fprintf(w, "  changed\t%s answered after the request was changed: see \"note\" in the journal\n", Many(run.Changed, "row"))
	}
	for _, l := range s.Learned {
		fmt.Fprintf(w, "  learned\t%v\n", l)
	}
	for i, m := range run.Models {
		if i == listed {
			fmt.Fprintf(w, "  other models\t%s\n", Count(int64(len(run.Models)-i)))
			break
		}
		fmt.Fprintf(w, "  %s\t%s in (%s cached), %s out (%s thinking), %s\n", terminal.Name(m.Model),
			Many(m.PromptTokens+m.ToolTokens, "token"), Count(m.CachedTokens), Count(m.OutputTokens+m.ThoughtsTokens), Count(m.ThoughtsTokens),
			CostText(m.Cost, m.Unknown))
	}
	writeTiers(w, run, len(s.Asked) > 1)
	if run.Unreported > 0 {
		fmt.Fprintf(w, "  not reported\t%s\n", Unreported(run))
	}
}

// packsText says how many rows have shared how many calls.
func packsText(t *jobs.Totals) string {
	return fmt.Sprintf("%s in %s", Many(t.Packed, "row"), Many(t.Packs, "call"))
}

// Unreported says what attempts may have cost that did not report it: they were cut before,
// or answered with a usage that cannot be read.
func Unreported(t *jobs.Totals) string {
	text := Many(t.Bill.Unread, "answer") + " whose usage cannot be read"
	if cut := Many(t.Unreported-t.Bill.Unread, "attempt") + " cut before it was known what was used, and possibly billed as well"; t.Bill.Unread == 0 {
		text = cut
	} else if t.Bill.Unread < t.Unreported {
		text += ", and " + cut
	}
	text += ": "
	if likely, ok := likelyUnreported(t); ok {
		text += fmt.Sprintf("likely about $%s if so, as much as answers cost on average; ", Money(likely))
	}
	return text + fmt.Sprintf("the bound, if each made the longest answer that it could, is $%s", Money(t.UnreportedMost))
}

// likelyUnreported returns what those attempts cost if they cost as much as the others do on
// average. ok is false if none of the others has a known cost, or if that is above the bound.
func likelyUnreported(t *jobs.Totals) (likely price.USD, ok bool) {
	var cost price.USD
	var calls int64
	for _, m := range t.Models {
		cost, calls = cost+m.Cost, calls+m.Calls-m.Unknown
	}
	if calls == 0 {
		return 0, false
	}
	likely = price.USD(float64(cost) / float64(calls) * float64(t.Unreported))
	return likely, likely < t.UnreportedMost
}

// rowRate is how many rows a second a run had answered. The least time keeps it finite.
func rowRate(s *jobs.Summary) float64 { return float64(s.Run.Rows) / max(s.Elapsed.Seconds(), 0.001) }

// writeCost writes what the rows cost, in all runs together.
func writeCost(w io.Writer, s *jobs.Summary, rows *jobs.Totals) {
	if n, fee := rows.SearchFees(); fee > 0 {
		fmt.Fprintf(w, "  search fees\t$%s of the cost, for %s, before the free allowance (see genbatch prices MODEL)\n", Money(fee), searches(n))
	}
	what, whose := "cost", ""
	if s.Job == nil {
		whose = " in this run" // earlier ones may have cost more, which status shows
	} else if rows.Attempts > s.Run.Attempts {
		what = "cost of these rows"
	}
	by := ""
	if cost, _ := rows.CostUSD(); s.ListPriced && cost > 0 {
		by = " at Google's list price; the gateway charges its own (see --prices)"
	}
	fmt.Fprintf(w, "  %s\t%s%s%s\n", what, TotalCost(rows), whose, by)
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
	Shard     string  `json:"shard,omitempty"` // such as 3/8
	Unchanged bool    `json:"unchanged"`
	Simulated bool    `json:"simulated"`
	Seconds   float64 `json:"seconds"`
	RowRate   float64 `json:"rows_per_second"`
	summaryRowsJSON

	Batches    []jobs.Batch          `json:"batches,omitempty"`
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
	Lost            int64   `json:"lost,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (s Summary) MarshalJSON() ([]byte, error) {
	r := s.Summary
	record := summaryJSON{
		Type: "summary", ExitCode: s.ExitCode,
		Output: r.Output, Shard: r.Shard, Unchanged: r.Unchanged, Simulated: r.Simulated, Seconds: r.Elapsed.Seconds(), RowRate: rowRate(r),
		summaryRowsJSON: summaryRowsJSON{r.Settled, dollars(r.Kept), r.Bad, r.Copied, r.Lost},
		Batches:         r.Batches, ListPriced: r.ListPriced, Learned: r.Learned, Forecast: forecastOf(r.Forecast), Run: sorted[totalsJSON]{totalsOf(&r.Run)},
	}
	if s.Err != nil {
		record.Error = message.Plain(s.Err)
	}
	if r.Job != nil {
		record.Job = &sorted[totalsJSON]{totalsOf(r.Job)}
	}
	return apijson.Marshal(sorted[summaryJSON]{record})
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
