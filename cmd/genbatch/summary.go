package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/jobs"
)

// finish prints what a run came to, and when it ended early, why and how to go
// on.
func (d *display) finish(s *jobs.Summary, err error, code int, again string) {
	if d.json {
		writeJSON(d.con.stderr, summaryJSON(s, err, code))
		return
	}
	if err != nil {
		fmt.Fprintf(d.con.stderr, "genbatch: %v\n", err)
	}
	if d.quiet {
		return
	}
	printSummary(d.con.stderr, s, d.total.Load())
	if n := d.job.Spec().Sample; err == nil && n > 0 && s.Job != nil && s.Job.Rows == int64(n) {
		fmt.Fprintln(d.con.stderr, "\nThis is a sample: without --sample the other rows are asked, and these are not asked again.")
	}
	if err != nil && code != 2 {
		printGoOn(d.con.stderr, s, err, d.total.Load(), again)
	}
}

func printGoOn(w io.Writer, s *jobs.Summary, err error, total int64, again string) {
	fmt.Fprintf(w, "\nWhat was answered is safe. ")
	if left := s.Left(total); total > 0 && left > 0 {
		fmt.Fprintf(w, "%s of %s rows are left. ", count(left), count(total))
	}
	var day *quota.DayError
	var budget *jobs.BudgetError
	var late *jobs.DeadlineError
	switch {
	case errors.As(err, &late):
		fmt.Fprint(w, "Carry on with, or with a later --deadline:\n")
	case errors.As(err, &budget):
		if more, known := rest(s, total); known {
			fmt.Fprintf(w, "At this run's mean cost of a row the rest takes about $%s more. ", money(more))
		}
		fmt.Fprint(w, "Carry on with a higher --max-cost:\n")
	case errors.As(err, &day):
		if left := s.Left(total); left > 0 && day.PerDay > 0 {
			fmt.Fprintf(w, "At %s a day they take about %s more. ", many(day.PerDay, "request"), many((left+day.PerDay-1)/day.PerDay, "day"))
		}
		fmt.Fprintf(w, "Carry on after %s with:\n", day.Until.Local().Format("Mon 2 Jan 15:04 MST"))
	case errors.Is(err, batch.ErrInterrupted):
		fmt.Fprint(w, "Carry on with:\n")
	default:
		fmt.Fprint(w, "Once the cause is mended, carry on with:\n")
	}
	fmt.Fprintf(w, "  %s\n", again)
}

// rest is about what the rows that are left will cost, by those of the run.
func rest(s *jobs.Summary, total int64) (more price.USD, known bool) {
	cost, unpriced := s.Run.CostUSD()
	if unpriced > 0 || s.Run.Rows == 0 || total == 0 {
		return 0, false
	}
	return price.USD(float64(cost) / float64(s.Run.Rows) * float64(s.Left(total))), true
}

// enough is the cap with which a job can go on: with room for chance where the cost
// of the rest is known, else twice the one that was reached.
func enough(s *jobs.Summary, budget *jobs.BudgetError, total int64) string {
	if more, known := rest(s, total); known {
		return money((budget.Spent+more)*11/10 + budget.Next)
	}
	return money(2*budget.Cap + budget.Next)
}

