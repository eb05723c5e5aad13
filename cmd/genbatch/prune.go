package main

import (
	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
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
				if p.OlderThan, err = args.ParseAge(text); err != nil {
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
