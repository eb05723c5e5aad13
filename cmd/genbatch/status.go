package main

import (
	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/report/runs"
)

func statusCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show the state of a job, also while it runs",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsLook,
		Description: "Shows how many rows are settled and left, with which statuses, what they cost, and\n" +
			"whether a process runs the job now. If it has batch jobs, the endpoint is asked after them.\n\n" +
			"genbatch status job.yaml\n\n" +
			"genbatch status labels.csv --json",
		Flags: []cli.Flag{stateFlag(), jsonFlag()},
		Action: func(c *cli.Context) error {
			job, err := savedJob(c)
			if err != nil {
				return err
			}
			s, err := jobs.StatusOf(*job.Spec)
			if err != nil {
				return err
			}
			shown := report.Status{Status: s, Changed: job.changed}
			findBatches(c.Context, &shown, job.Spec)
			if s.Running != nil || s.Shards != nil && s.Shards.Server != nil {
				if live := runs.Ask(c.Context, s.State); live != nil {
					shown.PausedSince = live.PausedSince
				}
			}
			con.print(c, shown)
			return nil
		},
	}
}
