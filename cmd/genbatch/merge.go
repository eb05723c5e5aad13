package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func mergeCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "merge",
		Usage:     "join the shards of a job and write its output; sends nothing",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsRun,
		Description: "A job can be run in shards, each with genbatch run --shard I/N, on one machine or many that\n" +
			"see the same state folder. This proves that every row has a result in one of them, takes\n" +
			"the results over into the state of the whole job, and writes the output. From then on the\n" +
			"job is as if one machine had run it, and genbatch run without --shard asks again what\n" +
			"failed. Merging again is safe, also after a merge that was broken off.\n\n" +
			"# Run a job in two shards, and join them\n" +
			"genbatch run job.yaml --shard 1/2\n" +
			"genbatch run job.yaml --shard 2/2\n" +
			"genbatch merge job.yaml",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "shards", Usage: "how many shards there are, where the state folder does not tell: `N`", DefaultText: "as many as there are", Base: 10},
			&cli.BoolFlag{Name: "force", Usage: "replace an output that this job did not write"},
			stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "warn", Usage: "least `LEVEL` of messages to show: debug, info, warn or error"},
		},
		Action: func(c *cli.Context) error { return mergeShards(c, con) },
	}
}

func mergeShards(c *cli.Context, con *console) error {
	if c.IsSet("shards") && c.Int("shards") < 1 {
		return &jobs.SpecError{Err: fmt.Errorf("--shards is %d", c.Int("shards")), Hint: "write how many shards there are, or leave it out"}
	}
	job, err := savedJob(c)
	if err != nil {
		return err
	}
	job.Force = job.Force || c.Bool("force")
	log, err := newLog(c, con.stderr)
	if err != nil {
		return err
	}
	job.warnChanged(log)
	ctx, stop := con.untilSignalSaying(c.Context, "the merge is broken off; merging again carries on")
	defer stop()
	m, err := jobs.Merge(ctx, *job.Spec, jobs.Options{Log: log}, jobs.Merging{Count: c.Int("shards")})
	if err != nil {
		return err
	}
	merged := report.Merged{Merged: m, ExitCode: exitCode(m.Summary, nil)}
	con.print(c, merged)
	if merged.ExitCode != 0 {
		return &outcome{merged.ExitCode}
	}
	return nil
}
