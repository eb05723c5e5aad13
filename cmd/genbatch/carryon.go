package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/internal/redact"
	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

// printCarryOn tells the user of a run that ended early what is left to do, and with which
// command. Total is the number of the job's rows; 0 if not known.
func printCarryOn(w io.Writer, s *jobs.Summary, err error, total int64) {
	left := s.Left(total)
	text := ""
	lost, isLost := errors.AsType[*jobs.LostError](err)
	_, isDamaged := errors.AsType[*jobs.Damage](err)
	if !isDamaged && (!isLost || lost.Safe()) {
		text = "What was answered is safe. "
	}
	if total > 0 && left > 0 {
		atMost := ""
		if s.Input == nil && s.Settled > 0 { // settled rows may lie where the run did not come to
			atMost = "At most "
		}
		text += fmt.Sprintf("%s%s of %s rows are left. ", atMost, report.Count(left), report.Count(total))
	}
	again := sameCommand()
	var day *quota.DayError
	var budget *jobs.BudgetError
	var late *jobs.DeadlineError
	var away *jobs.DetachedError
	atWork := slices.ContainsFunc(s.Batches, func(b jobs.Batch) bool { return b.Live && b.Name != "" })
	switch {
	case errors.As(err, &away):
		text += "Collect with:"
	case atWork:
		text += "Batch jobs stay at the endpoint, and go on without this process. Collect with:"
	case errors.As(err, &late):
		text += "Carry on with, or with a later --deadline:"
	case errors.As(err, &budget) && budget.Unpriced != "":
		text += "Carry on with its price, in a file:"
		again = sameCommand("prices") + " --prices FILE"
	case errors.As(err, &budget):
		if more, known := costOfRest(s, total); known {
			text += fmt.Sprintf("At this run's mean cost of a row the rest takes about $%s more. ", report.Money(more))
		}
		text += "Carry on with a higher --max-cost:"
		again = sameCommand("max-cost") + " --max-cost " + higherCap(s, budget, total)
	case errors.As(err, &day):
		if left > 0 && day.PerDay > 0 {
			text += fmt.Sprintf("At %s a day they take about %s more. ", report.Many(day.PerDay, "request"), report.Many((callsOf(left, &s.Run)+day.PerDay-1)/day.PerDay, "day"))
		}
		text += fmt.Sprintf("Carry on after %s with:", day.Until.Local().Format("Mon 2 Jan 15:04 MST"))
	case errors.Is(err, batch.ErrInterrupted):
		text += "Carry on with:"
	default:
		text += "Once the cause is mended, carry on with:"
	}
	// The command stays in one line, so that it can be copied.
	fmt.Fprintf(w, "\n%s\n  %s\n", strings.Join(terminal.Wrap(text, terminal.Columns), "\n"), again)
}

// printMerge tells the user of a shard that is done how all of them are joined. copied is the
// address of its state; empty if that is in a folder, whose path is of this machine alone otherwise.
func printMerge(w io.Writer, s jobs.Spec, copied string) {
	words := []string{filepath.Base(os.Args[0]), "merge", args.Quote(s.Output)}
	if copied != "" {
		job, _, _ := strings.Cut(copied, "/shards/"+strings.ReplaceAll(s.Shard, "/", "-of-"))
		words = append(words[:2], "--state", args.Quote(job))
	} else if s.State != "" && s.State != jobs.StateDirOf(s.Output) {
		words = append(words[:2], "--state", args.Quote(s.State))
	}
	_, count, _ := strings.Cut(s.Shard, "/")
	text := fmt.Sprintf("A shard writes no output. When all %s are done, join them with:", count)
	fmt.Fprintf(w, "\n%s\n  %s\n", strings.Join(terminal.Wrap(text, terminal.Columns), "\n"), strings.Join(words, " "))
}

// callsOf estimates how many calls so many rows take: one each, or, where rows share calls, as many
// as it took those of this run.
func callsOf(rows int64, run *jobs.Totals) int64 {
	if run.Packs == 0 || run.Rows == 0 {
		return rows
	}
	return (rows*run.Attempts + run.Rows - 1) / run.Rows
}

// costOfRest estimates what the rows that are left will cost: as much each as the rows of
// this run, on average.
func costOfRest(s *jobs.Summary, total int64) (more price.USD, known bool) {
	cost, unpriced := s.Run.CostUSD()
	if unpriced > 0 || s.Run.Bill.UnknownRows > 0 || s.Run.Rows == 0 || total == 0 {
		return 0, false
	}
	return price.USD(float64(cost) / float64(s.Run.Rows) * float64(s.Left(total))), true
}

// higherCap returns the --max-cost with which the job can go on. If the cost of the rest
// is known, the cap has a tenth to spare; else it is twice the one that was reached.
func higherCap(s *jobs.Summary, budget *jobs.BudgetError, total int64) string {
	shards := price.USD(1) // among which the job's cap is divided
	if _, count, ok := strings.Cut(s.Shard, "/"); ok {
		n, _ := strconv.Atoi(count)
		shards = price.USD(max(1, n))
	}
	if more, known := costOfRest(s, total); known {
		return report.Money(shards * ((budget.Spent+budget.Most+more)*11/10 + budget.Next))
	}
	return report.Money(shards * (2*max(budget.Cap, budget.Spent+budget.Most) + budget.Next))
}

// sameCommand returns the command of this process, without --fresh, which would set the
// journal aside, and without the named flags, which take a value.
func sameCommand(without ...string) string {
	words := []string{filepath.Base(os.Args[0])}
	isHeader, isValue := false, false
	for _, a := range os.Args[1:] {
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		dropped := strings.HasPrefix(a, "-") && slices.Contains(without, name)
		if isValue || dropped {
			isValue = dropped && !hasValue
			continue
		}
		// A header can hold a key, and others may read what is printed, such as cron's mail.
		if name, pair, ok := strings.Cut(a, "="); ok && strings.TrimLeft(name, "-") == "header" {
			a = name + "=" + redact.Header(pair)
		} else if isHeader {
			a = redact.Header(a)
		}
		isHeader = strings.TrimLeft(a, "-") == "header"
		if a != "--fresh" && a != "--yes" && a != "-y" {
			words = append(words, args.Quote(a))
		}
	}
	return strings.Join(words, " ")
}
