package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func cancelCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "cancel",
		Usage:     "end a job's batch jobs at the endpoint, and collect what is done",
		ArgsUsage: "[JOB.yaml or OUTPUT]",
		Category:  commandsRun,
		Description: "Cancels every batch job that a run with --tier batch has left at the endpoint, waits until it\n" +
			"has ended, and keeps the answers that it has. Rows without an answer stay pending: a run with\n" +
			"another --tier asks them. Rows that the endpoint had begun may have been billed.\n\n" +
			"genbatch cancel job.yaml\n\n" +
			"genbatch cancel labels.csv --json",
		Flags: []cli.Flag{stateFlag(), jsonFlag(), &cli.StringFlag{Name: "log-level", Category: groupTalk, Value: "warn", Usage: "least `LEVEL` of messages to show: debug, info, warn or error"}},
		Action: func(c *cli.Context) error {
			job, err := savedJob(c)
			if err != nil {
				return err
			}
			log, err := newLog(c, con.stderr)
			if err != nil {
				return err
			}
			ctx, stop := con.untilSignal(c.Context)
			defer stop()
			s, err := jobs.Cancel(ctx, *job.Spec, jobs.Options{Log: log, ShowBatch: con.batchShower(c)})
			if s == nil {
				return err
			}
			code := exitCode(nil, err)
			if err != nil && !c.Bool("json") {
				con.printError(err, code, false)
			}
			con.print(c, report.Cancelled{Summary: s, Err: err, ExitCode: code})
			return &outcome{code}
		},
	}
}

// batchShower returns what shows the batch jobs of a run: a line for each new state.
func (con *console) batchShower(c *cli.Context) func(jobs.Batch) {
	return func(b jobs.Batch) {
		line := report.Batch{Batch: b, Now: time.Now()}
		switch {
		case c.Bool("json"):
			writeJSON(con.stderr, line)
		case !c.Bool("quiet"):
			fmt.Fprintf(con.stderr, "genbatch: %s\n", line)
		}
	}
}

// findBatches asks the endpoint after a job's batch jobs, for a status.
func findBatches(ctx context.Context, s *report.Status, job *jobs.Spec) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.Batches, s.Unknown, s.BatchError = jobs.FindBatches(ctx, *job, jobs.Options{Env: os.Getenv})
}
