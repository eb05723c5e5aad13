package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func pruneCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "remove results from the journal for good; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsLook,
		Description: "Rewrites the journal without the results that the flags name. All others stay as they are,\n" +
			"and a crash leaves the journal either as it was or pruned. Rows of the input whose results\n" +
			"are removed would be asked and paid for again, so those are removed only with --yes.\n\n" +
			"# See what would be removed, and then remove it\n" +
			"genbatch prune labels.csv --orphaned --dry-run\n" +
			"genbatch prune labels.csv --orphaned",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "orphaned", Usage: "results that no row of the input needs any more"},
			&cli.BoolFlag{Name: "superseded", Usage: "results of rows that have a newer one"},
			&cli.StringFlag{Name: "older-than", Usage: "results older than `AGE`, such as 30d or 12h"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "show what would be removed, and remove nothing"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "also results whose rows would be asked again"},
			stateFlag(), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			job, err := savedJob(c)
			if err != nil {
				return err
			}
			p := jobs.Pruning{Orphaned: c.Bool("orphaned"), Superseded: c.Bool("superseded"), DryRun: c.Bool("dry-run"), Yes: c.Bool("yes")}
			if text := c.String("older-than"); text != "" {
				if p.OlderThan, err = parseAge(text); err != nil {
					return err
				}
			}
			r, err := jobs.Prune(*job.Spec, jobs.Options{}, p)
			if err != nil {
				return err
			}
			con.print(c, report.Pruned{Pruned: r, Pruning: p})
			return nil
		},
	}
}

// agePattern matches a number of days and a duration. Either may be left out.
var agePattern = regexp.MustCompile(`^(?:(\d+)d)?(.*)$`)

// parseAge reads a duration that may begin with days: 30d, 1d12h, 90m.
func parseAge(text string) (time.Duration, error) {
	wrong := &jobs.SpecError{Err: fmt.Errorf("older-than is %q", text), Hint: "write --older-than 30d, 36h or 1d12h"}
	m := agePattern.FindStringSubmatch(text)
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