// printSummary prints a run's summary for people.
func printSummary(w io.Writer, s *jobs.Summary, total int64) {
	if s.Simulated {
		fmt.Fprintln(w, "SIMULATED: the answers below were made up by the simulator, and the cost is what real ones would have cost.")
	}
	all := s.Job
	switch {
	case s.Unchanged:
		fmt.Fprintf(w, "%s is up to date: nothing was sent.\n", s.Output)
	case s.Output != "":
		fmt.Fprintf(w, "Wrote %s: %s\n", s.Output, many(all.Rows, "row"))
	}
	if all == nil {
		all = &s.Run
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer func() {
		tw.Flush()
		printEvaluation(w, all.Evaluation)
	}()
	left := int64(0)
	if s.Job == nil && total > 0 {
		left = s.Left(total)
	}
	fmt.Fprintf(tw, "  rows\t%s\n", statusText(all, left))
	printProblems(tw, all.Problems)
	if len(all.Labels) > 0 {
		fmt.Fprintf(tw, "  labels\t%s\n", labelText(all.Labels, all.Status[batch.OK]))
	}
	if s.Settled > 0 {
		fmt.Fprintf(tw, "  settled before\t%s, not asked again%s\n", many(s.Settled, "row"), saved(s.Kept))
	}
	if all.Copied > 0 {
		fmt.Fprintf(tw, "  copied\t%s from identical ones, which saved %s\n", many(all.Copied, "row"), costText(all.Saved, 0))
	}
	run := &s.Run
	if run.Attempts > 0 {
		retries := ""
		if run.Retries > 0 {
			retries = fmt.Sprintf(", %s of them retries", count(run.Retries))
		}
		fmt.Fprintf(tw, "  this run\t%s%s in %s, %s rows/s\n", many(run.Attempts, "request"), retries,
			duration(s.Elapsed), decimal(float64(run.Rows)/max(s.Elapsed.Seconds(), 0.001)))
	}
	if run.Changed > 0 {
		fmt.Fprintf(tw, "  changed\t%s answered after the request was changed: see \"note\" in the journal\n", many(run.Changed, "row"))
	}
	for _, l := range s.Learned {
		fmt.Fprintf(tw, "  learned\t%v\n", l)
	}
	for _, m := range run.Models {
		fmt.Fprintf(tw, "  %s\t%s in (%s cached), %s out (%s thinking), %s\n", m.Model,
			tokens(m.PromptTokens+m.ToolTokens), count(m.CachedTokens), count(m.OutputTokens+m.ThoughtsTokens), count(m.ThoughtsTokens),
			costText(m.Cost, m.Unknown))
	}
	printTiers(tw, run, len(s.Asked) > 1)
	if run.Unreported > 0 {
		fmt.Fprintf(tw, "  not reported\t%s cut before it was known what was used, and possibly billed as well: at most $%s more\n", many(run.Unreported, "attempt"), money(run.UnreportedMost))
	}
	if n, fee := all.SearchFees(); fee > 0 {
		fmt.Fprintf(tw, "  search fees\t$%s of the cost, for %s, before the free allowance (see genbatch prices MODEL)\n", money(fee), searches(n))
	}
	cost, unpriced := all.CostUSD()
	what := "cost"
	if s.Job != nil && all.Attempts > run.Attempts {
		what = "cost of these rows"
	}
	by := ""
	if s.ListPriced && cost > 0 {
		by = " at Google's list price; the gateway charges its own (see --prices)"
	}
	fmt.Fprintf(tw, "  %s\t%s%s\n", what, strings.TrimPrefix(costText(cost, unpriced+unmeasured(all)), "cost "), by)
	printBill(tw, "  ", all)
	if f := s.Forecast; f != nil {
		fmt.Fprintf(tw, "  forecast\t$%s by the pilot, 90 %%: $%s to $%s\n", money(f.Mean), money(f.Low), money(f.High))
	}
}

func searches(n int64) string {
	if n == 1 {
		return "1 search"
	}
	return count(n) + " searches"
}

// unmeasured is how many calls there may be of unknown cost where no cost at all
// is known, so that what is not known is not shown as nothing.
func unmeasured(t *jobs.Totals) int64 {
	if cost, unpriced := t.CostUSD(); cost == 0 && unpriced == 0 {
		return t.Unreported
	}
	return 0
}

// printProblems prints the most frequent reasons for which rows are not ok.
func printProblems(w io.Writer, problems map[string]int64) {
	const most = 3
	for i, why := range byCount(problems) {
		if i == most {
			fmt.Fprintf(w, "\tand others: see the column error\n")
			break
		}
		fmt.Fprintf(w, "\t%s %s\n", count(problems[why]), why)
	}
}

// byCount sorts names by their counts, the greatest first.
func byCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// statusText lists how many rows have which status, and how many have none yet.
func statusText(t *jobs.Totals, left int64) string {
	var parts []string
	for _, s := range batch.Statuses {
		if n := t.Status[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", count(n), s))
		}
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%s left", count(left)))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// labelText lists labels, the most frequent first, with their share of the rows.
func labelText(labels map[string]int64, rows int64) string {
	names := byCount(labels)
	parts := make([]string, len(names))
	for i, name := range names {
		shown := name
		if name == "" {
			shown = "none of them"
		}
		parts[i] = fmt.Sprintf("%s %s (%.1f%%)", shown, count(labels[name]), 100*float64(labels[name])/float64(max(rows, 1)))
	}
	return strings.Join(parts, ", ")
}

// summaryJSON is the summary for programs. Money is in dollars, as a number where
// it is known.
func summaryJSON(s *jobs.Summary, err error, code int) map[string]any {
	m := map[string]any{
		"type": "summary", "exit_code": code, "simulated": s.Simulated, "seconds": s.Elapsed.Seconds(),
		"settled_before": s.Settled, "bad": s.Bad, "copied": s.Copied, "output": s.Output, "unchanged": s.Unchanged,
		"rows_per_second": float64(s.Run.Rows) / max(s.Elapsed.Seconds(), 0.001),
		"list_priced":     s.ListPriced, "settled_before_saved_usd": rawNumber(s.Kept.String()),
		"run": totalsJSON(&s.Run),
	}
	if len(s.Learned) > 0 {
		m["learned"] = s.Learned
	}
	if s.Forecast != nil {
		m["forecast"] = forecastJSON(s.Forecast)
	}
	if s.Job != nil {
		m["job"] = totalsJSON(s.Job)
	}
	if err != nil {
		m["error"] = err.Error()
	}
	return m
}

func forecastJSON(f *jobs.Forecast) map[string]any {
	return map[string]any{
		"answers": f.Answers, "mean_usd": rawNumber(f.Mean.String()), "low_usd": rawNumber(f.Low.String()), "high_usd": rawNumber(f.High.String()),
	}
}

func totalsJSON(t *jobs.Totals) map[string]any {
	cost, unpriced := t.CostUSD()
	models := make([]map[string]any, len(t.Models))
	for i, m := range t.Models {
		models[i] = map[string]any{
			"model": m.Model, "simulated": m.Simulated, "calls": m.Calls, "prompt_tokens": m.PromptTokens, "cached_tokens": m.CachedTokens,
			"tool_tokens": m.ToolTokens, "thoughts_tokens": m.ThoughtsTokens, "output_tokens": m.OutputTokens,
			"searches": m.Searches, "search_fees_usd": rawNumber(m.SearchFee.String()),
			"cost_usd": usd(m.Cost, m.Unknown), "unpriced_calls": m.Unknown,
		}
	}
	out := map[string]any{
		"rows": t.Rows, "status": t.Status, "requests": t.Attempts, "retries": t.Retries, "models": models,
		"cost_usd": usd(cost, unpriced), "unpriced_calls": unpriced, "unreported_attempts": t.Unreported, "unreported_most_usd": rawNumber(t.UnreportedMost.String()), "changed_rows": t.Changed,
	}
	addBillJSON(out, t)
	if t.Tiered() {
		out["tiers"] = tiersJSON(t)
	}
	if t.Copied > 0 {
		out["copied_rows"], out["saved_usd"] = t.Copied, rawNumber(t.Saved.String())
	}
	if len(t.Labels) > 0 {
		out["labels"] = t.Labels
	}
	if t.Evaluation != nil {
		out["evaluation"] = t.Evaluation
	}
	if len(t.Problems) > 0 {
		out["problems"] = t.Problems
	}
	return out
}

// usd is an amount as JSON, null when part of it is unknown.
func usd(cost price.USD, unpriced int64) any {
	if unpriced > 0 {
		return nil
	}
	return rawNumber(cost.String())
}

// rawNumber is a number that is written as it stands.
type rawNumber string

// MarshalJSON implements json.Marshaler.
func (n rawNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

func costText(cost price.USD, unpriced int64) string {
	switch {
	case unpriced > 0 && cost == 0:
		return "cost unknown"
	case unpriced > 0:
		return fmt.Sprintf("$%s and %s calls of unknown price", money(cost), count(unpriced))
	}
	return "$" + money(cost)
}

// money rounds an amount to what people read: cents, or two digits that count.
func money(cost price.USD) string {
	digits := 2
	for limit := price.USD(1e11); cost != 0 && cost < limit && digits < 8; limit /= 10 {
		digits++
	}
	return cost.Format(digits)
}

// count writes a number in groups of three.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many writes how many there are of a thing.
func many(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}

func tokens(n int64) string { return many(n, "token") }

func fraction(n, total int64) string {
	if total == 0 {
		return count(n)
	}
	return count(n) + "/" + count(total)
}

func decimal(f float64) string {
	switch {
	case f >= 100:
		return count(int64(f + 0.5))
	case f >= 10:
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.1f", f)
}

func duration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
