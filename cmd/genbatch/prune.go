package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
)

func pruneCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "remove results from the journal for good; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Description: "Rewrites the journal without the results that the flags name. What stays is not touched,\n" +
			"and a crash leaves the journal as it was, or pruned. Results of rows that are in the input\n" +
			"would be asked, and paid for, again: those go only with --yes.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "orphaned", Usage: "results that no row of the input asks for any more"},
			&cli.BoolFlag{Name: "superseded", Usage: "results of a row that another one counts in place of"},
			&cli.StringFlag{Name: "older-than", Usage: "results older than `AGE`, such as 30d or 12h"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would go, and remove nothing"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "also results whose rows would be asked again"},
			stateFlag(), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			spec, err := savedSpec(c)
			if err != nil {
				return err
			}
			p := jobs.Pruning{Orphaned: c.Bool("orphaned"), Superseded: c.Bool("superseded"), DryRun: c.Bool("dry-run"), Yes: c.Bool("yes")}
			if text := c.String("older-than"); text != "" {
				if p.OlderThan, err = parseAge(text); err != nil {
					return err
				}
			}
			r, err := jobs.Prune(*spec, jobs.Options{}, p)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				writeJSON(con.stdout, prunedJSON(r, p))
				return nil
			}
			printPruned(con, r, p)
			return nil
		},
	}
}

// age is a number of days and a duration, both of which may be left out.
var age = regexp.MustCompile(`^(?:(\d+)d)?(.*)$`)

// parseAge reads a duration that may begin with days: 30d, 1d12h, 90m.
func parseAge(text string) (time.Duration, error) {
	wrong := &jobs.SpecError{Err: fmt.Errorf("older-than is %q", text), Hint: "write --older-than 30d, 36h or 1d12h"}
	m := age.FindStringSubmatch(text)
	var d time.Duration
	if m[2] != "" {
		var err error
		if d, err = time.ParseDuration(m[2]); err != nil {
			return 0, wrong
		}
	}
	if m[1] != "" {
		const day = 24 * time.Hour
		days, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || d < 0 || days > int64((math.MaxInt64-d)/day) {
			return 0, wrong
		}
		d += time.Duration(days) * day
	}
	if d <= 0 {
		return 0, wrong
	}
	return d, nil
}

func printPruned(con *console, r *jobs.Pruned, p jobs.Pruning) {
	w := con.stdout
	if r.Results == 0 {
		fmt.Fprintf(w, "Nothing to prune: all %s results in %s stay.\n", count(r.Kept), r.State)
		return
	}
	did, leave := "Pruned", "have left"
	if p.DryRun {
		did, leave = "Would prune", "would leave"
	}
	fmt.Fprintf(w, "%s %s results (%s bytes) from %s: %s orphaned, %s superseded; %s stay\n",
		did, count(r.Results), count(r.Bytes), r.State, count(r.Orphaned), count(r.Superseded), count(r.Kept))
	cost, unpriced := r.Removed.CostUSD()
	fmt.Fprintf(w, "Their %s requests, %s, %s the job's total, and what --max-cost counts: that is what is in the journal.\n",
		count(r.Removed.Attempts), costText(cost, unpriced), leave)
	switch {
	case !r.Compared:
		fmt.Fprintln(w, "The input cannot be read: if its rows come back, those that went are asked, and paid for, again.")
	case r.Again > 0:
		fmt.Fprintf(w, "%s rows of the input lose their answer by it: the next run asks, and pays for, them again.\n", count(r.Again))
	}
	if r.Bad > 0 && p.Orphaned {
		fmt.Fprintf(w, "%s rows of the input cannot be read or rendered: answers that they once got count as orphaned.\n", count(r.Bad))
	}
	if r.Damage > 0 {
		fmt.Fprintf(w, "%d damaged places of the journal stay as they are.\n", r.Damage)
	}
}

func prunedJSON(r *jobs.Pruned, p jobs.Pruning) map[string]any {
	m := map[string]any{
		"type": "pruned", "dry_run": p.DryRun, "state": r.State, "results": r.Results, "bytes": r.Bytes, "kept": r.Kept,
		"orphaned": r.Orphaned, "superseded": r.Superseded, "asked_again": nil, "bad": r.Bad, "damage": r.Damage,
		"removed": totalsJSON(&r.Removed),
	}
	if r.Compared {
		m["asked_again"] = r.Again
	}
	return m
}
